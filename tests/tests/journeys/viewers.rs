//! What viewers of a live meeting do and see while it goes on, is interrupted, and goes on again.

use moothall_tests::{Browser, Encoder, Home, MINUTE, Picture, SECOND, Tireless, free_port, speech, until};

use crate::fixtures::{SLUG, artefact};

const REASON: &str = "Local Government Act 1972, Schedule 12A, paragraph 3";
/// WebDriver's names of keys.
const ENTER: &str = "\u{e007}";
const HOME: &str = "\u{e011}";

struct Viewer {
    browser: Browser,
    width: u32,
}

impl Viewer {
    fn on_a_screen_of(width: u32, height: u32, page: &str) -> Self {
        let viewer = Self { browser: Browser::open(width, height), width };
        viewer.browser.go(page);
        viewer.browser.until("document.readyState === 'complete'", MINUTE);
        // A page that is loaded anew does not know this any more.
        viewer.browser.value("window.wasHere = true");
        viewer
    }

    /// Seconds of the player.
    fn at(&self) -> f64 {
        self.browser.value("document.querySelector('video').currentTime").as_f64().unwrap()
    }

    /// Presses a button without a mouse.
    fn press(&self, button: &str) {
        self.browser.keys(button, ENTER);
    }

    /// Waits until it runs, past this place.
    fn plays_past(&self, seconds: f64) {
        self.browser.until(
            &format!(
                "(() => {{ const video = document.querySelector('video'); \
                 return !video.paused && video.videoWidth > 0 && video.currentTime > {seconds}; }})()"
            ),
            MINUTE,
        );
        assert_eq!(self.browser.value("document.querySelector('#message').textContent"), "");
        assert_eq!(self.browser.value("window.wasHere"), true, "the page was loaded anew");
    }

    /// Waits until it shows its last picture and waits for nothing, at this place or later.
    fn stands_still_past(&self, seconds: f64) {
        self.browser.until(
            &format!(
                "(() => {{ const video = document.querySelector('video'); \
                 return video.paused && video.videoWidth > 0 && video.currentTime >= {seconds}; }})()"
            ),
            MINUTE,
        );
        assert_eq!(self.browser.value("document.querySelector('#message').textContent"), "");
    }

    fn reads(&self, place: &str, text: &str) {
        self.browser
            .until(&format!("document.querySelector('{place}').textContent.includes('{text}')"), MINUTE);
    }

    /// Keeps a picture of the window, in which nothing may be wider than the screen.
    fn keep_picture(&self, name: &str) {
        let width = self.browser.value("document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(width <= u64::from(self.width), "{name}: {width} pixels wide");
        self.browser.keep_picture(&artefact(&format!("{name}-{}.png", self.width)));
    }
}

#[test]
fn viewers_go_back_to_the_start_and_come_back_after_every_interruption() {
    let home = Home::new();
    let sound = speech(&home);
    let address = format!("srt://127.0.0.1:{}", free_port());
    home.import(&format!("--air-delay 0 --source {address}?mode=listener")).ok();
    let server = home.serve();
    let encoder = Tireless::start(move || Encoder::push(&sound, Picture::With, &address));
    until("something to be recorded", MINUTE, || (server.recorded_ms(SLUG) > 25_000).then_some(()));
    let page = format!("{}/meetings/{SLUG}", server.url);
    let viewers =
        [(1280, 900), (320, 640)].map(|(width, height)| Viewer::on_a_screen_of(width, height, &page));
    let meeting = |arguments: &[&str]| home.run(["meeting"].iter().chain(arguments)).ok();

    // Who looks at the page for a while and then presses the player's own button sees what happens now.
    let loaded_ms = server.recorded_ms(SLUG);
    until("the meeting to go on", MINUTE, || (server.recorded_ms(SLUG) > loaded_ms + 12_000).then_some(()));
    for viewer in &viewers {
        viewer.browser.keys("video", " ");
        viewer.plays_past(0.5);
        let (at, now) = (viewer.at(), server.recorded_ms(SLUG) as f64 / 1000.0);
        assert!(at > now - 8.0, "{at} s is played, and {now} s are recorded");
    }

    for viewer in &viewers {
        viewer.browser.until("!document.querySelector('#live-controls').hidden", MINUTE);
        viewer.press("#to-live");
        viewer.plays_past(15.0);
        viewer.keep_picture("live");

        viewer.press("#from-start");
        viewer.browser.until("document.querySelector('video').currentTime < 5", MINUTE);
        viewer.plays_past(0.5);
        viewer.reads("#behind", "behind live");
        viewer.keep_picture("rewound");
        viewer.press("#to-live");
        viewer.plays_past(15.0);
        viewer.browser.until("document.querySelector('#behind').textContent === ''", MINUTE);

        // The player's own bar leads back as well.
        viewer.browser.keys("video", HOME);
        viewer.browser.until("document.querySelector('video').currentTime < 5", MINUTE);
        viewer.plays_past(0.5);
        viewer.press("#to-live");
        viewer.plays_past(15.0);
    }

    for (interrupt, go_on, notice) in [
        (vec!["private", SLUG, "--reason", REASON], vec!["reopen", SLUG, "--confirm"], REASON),
        (vec!["adjourn", SLUG], vec!["resume", SLUG], "The meeting is adjourned"),
    ] {
        meeting(&interrupt);
        for viewer in &viewers {
            viewer.reads("#interruption", notice);
            viewer.keep_picture(interrupt[0]);
        }
        until("the recorder to rest", MINUTE, || {
            let before_ms = server.recorded_ms(SLUG);
            std::thread::sleep(3 * SECOND);
            (server.recorded_ms(SLUG) == before_ms).then_some(())
        });
        // On a slow machine they still have something to play then.
        for viewer in &viewers {
            viewer.browser.until("document.querySelector('video').readyState < 3", MINUTE);
        }
        let rested = viewers.each_ref().map(Viewer::at);
        meeting(&go_on);
        for (viewer, rested) in viewers.iter().zip(rested) {
            viewer.plays_past(rested + 5.0);
            viewer.browser.until("document.querySelector('#interruption').textContent.trim() === ''", MINUTE);
            viewer.reads("#state", "Live");
            viewer.keep_picture(go_on[0]);
        }
        // One that stands still where the recording was interrupted, whatever the cause, is helped over.
        let (viewer, rested) = (&viewers[0], rested[0]);
        viewer.browser.value(&format!(
            "(() => {{ const video = document.querySelector('video'); video.currentTime = {rested}; \
             video.playbackRate = 0; }})()"
        ));
        let is_over = format!("document.querySelector('video').currentTime > {rested}");
        viewer.browser.until(&is_over, MINUTE);
        viewer.browser.value("document.querySelector('video').playbackRate = 1");
        viewer.press("#to-live");
        viewer.plays_past(rested + 5.0);
    }
    drop(encoder);
    // When the end is told one has come to the end already, and the other still has something to play.
    viewers[0].browser.until("document.querySelector('video').readyState < 3", MINUTE);
    let back = viewers[0].at() - 20.0;
    viewers[1].browser.value(&format!("document.querySelector('video').currentTime = {back}"));
    viewers[1].plays_past(back);
    let ended = viewers.each_ref().map(Viewer::at);
    meeting(&["end", SLUG]);
    for (viewer, ended) in viewers.iter().zip(ended) {
        viewer.reads("#state", "Ended");
        viewer.reads("#interruption", "This meeting is over");
        assert_eq!(viewer.browser.value("document.querySelector('#live-controls').hidden"), true);
        viewer.stands_still_past(ended);
        viewer.keep_picture("end");
    }
    meeting(&["publish", SLUG]);
    for viewer in &viewers {
        viewer.browser.until("document.querySelector('#interruption').textContent.trim() === ''", MINUTE);
        viewer.browser.keys("video", HOME);
        viewer.browser.until("document.querySelector('video').currentTime < 5", MINUTE);
        viewer.browser.value("document.querySelector('video').play() && undefined");
        viewer.plays_past(0.5);
    }
}
