//! A meeting whose sound is imported: recorded, written down, found and played.

use moothall_tests::{Home, MINUTE, SECOND, Server, ffmpeg, ffprobe, models_dir, shared_data, speech, until};

use crate::fixtures::{SLUG, import_meeting, meeting_id};

#[test]
fn the_sound_of_a_meeting_is_recorded_written_down_and_found() {
    if models_dir().is_none() {
        return;
    }
    let home = Home::new();
    let real = shared_data("audio/meeting-7min.flac");
    let sound = real.clone().unwrap_or_else(|| speech(&home));
    let duration_ms = duration_ms(&ffprobe("-show_format", &sound.display().to_string()));
    let told = home.import(&format!("--media {} --publish", sound.display())).ok();
    assert!(told.stdout.contains("recorded"), "{told:?}");
    let server = home.serve();

    let media = server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].clone();
    assert_eq!((&media["video"], &media["finished"]), (&false.into(), &true.into()));
    let recorded_ms = media["duration_ms"].as_i64().unwrap();
    assert!((recorded_ms - duration_ms).abs() < 100, "{recorded_ms} ms of {duration_ms}");
    let address = format!("{}{}", server.url, media["url"].as_str().unwrap());
    let read_ms = self::duration_ms(&ffprobe("-show_format", &address));
    assert!((read_ms - duration_ms).abs() < 200, "{read_ms} ms of {duration_ms}");
    assert!(server.page(&format!("/meetings/{SLUG}")).contains("<audio"));

    let captions = server.transcript(&home, SLUG, 8 * MINUTE);
    captions_are_fit_to_read(&captions, recorded_ms);
    let last_ms = captions.last().unwrap()["end_ms"].as_i64().unwrap();
    assert!(last_ms > recorded_ms - 30_000, "the transcript ends at {last_ms} of {recorded_ms} ms");

    // A long word of the transcript leads to the second at which it is said.
    let words = captions.iter().flat_map(|caption| caption["words"].as_array().unwrap());
    let word = words.max_by_key(|word| word["text"].as_str().unwrap().len()).unwrap();
    let asked: String =
        word["text"].as_str().unwrap().chars().filter(|letter| letter.is_alphabetic()).collect();
    let answer = server.found(&format!("q={asked}"));
    let at_s = word["start_ms"].as_f64().unwrap() / 1_000.0;
    let hits = answer["hits"].as_array().unwrap();
    let near = hits.iter().any(|hit| (0.0..8.0).contains(&(at_s - hit["t"].as_f64().unwrap())));
    assert!(near, "{asked} is said at {at_s}: {answer:#}");

    // Nobody has said who speaks, but the voices are told apart; `meeting-7min` is read by six people.
    if real.is_some() {
        let speakers = until("the voices", 5 * MINUTE, || {
            let answer = server.found("q=the&committee=");
            let facet = answer["facets"]["speaker"].as_array().unwrap().clone();
            (!facet.is_empty()).then_some(facet)
        });
        let names: Vec<&str> = speakers.iter().map(|speaker| speaker["label"].as_str().unwrap()).collect();
        assert!((4..=6).contains(&names.len()), "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("Speaker ")), "{names:?}");
        let transcript = server.page(&format!("/meetings/{SLUG}/transcript"));
        assert!(transcript.contains("Speaker 6") && transcript.contains("told apart by voice"));
        assert!(!transcript.contains("Speaker 7"));
    }

    // What is there already is not recorded again.
    let again = home.import(&format!("--media {} --publish", sound.display())).ok();
    assert!(again.stdout.contains("is as it was"), "{again:?}");

    // A log knows better than the voices.
    let log = home.path("speakers.csv");
    std::fs::write(&log, "time,name,role\n00:00:00,Ngozi Okafor,Chair\n").unwrap();
    home.import(&format!("--speakers {} --publish", log.display())).ok();
    let speakers = server.json(&format!("/api/v1/meetings/{SLUG}"))["speakers"].clone();
    let names: Vec<&str> =
        speakers.as_array().unwrap().iter().map(|speaker| speaker["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ngozi Okafor"]);
}

fn captions_are_fit_to_read(captions: &[serde_json::Value], recorded_ms: i64) {
    let mut before_ms = 0;
    for caption in captions {
        // Durations are cut to milliseconds; the sound may end within the next.
        let (start_ms, end_ms) = (caption["start_ms"].as_i64().unwrap(), caption["end_ms"].as_i64().unwrap());
        assert!(before_ms <= start_ms && start_ms < end_ms && end_ms <= recorded_ms + 1, "{caption:#}");
        before_ms = end_ms;
        let lines: Vec<&str> = caption["text"].as_str().unwrap().lines().collect();
        assert!((1..=2).contains(&lines.len()), "{caption:#}");
        assert!(lines.iter().all(|line| line.chars().count() <= 42), "{caption:#}");
        let mut word_ms = start_ms;
        for word in caption["words"].as_array().unwrap() {
            let (from_ms, to_ms) = (word["start_ms"].as_i64().unwrap(), word["end_ms"].as_i64().unwrap());
            assert!(word_ms <= from_ms && from_ms <= to_ms && to_ms <= end_ms, "{caption:#}");
            word_ms = from_ms;
        }
    }
}

#[test]
fn a_film_is_served_in_segments_that_are_whole() {
    let home = Home::new();
    let film = home.path("film.mp4");
    ffmpeg(
        "-f lavfi -i testsrc=size=320x180:rate=25:duration=20 -f lavfi -i sine=frequency=440:duration=20 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -shortest",
        &film,
    );
    import_meeting(&home, &format!("--media {}", film.display())).ok();
    let server = home.serve();
    let root = format!("/media/{}", meeting_id(&server));
    let master = server.page(&format!("{root}/master.m3u8"));
    for part in ["v/index.m3u8", "a/index.m3u8", "RESOLUTION=320x180", "CODECS=\"avc1", "mp4a.40.2"] {
        assert!(master.contains(part), "no {part} in {master}");
    }
    for rendition in ["v", "a"] {
        segments_are_served(&server, &format!("{root}/{rendition}"));
    }
    let read = ffprobe("-show_format -show_streams", &format!("{}{root}/master.m3u8", server.url));
    assert!((duration_ms(&read) - 20_000).abs() < 200, "{read:#}");
    let kinds: Vec<&str> = read["streams"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|stream| stream["codec_name"].as_str())
        .collect();
    assert!(kinds.contains(&"h264") && kinds.contains(&"aac"), "{kinds:?}");
    assert!(server.page(&format!("/meetings/{SLUG}")).contains("<video"));
    // Captions came with it, so nothing waits to be written down.
    assert_eq!(
        server.json(&format!("/api/v1/meetings/{SLUG}/transcript"))["captions"].as_array().unwrap().len(),
        11
    );
}

/// Every address of a playlist is there, and the times add up.
fn segments_are_served(server: &Server, folder: &str) {
    let playlist = server.page(&format!("{folder}/index.m3u8"));
    for part in ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-PROGRAM-DATE-TIME:", "#EXT-X-MAP:", "#EXT-X-ENDLIST"] {
        assert!(playlist.contains(part), "no {part} in {playlist}");
    }
    let files: Vec<&str> =
        playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(files.len() >= 8, "{playlist}");
    for file in &files {
        let answer = server.get(&format!("{folder}/{file}"));
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.body.len() > 100, "{file}");
    }
    let seconds: f64 = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"))
        .map(|duration| duration.trim_end_matches(',').parse::<f64>().unwrap())
        .sum();
    assert!((seconds - 20.0).abs() < 0.2, "{seconds} s in {playlist}");
    for outside in ["../../../moothall.db", "..%2F..%2Fmoothall.db", "journal", "journal.jsonl"] {
        let status = server.get(&format!("{folder}/{outside}")).status;
        assert!((400..500).contains(&status), "{outside}: {status}");
    }
}

#[test]
fn a_meeting_that_is_not_public_gives_nothing_away() {
    let home = Home::new();
    let sound = home.path("sound.flac");
    ffmpeg("-f lavfi -i sine=frequency=440:duration=6", &sound);
    home.import(&format!("--media {}", sound.display())).ok();
    let server = home.serve();
    let meeting = server.json(&format!("/api/v1/meetings/{SLUG}"));
    assert_eq!((&meeting["state"], &meeting["media"]), (&"ended".into(), &serde_json::Value::Null));
    let root = format!("/media/{}", meeting_id(&server));
    assert_eq!(server.get(&format!("{root}/master.m3u8")).status, 404);
    assert_eq!(server.get(&format!("{root}/a/index.m3u8")).status, 404);
    assert_eq!(server.get(&format!("/meetings/{SLUG}/transcript")).status, 404);
    home.import("--publish").ok();
    until("the recording to be served", 10 * SECOND, || {
        (server.get(&format!("{root}/master.m3u8")).status == 200).then_some(())
    });
}

pub fn duration_ms(probed: &serde_json::Value) -> i64 {
    let seconds: f64 = probed["format"]["duration"].as_str().unwrap().parse().unwrap();
    (seconds * 1_000.0) as i64
}
