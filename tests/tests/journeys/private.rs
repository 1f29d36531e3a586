//! Press and public are excluded: nothing of what is said or shown meanwhile exists anywhere.

use std::{collections::HashSet, f64::consts::TAU, path::Path, process::Command};

use moothall_tests::{
    Feed, Home, MINUTE, SAMPLE_RATE, SECOND, Server, free_port, models_dir, speech, tone, until,
};
use serde_json::Value;

use crate::fixtures::{SLUG, meeting_id};

const BEFORE_HZ: f64 = 1_000.0;
const PRIVATE_HZ: f64 = 3_000.0;
const AFTER_HZ: f64 = 5_000.0;
const REASON: &str = "Local Government Act 1972, Schedule 12A, paragraph 3";
/// Said in private only.
const SECRET: &str = "rhododendron";

#[test]
fn a_private_session_leaves_nothing_when_all_is_aired_at_once() {
    private_session(&Home::new(), 0);
}

#[test]
fn a_private_session_leaves_nothing_when_it_is_aired_late() {
    // The last one has PostgreSQL where the tests have a server.
    private_session(Home::on_each_database().last().unwrap(), 10);
}

fn private_session(home: &Home, air_delay_s: u32) {
    let port = free_port();
    home.import(&format!("--source srt://0.0.0.0:{port} --air-delay {air_delay_s}")).ok();
    let mut server = home.serve();
    let sounds = vec![
        sound(home, BEFORE_HZ, &speech(home)),
        sound(home, PRIVATE_HZ, &secret(home)),
        sound(home, AFTER_HZ, &speech(home)),
    ];
    let feed = Feed::push(sounds, &format!("srt://127.0.0.1:{port}"));
    until("something to be aired", MINUTE, || (server.recorded_ms(SLUG) > 5_000).then_some(()));

    home.run(["meeting", "private", SLUG, "--reason", REASON]).ok();
    feed.choose(1);
    let meeting = meeting(&server);
    assert_eq!(
        (meeting["private"]["reason"].as_str(), meeting["state"].as_str()),
        (Some(REASON), Some("live"))
    );
    assert!(server.page(&format!("/meetings/{SLUG}")).contains(REASON));
    home.run(["meeting", "private", SLUG, "--reason", REASON]).fails_with(&["private already"]);
    // The encoder is cut off and calls again and again.
    let calls = feed.calls();
    until("the encoder to be cut off", MINUTE, || (feed.calls() >= calls + 2).then_some(()));
    let folder = format!("/media/{}", meeting_id(&server));
    let aired = server.page(&format!("{folder}/a/index.m3u8"));
    assert!(!aired.contains("#EXT-X-ENDLIST"), "players come back by themselves");

    server.kill();
    server.restart(home);
    let calls = feed.calls();
    until("the encoder to call in vain", MINUTE, || (feed.calls() >= calls + 3).then_some(()));
    assert_eq!(self::meeting(&server)["private"]["reason"], REASON, "it stays private");
    assert_eq!(server.page(&format!("{folder}/a/index.m3u8")), aired);

    home.run(["meeting", "reopen", SLUG]).fails_with(&["stays private", "--confirm"]);
    // The encoder that is calling just now has the secret in its buffers.
    feed.choose(2);
    let before_ms = server.recorded_ms(SLUG);
    home.run(["meeting", "reopen", SLUG, "--confirm"]).ok();
    home.run(["meeting", "reopen", SLUG, "--confirm"]).fails_with(&["not private"]);
    until("the meeting to go on", MINUTE, || (server.recorded_ms(SLUG) > before_ms + 5_000).then_some(()));
    assert_eq!(self::meeting(&server)["private"], Value::Null);
    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    until("the recording to end", MINUTE, || {
        server.page(&format!("{folder}/a/index.m3u8")).contains("#EXT-X-ENDLIST").then_some(())
    });
    drop(feed);

    nothing_else_is_kept(home, &server, &folder);
    let clip = |kind: &str| format!("{}/meetings/{SLUG}/clip.{kind}?t=0&to=600", server.url);
    for address in [format!("{}{folder}/a/index.m3u8", server.url), clip("mp4"), clip("mp3")] {
        let tenths = [BEFORE_HZ, PRIVATE_HZ, AFTER_HZ].map(heard(&address));
        assert!(tenths[0] > 2 && tenths[1] == 0 && tenths[2] > 2, "{address}: tones for {tenths:?} tenths");
    }
    for address in [format!("{}{folder}/v/index.m3u8", server.url), clip("mp4")] {
        let shown = shown(&address, WHOLE);
        assert!(shown(BEFORE_HZ) && shown(AFTER_HZ), "{address}: what was public is seen");
        assert!(!shown(PRIVATE_HZ), "{address}: the secret is seen");
    }
    nothing_is_pictured_of_it(&server, &folder);
    nothing_is_written_of_it(home, &server);
}

fn meeting(server: &Server) -> Value {
    server.json(&format!("/api/v1/meetings/{SLUG}"))
}

/// Somebody speaking; a tone of a second comes before every three seconds of it.
fn sound(home: &Home, hertz: f64, speech: &Path) -> Vec<i16> {
    let tone = tone(hertz, SECOND);
    let samples = home.path("samples");
    moothall_tests::ffmpeg(&format!("-i {} -f s16le -ar {SAMPLE_RATE} -ac 1", speech.display()), &samples);
    let bytes = std::fs::read(samples).unwrap();
    let speech: Vec<i16> = bytes.as_chunks().0.iter().map(|&sample| i16::from_le_bytes(sample)).collect();
    speech.chunks(3 * SAMPLE_RATE).flat_map(|words| tone.iter().chain(words)).copied().collect()
}

fn secret(home: &Home) -> std::path::PathBuf {
    let file = home.path("secret.wav");
    let text = format!("The {SECRET} stands for a price. Nobody may hear the {SECRET}.");
    let spoken = Command::new("flite").args(["-voice", "rms", "-t", &text, "-o"]).arg(&file).status();
    assert!(spoken.is_ok_and(|status| status.success()), "flite is missing: apt-get install flite");
    file
}

/// All media files are in the playlists that are looked at below, and nothing waits in memory.
fn nothing_else_is_kept(home: &Home, server: &Server, folder: &str) {
    let id = meeting_id(server);
    for rendition in ["a", "v"] {
        let playlist = server.page(&format!("{folder}/{rendition}/index.m3u8"));
        let inits = playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""));
        let named: HashSet<String> = playlist
            .lines()
            .filter(|line| !line.starts_with('#'))
            .chain(inits.map(|line| line.trim_end_matches('"')))
            .map(str::to_owned)
            .collect();
        let files = std::fs::read_dir(home.data().join("media").join(&id).join(rendition)).unwrap();
        let kept: HashSet<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(kept, named);
    }
    for user in std::fs::read_dir("/dev/shm").unwrap() {
        let waiting = user.unwrap().path().join(&id);
        assert!(!waiting.exists(), "{} is still there", waiting.display());
    }
}

/// Says in how many tenths of a second a tone is by far the loudest sound.
fn heard(playlist: &str) -> impl Fn(f64) -> usize + use<> {
    const HZ: usize = 16_000;
    let samples = decoded(playlist, &["-f", "s16le", "-ar", "16000", "-ac", "1"]);
    let samples: Vec<f64> =
        samples.as_chunks().0.iter().map(|&sample| f64::from(i16::from_le_bytes(sample))).collect();
    move |hertz| {
        let is_loudest = |window: &&[f64]| {
            let angle = |n: usize| TAU * hertz * n as f64 / HZ as f64;
            let sum =
                |of: fn(f64) -> f64| window.iter().enumerate().map(|(n, x)| x * of(angle(n))).sum::<f64>();
            let tone = (sum(f64::sin).powi(2) + sum(f64::cos).powi(2)) * 2.0 / window.len() as f64;
            let all: f64 = window.iter().map(|x| x * x).sum();
            all > 1e6 && tone > 0.5 * all
        };
        samples.chunks_exact(HZ / 10).filter(is_loudest).count()
    }
}

fn nothing_is_pictured_of_it(server: &Server, folder: &str) {
    until("the pictures of the recording", MINUTE, || {
        (server.get(&format!("{folder}/poster.jpg")).status == 200).then_some(())
    });
    assert!(!shown(&format!("{}{folder}/poster.jpg", server.url), WHOLE)(PRIVATE_HZ));
    let board = server.page(&format!("{folder}/storyboard.vtt"));
    let tiles: Vec<&str> =
        board.lines().filter_map(|line| line.split_once("#xywh=")).map(|(_, at)| at).collect();
    assert!(tiles.len() > 1, "{board}");
    for tile in tiles {
        let [x, y, width, height] = tile.split(',').collect::<Vec<_>>()[..] else { panic!("{board}") };
        let sheet = format!("{}{folder}/storyboard-0.jpg", server.url);
        let shown = shown(&sheet, &format!("crop={width}:{height}:{x}:{y},{WHOLE}"));
        assert!(!shown(PRIVATE_HZ), "{tile}");
    }
}

/// For ffmpeg: a whole picture in the size in which it is looked at.
const WHOLE: &str = "scale=160:96";

/// Says whether any picture shows a tone in its spectrum: a bar where nothing else stands.
fn shown(address: &str, filter: &str) -> impl Fn(f64) -> bool + use<> {
    const WIDTH: usize = 160;
    const HEIGHT: usize = 96;
    let pictures = decoded(address, &["-f", "rawvideo", "-pix_fmt", "gray", "-vf", filter]);
    move |hertz| {
        let column = (hertz / (SAMPLE_RATE as f64 / 2.0) * WIDTH as f64) as usize;
        pictures.chunks_exact(WIDTH * HEIGHT).any(|picture| {
            // Above the line on which the bars stand.
            let rows = || picture.chunks_exact(WIDTH).take(HEIGHT - 6);
            let lit = |from: usize, to: usize| {
                rows().flat_map(|row| &row[from..to]).filter(|&&brightness| brightness > 40).count()
            };
            lit(column - 2, column + 3) > 5 && lit(column - 2, column + 3) == lit(0, WIDTH)
        })
    }
}

fn decoded(address: &str, options: &[&str]) -> Vec<u8> {
    let output = Command::new("timeout")
        .args(["60", "ffmpeg", "-nostdin", "-loglevel", "error", "-i", address])
        .args(options)
        .arg("-")
        .output()
        .unwrap();
    assert!(!output.stdout.is_empty(), "{address}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn nothing_is_written_of_it(home: &Home, server: &Server) {
    if models_dir().is_some() {
        let captions = server.transcript(home, SLUG, 3 * MINUTE);
        let text: String = captions.iter().filter_map(|caption| caption["text"].as_str()).collect();
        assert!(!text.is_empty() && !text.to_lowercase().contains(SECRET), "{text}");
    }
    assert_eq!(server.json(&format!("/api/v1/search?q={SECRET}"))["total"], 0);
    assert!(!server.log().contains(SECRET));
    let mut folders = vec![home.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            assert!(!holds(&std::fs::read(&path).unwrap(), SECRET), "{} has it", path.display());
        }
    }
    if let Some(rows) = home.dumped() {
        assert!(holds(&rows, REASON) && !holds(&rows, SECRET), "the database has it");
    }
    let audit = home.database(async |db| db.audit_of(&meeting_id(server)).await.unwrap());
    let actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["meeting.import", "meeting.private", "meeting.reopen", "meeting.state", "meeting.state"]
    );
}

/// In capitals or not.
fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}
