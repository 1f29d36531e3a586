use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{MINUTE, free_port, get, until};

const PLAYER_STATE: &str = "
    const media = document.querySelector('video, audio');
    const ranges = (times) => Array.from({ length: times.length }, (_, at) => [times.start(at), times.end(at)]);
    return media && {
        address: location.href, message: document.querySelector('#message')?.textContent,
        at: media.currentTime, paused: media.paused, seeking: media.seeking, ready: media.readyState,
        rate: media.playbackRate, buffered: ranges(media.buffered), seekable: ranges(media.seekable),
    }";

/// A headless Chromium with a profile of its own.
pub struct Browser {
    runtime: Runtime,
    client: Client,
    driver: Child,
    /// Of the driver.
    address: String,
    _profile: TempDir,
}

impl Browser {
    /// As WebDriver has them.
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";

    /// With a window of this size in CSS pixels.
    pub fn open(width: u32, height: u32) -> Self {
        Self::open_with(width, height, &[])
    }

    /// With a camera that shows a test picture, and a microphone that hears a WAV file again and again; pages
    /// may use both.
    pub fn open_with_camera(width: u32, height: u32, sound: &Path) -> Self {
        Self::open_with(
            width,
            height,
            &[
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                "--allow-loopback-in-peer-connection",
                &format!("--use-file-for-fake-audio-capture={}", sound.display()),
            ],
        )
    }

    fn open_with(width: u32, height: u32, more: &[&str]) -> Self {
        let port = free_port();
        let mut driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}; apt-get install chromium-driver"));
        let address = format!("http://127.0.0.1:{port}");
        let profile = tempfile::tempdir().unwrap();
        let profile_dir = format!("--user-data-dir={}", profile.path().display());
        let usual = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--autoplay-policy=no-user-gesture-required",
            &profile_dir,
        ];
        let arguments = [&usual[..], more].concat();
        // The least width of Chromium's own window is 500 pixels: a telephone is emulated.
        let is_telephone = width < 500;
        let metrics = json!({
            "width": width, "height": height, "pixelRatio": 1.0, "touch": is_telephone, "mobile": is_telephone,
        });
        let options = json!({
            "args": arguments,
            "mobileEmulation": { "deviceMetrics": metrics },
        });
        let Value::Object(capabilities) = json!({ "goog:chromeOptions": options }) else { unreachable!() };
        until("chromedriver", MINUTE, || {
            assert!(driver.try_wait().unwrap().is_none(), "chromedriver did not start");
            get(&format!("{address}/status")).ok().filter(|answer| answer.status == 200)
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime
            .block_on(ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&address))
            .unwrap();
        Self { runtime, client, driver, address, _profile: profile }
    }

    #[track_caller]
    pub fn go(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).unwrap();
    }

    /// The value of a JavaScript expression.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        self.runtime.block_on(self.client.execute(&format!("return {expression}"), Vec::new())).unwrap()
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub fn until(&self, expression: &str, limit: Duration) {
        until(expression, limit, || (self.value(expression) == Value::Bool(true)).then_some(()));
    }

    /// Types into what a CSS selector finds first; keys without a letter are those of WebDriver.
    #[track_caller]
    pub fn keys(&self, selector: &str, keys: &str) {
        self.runtime
            .block_on(async { self.client.find(Locator::Css(selector)).await?.send_keys(keys).await })
            .unwrap();
    }

    /// Keeps what the window shows as a PNG file.
    #[track_caller]
    pub fn keep_picture(&self, file: &Path) {
        let picture = self.runtime.block_on(self.client.screenshot()).unwrap();
        fs::write(file, picture).unwrap();
    }

    /// Strikes keys, wherever the focus is; see [`Self::TAB`] and [`Self::ENTER`].
    #[track_caller]
    pub fn strike(&self, keys: &str) {
        self.runtime.block_on(async { self.client.active_element().await?.send_keys(keys).await }).unwrap();
    }

    /// Chooses a file in the field that a CSS selector finds.
    #[track_caller]
    pub fn choose_file(&self, selector: &str, file: &Path) {
        let file = file.to_str().unwrap();
        self.runtime
            .block_on(async { self.client.find(Locator::Css(selector)).await?.send_keys(file).await })
            .unwrap();
    }

    /// Lets no more than this leave the browser in a second.
    pub fn slow_down(&self, bytes_per_second: u64) {
        let session = self.runtime.block_on(self.client.session_id()).unwrap().unwrap();
        let address = format!("{}/session/{session}/chromium/network_conditions", self.address);
        let conditions = json!({
            "offline": false, "latency": 0, "download_throughput": 1 << 30, "upload_throughput": bytes_per_second,
        });
        ureq::post(&address).send_json(json!({ "network_conditions": conditions })).unwrap();
    }

    /// Presses what a CSS selector finds first, as a person would.
    #[track_caller]
    pub fn press(&self, selector: &str) {
        self.runtime
            .block_on(async { self.client.find(Locator::Css(selector)).await?.click().await })
            .unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What a player did is in no log.
            let state = self.runtime.block_on(self.client.execute(PLAYER_STATE, Vec::new()));
            eprintln!("    --- the browser's page and player: {state:?}");
        }
        // Chromium ends with its session; without one it would outlive its driver.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
