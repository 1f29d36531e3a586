//! A live meeting whose recorder dies is one recording, of which everything is written down.

use std::time::{Duration, Instant};

use moothall_tests::{
    Encoder, Home, MINUTE, Picture, SECOND, Segment, Server, ffprobe, free_port, models_dir, runs, segments,
    speech, until,
};
use serde_json::Value;

use crate::fixtures::{SLUG, meeting_id};

const KILLS: usize = 2;

#[test]
fn a_recorder_that_is_killed_goes_on_in_the_same_recording() {
    for home in Home::on_each_database() {
        let sound = speech(&home);
        let port = free_port();
        let passphrase = "passphrase=the-heron-walks";
        home.import(&format!("--source srt://0.0.0.0:{port}?{passphrase}")).ok();
        let address = format!("srt://127.0.0.1:{port}?{passphrase}");
        let mut server = home.serve();
        let begun = Instant::now();
        let mut encoder = Encoder::push(&sound, Picture::With, &address);
        for kill in 0..KILLS {
            let before_ms = server.recorded_ms(SLUG);
            until("more to be recorded", MINUTE, || {
                restart_when_ended(&mut encoder, &sound, &address);
                (server.recorded_ms(SLUG) > before_ms + 2_000).then_some(())
            });
            // Anywhere in a segment.
            let wait = Duration::from_millis(fastrand::u64(..2_000));
            println!("kill {kill}: after {wait:?}");
            std::thread::sleep(wait);
            server.kill();
            // Some encoders notice after seconds that nobody answers, some are started again at once.
            if kill % 2 == 1 {
                encoder = Encoder::push(&sound, Picture::With, &address);
            }
            server.restart(&home);
        }
        let before_ms = server.recorded_ms(SLUG);
        until("more to be recorded", MINUTE, || {
            restart_when_ended(&mut encoder, &sound, &address);
            (server.recorded_ms(SLUG) > before_ms + 6_000).then_some(())
        });
        assert_eq!(server.json(&format!("/api/v1/meetings/{SLUG}"))["state"], "live");
        end_meeting(&home);
        let folder = format!("/media/{}", meeting_id(&server));
        until("the playlist to end", MINUTE, || {
            server.page(&format!("{folder}/a/index.m3u8")).contains("#EXT-X-ENDLIST").then_some(())
        });
        drop(encoder);

        let runs = ["a", "v"].map(|rendition| one_timeline(&server, &format!("{folder}/{rendition}")));
        assert_eq!(runs[0], runs[1], "sound and picture tell of different runs");
        // Media time is wall-clock time, dead moments and all.
        let duration_ms = server.recorded_ms(SLUG);
        assert!(u128::from(duration_ms.unsigned_abs()) <= begun.elapsed().as_millis(), "{duration_ms}");
        whole_is_read(&format!("{}{folder}/master.m3u8", server.url));
        if models_dir().is_some() {
            transcript_covers_it(&home, &server, &format!("{folder}/a"));
        }
        until("a picture of it", 2 * MINUTE, || {
            (server.get(&format!("{folder}/poster.jpg")).status == 200).then_some(())
        });
    }
}

/// An encoder gives up when nobody answers; somebody starts it again.
fn restart_when_ended(encoder: &mut Encoder, sound: &std::path::Path, address: &str) {
    if encoder.has_ended() {
        *encoder = Encoder::push(sound, Picture::With, address);
    }
}

/// What the clerk does when the meeting is over.
fn end_meeting(home: &Home) {
    home.run(["meeting", "publish", SLUG]).fails_with(&["live cannot become published"]);
    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    let film = speech(home);
    home.import(&format!("--slug {SLUG} --media {}", film.display()))
        .fails_with(&["recorded live", "--slug"]);
}

/// Segments follow each other in media time, with a discontinuity at each new run; returns how many runs.
fn one_timeline(server: &Server, folder: &str) -> usize {
    let playlist = server.page(&format!("{folder}/index.m3u8"));
    let discontinuities = playlist.lines().filter(|line| *line == "#EXT-X-DISCONTINUITY").count();
    assert!(discontinuities >= KILLS, "{playlist}");
    let segments = segments(server, folder);
    // Dates are rounded to the millisecond.
    let follow = |pair: &[Segment]| pair[1].starts_ms >= pair[0].ends_ms() - 2;
    assert!(segments.windows(2).all(follow), "an overlap in {playlist}");
    for segment in segments {
        assert_eq!(server.get(&format!("{folder}/{}", segment.file)).status, 200, "{segment:?}");
    }
    discontinuities
}

/// ffprobe reads every packet of every run.
fn whole_is_read(address: &str) {
    let read =
        ffprobe("-count_packets -show_entries stream=codec_name,nb_read_packets:format=duration", address);
    let streams = read["streams"].as_array().unwrap();
    let packets = |codec: &str| -> i64 {
        let counted = streams.iter().filter(|stream| stream["codec_name"] == codec);
        counted
            .map(|stream| stream["nb_read_packets"].as_str().unwrap().parse::<i64>().unwrap())
            .max()
            .unwrap()
    };
    let seconds: f64 = read["format"]["duration"].as_str().unwrap().parse().unwrap();
    // 15 pictures and 46.9 packets of sound a second.
    for (codec, rate) in [("h264", 15.0), ("aac", 48_000.0 / 1_024.0)] {
        let share = packets(codec) as f64 / rate / seconds;
        assert!((0.9..1.1).contains(&share), "{codec}: {share} of {seconds} s in {read:#}");
    }
}

/// Somebody speaks all the time: where there is sound for some seconds, there are words.
fn transcript_covers_it(home: &Home, server: &Server, folder: &str) {
    let captions = server.transcript(home, SLUG, 3 * MINUTE);
    assert!(!captions.is_empty());
    let times: Vec<(i64, i64)> = captions
        .iter()
        .map(|caption| (caption["start_ms"].as_i64().unwrap(), caption["end_ms"].as_i64().unwrap()))
        .collect();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "captions overlap: {times:?}");
    let media: Value = server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].clone();
    let duration_ms = media["duration_ms"].as_i64().unwrap();
    // Durations are cut to milliseconds; the sound may end within the next.
    assert!(times.iter().all(|(start_ms, end_ms)| 0 <= *start_ms && *end_ms <= duration_ms + 1), "{times:?}");
    let segments = segments(server, folder);
    let begun_ms = segments[0].starts_ms;
    for run in runs(&segments) {
        let (start_ms, end_ms) = (run[0].starts_ms - begun_ms, run[run.len() - 1].ends_ms() - begun_ms);
        if end_ms - start_ms > 3_000 {
            let covered = times.iter().any(|(from_ms, to_ms)| *from_ms < end_ms && *to_ms > start_ms);
            assert!(covered, "nothing is written down from {start_ms} to {end_ms} ms: {times:?}");
        }
    }
    let word = captions.iter().flat_map(|caption| caption["words"].as_array().unwrap()).find_map(|word| {
        let text = word["text"].as_str().unwrap();
        (text.len() > 5 && text.chars().all(char::is_alphabetic)).then_some(text)
    });
    server.found(&format!("q={}", word.unwrap()));
}

#[test]
fn a_wrong_passphrase_is_told_and_the_right_one_gets_in() {
    let home = Home::new();
    let sound = speech(&home);
    let port = free_port();
    let address = |passphrase| format!("srt://127.0.0.1:{port}?passphrase={passphrase}");
    home.import(&format!("--source srt://0.0.0.0:{port}?passphrase=the-heron-walks")).ok();
    let server = home.serve();
    server.wait_for_log("waiting for an encoder", MINUTE);
    let wrong = Encoder::push(&sound, Picture::Without, &address("the-heron-flies"));
    server.wait_for_log("passphrase", MINUTE);
    assert!(server.log().contains("refused"), "{}", server.log());
    assert!(!server.log().contains("the-heron-walks"), "the log gives the passphrase away");
    drop(wrong);
    let _right = Encoder::push(&sound, Picture::Without, &address("the-heron-walks"));
    until("the right passphrase to get in", MINUTE, || (server.recorded_ms(SLUG) > 1_000).then_some(()));
    assert_eq!(server.json(&format!("/api/v1/meetings/{SLUG}"))["state"], "live");
    assert!(server.page(&format!("/meetings/{SLUG}")).contains("data-live"));
    assert!(server.page("/").contains(&format!("/meetings/{SLUG}")));
    // Asked to end, it writes what it holds and ends well, and soon.
    let asked = Instant::now();
    assert!(server.stop());
    assert!(asked.elapsed() < 20 * SECOND);
}
