//! Encoders that do what they should not.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    fs,
    net::UdpSocket,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use common::*;
use moothall_ingest::*;

#[test]
fn a_port_is_listened_at_by_one_recorder() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    for source in
        [format!("udp://127.0.0.1:{port}"), format!("rtmp://127.0.0.1:{port}/live?key=correct-horse")]
    {
        let first = Recorder::start(&source, &temp.path().join("first"), options());
        first.wait_until_listening();
        let error = Recorder::start(&source, &temp.path().join("second"), options()).end().unwrap_err();
        assert!(matches!(error, RecordError::PortInUse { port: named } if named == port), "{error}");
        first.stop();
    }
}
/// Sends pieces of MPEG-TS one after the other as fast as time passes: bytes, and how many seconds they last.
fn send(pieces: Vec<(Vec<u8>, u32)>, port: u16) -> JoinHandle<()> {
    const DATAGRAM_BYTES: usize = 7 * PACKET_BYTES;
    std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (bytes, seconds) in pieces {
            let began = Instant::now();
            let bytes_a_second = bytes.len() as f64 / f64::from(seconds);
            for (number, datagram) in bytes.chunks(DATAGRAM_BYTES).enumerate() {
                let due = Duration::from_secs_f64((number * DATAGRAM_BYTES) as f64 / bytes_a_second);
                std::thread::sleep(due.saturating_sub(began.elapsed()));
                socket.send_to(datagram, ("127.0.0.1", port)).unwrap();
            }
            std::thread::sleep(Duration::from_secs(seconds.into()).saturating_sub(began.elapsed()));
        }
    })
}

const PACKET_BYTES: usize = 188;

/// MPEG-TS of a picture and a tone, with as many bytes in each second.
fn transport_stream(picture: &str, seconds: u32, more: &[&str]) -> Vec<u8> {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("made.ts");
    let duration = seconds.to_string();
    let inputs = ["-f", "lavfi", "-t", &duration, "-i", picture, "-f", "lavfi", "-t", &duration, "-i", TONE];
    let coded = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-tune",
        "zerolatency",
        "-g",
        "25",
        "-pix_fmt",
        "yuv420p",
    ];
    let rate = ["-b:v", "400k", "-c:a", "aac", "-muxrate", "1000k"];
    ffmpeg(&[&inputs[..], &coded, &rate, more, &["-f", "mpegts"]].concat(), &path);
    fs::read(path).unwrap()
}

/// Without the tables of its streams (PAT, and the PMT as ffmpeg numbers it): the streams before go on in it.
fn continued(bytes: &[u8]) -> Vec<u8> {
    let is_table = |packet: &&[u8]| matches!(u16::from_be_bytes([packet[1] & 0x1f, packet[2]]), 0 | 0x1000);
    bytes.chunks(PACKET_BYTES).filter(|packet| !is_table(packet)).collect::<Vec<_>>().concat()
}

#[test]
fn times_that_jump_back_an_hour_begin_a_new_run_in_the_same_media_time() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = format!("udp://127.0.0.1:{port}");
    let late = transport_stream(PICTURE, 6, &["-output_ts_offset", "3700"]);
    let early = transport_stream(PICTURE, 12, &[]);
    let (jump, rest) = early.split_at(early.len() / PACKET_BYTES / 6 * PACKET_BYTES);
    let recorder = Recorder::start(&source, temp.path(), soon());
    recorder.wait_until_listening();
    let began = Instant::now();
    let sender = send(vec![(late, 6), (continued(jump), 2), (rest.to_vec(), 10)], port);
    let summary = recorder.end().unwrap();
    assert_eq!((summary.ending, summary.warnings.len()), (Ending::Broken, 1));
    let summary = Recorder::start(&source, temp.path(), soon()).end().unwrap();
    sender.join().unwrap();
    let passed_ms = began.elapsed().as_millis() as i64;
    assert!((15_000..=passed_ms).contains(&summary.end.ms()), "{summary:?} after {passed_ms} ms");
    assert_recorded(temp.path(), 2);
}

#[test]
fn an_encoder_that_begins_anew_is_recorded_on() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = format!("udp://127.0.0.1:{port}");
    let small = transport_stream(PICTURE, 5, &[]);
    let large = transport_stream("testsrc=size=640x360:rate=25", 8, &[]);
    let recorder = Recorder::start(&source, temp.path(), soon());
    recorder.wait_until_listening();
    let sender = send(vec![(small, 5), (large, 8)], port);
    let summary = recorder.end().unwrap();
    assert_eq!(summary.ending, Ending::Broken);
    assert!(summary.warnings.iter().any(|warning| warning.contains("anew")), "{summary:?}");
    assert!(summary.end.ms() > 4_000, "{summary:?}");
    Recorder::start(&source, temp.path(), soon()).end().unwrap();
    sender.join().unwrap();
    let timeline = assert_recorded(temp.path(), 2);
    assert_eq!(timeline.format(Rendition::Video).unwrap().resolution, Some((640, 360)));
}

#[test]
fn what_a_line_loses_leaves_a_hole_and_the_rest_at_its_time() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let whole = transport_stream(PICTURE, 12, &[]);
    let (before, rest) = whole.split_at(whole.len() / PACKET_BYTES * 5 / 12 * PACKET_BYTES);
    let (_lost, after) = rest.split_at(whole.len() / PACKET_BYTES * 2 / 12 * PACKET_BYTES);
    let recorder = Recorder::start(&format!("udp://127.0.0.1:{port}"), temp.path(), soon());
    recorder.wait_until_listening();
    let sender = send(vec![(before.to_vec(), 5), (Vec::new(), 2), (after.to_vec(), 5)], port);
    let summary = recorder.end().unwrap();
    sender.join().unwrap();
    assert!(summary.end.ms() > 11_000, "{summary:?}");
    assert_recorded(temp.path(), 1);
}

#[test]
fn a_resolution_that_changes_in_mid_stream_is_recorded_on() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let small = transport_stream(PICTURE, 5, &[]);
    let large = transport_stream("testsrc=size=640x360:rate=25", 5, &["-output_ts_offset", "5"]);
    let recorder = Recorder::start(&format!("udp://127.0.0.1:{port}"), temp.path(), soon());
    recorder.wait_until_listening();
    let sender = send(vec![(small, 5), (continued(&large), 5)], port);
    let summary = recorder.end().unwrap();
    sender.join().unwrap();
    assert!(summary.end.ms() > 8_000, "{summary:?}");
    finish(temp.path()).unwrap();
    let timeline = Timeline::open(temp.path()).unwrap();
    assert_eq!(timeline.format(Rendition::Video).unwrap().resolution, Some((640, 360)));
    write_playlists(&timeline);
    let frames = ffprobe(&temp.path().join("v/index.m3u8"), &["-show_entries", "frame=width"]);
    for width in ["320", "640"] {
        assert!(frames.lines().filter(|line| line.starts_with(width)).count() > 75, "{width}: {frames}");
    }
}

#[test]
fn pictures_at_a_varying_rate_keep_their_times() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    // Two of three pictures, and for four seconds in the middle only one of ten.
    let picture = format!("{PICTURE},select='if(between(t,4,8),not(mod(n,10)),mod(n,3))'");
    let more = ["-vsync", "vfr", "-force_key_frames", "expr:gte(t,n_forced)"];
    let stream = transport_stream(&picture, 12, &more);
    let recorder = Recorder::start(&format!("udp://127.0.0.1:{port}"), temp.path(), soon());
    recorder.wait_until_listening();
    let sender = send(vec![(stream, 12)], port);
    recorder.end().unwrap();
    sender.join().unwrap();
    let timeline = assert_recorded(temp.path(), 1);
    let ends = Rendition::ORIGINAL.map(|rendition| timeline.segments(rendition).last().unwrap().end().ms());
    assert!(ends.iter().all(|end_ms| (11_000..13_000).contains(end_ms)), "{ends:?}");
    let times = ffprobe(&temp.path().join("v/index.m3u8"), &["-show_entries", "packet=pts_time"]);
    let times: Vec<f64> = times.lines().map(|line| line.trim_end_matches(',').parse().unwrap()).collect();
    let between =
        |from: f64, to: f64| times.iter().filter(|&&time| (from..to).contains(&(time - times[0]))).count();
    assert_eq!(
        [between(0.0, 3.0), between(4.5, 7.5), between(9.0, 11.0)].map(|count| count / 5),
        [10, 1, 6],
        "{times:?}"
    );
}

#[test]
fn one_of_picture_and_sound_is_recorded_and_the_lack_is_told() {
    for (stream, lacking) in [(PICTURE, "no sound"), (TONE, "no picture")] {
        let temp = tempfile::tempdir().unwrap();
        let port = free_port();
        let recorder = Recorder::start(&format!("udp://127.0.0.1:{port}"), temp.path(), soon());
        recorder.wait_until_listening();
        let _encoder = push(&format!("udp://127.0.0.1:{port}?pkt_size=1316"), 60, &[stream]);
        let notice = recorder.notice();
        assert!(notice.contains(lacking), "{notice}");
        assert!(recorder.stop().end.ms() > 1_000);
    }
}

#[test]
fn a_codec_that_nobody_has_is_named_and_the_rest_is_recorded() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let odd = transport_stream(PICTURE, 6, &["-c:v", "vc2", "-b:v", "4M", "-muxrate", "8000k"]);
    let recorder = Recorder::start(&format!("udp://127.0.0.1:{port}"), temp.path(), soon());
    recorder.wait_until_listening();
    let sender = send(vec![(odd, 6)], port);
    let notice = recorder.notice();
    assert!(notice.contains("picture") && notice.contains("H.264"), "{notice}");
    recorder.wait_until_recorded(3_000);
    sender.join().unwrap();
    recorder.stop();
    assert_eq!(Timeline::open(temp.path()).unwrap().renditions(), [Rendition::Audio]);
}
