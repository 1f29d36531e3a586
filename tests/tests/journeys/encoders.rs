//! Encoders that do what they should not: their room says so in words, and other rooms do not notice.

use std::process::{Command, Stdio};

use moothall_tests::{Encoder, Home, MINUTE, Picture, Server, free_port, runs, segments, speech, until};

use crate::rooms::{announce, room};

/// Waits until the list of rooms says all of this of one of them.
#[track_caller]
pub fn wait_until_told(home: &Home, slug: &str, parts: &[&str]) {
    until(&format!("{slug} to be told of as {parts:?}"), MINUTE, || {
        let list = room(home, &["list"]).ok().stdout;
        let (_, told) = list.split_once(&format!("ambleford/{slug} ")).unwrap();
        let (told, _) = told.split_once("ambleford/").unwrap_or((told, ""));
        parts.iter().all(|part| told.contains(part)).then_some(())
    });
}

#[test]
fn an_encoder_that_does_wrong_is_told_in_its_room_and_others_go_on() {
    let home = Home::new();
    let sound = speech(&home);
    let [chamber, annexe] = [(); 2].map(|()| format!("srt://127.0.0.1:{}", free_port()));
    let passphrase = "passphrase=the-heron-walks";
    let source = format!("{chamber}?mode=listener&streamid=hall&{passphrase}");
    room(&home, &["add", "Chamber", "--air-delay", "0", "--source", &source]).ok();
    let source = format!("{annexe}?mode=listener&{passphrase}");
    room(&home, &["add", "Annexe", "--air-delay", "0", "--source", &source]).ok();
    announce(&home, "tonight", "chamber").ok();
    announce(&home, "meanwhile", "annexe").ok();
    let server = Server::start(&home, &["--role", "web,record"]);
    let push = |picture, address: &str| Encoder::push(&sound, picture, address);
    let _other = push(Picture::With, &format!("{annexe}?{passphrase}"));
    wait_until_told(&home, "annexe", &["recording"]);

    let key = format!("{passphrase}&streamid=hall");
    for (wrong, remedy) in [
        (format!("{passphrase}&streamid=cellar"), "stream id must be \"hall\""),
        (passphrase.to_owned(), "stream id must be \"hall\""),
        ("passphrase=the-heron-flies&streamid=hall".to_owned(), "passphrase must be the same"),
    ] {
        let _encoder = push(Picture::With, &format!("{chamber}?{wrong}"));
        wait_until_told(&home, "chamber", &["refused", remedy]);
    }
    assert_eq!(server.recorded_ms("tonight"), 0);

    let first = push(Picture::Without, &format!("{chamber}?{key}"));
    wait_until_told(&home, "chamber", &["recording", "sound but no picture"]);
    let mut second = push(Picture::With, &format!("{chamber}?{key}"));
    wait_until_told(&home, "chamber", &["recording", "a second encoder"]);
    until("the second to give up", MINUTE, || second.has_ended().then_some(()));
    let before_ms = server.recorded_ms("tonight");
    until("the first to go on", MINUTE, || (server.recorded_ms("tonight") > before_ms + 3_000).then_some(()));
    assert_eq!(server.json("/api/v1/meetings/tonight")["media"]["video"], false);
    drop(first);
    wait_until_told(&home, "chamber", &["waiting"]);
    let picture = Encoder::push_picture("libx264", &format!("{chamber}?{key}"));
    wait_until_told(&home, "chamber", &["recording", "picture but no sound"]);
    drop(picture);
    wait_until_told(&home, "chamber", &["waiting"]);
    let _odd = Encoder::push_picture("vc2", &format!("{chamber}?{key}"));
    wait_until_told(&home, "chamber", &["set the encoder to H.264 and AAC"]);

    wait_until_told(&home, "annexe", &["recording"]);
    for rendition in ["a", "v"] {
        let segments = segments(&server, &format!("{}/{rendition}", server.media("meanwhile")));
        assert_eq!(runs(&segments).len(), 1, "the other room was disturbed: {segments:?}");
    }
    assert!(!server.log().contains("heron"), "{}", server.log());
}

/// Answers every request with a redirection to what only this machine can reach.
const REDIRECTING: &str = "
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header('Location', 'http://127.0.0.1:8080/live.m3u8')
        self.end_headers()
http.server.HTTPServer(('9.9.9.9', 80), Handler).serve_forever()
";

#[test]
fn a_redirection_into_the_private_network_is_not_followed() {
    let home = Home::new();
    room(&home, &["add", "Chamber", "--source", "http://9.9.9.9/live.m3u8"]).ok();
    announce(&home, "tonight", "chamber").ok();
    let script = home.write("redirecting.py", REDIRECTING);
    // A network of its own, in which this machine is also one of the public internet.
    let isolated = |command: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--net", "--pid", "--kill-child", "sh", "-c", command]).stdin(Stdio::null());
        shell
    };
    let network = "ip link set lo up && ip addr add 9.9.9.9/32 dev lo";
    if !isolated(network).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("left out: no network can be made here");
        return;
    }
    let serve = home.command(["serve", "--role", "record"]);
    let mut command = isolated(&format!(
        "{network} && {{ /usr/bin/python3 {} 2>/dev/null & exec {} serve --role record; }}",
        script.display(),
        serve.get_program().display()
    ));
    command.current_dir(serve.get_current_dir().unwrap());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut serving = command.stderr(Stdio::null()).spawn().unwrap();
    wait_until_told(&home, "chamber", &["failed", "127.0.0.1", "private_network"]);
    let _ = serving.kill();
    let _ = serving.wait();
}
