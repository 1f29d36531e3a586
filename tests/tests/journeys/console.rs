//! The clerk's console: who gets in, and a recording that is uploaded there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use moothall_store::{JobKind, JobState};
use moothall_tests::{
    Browser, CLERK, Console, Encoder, Home, MINUTE, Picture, SECOND, Server, Tireless, ffmpeg, free_port,
    password, speech, until,
};

use crate::fixtures::{SLUG, import_meeting, meeting_id};

#[test]
fn users_are_added_listed_given_passwords_and_removed() {
    for home in Home::on_each_database() {
        let first = home.add_user(CLERK, "clerk");
        let told = home.run([
            "user",
            "add",
            "ADA@ambleford.example",
            "--name",
            "Ada",
            "--council",
            "wick",
            "--role",
            "viewer",
        ]);
        assert!(told.ok().stdout.contains("The password stays as it was"));
        let listed = home.run(["user", "list"]).ok().stdout;
        for part in ["ada@ambleford.example  Ada Birch", "clerk          ambleford", "viewer         wick"] {
            assert!(listed.contains(part), "no {part:?} in {listed}");
        }
        let server = home.serve();
        assert_eq!(Console::sign_in(&server, CLERK, "a wrong password").err(), Some(403));
        let console = Console::sign_in(&server, CLERK, &first).unwrap();
        assert_eq!(console.get("/clerk").status, 200);

        let second = password(&home.run(["user", "set-password", CLERK]).ok().stdout);
        assert_eq!(console.get("/clerk").status, 303, "signed out by the new password");
        assert_eq!(Console::sign_in(&server, CLERK, &first).err(), Some(403));
        let console = Console::sign_in(&server, CLERK, &second).unwrap();

        home.run(["user", "remove", CLERK]).ok();
        assert_eq!(console.get("/clerk").status, 303);
        assert_eq!(Console::sign_in(&server, CLERK, &second).err(), Some(403));
        assert!(home.run(["user", "list"]).ok().stdout.is_empty());
        home.run(["user", "remove", CLERK]).fails_with(&[CLERK, "user list"]);
        home.run(["user", "add", "ada", "--name", "Ada", "--role", "clerk"])
            .fails_with(&["ada", "clerk@council.example"]);
        home.run(["user", "add", CLERK, "--name", "Ada", "--role", "boss"])
            .fails_with(&["boss", "administrator"]);
        assert!(!server.log().contains(&second), "a password is in the log");
    }
}

/// A film of the meeting's length that is larger than it need be, with its captions imported already.
fn film(home: &Home) -> PathBuf {
    let film = home.path("film.mp4");
    ffmpeg(
        "-f lavfi -i testsrc=size=320x180:rate=10:duration=70 -f lavfi -i sine=frequency=440:duration=70 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 20 -c:a aac",
        &film,
    );
    let mut bytes = fs::read(&film).unwrap();
    // A box that players pass over (ISO/IEC 14496-12, 8.1.2).
    let free_bytes: u32 = 24 << 20;
    bytes.extend(free_bytes.to_be_bytes());
    bytes.extend(b"free");
    bytes.resize(bytes.len() + free_bytes as usize - 8, 0);
    fs::write(&film, bytes).unwrap();
    film
}

#[test]
fn a_clerk_uploads_a_film_that_survives_a_killed_server_and_a_reload() {
    let home = Home::new();
    import_meeting(&home, "").ok();
    let password = home.add_user(CLERK, "clerk");
    let film = film(&home);
    let mut server = home.serve();
    let page = format!("{}/clerk/meetings/{SLUG}/upload", server.url);

    // Signing in by the keyboard, with the cursor where it belongs.
    let browser = Browser::open(1280, 900);
    browser.go(&page);
    browser.until("document.activeElement?.id === 'email'", 20 * SECOND);
    browser.strike(&[CLERK, Browser::TAB, &password, Browser::ENTER].concat());
    browser.until(
        &format!("location.href === '{page}' && !document.querySelector('#upload').hidden"),
        20 * SECOND,
    );

    browser.slow_down(2 << 20);
    browser.choose_file("#file", &film);
    browser.press("#start");
    browser.until("document.querySelector('#bar').value > 150", MINUTE);
    server.kill();
    browser.until("document.querySelector('#status').textContent.includes('Trying again')", MINUTE);
    server.restart(&home);
    let arrived = arrived(&home);
    assert!(arrived > 1 << 20, "{arrived} bytes outlived the server");
    // It goes on by itself.
    browser.until("document.querySelector('#bar').value > 350", MINUTE);

    browser.press("#pause");
    browser.until("document.querySelector('#status').textContent.startsWith('Paused')", 20 * SECOND);
    browser.go(&page);
    browser.until(
        "document.querySelector('#unfinished')?.textContent.includes('% of film.mp4 has come')",
        20 * SECOND,
    );
    let other = home.write("other.mp4", "something else");
    browser.choose_file("#file", &other);
    browser.press("#start");
    browser.until(
        "document.querySelector('#status').textContent.includes('not the file that was begun')",
        20 * SECOND,
    );
    browser.slow_down(1 << 30);
    browser.choose_file("#file", &film);
    browser.press("#start");
    browser.until("document.querySelector('#recorded')?.textContent.includes('1:10')", 2 * MINUTE);
    let uploads: Vec<_> = fs::read_dir(home.data().join("media/uploads")).unwrap().collect();
    assert!(uploads.is_empty(), "what was uploaded is removed: {uploads:?}");

    browser.go(&format!("{}/meetings/{SLUG}?t=32", server.url));
    browser.until(
        "(() => { const player = document.querySelector('video'); if (player?.paused) player.play().catch(() => undefined); \
         return player?.currentTime > 32.5; })()",
        MINUTE,
    );
}

/// How many bytes of the only upload are there.
fn arrived(home: &Home) -> u64 {
    let mut files = fs::read_dir(home.data().join("media/uploads")).unwrap();
    files.next().unwrap().unwrap().metadata().unwrap().len()
}

/// What the page says is wrong with the file that was uploaded last.
fn refusal(console: &Console) -> String {
    let page = format!("/clerk/meetings/{SLUG}/upload");
    let text = until("the file to be refused", MINUTE, || {
        Some(console.get(&page).text()).filter(|text| text.contains("id=\"problem\""))
    });
    text.split("id=\"problem\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

fn media(server: &Server) -> serde_json::Value {
    server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].clone()
}

#[test]
fn a_file_that_is_no_recording_is_refused_in_words_and_leaves_nothing() {
    let home = Home::new();
    import_meeting(&home, "").ok();
    let password = home.add_user(CLERK, "clerk");
    let film = film(&home);
    let whole = fs::read(&film).unwrap();
    let server = home.serve();
    let console = Console::sign_in(&server, CLERK, &password).unwrap();

    let minutes = home.write("minutes.mp4", "The minutes of the last meeting were agreed.");
    let cut = home.path("cut.mkv");
    ffmpeg(&format!("-i {} -c copy", film.display()), &cut);
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let silent = home.write("silent.mp4", replaced(&whole, b"mp4a", b"zzza"));
    let unknown = home.write("unknown.mp4", replaced(&replaced(&whole, b"avc1", b"zzzz"), b"mp4a", b"zzza"));
    for (file, parts) in [
        (&minutes, ["minutes.mp4", "neither video nor sound"]),
        (&cut, ["cut.mkv", "Upload the whole file"]),
        (&silent, ["silent.mp4", "picture or the sound"]),
        (&unknown, ["unknown.mp4", "H.264 and AAC"]),
    ] {
        upload(&console, file);
        let told = refusal(&console);
        for part in parts {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
        assert_eq!(media(&server), serde_json::Value::Null, "{}", file.display());
        let left: Vec<_> = fs::read_dir(home.data().join("media")).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "only the folder of uploads is there: {left:?}");
    }
    upload(&console, &film);
    until("the film to be recorded", MINUTE, || (media(&server)["finished"] == true).then_some(()));
    assert_eq!(media(&server)["duration_ms"].as_i64().unwrap() / 1_000, 70);
    let playlist = format!("/media/{}/a/index.m3u8", meeting_id(&server));
    assert!(server.page(&playlist).contains("1-0.m4s"));

    // Another takes its place, and none of its names.
    let shorter = home.path("shorter.mp4");
    ffmpeg(&format!("-i {} -t 20 -c copy", film.display()), &shorter);
    upload(&console, &shorter);
    let lasts_20_s = || media(&server)["duration_ms"].as_i64().unwrap() / 1_000 == 20;
    until("the shorter film to be recorded", MINUTE, || lasts_20_s().then_some(()));
    let text = server.page(&playlist);
    assert!(text.contains("2-0.m4s") && !text.contains("1-0.m4s"), "{text}");
}

fn upload(console: &Console, file: &Path) {
    console.upload(SLUG, file);
}

/// With one word of four letters in the place of another, everywhere.
fn replaced(bytes: &[u8], from: &[u8; 4], to: &[u8; 4]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(4).position(|word| word == from) {
        bytes[at..at + 4].copy_from_slice(to);
    }
    bytes
}

#[test]
fn a_recording_that_was_interrupted_is_begun_again() {
    let home = Home::new();
    import_meeting(&home, "").ok();
    let password = home.add_user(CLERK, "clerk");
    let sound = home.path("long.wav");
    ffmpeg("-f lavfi -i sine=frequency=440:duration=1800:sample_rate=48000", &sound);
    let mut server = home.serve();
    Console::sign_in(&server, CLERK, &password).unwrap().upload(SLUG, &sound);
    let job = || {
        home.database(async |db| {
            let meeting = db.meeting_by_slug(SLUG).await.unwrap().unwrap();
            let jobs = db.jobs_of(meeting.id).await.unwrap();
            jobs.into_iter().find(|job| job.kind == JobKind::Record).unwrap()
        })
    };
    until("the file to be recorded", MINUTE, || (job().done > 0).then_some(()));
    server.kill();
    assert_eq!(job().state, JobState::Running);
    server.restart(&home);
    // When its lease has run out.
    until("the recording to be made", 3 * MINUTE, || (media(&server)["finished"] == true).then_some(()));
    let recorded_ms = media(&server)["duration_ms"].as_i64().unwrap();
    assert!((recorded_ms - 1_800_000).abs() < 1_000, "{recorded_ms}");
    assert_eq!(fs::read_dir(home.data().join("media/uploads")).unwrap().count(), 0);
}

#[test]
fn a_clerk_runs_a_meeting_and_another_sees_it_happen() {
    let home = Home::new();
    let sound = speech(&home);
    let agenda = home.write("agenda.txt", "1 Apologies for absence\n2 Minutes\n3 Mill Lane footbridge\n");
    let address = format!("srt://127.0.0.1:{}", free_port());
    home.import(&format!("--air-delay 0 --agenda {} --source {address}?mode=listener", agenda.display()))
        .ok();
    let password = home.add_user(CLERK, "clerk");
    let server = home.serve();
    let _encoder = Tireless::start(move || Encoder::push(&sound, Picture::With, &address));
    until("something to be recorded", MINUTE, || (server.recorded_ms(SLUG) > 4_000).then_some(()));
    let page = format!("{}/clerk/meetings/{SLUG}", server.url);
    let [desk, tablet] = [(1280, 900), (320, 640)].map(|(width, height)| {
        let browser = Browser::open(width, height);
        browser.go(&page);
        browser.until("document.activeElement?.id === 'email'", 20 * SECOND);
        browser.strike(&[CLERK, Browser::TAB, &password, Browser::ENTER].concat());
        browser.until(&format!("location.href === '{page}'"), 20 * SECOND);
        browser
    });
    let state =
        |text: &str| format!("document.querySelector('.mh-run__state')?.textContent.trim() === '{text}'");
    // What one does, the other sees without asking.
    let both_read = |text: &str| {
        for browser in [&desk, &tablet] {
            browser.until(&state(text), 20 * SECOND);
        }
    };
    both_read("Live");
    // Who is just typing goes on typing.
    tablet.keys("details summary", Browser::ENTER);
    tablet.keys("#reason", "Legal");
    for item in ["1 Apologies for absence", "2 Minutes"] {
        desk.press("button[name=item]");
        let begun = format!("document.querySelector('[aria-current=step]')?.textContent.includes('{item}')");
        for browser in [&desk, &tablet] {
            browser.until(&begun, 20 * SECOND);
        }
    }
    let items = &server.json(&format!("/api/v1/meetings/{SLUG}"))["items"];
    assert_eq!(items[0]["spans"][0]["end_ms"], items[1]["spans"][0]["start_ms"], "{items}");

    assert_eq!(tablet.value("document.querySelector('#reason').value"), "Legal");
    assert_eq!(tablet.value("document.activeElement.id"), "reason");
    desk.keys("details summary", Browser::ENTER);
    desk.keys("#reason", &["Schedule 12A, paragraph 3", Browser::ENTER].concat());
    both_read("Private");
    let width = tablet.value("document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(width <= 320, "{width} pixels wide");
    tablet.keys("#confirm", " ");
    tablet.keys("#run form button", Browser::ENTER);
    both_read("Live");
    desk.press("button[value=adjourn]");
    both_read("Adjourned");
    desk.press("button[value=resume]");
    both_read("Live");
    desk.press("details:has(button[value=end]) summary");
    desk.press("button[value=end]");
    both_read("Ended, not published");
    desk.press("button[value=publish]");
    both_read("Published");
    assert_eq!(server.json(&format!("/api/v1/meetings/{SLUG}"))["state"], "published");
}
