//! Every kind of input, each from a real sender, watched in a real browser.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use moothall_tests::{Browser, Encoder, Home, MINUTE, Picture, Server, free_port, speech, until};

use crate::watching::plays;

/// A sender that is no encoder of ours. It is killed when it is dropped.
struct Process(Child);

impl Process {
    /// Debian's own Python, which has GStreamer's bindings; another one may come first in the path.
    fn python(arguments: &[&str], port: u16) -> Self {
        let mut python = Command::new("/usr/bin/python3");
        python.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = Self(python.spawn().unwrap());
        until("python to listen", MINUTE, || TcpStream::connect(("127.0.0.1", port)).ok());
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_kind_of_input_is_recorded_and_plays_in_a_browser() {
    let home = Home::new();
    let sound = speech(&home);
    let [listener, caller, rtmp, rtsp, udp, hls] = [(); 6].map(|()| free_port());
    let sources = [
        ("srt-listener", format!("srt://127.0.0.1:{listener}?mode=listener&passphrase=the-heron-walks")),
        ("srt-caller", format!("srt://127.0.0.1:{caller}?mode=caller")),
        ("rtmp", format!("rtmp://127.0.0.1:{rtmp}/live?key=the-heron-walks")),
        ("rtsp", format!("rtsp://clerk:correct-horse@127.0.0.1:{rtsp}/hall")),
        ("udp", format!("udp://127.0.0.1:{udp}")),
        ("hls", format!("http://127.0.0.1:{hls}/live.m3u8")),
    ];
    for (slug, source) in &sources {
        home.import(&format!("--slug {slug} --air-delay 0 --source {source}")).ok();
    }
    let camera =
        ["../crates/ingest/tests/common/rtsp_server.py", &rtsp.to_string(), "clerk", "correct-horse"];
    let _camera = Process::python(&camera, rtsp);
    let folder = home.path("web");
    std::fs::create_dir(&folder).unwrap();
    let site = ["-m", "http.server", "--bind", "127.0.0.1", "--directory", folder.to_str().unwrap()];
    let _site = Process::python(&[&site[..], &[&hls.to_string()]].concat(), hls);
    let server = Server::start(&home, &["--role", "web,record", "--private-network"]);
    let _encoders = [
        format!("srt://127.0.0.1:{listener}?passphrase=the-heron-walks"),
        format!("srt://127.0.0.1:{caller}?mode=listener"),
        format!("rtmp://127.0.0.1:{rtmp}/live/the-heron-walks"),
        format!("udp://127.0.0.1:{udp}?pkt_size=1316"),
        folder.join("live.m3u8").display().to_string(),
    ]
    .map(|address| Encoder::push(&sound, Picture::With, &address));
    for (slug, _) in &sources {
        until(&format!("{slug} to be recorded"), MINUTE, || (server.recorded_ms(slug) > 4_000).then_some(()));
    }

    let browser = Browser::open(1280, 900);
    for (slug, source) in &sources {
        browser.go(&format!("{}/meetings/{slug}", server.url));
        plays(&browser, 0.0, f64::MAX);
        let video = "document.querySelector('video')";
        assert!(browser.value(&format!("{video}.videoWidth")).as_u64() > Some(0), "{source}");
        let at = browser.value(&format!("{video}.currentTime")).as_f64().unwrap();
        browser.until(&format!("{video}.currentTime > {at} + 1.5"), MINUTE);
        // Both are decoded.
        for decoded in ["webkitDecodedFrameCount", "webkitAudioDecodedByteCount"] {
            assert!(browser.value(&format!("{video}.{decoded}")).as_u64() > Some(0), "{source}: {decoded}");
        }
        assert_eq!(browser.value("document.querySelector('#message').textContent"), "", "{source}");
        let shown = server.get(&format!("/api/v1/meetings/{slug}")).json();
        assert_eq!((&shown["state"], &shown["media"]["video"]), (&"live".into(), &true.into()), "{source}");
    }
}
