//! A parish clerk webcasts from a laptop's browser.

use moothall_tests::{Browser, CLERK, Home, MINUTE, SECOND, Server, ffmpeg, free_port, speech, until};

use crate::{
    rooms::{announce, room},
    watching::plays,
};

const SLUG: &str = "tonight";
const REASON: &str = "Schedule 12A, paragraph 3";

#[test]
fn a_clerk_webcasts_from_a_browser_that_comes_back_after_every_interruption() {
    let home = Home::new();
    let sound = home.path("speech.wav");
    ffmpeg(&format!("-i {} -ac 1", speech(&home).display()), &sound);
    let source = format!("whip://127.0.0.1:{}", free_port());
    let told = room(&home, &["add", "Parish Hall", "--air-delay", "0", "--source", &source]).ok();
    assert!(told.stdout.contains("/rooms/parish-hall/whip"), "{told:?}");
    announce(&home, SLUG, "parish-hall").ok();
    let password = home.add_user(CLERK, "clerk");
    let mut server = home.serve();
    server.wait_for_log("waiting for an encoder", MINUTE);
    let recorded = |server: &Server, more_than_ms: i64| {
        until("what the browser sends to be recorded", MINUTE, || {
            let ms = server.recorded_ms(SLUG);
            (ms > more_than_ms).then_some(ms)
        })
    };

    // What a clerk does: signs in, looks whether the microphone hears, and starts.
    let laptop = Browser::open_with_camera(1280, 900, &sound);
    laptop.go(&format!("{}/clerk/rooms/parish-hall/webcast", server.url));
    laptop.until("document.activeElement?.id === 'email'", 20 * SECOND);
    laptop.strike(&[CLERK, Browser::TAB, &password, Browser::ENTER].concat());
    laptop.until("document.querySelector('#heard')?.textContent.includes('hears you')", MINUTE);
    laptop.until("document.querySelector('#picture').videoWidth === 1280", 20 * SECOND);
    laptop.press("#start");
    let sends = "document.querySelector('#status').textContent.startsWith('Sending.')";
    laptop.until(sends, MINUTE);
    recorded(&server, 12_000);

    // It is a recording like any other: H.264 as it came, AAC, and the public watches it.
    let master = server.page(&format!("{}/master.m3u8", server.media(SLUG)));
    // Constrained baseline is what browsers send; what is encoded here has the main profile.
    assert!(master.contains("avc1.42") && master.contains("mp4a.40.2"), "{master}");
    let telephone = Browser::open(320, 640);
    telephone.go(&format!("{}/meetings/{SLUG}", server.url));
    plays(&telephone, 0.5, 600.0);

    // A private session throws the browser out, says why, and takes it back by itself.
    home.run(["meeting", "private", SLUG, "--reason", REASON]).ok();
    laptop.until(
        "document.querySelector('#status').textContent.includes('Press and public are excluded')",
        MINUTE,
    );
    let before_ms = server.recorded_ms(SLUG);
    home.run(["meeting", "reopen", SLUG, "--confirm"]).ok();
    laptop.until(sends, MINUTE);
    let before_ms = recorded(&server, before_ms + 5_000);

    // So does a program that is killed.
    server.kill();
    laptop.until(&format!("!{sends}"), MINUTE);
    server.restart(&home);
    laptop.until(sends, MINUTE);
    recorded(&server, before_ms + 5_000);

    laptop.press("#stop");
    until("the room to wait", MINUTE, || {
        let listed = room(&home, &["list"]).ok().stdout;
        listed.contains("state      waiting").then_some(())
    });
    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    let captions = server.transcript(&home, SLUG, 5 * MINUTE);
    assert!(!captions.is_empty(), "what was said is written down");
}
