//! A recorder that is killed at any moment, while an encoder sends the time, loses what it was just writing.

use std::{thread, time::Duration};

use moothall_core::Clock;
use moothall_tests::{
    Encoder, Home, MINUTE, Server, Tireless, aired_until_ms, free_port, heard, runs, segments, until,
};

use crate::{
    fixtures::SLUG,
    on_time::{holes, on_time},
};

const KILLS: usize = 25;
/// A part of four tenths of a second, as much again that the muxer waits for its end, and the way of the sound
/// through the encoder, SRT and the pipeline.
const LOST_MS: i64 = 2_000;

/// When it was killed, and up to when viewers could see what had happened.
struct Kill {
    at_ms: i64,
    aired_until_ms: i64,
}

#[test]
fn a_recorder_that_is_killed_25_times_loses_at_most_the_part_that_was_being_written() {
    let seed = fastrand::u64(..);
    println!("the seed of the moments is {seed}");
    let mut moments = fastrand::Rng::with_seed(seed);
    let home = Home::new();
    let port = free_port();
    home.import(&format!("--air-delay 0 --source srt://0.0.0.0:{port}")).ok();
    let mut server = Server::start(&home, &["--role", "web,record"]);
    let address = format!("srt://127.0.0.1:{port}");
    let encoder = Tireless::start(move || Encoder::push_time(&address));
    let sound = format!("{}/a", until_live(&server));
    let now_ms = || Clock::System.now().timestamp_millis();
    let mut kills = Vec::new();
    for _ in 0..KILLS {
        let started_ms = now_ms();
        until("something of this run", MINUTE, || {
            aired_until_ms(&server, &sound).filter(|aired_ms| *aired_ms > started_ms)
        });
        thread::sleep(Duration::from_millis(moments.u64(..2_500)));
        let aired_until_ms = aired_until_ms(&server, &sound).unwrap();
        server.kill();
        kills.push(Kill { at_ms: now_ms(), aired_until_ms });
        encoder.begin_anew();
        server.restart(&home);
    }
    let started_ms = now_ms();
    until("something of the last run", MINUTE, || {
        aired_until_ms(&server, &sound).filter(|aired_ms| *aired_ms > started_ms + 3_000)
    });
    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    until("the recording to end", MINUTE, || {
        server.page(&format!("{sound}/index.m3u8")).contains("#EXT-X-ENDLIST").then_some(())
    });
    drop(encoder);

    let segments = segments(&server, &sound);
    let runs = runs(&segments);
    assert!(runs.len() > KILLS, "{} runs", runs.len());
    assert!(segments.windows(2).all(|pair| pair[0].ends_ms() <= pair[1].starts_ms + 2), "{segments:?}");
    let mut all = Vec::new();
    for run in runs {
        let of_run = heard(&server, &sound, run);
        assert!(holes(&of_run).is_empty(), "{:?} ms are missing in {run:?}", holes(&of_run));
        all.extend(of_run);
    }
    on_time(&all);
    for Kill { at_ms, aired_until_ms } in kills {
        let is_there = all.iter().any(|heard| (heard.playlist_ms - aired_until_ms).abs() < 150);
        assert!(is_there, "what was aired at {aired_until_ms} is gone");
        let last_ms =
            all.iter().map(|heard| heard.sent_ms).filter(|sent_ms| *sent_ms <= at_ms).max().unwrap();
        assert!(at_ms - last_ms < LOST_MS, "{} ms were lost", at_ms - last_ms);
    }
}

/// Gives the address of its media.
fn until_live(server: &Server) -> String {
    until("the meeting to be live", MINUTE, || {
        (server.json(&format!("/api/v1/meetings/{SLUG}"))["state"] == "live").then(|| server.media(SLUG))
    })
}
