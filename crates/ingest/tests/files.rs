//! Files in: what is recorded of them, and what is said of bad ones.

mod common;

use std::{fs, process::Command};

use common::*;
use moothall_core::MediaTime;
use moothall_ingest::*;

#[test]
fn picture_and_sound_pass_through_into_two_renditions() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.mp4", H264_AAC, "mp4mux", 10);
    let mut seen = Vec::new();
    let dir = temp.path().join("recording");
    record(&Source::File(file), &dir, &options(), &StopHandle::default(), |progress| {
        if let Progress::Stream { rendition, codec, transcoded } = progress {
            seen.push((rendition, codec, transcoded));
        }
    })
    .unwrap();
    seen.sort();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|(_, _, transcoded)| !transcoded));
    assert_eq!(seen[1].1, "mp4a.40.2");
    finish(&dir).unwrap();

    let timeline = Timeline::open(&dir).unwrap();
    assert_eq!(timeline.epoch(), Some(epoch()));
    for rendition in Rendition::ORIGINAL {
        let segments = timeline.segments(rendition);
        assert!((5..=6).contains(&segments.len()), "{rendition:?}: {segments:?}");
        assert_continuous(segments);
        assert!(segments[0].start().ms() <= 1);
        let end = segments.last().unwrap().end().ms();
        assert!((end - 10_000).abs() < 60, "{rendition:?} ends at {end}");
        for segment in segments {
            let path = timeline.file(rendition, &segment.file).unwrap();
            assert_eq!(fs::metadata(path).unwrap().len(), segment.bytes);
        }
    }
    assert!(timeline.segments(Rendition::Video)[..4].iter().all(|s| s.duration_us == 2_000_000));

    let video = media_playlist(&timeline, Rendition::Video).unwrap();
    let heads: Vec<&str> = video.lines().take(9).collect();
    assert_eq!(
        heads,
        [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-TARGETDURATION:3",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:VOD",
            "#EXT-X-MAP:URI=\"init-1-0.mp4\"",
            "#EXT-X-PROGRAM-DATE-TIME:2026-07-23T22:30:00.000Z",
            "#EXTINF:2.000000,",
        ]
    );
    assert!(video.ends_with("#EXT-X-ENDLIST\n"));
    let master = master_playlist(&timeline).unwrap();
    assert!(master.contains("RESOLUTION=320x180,AUDIO=\"sound\""), "{master}");
    assert!(master.contains("CODECS=\"avc1."), "{master}");
    assert!(master.contains(",mp4a.40.2\""), "{master}");

    write_playlists(&timeline);
    let streams = ffprobe(&dir.join("master.m3u8"), &["-show_entries", "stream=codec_name"]);
    assert!(streams.contains("h264") && streams.contains("aac"), "{streams}");
    let frames =
        ffprobe(&dir.join("v/index.m3u8"), &["-count_packets", "-show_entries", "stream=nb_read_packets"]);
    assert_eq!(frames.lines().next(), Some("250"));
}

#[test]
fn sound_alone_and_picture_alone() {
    let temp = tempfile::tempdir().unwrap();
    let sound = make(temp.path(), "sound.m4a", AAC, "mp4mux", 5);
    let timeline = recorded(&sound, &temp.path().join("sound"));
    assert_eq!(timeline.renditions(), [Rendition::Audio]);
    let master = master_playlist(&timeline).unwrap();
    assert!(
        master.contains("a/index.m3u8") && !master.contains("v/") && !master.contains("AUDIO="),
        "{master}"
    );
    write_playlists(&timeline);
    let streams = ffprobe(&timeline.dir().join("master.m3u8"), &["-show_entries", "stream=codec_name"]);
    assert!(streams.contains("aac") && !streams.contains("h264"), "{streams}");
    assert!(media_playlist(&timeline, Rendition::Video).is_err());

    let picture = make(temp.path(), "picture.mp4", H264, "mp4mux", 3);
    let timeline = recorded(&picture, &temp.path().join("picture"));
    assert_eq!(timeline.renditions(), [Rendition::Video]);
    assert!((timeline.duration().ms() - 3_000).abs() < 60);
}

#[test]
fn what_browsers_do_not_play_is_transcoded() {
    let temp = tempfile::tempdir().unwrap();
    let webm = make(temp.path(), "in.webm", VP8_OPUS, "webmmux", 6);
    let mpeg2 = temp.path().join("in.ts");
    let lavfi = [
        "-f",
        "lavfi",
        "-t",
        "6",
        "-i",
        "testsrc=size=320x180:rate=25",
        "-f",
        "lavfi",
        "-t",
        "6",
        "-i",
        "sine",
    ];
    ffmpeg(&[&lavfi[..], &["-c:v", "mpeg2video", "-c:a", "mp2", "-shortest"]].concat(), &mpeg2);
    for (name, file) in [("webm", webm), ("ts", mpeg2)] {
        let timeline = recorded(&file, &temp.path().join(format!("{name}.recording")));
        assert!(timeline.format(Rendition::Video).unwrap().codec.starts_with("avc1."), "{name}");
        assert_eq!(timeline.format(Rendition::Audio).unwrap().codec, "mp4a.40.2", "{name}");
        for rendition in Rendition::ORIGINAL {
            let end = timeline.segments(rendition).last().unwrap().end().ms();
            assert!((end - 6_000).abs() < 150, "{name} {rendition:?} ends at {end}");
            assert_continuous(timeline.segments(rendition));
        }
        write_playlists(&timeline);
        let frames = ffprobe(
            &timeline.dir().join("v/index.m3u8"),
            &["-count_packets", "-show_entries", "stream=nb_read_packets"],
        );
        let frames: i32 = frames.lines().next().unwrap().parse().unwrap();
        assert!((frames - 150).abs() <= 1, "{name}: {frames} frames");
    }
}

#[test]
fn h264_in_matroska_without_decode_times_passes_through() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.mkv", H264_AAC, "matroskamux", 6);
    let timeline = recorded(&file, &temp.path().join("recording"));
    assert_continuous(timeline.segments(Rendition::Video));
    assert!((timeline.duration().ms() - 6_000).abs() < 100, "{}", timeline.duration());
}

#[test]
fn recording_a_file_again_starts_over() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.mp4", H264_AAC, "mp4mux", 5);
    let dir = temp.path().join("recording");
    let first = recorded(&file, &dir);
    let mut reader = first.clone();
    let again = recorded(&file, &dir);
    reader.refresh().unwrap();
    assert_eq!(reader, again);
    let told = |timeline: &Timeline| -> Vec<(i64, i64, u64, bool)> {
        let segments = timeline.segments(Rendition::Video).iter();
        segments.map(|s| (s.start_us, s.duration_us, s.bytes, s.discontinuity)).collect()
    };
    assert_eq!(told(&first), told(&again));
    let playlist = media_playlist(&again, Rendition::Video).unwrap();
    assert!(!playlist.contains("DISCONTINUITY"), "{playlist}");
    // The files of the first time are gone, and no name comes back, so no cache mixes them up.
    let count = fs::read_dir(dir.join("v")).unwrap().count();
    assert_eq!(count, again.segments(Rendition::Video).len() + 1);
    assert!(again.segments(Rendition::Video).iter().all(|s| s.file.starts_with("2-")));
}

#[test]
fn a_truncated_file_is_kept_as_far_as_it_goes() {
    let temp = tempfile::tempdir().unwrap();
    let whole = make(temp.path(), "whole.mp4", H264_AAC, "mp4mux faststart=true", 20);
    let bytes = fs::read(&whole).unwrap();
    let cut = temp.path().join("cut.mp4");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let dir = temp.path().join("recording");
    let summary = record_file(&cut, &dir).unwrap();
    assert_eq!(summary.warnings.len(), 1, "{summary:?}");
    assert!(summary.warnings[0].contains("cut.mp4"), "{summary:?}");
    assert!((7_000..13_000).contains(&summary.end.ms()), "{summary:?}");

    // With its index at the end nothing can be read of it.
    let whole = make(temp.path(), "late.mp4", H264_AAC, "mp4mux", 5);
    let bytes = fs::read(&whole).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let error = record_file(&cut, &dir).unwrap_err().to_string();
    assert!(error.contains("cut.mp4"), "{error}");
    // And what was recorded before is still there.
    assert!(Timeline::open(&dir).unwrap().duration().ms() > 7_000);
}

#[test]
fn files_that_are_no_media_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let text = temp.path().join("minutes.mp4");
    fs::write(&text, "Minutes of the meeting\n".repeat(100)).unwrap();
    let noise = temp.path().join("noise.bin");
    fs::write(&noise, [0x5a, 0xa5, 0x13, 0x37].repeat(5_000)).unwrap();
    let empty = temp.path().join("empty.mp4");
    fs::write(&empty, "").unwrap();
    for path in [&text, &noise, &empty] {
        let error = record_file(path, &temp.path().join("recording")).unwrap_err();
        assert!(matches!(error, RecordError::NotMedia { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(matches!(probe(path), Err(ProbeError::NotMedia { .. })));
        assert!(matches!(AudioFile::open(path), Err(AudioError::NotMedia { .. })));
    }
    let absent = temp.path().join("absent.mp4");
    assert!(matches!(record_file(&absent, temp.path()), Err(RecordError::File { .. })));
    assert!(matches!(record_file(temp.path(), temp.path()), Err(RecordError::File { .. })));
    assert!(matches!(probe(&absent), Err(ProbeError::Read { .. })));
}

#[test]
fn a_full_disk_is_named_and_what_was_recorded_stays_good() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.mp4", H264_AAC, "mp4mux", 60);
    let mount = temp.path().join("small");
    fs::create_dir(&mount).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=300k", "tmpfs"]).arg(&mount).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    }
    let result = record_file(&file, &mount);
    let timeline = Timeline::open(&mount);
    let files_are_whole = timeline.as_ref().is_ok_and(|timeline| {
        Rendition::ORIGINAL.into_iter().all(|rendition| {
            let told = timeline.segments(rendition).iter();
            told.map(|s| (s.bytes, fs::metadata(mount.join(rendition.folder()).join(&s.file)).unwrap().len()))
                .all(|(told, there)| told == there)
        })
    });
    let duration = timeline.map(|timeline| timeline.duration());
    assert!(Command::new("umount").arg(&mount).status().unwrap().success());
    assert!(matches!(&result, Err(RecordError::DiskFull { dir }) if *dir == mount), "{result:?}");
    assert!(files_are_whole);
    assert!(duration.unwrap() > MediaTime::from_ms(1_000));
}

#[test]
fn stopping_keeps_what_has_come() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.webm", VP8_OPUS, "webmmux", 30);
    let stop = StopHandle::default();
    let handle = stop.clone();
    let summary =
        record(&Source::File(file), &temp.path().join("recording"), &options(), &stop, |progress| {
            if matches!(progress, Progress::Recorded { .. }) {
                handle.stop();
            }
        })
        .unwrap();
    assert_eq!(summary.ending, Ending::Stopped);
    let timeline = Timeline::open(&temp.path().join("recording")).unwrap();
    assert_eq!(timeline.duration(), summary.end);
    assert!(!timeline.is_finished());
}

#[test]
fn only_one_recorder_writes_a_recording() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.m4a", AAC, "mp4mux", 5);
    let dir = temp.path().join("recording");
    let mut second = None;
    record(&Source::File(file.clone()), &dir, &options(), &StopHandle::default(), |progress| {
        if matches!(progress, Progress::Recorded { .. }) {
            second.get_or_insert_with(|| record_file(&file, &dir));
        }
    })
    .unwrap();
    assert!(matches!(second, Some(Err(RecordError::Busy { .. }))), "{second:?}");
}

#[test]
fn torn_bytes_are_cut_when_the_recording_is_opened_again() {
    let temp = tempfile::tempdir().unwrap();
    let file = make(temp.path(), "in.m4a", AAC, "mp4mux", 5);
    let dir = temp.path().join("recording");
    let before = recorded(&file, &dir);
    let last = before.segments(Rendition::Audio).last().unwrap().clone();
    let journal = dir.join("journal.jsonl");
    let append = |path: &std::path::Path, bytes: &[u8]| {
        use std::io::Write;
        fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
    };
    append(&journal, br#"{"line":"chunk","rendi"#);
    append(&dir.join("a").join(&last.file), b"torn");
    fs::write(dir.join("a/1-99.m4s"), b"never told of").unwrap();
    assert_eq!(Timeline::open(&dir).unwrap(), before, "a reader passes over it");
    finish(&dir).unwrap();
    assert_eq!(Timeline::open(&dir).unwrap(), before);
    assert!(fs::read(&journal).unwrap().ends_with(b"\n"));
    assert_eq!(fs::metadata(dir.join("a").join(&last.file)).unwrap().len(), last.bytes);
    assert!(!dir.join("a/1-99.m4s").exists());

    // As after a power failure: the bytes are gone, the lines are there.
    fs::OpenOptions::new()
        .write(true)
        .open(dir.join("a").join(&last.file))
        .unwrap()
        .set_len(last.bytes - 1)
        .unwrap();
    let mut reader = before.clone();
    finish(&dir).unwrap();
    reader.refresh().unwrap();
    assert!(reader.duration() < before.duration());
    assert!(reader.is_finished());
}

#[test]
fn says_what_is_in_a_file() {
    let temp = tempfile::tempdir().unwrap();
    let found = probe(&make(temp.path(), "in.mp4", H264_AAC, "mp4mux", 3)).unwrap();
    assert!((found.duration_ms.unwrap() - 3_000).abs() < 100, "{found:?}");
    assert_eq!((found.video.len(), found.audio.len()), (1, 1));
    assert!(found.video[0].contains("H.264"), "{found:?}");
}

#[test]
fn every_element_is_here() {
    init().unwrap();
    assert!(required_elements().iter().all(|status| status.present && !status.package.is_empty()));
}
