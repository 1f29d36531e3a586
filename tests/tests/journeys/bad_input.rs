//! Files that are not what they should be: each is told by name and place with its remedy, and the rest
//! comes in.

use std::fs;

use moothall_tests::{Home, ffmpeg};

use crate::fixtures::{SLUG, fixture, import_meeting};

#[test]
fn what_is_no_media_is_told_and_the_rest_is_kept() {
    let home = Home::new();
    let film = home.write("film.mp4", "This is a letter, not a film.\n".repeat(1_000));
    import_meeting(&home, &format!("--media {}", film.display())).fails_with(&["film.mp4", "MP4"]);
    home.import("--media nowhere.mp4").fails_with(&["nowhere.mp4"]);
    let empty = home.write("empty.flac", "");
    home.import(&format!("--media {}", empty.display())).fails_with(&["empty.flac"]);
    home.run(["transcribe", "film.mp4"]).fails_with(&["film.mp4"]);

    let server = home.serve();
    assert!(server.page(&format!("/meetings/{SLUG}")).contains("heron walk"));
    assert!(server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].is_null());
}

#[test]
fn of_truncated_media_what_is_there_is_kept() {
    let home = Home::new();
    let film = home.path("film.mkv");
    ffmpeg(
        "-f lavfi -i testsrc=size=320x180:rate=10:duration=30 -f lavfi -i sine=frequency=440:duration=30 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 20 -c:a aac",
        &film,
    );
    let bytes = fs::read(&film).unwrap();
    let cut = home.write("cut.mkv", &bytes[..bytes.len() / 2]);
    let told = import_meeting(&home, &format!("--media {}", cut.display()));
    assert!(told.success, "{told:?}");
    told.complains_of(&["warning", "cut.mkv"]);
    let server = home.serve();
    let media = server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].clone();
    let kept_ms = media["duration_ms"].as_i64().unwrap();
    assert!((8_000..25_000).contains(&kept_ms), "{kept_ms} ms were kept");

    // The whole film replaces it, also for a server that has read the old one.
    server.page(media["url"].as_str().unwrap());
    home.import(&format!("--media {}", film.display())).ok();
    let media = server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].clone();
    assert!(media["duration_ms"].as_i64().unwrap() > 29_000, "{media}");
    let playlist = server.page(&media["url"].as_str().unwrap().replace("master.m3u8", "a/index.m3u8"));
    let seconds: f64 = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
        .map(|duration| duration.trim_end_matches(',').parse::<f64>().unwrap())
        .sum();
    assert!(seconds > 29.0, "{playlist}");
}

/// A PDF of one page with nothing on it; with a password where `encryption` is given.
fn pdf(encryption: &str) -> String {
    format!(
        "%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n\
         2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n\
         3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]>> endobj\n\
         trailer <</Root 1 0 R /Size 4 {encryption}>>\n%%EOF\n"
    )
}

#[test]
fn agendas_that_cannot_be_read_say_why() {
    let home = Home::new();
    // The check sum of no password at all, which no password fits.
    let locked = "/ID [<00> <00>] /Encrypt <</Filter /Standard /V 1 /R 2 /P -4 \
                  /O (0123456789abcdef0123456789abcdef) /U (0123456789abcdef0123456789abcdef)>>";
    let files = [
        ("scanned.pdf", pdf(""), "ocrmypdf"),
        ("locked.pdf", pdf(locked), "password"),
        ("broken.pdf", "%PDF-1.4\nand no more".to_owned(), "damaged"),
        ("broken.xml", "<?xml version=\"1.0\"?>\n<meeting>\n<agendaitem></meeting>".to_owned(), "line 3"),
        ("empty.txt", String::new(), "1. Apologies"),
        ("page.html", "<!DOCTYPE html><p>Agenda".to_owned(), "web page"),
    ];
    for (name, contents, remedy) in files {
        let file = home.write(name, contents);
        home.run(["agenda", name]).fails_with(&[name, remedy]);
        home.import(&format!("--agenda {} --captions {}", file.display(), fixture("captions.vtt").display()))
            .fails_with(&[name, remedy]);
    }
    // The captions came in nevertheless, at the first attempt.
    let captions = home.database(async |db| {
        let meeting = db.meeting_by_slug(SLUG).await.unwrap().unwrap();
        db.captions(meeting.id, moothall_core::MediaTime::ZERO).await.unwrap()
    });
    assert_eq!(captions.len(), 11);
}

#[test]
fn captions_with_impossible_times_are_mended() {
    let home = Home::new();
    let captions = home.write(
        "muddle.vtt",
        "WEBVTT\n\n00:00:10.000 --> 00:00:16.000\nThis one reaches into the next.\n\n\
         00:00:14.000 --> 00:00:18.000\nThis one is in its place.\n\n\
         00:00:02.000 --> 00:00:05.000\nThis one was spoken first.\n\n\
         00:00:20.000 --> nonsense\nThis one has no end.\n\n\
         00:00:30.000 --> 00:00:34.000\nThis one is the last.\n",
    );
    let told = home.import(&format!("--captions {} --publish", captions.display()));
    assert!(told.success, "{told:?}");
    told.complains_of(&["muddle.vtt: line 3", "muddle.vtt: line 9", "muddle.vtt: line 12"]);
    let server = home.serve();
    let transcript = server.json(&format!("/api/v1/meetings/{SLUG}/transcript"));
    let times: Vec<(i64, i64)> = transcript["captions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|caption| (caption["start_ms"].as_i64().unwrap(), caption["end_ms"].as_i64().unwrap()))
        .collect();
    assert!(times.len() >= 4 && times[0].0 == 2_000, "{times:?}");
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
    let nothing = home.write("nothing.vtt", "Dear Sir or Madam\n");
    home.import(&format!("--captions {}", nothing.display())).fails_with(&["nothing.vtt", "WebVTT"]);
}

#[test]
fn logs_with_unknown_names_and_bad_rows_bring_what_is_good() {
    let home = Home::new();
    import_meeting(&home, "").ok();
    let speakers = home.write(
        "speakers.csv",
        "time,name,role\n00:00:01.000,Cllr Ruth Amin,Chair\nhalf past six,Cllr Tom Hale,Member\n\
         00:00:09.000,Cllr Norma Nevermet,Member\n00:00:40.000,,Chair\n",
    );
    let items = home.write("items.csv", "time,number\n00:00:01.000,1\n00:00:20.000,99z\n-3,2\n");
    let told = home.import(&format!("--speakers {} --items {}", speakers.display(), items.display()));
    assert!(told.success, "{told:?}");
    told.complains_of(&[
        "speakers.csv: line 3",
        "Cllr Norma Nevermet",
        "speakers.csv: line 5",
        "the agenda has no item 99z",
        "items.csv: line 4",
    ]);
    let server = home.serve();
    let meeting = server.json(&format!("/api/v1/meetings/{SLUG}"));
    assert_eq!(meeting["items"][0]["spans"][0]["start_ms"], 1_000, "{meeting:#}");
    let no_header = home.write("bare.csv", "00:00:01.000,Cllr Ruth Amin\n");
    home.import(&format!("--speakers {}", no_header.display())).fails_with(&["bare.csv", "time,name,role"]);
}

#[test]
fn a_source_that_cannot_be_is_refused_with_an_example() {
    let home = Home::new();
    home.import("--source webrtc://camera/live").fails_with(&["webrtc", "srt://"]);
    home.import("--source rtmp://0.0.0.0:1935/live")
        .fails_with(&["stream key", "rtmp://0.0.0.0:1935/live?key="]);
    home.import("--source srt://0.0.0.0:9710?passphrase=short").fails_with(&["10 to 79"]);
}
