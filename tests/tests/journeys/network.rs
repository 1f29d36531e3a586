//! An encoder on a bad line.

use std::{thread, time::Duration};

use moothall_core::Clock;
use moothall_tests::{
    BadNetwork, Browser, Encoder, Heard, Home, MINUTE, SECOND, Server, Tireless, Trouble, aired_until_ms,
    free_port, heard, runs, segments, until,
};

use crate::{
    fixtures::SLUG,
    on_time::{holes, on_time},
    watching::plays,
};

#[test]
fn a_bad_line_that_is_cut_leaves_one_gap_and_media_time_right() {
    let home = Home::new();
    let server_port = free_port();
    home.import(&format!("--air-delay 0 --source srt://0.0.0.0:{server_port}?mode=listener&latency=600"))
        .ok();
    let server = Server::start(&home, &["--role", "web,record"]);
    server.wait_for_log("waiting for an encoder", MINUTE);
    let trouble = Trouble { lost: 0.02, delay: Duration::from_millis(20), jitter: Duration::from_millis(40) };
    let line = BadNetwork::to(server_port, trouble);
    let address = format!("srt://127.0.0.1:{}?latency=600000", line.port);
    let encoder = Tireless::start(move || Encoder::push_time(&address));
    until("the meeting to be live", MINUTE, || {
        (server.json(&format!("/api/v1/meetings/{SLUG}"))["state"] == "live").then_some(())
    });
    let sound = format!("{}/a", server.media(SLUG));
    let now_ms = || Clock::System.now().timestamp_millis();
    let goes_on = || {
        let upto_ms = now_ms() + 8_000;
        until("the recording to go on", 2 * MINUTE, || {
            aired_until_ms(&server, &sound).filter(|aired_ms| *aired_ms > upto_ms)
        });
    };
    goes_on();
    // Too short for either end to give the connection up.
    line.cut();
    let short_ms = now_ms();
    thread::sleep(2 * SECOND);
    line.mend();
    goes_on();
    line.cut();
    let cut_ms = now_ms();
    // The cut itself takes so long.
    thread::sleep(30 * SECOND);
    line.mend();
    let mended_ms = now_ms();
    goes_on();
    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    until("the recording to end", MINUTE, || {
        server.page(&format!("{sound}/index.m3u8")).contains("#EXT-X-ENDLIST").then_some(())
    });
    drop(encoder);

    let segments = segments(&server, &sound);
    let runs = runs(&segments);
    assert_eq!(runs.len(), 2, "one discontinuity, at the long cut: {segments:?}");
    let heard: Vec<Vec<Heard>> = runs.iter().map(|run| heard(&server, &sound, run)).collect();
    assert!(heard.iter().all(|run| !run.is_empty()));
    let lost: Vec<i64> = heard.iter().flat_map(|run| holes(run)).collect();
    let heard = heard.concat();
    let between = heard.partition_point(|heard| heard.sent_ms < cut_ms);
    let (last, first) = (heard[between - 1], heard[between]);
    assert!(last.sent_ms > cut_ms - 2_000, "{} ms before the cut are lost", cut_ms - last.sent_ms);
    assert!(first.sent_ms >= mended_ms - 1_000, "{first:?} came through the cut");
    println!("the short cut cost {lost:?} ms");
    assert!(lost.iter().sum::<i64>() < 3_000, "{lost:?} ms are missing");
    on_time(&heard);

    // Viewers get over the hole.
    let before_s = (short_ms - segments[0].starts_ms) / 1_000 - 3;
    let browser = Browser::open(1280, 900);
    browser.go(&format!("{}/meetings/{SLUG}?t={before_s}", server.url));
    plays(&browser, before_s as f64 - 1.0, f64::MAX);
    browser.until(&format!("document.querySelector('video').currentTime > {before_s} + 8"), MINUTE);
    assert_eq!(browser.value("document.querySelector('#message').textContent"), "");
}
