//! An encoder on a bad line.

use std::{thread, time::Duration};

use moothall_core::Clock;
use moothall_tests::{
    BadNetwork, Encoder, Home, MINUTE, SECOND, Server, Tireless, Trouble, aired_until_ms, free_port, heard,
    runs, segments, until,
};

use crate::{
    fixtures::SLUG,
    on_time::{no_holes, on_time},
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
    assert_eq!(runs.len(), 2, "one discontinuity where the line was cut: {segments:?}");
    let [before, after] = [0, 1].map(|run| heard(&server, &sound, runs[run]));
    for run in [&before, &after] {
        no_holes(run);
    }
    let (last, first) = (before.last().unwrap(), after.first().unwrap());
    assert!(last.sent_ms > cut_ms - 2_000, "{} ms before the cut are lost", cut_ms - last.sent_ms);
    assert!(first.sent_ms >= mended_ms - 1_000, "{first:?} came through the cut");
    on_time(&[before, after].concat());
}
