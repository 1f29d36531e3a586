//! A technician is told what is wrong in the chamber, on the room's page, by webhook and by mail.

use std::io::{BufRead, BufReader};

use moothall_core::{Clock, Secret};
use moothall_tests::{Encoder, Home, MINUTE, Picture, Received, Receiver, Server, ffmpeg, free_port, until};
use serde_json::Value;

const SLUG: &str = "tonight";
const EVENTS: &str = "/clerk/rooms/council-chamber/events";
const ROOM: &str = "/clerk/rooms/council-chamber";
const SECRET: &str = "the-heron-walks-at-noon";
const LEFT_SILENT: &str = "The left channel has been silent";

#[test]
fn a_channel_that_falls_silent_is_told_of_and_so_is_its_end() {
    for home in Home::on_each_database() {
        left_channel_falls_silent(&home);
    }
}

fn left_channel_falls_silent(home: &Home) {
    let (hook, mail) = (Receiver::http(), Receiver::smtp());
    // The other limits are those of every installation.
    let alerts = format!(
        "private_network = true\n[alerts]\nwebhook = 'http://127.0.0.1:{}/hook'\nwebhook_secret = '{SECRET}'\n\
         email = ['av@ambleford.example', 'it@ambleford.example']\nfrom = 'Moothall <moothall@ambleford.example>'\n\
         smtp = 'smtp://127.0.0.1:{}'\n[alerts.thresholds]\nsilence_s = 3\nover_s = 3\n\
         no_source_s = 300\nlow_bitrate_kbps = 10.0\n",
        hook.port, mail.port
    );
    home.write("moothall.toml", alerts);
    let address = format!("srt://127.0.0.1:{}", free_port());
    let room = ["room", "--council", "ambleford", "add", "Council Chamber", "--source"];
    let added = home.run(room.iter().chain(&[format!("{address}?mode=listener").as_str()])).ok();
    let passphrase = added.stdout.lines().find_map(|line| line.trim().strip_prefix("passphrase"));
    let encoder = format!("{address}?passphrase={}", passphrase.unwrap().trim());
    assert!(check(home).stdout.contains("warning  meeting"), "no meeting is announced");
    let start = Clock::System.now().to_rfc3339();
    let meeting = ["import", "meeting", "--council", "ambleford", "--committee", "Planning Committee"];
    let rest =
        ["--title", "Planning Committee", "--start", &start, "--slug", SLUG, "--room", "council-chamber"];
    home.run(meeting.iter().chain(&rest)).ok();

    let mut server = home.serve();
    let cookie = sign_in(home, &server);
    assert!(server.get(EVENTS).text().contains("name=\"password\""), "others are led to the door");
    server.wait_for_log("waiting for an encoder", MINUTE);
    let waiting = page(&server, &cookie, ROOM);
    assert!(waiting.contains("Waiting for the encoder") && waiting.contains("Nothing is being measured now"));
    let told = check(home);
    assert!(!told.success && told.stdout.contains("problem  encoder"), "{told:?}");

    // Nobody answers at first, and the program dies: what is to be told is not lost.
    hook.refuse(true);
    mail.refuse(true);
    let [left_silent, both] = ["c0=0*c0|c1=c0", "c0=c0|c1=c0"].map(|channels| sound(home, channels));
    let pushing = Encoder::push(&left_silent, Picture::With, &encoder);
    until("the finding on the page", MINUTE, || {
        page(&server, &cookie, ROOM).contains(LEFT_SILENT).then_some(())
    });
    let shown = page(&server, &cookie, ROOM);
    for part in
        ["Recording", "check the cable from the mixing desk", "aria-label=\"Left\"", "320 × 180", "silent"]
    {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(page(&server, &cookie, "/clerk/rooms").contains("Left channel silent"));
    let told = check(home);
    assert!(!told.success && told.stdout.contains("the left channel is silent"), "{told:?}");
    for target in ["webhook", "email"] {
        server.wait_for_log(&format!("the {target} was not taken"), MINUTE);
    }
    server.kill();
    hook.refuse(false);
    mail.refuse(false);
    server.restart(home);
    let began = until("the message of its beginning", MINUTE, || hook.received().first().cloned());
    assert_signed(&began);
    let body: Value = serde_json::from_str(&began.body).unwrap();
    assert_eq!(
        (body["event"].as_str(), body["finding"]["kind"].as_str()),
        (Some("finding.begin"), Some("one_sided"))
    );
    assert_eq!((&body["room"]["slug"], &body["meeting"]["slug"]), (&"council-chamber".into(), &SLUG.into()));
    assert!(body["text"].as_str().unwrap().starts_with(LEFT_SILENT), "{body}");
    let letter = until("the mail", MINUTE, || mail.received().first().cloned());
    assert_eq!(letter.header("subject"), "Council Chamber: Left channel silent");
    assert!(letter.header("to").contains("it@ambleford.example"), "{letter:?}");

    drop(pushing);
    let _pushing = Encoder::push(&both, Picture::With, &encoder);
    until("the end of the finding", MINUTE, || {
        let page = page(&server, &cookie, ROOM);
        (page.contains("Nothing is wrong that can be measured") && page.contains("What was wrong before"))
            .then_some(())
    });
    let ended = until("the message of its end", MINUTE, || hook.received().get(1).cloned());
    assert_signed(&ended);
    assert!(
        ended.body.contains("finding.end") && ended.body.contains("Left channel silent: over"),
        "{ended:?}"
    );
    until("the second mail", MINUTE, || mail.received().get(1).cloned());
    until("a row of the series on the page", MINUTE, || {
        page(&server, &cookie, ROOM).contains("<path").then_some(())
    });
    assert!(first_event(&server, &cookie).contains("event: meters"));
    let told = check(home);
    assert!(told.stdout.contains("ok       sound"), "{told:?}");

    let reason = ["meeting", "private", SLUG, "--reason", "Schedule 12A, paragraph 3"];
    home.run(reason).ok();
    until("nothing to be measured", MINUTE, || {
        page(&server, &cookie, ROOM)
            .contains("Press and public are excluded: nothing is measured")
            .then_some(())
    });
    assert_eq!((hook.received().len(), mail.received().len()), (2, 2), "each is told once");
    assert!(!server.log().contains(SECRET) && !server.log().contains("/hook"), "{}", server.log());
}

/// Somebody humming, as the channels of a stereo file.
fn sound(home: &Home, channels: &str) -> std::path::PathBuf {
    let file = home.path(&format!("{}.wav", moothall_core::slugify(channels)));
    let hum = format!("sine=frequency=300:sample_rate=48000:duration=20,volume=6dB,pan=stereo|{channels}");
    ffmpeg(&format!("-f lavfi -i {hum}"), &file);
    file
}

fn check(home: &Home) -> moothall_tests::Told {
    home.run(["room", "--council", "ambleford", "check", "council-chamber"])
}

fn assert_signed(received: &Received) {
    let signature = Secret::new(SECRET).signature(received.body.as_bytes());
    assert_eq!(received.header("moothall-signature"), format!("sha256={signature}"));
    assert!(!received.header("moothall-delivery").is_empty(), "{received:?}");
}

/// The cookie of somebody who may look.
fn sign_in(home: &Home, server: &Server) -> String {
    let email = "av@ambleford.example";
    let user = ["user", "add", email, "--name", "Av", "--council", "ambleford", "--role", "viewer"];
    let told = home.run(user).ok().stdout;
    let password = told.lines().find_map(|line| line.trim().strip_prefix("password")).unwrap().trim();
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
    let form = [("email", email), ("password", password)];
    let answer = agent.post(format!("{}/login", server.url)).send_form(form).unwrap();
    let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

#[track_caller]
fn page(server: &Server, cookie: &str, path: &str) -> String {
    let answer = ureq::get(format!("{}{path}", server.url)).header("cookie", cookie).call();
    answer.unwrap().body_mut().read_to_string().unwrap()
}

/// What the server sends first to a browser that listens.
fn first_event(server: &Server, cookie: &str) -> String {
    let answer = ureq::get(format!("{}{EVENTS}", server.url)).header("cookie", cookie).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let lines = BufReader::new(answer.into_body().into_reader()).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    lines.join("\n")
}
