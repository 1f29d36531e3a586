//! Every kind of input from a real sender.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
};

use common::*;
use moothall_ingest::*;

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
fn rooms_with_stream_ids_share_a_port() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let room = |id: &str| {
        let source =
            format!("srt://127.0.0.1:{port}?mode=listener&streamid={id}&passphrase=the-{id}-has-a-key");
        Recorder::start(&source, &temp.path().join(id), options())
    };
    let call = |id: &str, key: &str| {
        push(
            &format!("srt://127.0.0.1:{port}?streamid={id}&passphrase=the-{key}-has-a-key"),
            60,
            &[PICTURE, TONE],
        )
    };
    let (chamber, annexe) = (room("chamber"), room("annexe"));
    chamber.wait_until_listening();
    annexe.wait_until_listening();
    let _stranger = call("cellar", "cellar");
    assert!(chamber.refusal().contains("cellar"));
    assert!(annexe.refusal().contains("annexe"), "it says what to set");
    // The other room's passphrase opens nothing here.
    let _wrong = call("chamber", "annexe");
    assert!(chamber.refusal().contains("passphrase"));
    let first = call("chamber", "chamber");
    chamber.wait_until_recorded(1_000);
    let _other_way_to_write_it = call("#!::r=annexe,m=publish", "annexe");
    annexe.wait_until_recorded(1_000);
    let _second = call("chamber", "chamber");
    assert!(chamber.refusal().contains("second encoder"));
    chamber.wait_until_recorded(4_000);
    drop(first);
    let summary = chamber.end().unwrap();
    assert_eq!(summary.ending, Ending::SourceEnded);
    annexe.wait_until_recorded(6_000);

    let chamber = room("chamber");
    chamber.wait_until_listening();
    let _again = call("chamber", "chamber");
    chamber.wait_until_recorded(summary.end.ms() + 2_000);
    assert_eq!((chamber.stop().ending, annexe.stop().ending), (Ending::Stopped, Ending::Stopped));
    assert_recorded(&temp.path().join("chamber"), 2);
    assert_recorded(&temp.path().join("annexe"), 1);
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
    // Debian's own, which has the bindings; another one may come first in the path.
    let server = Command::new("/usr/bin/python3")
        .arg("tests/common/rtsp_server.py")
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
