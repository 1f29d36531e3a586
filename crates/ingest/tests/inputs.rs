//! Every kind of input from a real sender, and what is wrong with some.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use common::*;
use moothall_ingest::*;

/// A recorder on a thread of its own.
struct Recorder {
    heard: mpsc::Receiver<Progress>,
    stop: StopHandle,
    thread: JoinHandle<Result<Summary, RecordError>>,
}

impl Recorder {
    fn start(source: &str, dir: &Path, options: RecordOptions) -> Self {
        init().unwrap();
        let source: Source = source.parse().unwrap();
        let (told, heard) = mpsc::channel();
        let stop = StopHandle::default();
        let (dir, stopping) = (dir.to_owned(), stop.clone());
        let thread = std::thread::spawn(move || {
            record(&source, &dir, &options, &stopping, |progress| {
                let _ = told.send(progress);
            })
        });
        Self { heard, stop, thread }
    }

    /// Waits for what happens next of its kind.
    fn wait_for<T>(&self, what: &str, mut wanted: impl FnMut(Progress) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(progress) => {
                    if let Some(found) = wanted(progress) {
                        return found;
                    }
                }
                Err(error) => panic!("waited in vain for {what}: {error}"),
            }
        }
    }

    fn wait_until_listening(&self) {
        self.wait_for("listening", |progress| matches!(progress, Progress::Listening { .. }).then_some(()));
    }

    fn wait_until_recorded(&self, ms: i64) {
        self.wait_for("media", |progress| match progress {
            Progress::Recorded { end, .. } if end.ms() >= ms => Some(()),
            _ => None,
        });
    }

    fn refusal(&self) -> String {
        self.wait_for("a refusal", |progress| match progress {
            Progress::Refused { remedy } => Some(remedy),
            _ => None,
        })
    }

    fn notice(&self) -> String {
        self.wait_for("a notice", |progress| match progress {
            Progress::Notice { text } => Some(text),
            _ => None,
        })
    }

    fn end(self) -> Result<Summary, RecordError> {
        self.thread.join().unwrap()
    }

    fn stop(self) -> Summary {
        self.stop.stop();
        self.end().unwrap()
    }
}

fn soon() -> RecordOptions {
    RecordOptions { no_stream_after: Duration::from_secs(3), ..options() }
}

/// Both renditions are whole, in the given number of runs, and play.
fn assert_recorded(dir: &Path, runs: u32) -> Timeline {
    let timeline = Timeline::open(dir).unwrap();
    for rendition in Rendition::ALL {
        let segments = timeline.segments(rendition);
        for run in 1..=runs {
            let of_run: Vec<Segment> =
                segments.iter().filter(|segment| segment.run == run).cloned().collect();
            assert!(!of_run.is_empty(), "nothing of run {run} in {segments:?}");
            let later: Vec<Segment> =
                of_run.iter().map(|segment| Segment { discontinuity: false, ..segment.clone() }).collect();
            assert_continuous(&later);
        }
        assert_eq!(segments.iter().filter(|segment| segment.discontinuity).count(), runs as usize - 1);
    }
    finish(dir).unwrap();
    let timeline = Timeline::open(dir).unwrap();
    write_playlists(&timeline);
    for (folder, codec) in [("v", "h264"), ("a", "aac")] {
        let playlist = dir.join(folder).join("index.m3u8");
        let streams = ffprobe(&playlist, &["-show_entries", "stream=codec_name"]);
        assert!(streams.split_whitespace().all(|line| line == codec) && streams.contains(codec), "{streams}");
    }
    timeline
}

#[test]
fn rtmp_lets_one_encoder_with_the_key_in() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = format!("rtmp://127.0.0.1:{port}/live?key=correct-horse");
    let push =
        |path: &str| encode(60, &[PICTURE, TONE], &["-f", "flv", &format!("rtmp://127.0.0.1:{port}/{path}")]);
    let recorder = Recorder::start(&source, temp.path(), options());
    recorder.wait_until_listening();
    // A stranger who hangs up at once harms nobody.
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let _wrong_key = push("live/battery-staple");
    let refusal = recorder.refusal();
    assert!(
        refusal.contains("stream key") && !refusal.contains("horse") && !refusal.contains("staple"),
        "{refusal}"
    );
    let _wrong_app = push("life/correct-horse");
    let refusal = recorder.refusal();
    assert!(refusal.contains("server") && !refusal.contains("horse"), "{refusal}");
    let right = push("live/correct-horse");
    recorder.wait_until_recorded(1_000);
    let _second = push("live/correct-horse");
    assert!(recorder.refusal().contains("another one"));
    recorder.wait_until_recorded(4_000);
    drop(right);
    let summary = recorder.end().unwrap();
    assert_eq!((summary.ending, summary.warnings), (Ending::SourceEnded, vec![]));

    let recorder = Recorder::start(&source, temp.path(), options());
    recorder.wait_until_listening();
    let _again = push("live/correct-horse");
    recorder.wait_until_recorded(summary.end.ms() + 3_000);
    assert_eq!(recorder.stop().ending, Ending::Stopped);
    assert_recorded(temp.path(), 2);
}

#[test]
fn udp_takes_one_encoder_at_a_time() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = format!("udp://127.0.0.1:{port}");
    let address = format!("udp://127.0.0.1:{port}?pkt_size=1316");
    let recorder = Recorder::start(&source, temp.path(), soon());
    recorder.wait_until_listening();
    let first = push(&address, 60, &[PICTURE, TONE]);
    recorder.wait_until_recorded(1_000);
    let second = push(&address, 60, &["testsrc=size=640x360:rate=25", TONE]);
    assert!(recorder.refusal().contains("port of its own"));
    recorder.wait_until_recorded(4_000);
    drop(first);
    // The second encoder has the port to itself now.
    let summary = recorder.end().unwrap();
    assert_eq!((summary.ending, summary.warnings), (Ending::SourceEnded, vec![]));
    let recorder = Recorder::start(&source, temp.path(), soon());
    recorder.wait_until_recorded(summary.end.ms() + 4_000);
    drop(second);
    assert_eq!(recorder.end().unwrap().ending, Ending::Broken);
    let timeline = assert_recorded(temp.path(), 2);
    assert_eq!(timeline.format(Rendition::Video).unwrap().resolution, Some((640, 360)));
}

/// A server of one HTTP request after the other: files of a folder, and a redirection to the playlist.
fn serve_folder(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(&stream).lines();
            let first = lines.next().and_then(Result::ok).unwrap_or_default();
            for line in lines {
                if line.is_ok_and(|line| line.is_empty()) {
                    break;
                }
            }
            let path =
                first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
            let answer = match fs::read(folder.join(path.trim_start_matches('/'))) {
                _ if path == "/moved.m3u8" => b"HTTP/1.1 302 Found\r\nLocation: /live.m3u8\r\n\r\n".to_vec(),
                Ok(bytes) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                        bytes.len()
                    );
                    [head.into_bytes(), bytes].concat()
                }
                Err(_) => {
                    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
                }
            };
            let _ = stream.write_all(&answer);
        }
    });
    port
}

#[test]
fn hls_is_followed_until_it_ends() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, dir) = (temp.path().join("web"), temp.path().join("recording"));
    fs::create_dir_all(&folder).unwrap();
    let playlist = folder.join("live.m3u8");
    let port = serve_folder(folder);
    let source = |name: &str| format!("http://127.0.0.1:{port}/{name}?token=correct-horse");
    let error = Recorder::start(&source("none.m3u8"), &dir, soon()).end().unwrap_err();
    assert!(matches!(error, RecordError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("404") && !error.to_string().contains("horse"), "{error}");

    let list = ["-f", "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_flags", "delete_segments"];
    let broadcast =
        |seconds| encode(seconds, &[PICTURE, TONE], &[&list[..], &[playlist.to_str().unwrap()]].concat());
    let _first = broadcast(12);
    wait_until("a playlist", || fs::read_to_string(&playlist).is_ok_and(|text| text.contains("live2")));
    let summary = Recorder::start(&source("moved.m3u8"), &dir, options()).end().unwrap();
    assert_eq!((summary.ending, summary.warnings), (Ending::SourceEnded, vec![]));
    assert!(summary.end.ms() > 6_000, "{:?}", summary.end);
    // What is over is not recorded again.
    let error = Recorder::start(&source("live.m3u8"), &dir, options()).end().unwrap_err();
    assert!(matches!(error, RecordError::PlaylistOver { .. }), "{error}");
    fs::remove_file(&playlist).unwrap();
    let _second = broadcast(12);
    wait_until("a playlist", || fs::read_to_string(&playlist).is_ok_and(|text| text.contains("live2")));
    let recorder = Recorder::start(&source("live.m3u8"), &dir, options());
    recorder.wait_until_recorded(summary.end.ms() + 3_000);
    recorder.stop();
    assert_recorded(&dir, 2);
}

fn rtsp_server(port: u16) -> Process {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/rtsp_server.py");
    // Debian's own, which has the bindings; another one may come first in the path.
    let server = Command::new("/usr/bin/python3")
        .arg(script)
        .args([&port.to_string(), "clerk", "correct-horse"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the camera", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    Process(server)
}

#[test]
fn rtsp_is_fetched_over_tcp_and_udp() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let source = |scheme: &str, password: &str| format!("{scheme}://clerk:{password}@127.0.0.1:{port}/hall");
    let error = Recorder::start(&source("rtsp", "correct-horse"), temp.path(), soon()).end().unwrap_err();
    assert!(matches!(error, RecordError::Connect { .. }), "{error}");
    let server = rtsp_server(port);
    let error = Recorder::start(&source("rtsp", "battery-staple"), temp.path(), soon()).end().unwrap_err();
    assert!(matches!(error, RecordError::Connect { .. }), "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("name and password") && !text.contains("staple"), "{text}");

    let recorder = Recorder::start(&source("rtsp", "correct-horse"), temp.path(), soon());
    recorder.wait_until_recorded(4_000);
    let end = recorder.stop().end.ms();
    let recorder = Recorder::start(&source("rtspu", "correct-horse"), temp.path(), soon());
    recorder.wait_until_recorded(end + 4_000);
    drop(server);
    let summary = recorder.end().unwrap();
    assert_ne!(summary.ending, Ending::Stopped);
    assert!(!format!("{summary:?}").contains("horse"), "{summary:?}");
    assert_recorded(temp.path(), 2);
}

#[test]
fn a_source_in_the_private_network_is_called_only_if_allowed() {
    let temp = tempfile::tempdir().unwrap();
    let port = serve_folder(temp.path().to_owned());
    for source in [
        format!("srt://localhost:{port}?mode=caller"),
        format!("rtsp://127.0.0.1:{port}/hall"),
        format!("http://localhost:{port}/live.m3u8"),
        format!("http://[::ffff:127.0.0.1]:{port}/live.m3u8"),
    ] {
        let options = RecordOptions { private_network: false, ..options() };
        let error = Recorder::start(&source, temp.path(), options).end().unwrap_err();
        assert!(matches!(error, RecordError::PrivateNetwork { .. }), "{source}: {error}");
        assert!(error.to_string().contains("private_network = true"), "{error}");
    }
}

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
