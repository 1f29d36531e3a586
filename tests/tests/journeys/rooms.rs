//! Rooms: an encoder is connected once with what the command printed, and its key can be changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use moothall_core::Clock;
use moothall_tests::{Encoder, Home, MINUTE, Picture, Server, Told, free_port, speech, until};

const SLUG: &str = "tonight";

pub fn room(home: &Home, arguments: &[&str]) -> Told {
    home.run(["room", "--council", "ambleford"].iter().chain(arguments))
}

/// Announces a meeting in a room, which begins now.
pub fn announce(home: &Home, slug: &str, room: &str) -> Told {
    let start = Clock::System.now().to_rfc3339();
    let meeting = ["import", "meeting", "--council", "ambleford", "--committee", "Planning Committee"];
    let rest = ["--title", "Planning Committee", "--start", &start, "--slug", slug, "--room", room];
    home.run(meeting.iter().chain(&rest))
}

/// What a command printed for the encoder: where to push, and the key that is in it.
struct Shown {
    address: String,
    key: String,
}

impl Shown {
    fn by(told: &Told) -> Self {
        let after = |label: &str| {
            let line = told.stdout.lines().find_map(|line| line.trim().strip_prefix(label));
            line.map(|value| value.trim().to_owned())
        };
        let (encoder, passphrase) = (after("encoder"), after("passphrase"));
        // In OBS these are two fields.
        let (server, stream_key) = (after("server"), after("stream key"));
        let in_two = server.zip(stream_key).map(|(server, key)| (format!("{server}/{key}"), key));
        let (address, key) =
            encoder.zip(passphrase).or(in_two).unwrap_or_else(|| panic!("no key in {told:?}"));
        assert!(address.contains(&key), "{told:?}");
        Self { address, key }
    }
}

#[track_caller]
fn wait_for_state(home: &Home, state: &str) -> String {
    until(&format!("the room to be {state}"), MINUTE, || {
        let list = room(home, &["list"]).ok().stdout;
        list.contains(&format!("state      {state} ")).then_some(list)
    })
}

#[test]
fn an_encoder_gets_in_with_the_key_of_the_room_until_it_is_changed() {
    for home in Home::on_each_database() {
        let source = format!("srt://127.0.0.1:{}?mode=listener&latency=100", free_port());
        key_is_changed(&home, &source, "passphrase");
    }
}

#[test]
fn an_rtmp_encoder_gets_in_with_the_key_of_the_room_until_it_is_changed() {
    key_is_changed(&Home::new(), &format!("rtmp://127.0.0.1:{}/live", free_port()), "stream key");
}

fn key_is_changed(home: &Home, source: &str, key_is_called: &str) {
    let sound = speech(home);
    let first = Shown::by(&room(home, &["add", "Council Chamber", "--source", source]).ok());
    announce(home, SLUG, "council-chamber").ok();
    let server = home.serve();
    server.wait_for_log("waiting for an encoder", MINUTE);
    assert!(wait_for_state(home, "waiting").contains(source), "without its key");

    let mut encoder = Encoder::push(&sound, Picture::With, &first.address);
    until("the first key to get in", MINUTE, || (server.recorded_ms(SLUG) > 2_000).then_some(()));
    assert_eq!(server.json(&format!("/api/v1/meetings/{SLUG}"))["state"], "live");
    wait_for_state(home, "recording");

    let second = Shown::by(&room(home, &["rotate-key", "council-chamber"]).ok());
    assert_ne!(first.key, second.key);
    until("the connection to end", MINUTE, || encoder.has_ended().then_some(()));
    // The state is told before anybody listens with the new key.
    until("somebody to listen again", MINUTE, || {
        (server.log().matches("waiting for an encoder").count() > 1).then_some(())
    });
    wait_for_state(home, "waiting");
    let before_ms = server.recorded_ms(SLUG);
    encoder = Encoder::push(&sound, Picture::With, &first.address);
    assert!(wait_for_state(home, "refused").contains(key_is_called));
    drop(encoder);
    assert_eq!(server.recorded_ms(SLUG), before_ms, "what the old key brings is not recorded");
    let _encoder = Encoder::push(&sound, Picture::With, &second.address);
    until("the second key to get in", MINUTE, || {
        (server.recorded_ms(SLUG) > before_ms + 2_000).then_some(())
    });
    let id = server.json(&format!("/api/v1/meetings/{SLUG}"))["id"].as_str().unwrap().to_owned();
    until("one playlist with both", MINUTE, || {
        let playlist = server.page(&format!("/media/{id}/a/index.m3u8"));
        (playlist.matches("#EXT-X-DISCONTINUITY\n").count() == 1).then_some(())
    });

    room(home, &["remove", "council-chamber"]).fails_with(&["council-chamber", SLUG]);
    for key in [&first.key, &second.key] {
        is_nowhere(home, &server, key.as_bytes());
    }
    home.run(["meeting", "end", SLUG]).ok();
    wait_for_state(home, "idle");
    room(home, &["remove", "council-chamber"]).ok();
}

#[test]
fn a_meeting_whose_source_another_waits_for_is_warned_of() {
    let home = Home::new();
    let announced = |slug: &str, port: u16| {
        home.import(&format!("--slug {slug} --source srt://127.0.0.1:{port}?mode=listener")).ok()
    };
    let (port, other_port) = (free_port(), free_port());
    announced("monday", port);
    let second = announced("tuesday", port);
    assert!(second.stderr.contains("monday") && second.stderr.contains("at a time"), "{second:?}");
    let third = announced("wednesday", other_port);
    assert!(!third.stderr.contains("at a time"), "{third:?}");
    home.run(["meeting", "end", "monday"]).ok();
    let again = announced("tuesday", port);
    assert!(!again.stderr.contains("at a time"), "{again:?}");
}

/// A secret is in no log, no answer and no file.
fn is_nowhere(home: &Home, server: &Server, secret: &[u8]) {
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(!holds(server.log().as_bytes()), "the log has it");
    let meeting = format!("/api/v1/meetings/{SLUG}");
    for path in ["/", "/api/v1/meetings", &meeting, &format!("/meetings/{SLUG}")] {
        assert!(!holds(&server.get(path).body), "{path} has it");
    }
    let files = files_in(&home.data());
    assert!(!files.is_empty());
    for file in files {
        assert!(!holds(&fs::read(&file).unwrap()), "{} has it", file.display());
    }
    let entries = home.database(async |db| {
        let mut entries = String::new();
        for room in db.rooms().await.unwrap() {
            entries += &format!("{room:?} {:?}", db.audit_of(&room.id.to_string()).await.unwrap());
        }
        entries
    });
    assert!(!holds(entries.as_bytes()), "{entries}");
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_in(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn a_lost_key_of_the_installation_is_told_in_the_room_and_mended_by_a_new_key() {
    let home = Home::new();
    let source = format!("srt://127.0.0.1:{}?mode=listener", free_port());
    let given = format!("{source}&passphrase=the-heron-walks");
    let first = Shown::by(&room(&home, &["add", "Council Chamber", "--source", &given]).ok());
    assert_eq!(first.key, "the-heron-walks");
    announce(&home, SLUG, "council-chamber").ok();
    fs::remove_file(home.data().join("secret.key")).unwrap();
    let server = home.serve();
    let list = wait_for_state(&home, "failed");
    assert!(list.contains("secret.key") && list.contains("moothall room rotate-key"), "{list}");
    assert_eq!(server.get("/").status, 200, "the rest goes on");
    let second = Shown::by(&room(&home, &["rotate-key", "council-chamber"]).ok());
    wait_for_state(&home, "waiting");
    let _encoder = Encoder::push(&speech(&home), Picture::Without, &second.address);
    wait_for_state(&home, "recording");
    assert!(!server.log().contains("the-heron-walks"), "{}", server.log());
}

#[test]
fn rooms_are_added_changed_and_removed_and_nonsense_is_refused() {
    for home in Home::on_each_database() {
        let add = |name: &str, source: &str| room(&home, &["add", name, "--source", source]);
        let shown = Shown::by(&add("Council Chamber", "srt://0.0.0.0:9710?streamid=hall").ok());
        assert!(shown.address.ends_with("&streamid=hall"), "{}", shown.address);
        assert_eq!(shown.key.len(), 20);
        add("Council  chamber!", "srt://:9711").fails_with(&["council-chamber", "already"]);
        add("…", "srt://:9711").fails_with(&["letters or digits"]);
        add("Annexe", "film.mp4").fails_with(&["srt://0.0.0.0:9710"]);
        let short = add("Annexe", "srt://:9711?passphrase=heron").fails_with(&["10 to 79"]);
        assert!(!short.stderr.contains("heron"), "{short:?}");
        room(&home, &["add", "Annexe", "--source", "srt://:9711", "--air-delay", "301"]).fails_with(&["300"]);
        // The encoder that we call has the key already, or wants none.
        let told = add("Annexe", "srt://encoder.example:9710").ok();
        assert!(!told.stdout.contains("passphrase"), "{told:?}");
        room(&home, &["rotate-key", "annexe"]).fails_with(&["its encoder's", "room set annexe"]);
        let told = add("Lobby", "rtsp://me:the-heron-walks@camera.example/main?channel=1").ok();
        assert!(!told.stdout.contains("heron"), "{told:?}");
        let chosen = add("Hall", "rtmp://:1935/live?key=the-heron-walks").fails_with(&["leave ?key= out"]);
        assert!(!chosen.stderr.contains("heron"), "{chosen:?}");

        announce(&home, SLUG, "cellar").fails_with(&["no room cellar", "room list"]);
        room(&home, &["set", "cellar", "--name", "Cellar"]).fails_with(&["no room cellar"]);
        let change = ["set", "annexe", "--name", "The Annexe", "--source", "srt://:9710", "--air-delay", "0"];
        let told = room(&home, &change).ok().complains_of(&["port 9710", "annexe", "council-chamber"]);
        Shown::by(&told);
        // Another port, the same key.
        let told = room(&home, &["set", "annexe", "--source", "srt://:9712"]).ok();
        assert!(!told.stdout.contains("passphrase") && !told.stderr.contains("warning"), "{told:?}");
        let list = room(&home, &["list"]).ok().stdout;
        assert!(list.contains("rtsp://camera.example:554/main") && !list.contains("heron"), "{list}");
        for part in ["ambleford/annexe  The Annexe", "srt://0.0.0.0:9712?mode=listener", "0 s", "idle since"]
        {
            assert!(list.contains(part), "no {part:?} in {list}");
        }
        let actions = home.database(async |db| {
            let rooms = db.rooms().await.unwrap();
            let annexe = rooms.iter().find(|room| room.slug == "annexe").unwrap();
            assert!(annexe.main.sealed_secret.is_some());
            let entries = db.audit_of(&annexe.id.to_string()).await.unwrap();
            entries.into_iter().map(|entry| entry.action).collect::<Vec<_>>()
        });
        assert_eq!(actions, ["room.add", "room.set", "room.set"]);
        room(&home, &["remove", "annexe"]).ok();
        assert!(!room(&home, &["list"]).ok().stdout.contains("annexe"));

        // In a room, then with a source of its own: whichever was given last counts.
        announce(&home, SLUG, "council-chamber").ok();
        room(&home, &["remove", "council-chamber"]).fails_with(&[SLUG]);
        let own = format!("srt://127.0.0.1:{}", free_port());
        home.import(&format!("--slug {SLUG} --source {own}")).ok();
        room(&home, &["remove", "council-chamber"]).ok();
    }
}
