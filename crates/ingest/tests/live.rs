//! Live over SRT: an encoder (ffmpeg) pushes, the recorder listens.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    net::UdpSocket,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
};

use chrono::TimeDelta;
use common::*;
use moothall_core::Clock;
use moothall_ingest::*;

const URL: &str = "MOOTHALL_TEST_URL";
const DIR: &str = "MOOTHALL_TEST_DIR";

fn listener(port: u16, more: &str) -> Source {
    format!("srt://127.0.0.1:{port}?mode=listener{more}").parse().unwrap()
}

/// Not a test of its own: the recorder that other tests start as a process and kill.
#[test]
#[ignore = "started by other tests"]
fn recorder_process() {
    init().unwrap();
    let source: Source = std::env::var(URL).unwrap().parse().unwrap();
    let dir = std::env::var_os(DIR).unwrap();
    loop {
        record(&source, Path::new(&dir), &options(), &StopHandle::default(), |_| {}).unwrap();
    }
}

fn start_recorder(port: u16, dir: &Path) -> Process {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["recorder_process", "--exact", "--ignored", "--nocapture"])
        .env(URL, format!("srt://127.0.0.1:{port}?mode=listener"))
        .env(DIR, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Process(child)
}

#[test]
fn a_killed_recorder_goes_on_in_the_same_playlist_and_media_time() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("recording");
    let port = free_port();
    let mut timeline = Timeline::open(&dir).unwrap();
    let mut epoch = None;
    for run in 1..=3_u32 {
        let mut recorder = start_recorder(port, &dir);
        // The encoder calls until somebody listens, as real ones do.
        let mut encoder = None;
        wait_until("segments of this run", || {
            let gone = |encoder: &mut Process| encoder.0.try_wait().unwrap().is_some();
            if encoder.as_mut().is_none_or(gone) {
                encoder = Some(push(&format!("srt://127.0.0.1:{port}"), 60, &[PICTURE, TONE]));
            }
            timeline.refresh().unwrap();
            Rendition::ORIGINAL.into_iter().all(|rendition| {
                timeline.segments(rendition).iter().filter(|segment| segment.run == run).count() >= 2
            })
        });
        epoch.get_or_insert(timeline.epoch());
        recorder.0.kill().unwrap();
        recorder.0.wait().unwrap();
    }
    let at_the_kill = timeline.clone();
    assert_ne!(timeline.whole_files(), timeline.all_files());
    // Who opens it next closes the last segment, so that it can be copied while no encoder comes back.
    drop(Recording::open(&dir, &Clock::System, None).unwrap());
    timeline.refresh().unwrap();
    assert_eq!(timeline.whole_files(), timeline.all_files());
    finish(&dir).unwrap();
    timeline.refresh().unwrap();
    assert_eq!(Some(timeline.epoch()), epoch, "media time zero never moves");
    for rendition in Rendition::ORIGINAL {
        let segments = timeline.segments(rendition);
        // Nothing that was published changes, and the open tail of the killed one is kept.
        let published = at_the_kill.segments(rendition);
        assert_eq!(&segments[..published.len()], published);
        assert!(segments.len() >= published.len());
        assert!(segments.windows(2).all(|pair| pair[1].start_us >= pair[0].start_us + pair[0].duration_us));
        let breaks = segments.iter().filter(|segment| segment.discontinuity).count();
        assert_eq!(breaks, 2);
        let playlist = media_playlist(&timeline, rendition).unwrap();
        assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 2, "{playlist}");
        assert_eq!(playlist.matches("#EXT-X-MAP").count(), 3, "{playlist}");
    }
    // Both renditions of a run began within what an encoder interleaves.
    for run in 1..=3 {
        let starts: Vec<i64> = Rendition::ORIGINAL
            .iter()
            .map(|r| timeline.segments(*r).iter().find(|segment| segment.run == run).unwrap().start_us)
            .collect();
        assert!((starts[0] - starts[1]).abs() < 1_000_000, "run {run}: {starts:?}");
    }
    write_playlists(&timeline);
    for folder in ["v", "a"] {
        let packets = ffprobe(
            &dir.join(folder).join("index.m3u8"),
            &["-count_packets", "-show_entries", "stream=nb_read_packets"],
        );
        assert!(packets.lines().next().unwrap().parse::<u32>().unwrap() > 250, "{packets}");
    }
    // Sound is split where connections were lost.
    let pieces = read_audio(&timeline, moothall_core::MediaTime::ZERO, 600_000).unwrap();
    assert!(pieces.len() >= 3, "{}", pieces.len());
    assert!(pieces.windows(2).all(|pair| pair[1].start >= pair[0].end()));
}

#[test]
fn media_time_is_the_wall_clock_over_reconnections() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = listener(port, "&passphrase=correct-horse");
    let clock = Clock::fixed("2026-07-23T22:30:00Z".parse().unwrap());
    let options = RecordOptions { clock: clock.clone(), ..options() };
    let address = format!("srt://127.0.0.1:{port}?passphrase=correct-horse");
    let mut ends = Vec::new();
    for _ in 0..2 {
        let mut encoder = None;
        let summary = record(&source, temp.path(), &options, &StopHandle::default(), |progress| {
            if matches!(progress, Progress::Listening { .. }) {
                encoder = Some(push(&address, 5, &[TONE]));
            }
        })
        .unwrap();
        assert_eq!((summary.ending, &summary.warnings), (Ending::SourceEnded, &vec![]));
        ends.push(summary.end);
        clock.advance(TimeDelta::minutes(1));
    }
    let timeline = Timeline::open(temp.path()).unwrap();
    assert_eq!(timeline.epoch(), Some("2026-07-23T22:30:00Z".parse().unwrap()));
    assert_eq!(timeline.renditions(), [Rendition::Audio]);
    let second = timeline.segments(Rendition::Audio).iter().find(|segment| segment.run == 2).unwrap();
    assert!((second.start().ms() - 60_000).abs() <= 1, "{second:?}");
    assert!(second.discontinuity);
    assert!((3_500..6_000).contains(&ends[0].ms()), "{ends:?}");
    let playlist = media_playlist(&timeline, Rendition::Audio).unwrap();
    assert!(playlist.contains("#EXT-X-PLAYLIST-TYPE:EVENT"), "{playlist}");
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME:2026-07-23T22:31:00.000Z"), "{playlist}");
    assert!(!playlist.contains("ENDLIST"));
}

#[test]
fn a_wrong_passphrase_is_reported_and_the_listener_goes_on() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = listener(port, "&passphrase=correct-horse");
    let (told, heard) = mpsc::channel();
    let stop = StopHandle::default();
    let (dir, stopping) = (temp.path().to_owned(), stop.clone());
    let recorder = std::thread::spawn(move || {
        record(&source, &dir, &options(), &stopping, |progress| {
            let _ = told.send(progress);
        })
    });
    let next = || heard.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(next(), Progress::Listening { port });
    let _wrong = push(&format!("srt://127.0.0.1:{port}?passphrase=battery-staple"), 5, &[TONE]);
    let Progress::Refused { remedy } = next() else { panic!("it was let in") };
    assert!(remedy.contains("passphrase") && !remedy.contains("horse"), "{remedy}");
    let _right = push(&format!("srt://127.0.0.1:{port}?passphrase=correct-horse"), 30, &[TONE]);
    assert_eq!(next(), Progress::Connected);
    while !matches!(next(), Progress::Recorded { .. }) {}
    stop.stop();
    let summary = recorder.join().unwrap().unwrap();
    assert_eq!(summary.ending, Ending::Stopped);
    assert!(summary.end.ms() > 0);
}

#[test]
fn a_port_in_use_and_an_absent_encoder_are_named() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error =
        record(&listener(port, ""), temp.path(), &options(), &StopHandle::default(), |_| {}).unwrap_err();
    assert!(matches!(error, RecordError::PortInUse { port: named } if named == port), "{error}");

    let caller = format!("srt://127.0.0.1:{}?mode=caller", free_port()).parse().unwrap();
    let error = record(&caller, temp.path(), &options(), &StopHandle::default(), |_| {}).unwrap_err();
    assert!(matches!(error, RecordError::Connect { .. }), "{error}");
    assert!(Timeline::open(temp.path()).unwrap().renditions().is_empty());
}

#[test]
fn a_source_without_picture_and_sound_is_said_to_be_so() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let options = RecordOptions { no_stream_after: std::time::Duration::from_secs(2), ..options() };
    let mut encoder = None;
    let result = record(&listener(port, ""), temp.path(), &options, &StopHandle::default(), |progress| {
        if matches!(progress, Progress::Listening { .. }) {
            // Bytes that are no transport stream, sent for ever.
            let description = format!(
                "fakesrc sizetype=fixed sizemax=1316 filltype=zero format=time do-timestamp=true datarate=20000 sync=true \
                 is-live=true ! srtsink uri=srt://127.0.0.1:{port}?mode=caller"
            );
            let pipeline = gst::parse::launch(&description).unwrap();
            gst::prelude::ElementExt::set_state(&pipeline, gst::State::Playing).unwrap();
            encoder = Some(pipeline);
        }
    });
    gst::prelude::ElementExt::set_state(&encoder.unwrap(), gst::State::Null).unwrap();
    assert!(matches!(result, Err(RecordError::NoStream { .. })), "{result:?}");
}
