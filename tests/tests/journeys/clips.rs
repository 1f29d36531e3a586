//! Pieces of a recording to take away, and pictures of it.

use moothall_tests::{Home, MINUTE, Server, ffmpeg, ffprobe, until};

use crate::{
    fixtures::{SLUG, import_film, meeting_id},
    media::duration_ms,
};

/// A film of the meeting's length with its captions, and pictures of it.
fn filmed() -> (Home, Server, String) {
    let home = Home::new();
    import_film(&home).ok();
    let server = home.serve();
    let media = format!("/media/{}", meeting_id(&server));
    until("the pictures of the recording", MINUTE, || {
        (server.get(&format!("{media}/poster.jpg")).status == 200).then_some(())
    });
    (home, server, media)
}

#[test]
fn a_recording_is_seen_in_lists_and_before_it_plays() {
    let (home, server, media) = filmed();
    let poster = format!("{media}/poster.jpg");
    assert!(server.page(&format!("/meetings/{SLUG}")).contains(&format!("poster=\"{poster}\"")));
    for list in ["/", "/meetings", "/committees/planning-committee"] {
        assert!(server.page(list).contains(&format!("<img src=\"{poster}\" alt=\"\"")), "{list}");
    }
    let told = &server.json(&format!("/api/v1/meetings/{SLUG}"))["media"];
    assert_eq!((told["poster"].as_str(), told["video"].as_bool()), (Some(poster.as_str()), Some(true)));

    let board = server.page(told["storyboard"].as_str().unwrap());
    // Seventy seconds, a picture for every ten.
    assert_eq!(board.matches("storyboard-0.jpg#xywh=").count(), 7, "{board}");
    for (address, width) in [(poster.clone(), 640), (format!("{media}/storyboard-0.jpg"), 1600)] {
        let answer = server.get(&address);
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "image/jpeg"), "{address}");
        let file = home.write("picture.jpg", answer.body);
        let read = ffprobe("-show_streams", &file.display().to_string());
        assert_eq!(read["streams"][0]["width"], width, "{address}");
    }

    home.run(["meeting", "withhold", SLUG]).ok();
    for file in ["poster.jpg", "storyboard.vtt", "storyboard-0.jpg"] {
        assert_eq!(server.get(&format!("{media}/{file}")).status, 404, "{file}");
    }
    for kind in ["mp4", "mp3"] {
        assert_eq!(server.get(&format!("/meetings/{SLUG}/clip.{kind}?t=1&to=2")).status, 404, "{kind}");
    }
    assert!(!server.page("/meetings").contains("poster.jpg"));
    assert!(!server.page(&format!("/meetings/{SLUG}")).contains("poster.jpg"));
}

#[test]
fn a_clip_holds_picture_sound_and_what_was_said() {
    let (home, server, _) = filmed();
    let taken = |kind: &str, range: &str| {
        let answer = server.get(&format!("/meetings/{SLUG}/clip.{kind}?{range}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        (answer.content_type.clone(), home.write(&format!("clip.{kind}"), answer.body))
    };
    let (content_type, file) = taken("mp4", "t=0:00:14.3&to=26");
    assert_eq!(content_type, "video/mp4");
    let read = ffprobe("-show_format -show_streams", &file.display().to_string());
    // The key frame before is at 14 s.
    assert!((duration_ms(&read) - 12_000).abs() < 150, "{read:#}");
    let streams = read["streams"].as_array().unwrap();
    let codecs: Vec<&str> = streams.iter().filter_map(|stream| stream["codec_name"].as_str()).collect();
    assert_eq!(codecs, ["h264", "aac", "mov_text"]);
    let said = home.path("said.srt");
    ffmpeg(&format!("-i {} -map 0:s", file.display()), &said);
    let said = std::fs::read_to_string(said).unwrap();
    assert!(said.contains("Dana Whitlock: The footbridge at Mill Lane"), "{said}");
    assert!(said.contains("forty thousand pounds") && !said.contains("heron"), "{said}");

    let (content_type, file) = taken("mp3", "t=1&to=0:00:31");
    assert_eq!(content_type, "audio/mpeg");
    let read = ffprobe("-show_format -show_streams", &file.display().to_string());
    assert!((duration_ms(&read) - 30_000).abs() < 150, "{read:#}");
    assert_eq!(read["streams"][0]["codec_name"], "mp3");
}

#[test]
fn a_clip_that_cannot_be_is_explained() {
    let (_home, server, _) = filmed();
    for (range, words) in [
        ("", "Say where the clip begins"),
        ("t=5", "Say where the clip begins"),
        ("t=5&to=soon", "“soon” is not a time"),
        ("t=9&to=5", "give a later end"),
        ("t=0&to=0:15:01", "at most 15 minutes"),
        ("t=0:20:00&to=0:20:10", "Nothing is recorded between 20:00 and 20:10"),
    ] {
        let answer = server.get(&format!("/meetings/{SLUG}/clip.mp4?{range}"));
        assert_eq!(answer.status, 400, "{range}");
        assert!(answer.text().contains(words), "{range}: {}", answer.text());
    }
    for address in ["/meetings/none/clip.mp4?t=1&to=2", &format!("/meetings/{SLUG}/clip.avi?t=1&to=2")] {
        assert_eq!(server.get(address).status, 404, "{address}");
    }
}
