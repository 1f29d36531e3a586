//! Pieces of a recording to take away, and pictures of it.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::*;
use moothall_core::{MediaTime, formats::Cue};
use moothall_ingest::*;

const RATE: i64 = 16_000;
const FRAME_MS: i64 = 40;

/// A flash and a click at every full second but the first, each 40 ms long; frames are reordered and key
/// frames come every two seconds.
fn flashing(path: &Path, seconds: i64, more: &[&str]) {
    let seconds = seconds.to_string();
    let picture = format!(
        "color=black:size=320x180:rate=25:duration={seconds},format=yuv420p,\
        drawbox=enable='gt(t,0.5)*lt(mod(t+0.001,1),0.04)':color=white:t=fill"
    );
    let sound = format!(
        "aevalsrc='0.8*sin(2000*t)*gt(t,0.5)*lt(mod(t,1),0.04)':sample_rate=48000:duration={seconds}"
    );
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    let coded = ["-c:v", "libx264", "-bf", "2", "-g", "50", "-sc_threshold", "0", "-c:a", "aac"];
    ffmpeg(&[&inputs[..], &coded[..], more].concat(), path);
}

fn flashing_recording(dir: &Path, seconds: i64) -> Timeline {
    let file = dir.join("in.mp4");
    flashing(&file, seconds, &[]);
    recorded(&file, &dir.join("recording"))
}

fn ms(ms: i64) -> MediaTime {
    MediaTime::from_ms(ms)
}

fn cue(start_ms: i64, end_ms: i64, text: &str) -> Cue<'_> {
    Cue { start_ms: ms(start_ms), end_ms: ms(end_ms), text, new_turn: false, speaker: None, language: None }
}

fn cut(timeline: &Timeline, from_ms: i64, to_ms: i64, kind: ClipKind) -> (Clip, PathBuf) {
    let out = timeline.dir().join(if kind == ClipKind::Mp4 { "clip.mp4" } else { "clip.mp3" });
    let clip = clip(timeline, ms(from_ms), ms(to_ms), kind, [], &out).unwrap();
    (clip, out)
}

/// `codec_name` to `(start_ms, duration_ms)` of every stream.
fn streams(path: &Path) -> Vec<(String, i64, i64)> {
    let told = ffprobe(path, &["-show_entries", "stream=codec_name,start_time,duration"]);
    let ms = |text: &str| (text.parse::<f64>().unwrap() * 1_000.0).round() as i64;
    told.lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[0].to_owned(), ms(fields[1]), ms(fields[2]))
        })
        .collect()
}

/// What ffmpeg makes of a file as raw bytes, every moment at its time.
fn decoded(path: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("timeout")
        .args(["60", "ffmpeg", "-loglevel", "error", "-i"])
        .arg(path)
        .args(arguments)
        .arg("-")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// When the picture turns white.
fn flashes(path: &Path) -> Vec<i64> {
    let frames = decoded(path, &["-an", "-vf", "fps=25,scale=1:1", "-pix_fmt", "gray", "-f", "rawvideo"]);
    let lit = |at: usize| frames.get(at).is_some_and(|grey| *grey > 128);
    let sets_in = |at: &usize| lit(*at) && !at.checked_sub(1).is_some_and(lit);
    (0..frames.len()).filter(sets_in).map(|at| at as i64 * FRAME_MS).collect()
}

/// When the sound sets in.
fn clicks(path: &Path) -> Vec<i64> {
    let bytes = decoded(
        path,
        &["-vn", "-af", "aresample=async=1:first_pts=0", "-ar", "16000", "-ac", "1", "-f", "s16le"],
    );
    let samples = bytes.as_chunks::<2>().0.iter().map(|bytes| i16::from_le_bytes(*bytes).unsigned_abs());
    let mut found: Vec<i64> = Vec::new();
    for (position, sample) in samples.enumerate() {
        let at_ms = position as i64 * 1_000 / RATE;
        if sample > 8_000 && found.last().is_none_or(|last| at_ms - last > 300) {
            found.push(at_ms);
        }
    }
    found
}

fn assert_in_step(path: &Path, expected_ms: &[i64]) {
    let (flashes, clicks) = (flashes(path), clicks(path));
    for (name, found) in [("flashes", &flashes), ("clicks", &clicks)] {
        let near = found.len() == expected_ms.len()
            && found.iter().zip(expected_ms).all(|(found, expected)| (found - expected).abs() <= FRAME_MS);
        assert!(near, "{name} at {found:?}, expected at {expected_ms:?}");
    }
}

/// The kinds of the boxes of a file in order (ISO/IEC 14496-12, section 4.2).
fn boxes(path: &Path) -> Vec<String> {
    let file = fs::read(path).unwrap();
    let (mut kinds, mut at) = (Vec::new(), 0);
    while let Some((size, kind)) = file.get(at..at + 8).and_then(|head| head.split_first_chunk::<4>()) {
        kinds.push(String::from_utf8(kind.to_vec()).unwrap());
        at += u32::from_be_bytes(*size) as usize;
    }
    assert_eq!(at, file.len(), "the boxes fill the file");
    kinds
}

#[test]
fn picture_sound_and_captions_in_step() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = flashing_recording(temp.path(), 12);
    let out = temp.path().join("clip.mp4");
    let captions = [
        cue(1_000, 3_000, "Too early"),
        cue(3_500, 5_500, "We come to\nthe footbridge & the mill"),
        cue(7_000, 8_000, "Any questions?"),
        cue(9_400, 12_000, "Cut off"),
    ];
    let made = clip(&timeline, ms(5_300), ms(9_500), ClipKind::Mp4, captions, &out).unwrap();
    assert_eq!(made, Clip { start: ms(4_000), end: ms(9_500), duration_ms: 5_500 });

    let streams = streams(&out);
    let names: Vec<&str> = streams.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["h264", "aac", "mov_text"]);
    for (name, start_ms, duration_ms) in &streams {
        assert!(start_ms.abs() <= FRAME_MS, "{name} starts at {start_ms}");
        assert!((duration_ms - 5_500).abs() <= 3 * FRAME_MS, "{name} lasts {duration_ms}");
    }
    assert_in_step(&out, &[0, 1_000, 2_000, 3_000, 4_000, 5_000]);
    let boxes = boxes(&out);
    let place = |kind: &str| boxes.iter().position(|other| other == kind).unwrap();
    assert!(place("moov") < place("mdat"), "{boxes:?}");

    let text = String::from_utf8(decoded(&out, &["-map", "0:s", "-f", "webvtt"])).unwrap();
    let cues: Vec<(i64, i64, String)> = moothall_core::formats::vtt::read(text.as_bytes())
        .captions
        .into_iter()
        .map(|caption| (caption.start_ms.ms(), caption.end_ms.ms(), caption.text.replace('\n', " ")))
        .collect();
    let expected = [
        (0, 1_500, "We come to the footbridge & the mill"),
        (3_000, 4_000, "Any questions?"),
        (5_400, 5_500, "Cut off"),
    ];
    assert_eq!(cues, expected.map(|(start_ms, end_ms, text)| (start_ms, end_ms, text.to_owned())));
    let left: Vec<_> = fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "in, recording and clip: {left:?}");
}

#[test]
fn the_frames_are_those_that_were_recorded() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = flashing_recording(temp.path(), 6);
    let (_, out) = cut(&timeline, 2_000, 4_000, ClipKind::Mp4);
    write_playlists(&timeline);
    let frames = |path: &Path, streams: &str| -> Vec<String> {
        let bytes = ["-map", streams, "-c", "copy", "-f", "framehash", "-hash", "md5"];
        let told = String::from_utf8(decoded(path, &bytes)).unwrap();
        let hashes = told.lines().filter(|line| !line.starts_with('#'));
        hashes.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
    };
    for (stream, playlist) in [("0:v", "v/index.m3u8"), ("0:a", "a/index.m3u8")] {
        let all = frames(&timeline.dir().join(playlist), stream);
        let kept = frames(&out, stream);
        assert!(kept.len() >= 40, "{stream}: {}", kept.len());
        assert!(all.windows(kept.len()).any(|part| part == kept), "{stream} was changed");
    }
}

/// Two connections of one encoder, four and three seconds, a second apart.
fn two_runs(dir: &Path, second: &[&str]) -> Timeline {
    init().unwrap();
    let recording = dir.join("recording");
    let (before, after) = (dir.join("before.ts"), dir.join("after.ts"));
    flashing(&before, 4, &["-tune", "zerolatency"]);
    flashing(&after, 3, &[&["-tune", "zerolatency"], second].concat());
    push_once(&before, &recording);
    std::thread::sleep(std::time::Duration::from_secs(1));
    push_once(&after, &recording);
    finish(&recording).unwrap();
    Timeline::open(&recording).unwrap()
}

/// Sends a file over SRT as fast as time passes, and records it until it ends.
fn push_once(file: &Path, recording: &Path) {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source: Source = format!("srt://127.0.0.1:{port}?mode=listener").parse().unwrap();
    let mut encoder = None;
    record(&source, recording, &options(), &StopHandle::default(), |progress| {
        if matches!(progress, Progress::Listening { .. }) {
            let mut ffmpeg = Command::new("timeout");
            ffmpeg.args(["60", "ffmpeg", "-loglevel", "error", "-re", "-i"]).arg(file);
            let address = format!("srt://127.0.0.1:{port}");
            encoder = Some(ffmpeg.args(["-c", "copy", "-f", "mpegts", &address]).spawn().unwrap());
        }
    })
    .unwrap();
    encoder.unwrap().wait().unwrap();
}

/// Where the second run begins in media time, and where the first one ends.
fn gap(timeline: &Timeline) -> (i64, i64) {
    let segments = timeline.segments(Rendition::Video);
    let second = segments.iter().position(|segment| segment.run == 2).unwrap();
    (segments[second - 1].end().ms(), segments[second].start().ms())
}

#[test]
fn a_gap_between_two_connections_is_left_out() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = two_runs(temp.path(), &[]);
    let (ends_ms, begins_ms) = gap(&timeline);
    assert!(begins_ms - ends_ms > 500, "there is a gap from {ends_ms} to {begins_ms}");
    let (made, out) = cut(&timeline, 0, timeline.duration().ms(), ClipKind::Mp4);
    let left_out_ms = made.end.ms() - made.start.ms() - made.duration_ms;
    assert!((left_out_ms - (begins_ms - ends_ms)).abs() < 10, "{made:?}, {ends_ms} to {begins_ms}");
    let streams = streams(&out);
    assert!(streams.iter().all(|(_, start_ms, _)| start_ms.abs() <= FRAME_MS), "{streams:?}");
    // The muxer does not count the time by which reordered frames are decoded earlier.
    assert!((streams[0].2 - made.duration_ms).abs() <= 3 * FRAME_MS, "{streams:?}, {made:?}");
    // What flashes also clicks, before the gap and after it.
    let flashes = flashes(&out);
    assert!(flashes.len() >= 4, "{flashes:?}");
    assert!(flashes.iter().any(|at| *at > ends_ms) && flashes[0] < ends_ms, "{flashes:?}");
    assert_in_step(&out, &flashes);

    let refused = clip(&timeline, ms(ends_ms + 100), ms(begins_ms - 100), ClipKind::Mp4, [], &out);
    assert!(matches!(refused, Err(ClipError::Nothing { .. })), "{refused:?}");
    // From within the gap it begins where there is something again.
    let (made, _) = cut(&timeline, ends_ms + 100, begins_ms + 1_000, ClipKind::Mp4);
    assert!((made.start.ms() - begins_ms).abs() <= 1, "{made:?}");
}

#[test]
fn an_encoder_that_was_set_up_anew_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = two_runs(temp.path(), &["-s", "640x360"]);
    let (ends_ms, begins_ms) = gap(&timeline);
    let out = temp.path().join("clip.mp4");
    let refused = clip(&timeline, ms(0), timeline.duration(), ClipKind::Mp4, [], &out).err().unwrap();
    assert!(matches!(refused, ClipError::FormatChange { .. }), "{refused}");
    assert!(refused.is_about_range() && !out.exists());
    // Either side is cut, and the sound of both.
    cut(&timeline, 0, ends_ms, ClipKind::Mp4);
    cut(&timeline, begins_ms, begins_ms + 1_000, ClipKind::Mp4);
    let (made, sound) = cut(&timeline, 0, timeline.duration().ms(), ClipKind::Mp3);
    assert!((streams(&sound)[0].2 - made.duration_ms).abs() < 100, "{made:?}");
}

#[test]
fn sound_alone() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("in.m4a");
    flashing(&file, 8, &["-vn"]);
    let timeline = recorded(&file, &temp.path().join("recording"));
    let (made, mp3) = cut(&timeline, 2_500, 6_500, ClipKind::Mp3);
    assert_eq!((made.start.ms(), made.end.ms()), (2_500, 6_500));
    let told = streams(&mp3);
    assert_eq!((told.len(), told[0].0.as_str()), (1, "mp3"));
    assert!((told[0].2 - 4_000).abs() < 100, "{told:?}");
    let clicks = clicks(&mp3);
    assert_eq!(clicks.len(), 4);
    assert!(
        clicks.iter().zip([500, 1_500, 2_500, 3_500]).all(|(at, near)| (at - near).abs() < 80),
        "{clicks:?}"
    );

    let (_, mp4) = cut(&timeline, 2_500, 6_500, ClipKind::Mp4);
    assert_eq!(streams(&mp4)[0].0, "aac");
    assert_eq!(poster(&timeline).unwrap(), None);
    assert_eq!(storyboard(&timeline).unwrap(), None);
}

#[test]
fn the_sound_of_a_film_as_mp3() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = flashing_recording(temp.path(), 6);
    let (made, mp3) = cut(&timeline, 1_500, 4_500, ClipKind::Mp3);
    assert_eq!(made.start, ms(1_500), "sound has no key frames to wait for");
    assert_eq!(streams(&mp3).len(), 1);
    assert_eq!(clicks(&mp3).len(), 3);
}

#[test]
fn a_range_that_cannot_be_cut_is_explained() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = recorded(&make(temp.path(), "in.mp4", H264, "mp4mux", 4), &temp.path().join("recording"));
    let out = temp.path().join("clip");
    for (from_ms, to_ms, kind, words) in [
        (3_000, 3_000, ClipKind::Mp4, "give a later end"),
        (3_000, 1_000, ClipKind::Mp4, "give a later end"),
        (0, LONGEST_CLIP_MS + 1, ClipKind::Mp4, "at most 15 minutes"),
        (60_000, 61_000, ClipKind::Mp4, "nothing is recorded between 1:00 and 1:01"),
        (0, 2_000, ClipKind::Mp3, "no sound is recorded"),
        (MediaTime::MAX.ms() - 1, MediaTime::MAX.ms(), ClipKind::Mp4, "nothing is recorded"),
    ] {
        let refused = clip(&timeline, ms(from_ms), ms(to_ms), kind, [], &out).err().unwrap();
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(refused.is_about_range() && !out.exists(), "{refused}");
    }
    let empty = Timeline::open(&temp.path().join("none")).unwrap();
    assert!(clip(&empty, ms(0), ms(1_000), ClipKind::Mp4, [], &out).is_err());
    // Nowhere to write to is nobody's range, and leaves nothing.
    let nowhere = temp.path().join("none/clip.mp4");
    let failed = clip(&timeline, ms(0), ms(1_000), ClipKind::Mp4, [], &nowhere).err().unwrap();
    assert!(!failed.is_about_range(), "{failed}");
    let (_, whole) = cut(&timeline, 0, LONGEST_CLIP_MS, ClipKind::Mp4);
    assert_eq!(streams(&whole)[0].0, "h264");
}

/// Red, green and blue of one pixel of a picture.
fn pixel(picture: &Path, x: u32, y: u32) -> [u8; 3] {
    let crop = format!("crop=1:1:{x}:{y}");
    let bytes = decoded(picture, &["-vf", &crop, "-pix_fmt", "rgb24", "-f", "rawvideo"]);
    [bytes[0], bytes[1], bytes[2]]
}

fn is_near(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) < 40)
}

#[test]
fn a_poster_is_not_black() {
    let temp = tempfile::tempdir().unwrap();
    let film = temp.path().join("in.mp4");
    // Black for twenty seconds, then a red and green picture.
    let picture = "color=black:size=320x240:rate=25:duration=60,\
        drawbox=enable='gt(t,20)':color=red:t=fill,drawbox=enable='gt(t,20)':w=160:color=lime:t=fill";
    ffmpeg(&["-f", "lavfi", "-i", picture, "-c:v", "libx264", "-g", "50", "-pix_fmt", "yuv420p"], &film);
    let timeline = recorded(&film, &temp.path().join("recording"));
    let file = temp.path().join("poster.jpg");
    fs::write(&file, poster(&timeline).unwrap().unwrap()).unwrap();
    let told = ffprobe(&file, &["-show_entries", "stream=codec_name,width,height"]);
    assert_eq!(told.trim(), "mjpeg,640,360");
    // A picture of 4:3 has black bars at its sides.
    assert!(is_near(pixel(&file, 200, 180), [0, 255, 0]), "{:?}", pixel(&file, 200, 180));
    assert!(is_near(pixel(&file, 440, 180), [255, 0, 0]), "{:?}", pixel(&file, 440, 180));
    assert!(is_near(pixel(&file, 20, 180), [0, 0, 0]), "{:?}", pixel(&file, 20, 180));
}

#[test]
fn a_storyboard_shows_every_ten_seconds() {
    let temp = tempfile::tempdir().unwrap();
    let film = temp.path().join("in.mp4");
    // Eleven minutes: black, but red in the second of ten minutes.
    let picture = "color=black:size=320x180:rate=5:duration=660,drawbox=enable='gt(t,599)':color=red:t=fill";
    ffmpeg(&["-f", "lavfi", "-i", picture, "-c:v", "libx264", "-g", "10", "-pix_fmt", "yuv420p"], &film);
    let timeline = recorded(&film, &temp.path().join("recording"));
    let board = storyboard(&timeline).unwrap().unwrap();
    assert_eq!(board.sheets.len(), 2);
    for (sheet, size) in [(0, "mjpeg,1600,540"), (1, "mjpeg,1600,90")] {
        let file = temp.path().join(format!("storyboard-{sheet}.jpg"));
        fs::write(&file, &board.sheets[sheet]).unwrap();
        assert_eq!(ffprobe(&file, &["-show_entries", "stream=codec_name,width,height"]).trim(), size);
    }
    let cues: Vec<(i64, i64, String)> = moothall_core::formats::vtt::read(board.vtt.as_bytes())
        .captions
        .into_iter()
        .map(|cue| (cue.start_ms.ms(), cue.end_ms.ms(), cue.text))
        .collect();
    assert_eq!(cues.len(), 66);
    assert_eq!(cues[0], (0, 10_000, "storyboard-0.jpg#xywh=0,0,160,90".to_owned()));
    assert_eq!(cues[23], (230_000, 240_000, "storyboard-0.jpg#xywh=480,180,160,90".to_owned()));
    assert_eq!(cues[60], (600_000, 610_000, "storyboard-1.jpg#xywh=0,0,160,90".to_owned()));
    let (first, second) = (temp.path().join("storyboard-0.jpg"), temp.path().join("storyboard-1.jpg"));
    assert!(is_near(pixel(&first, 80, 500), [0, 0, 0]));
    assert!(is_near(pixel(&second, 80, 45), [255, 0, 0]), "{:?}", pixel(&second, 80, 45));
}

#[test]
fn pictures_of_two_connections_stand_at_their_times() {
    let temp = tempfile::tempdir().unwrap();
    let timeline = two_runs(temp.path(), &["-s", "640x360"]);
    assert!(poster(&timeline).unwrap().is_some());
    let board = storyboard(&timeline).unwrap().unwrap();
    assert!(board.vtt.contains("00:00:00.000 --> 00:00:10.000"), "{}", board.vtt);
    assert_eq!(board.sheets.len(), 1);
}
