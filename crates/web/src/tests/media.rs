use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use moothall_core::MeetingState;

use super::scene::{Answer, Town};

#[tokio::test]
async fn playlists_lead_to_segments() {
    let town = Town::build().await;
    let media = format!("/media/{}", town.meeting.id);
    let master = town.get(&format!("{media}/master.m3u8")).await;
    assert_eq!(master.header(header::CONTENT_TYPE), "application/vnd.apple.mpegurl");
    assert_eq!(master.header(header::CACHE_CONTROL), "public, max-age=1");
    assert!(master.text().contains("a/index.m3u8"), "{}", master.text());

    let playlist = town.get(&format!("{media}/a/index.m3u8")).await.text();
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME:2026-02-26T12:00:34"), "{playlist}");
    assert!(playlist.contains("#EXT-X-DISCONTINUITY\n"), "{playlist}");
    let segments: Vec<&str> = playlist.lines().filter(|line| line.ends_with(".m4s")).collect();
    assert_eq!(segments.len(), 3, "{playlist}");
    for file in segments.into_iter().chain(["init-1-0.mp4", "init-2-0.mp4"]) {
        let answer = town.get(&format!("{media}/a/{file}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert_eq!(answer.bytes.len(), 1_000, "{file}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "audio/mp4");
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    }
}

#[tokio::test]
async fn captions_are_a_rendition_of_the_recording() {
    let town = Town::build().await;
    let folder = format!("/media/{}", town.meeting.id);
    assert!(town.get(&format!("{folder}/master.m3u8")).await.text().contains("URI=\"t/index.m3u8\""));
    let playlist = town.get(&format!("{folder}/t/index.m3u8")).await.text();
    let files: Vec<&str> = playlist.lines().filter(|line| line.ends_with(".vtt")).collect();
    assert_eq!(files.len(), 3, "{playlist}");
    let mut said = String::new();
    for file in files {
        let answer = town.get(&format!("{folder}/t/{file}")).await;
        assert_eq!(answer.header(header::CONTENT_TYPE), "text/vtt; charset=utf-8");
        assert!(answer.text().starts_with("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:"), "{}", answer.text());
        said.push_str(&answer.text());
    }
    assert!(said.contains(" --> "), "{said}");
    for nothing in ["t/9-9.vtt", "t/1-0.m4s", "t/init-1-0.mp4"] {
        assert_eq!(town.get(&format!("{folder}/{nothing}")).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test]
async fn a_recording_that_grows_is_read_on() {
    let town = Town::build().await;
    let journal = town.folder.path().join(format!("media/{}/journal.jsonl", town.meeting.id));
    let whole = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let playlist = format!("/media/{}/a/index.m3u8", town.meeting.id);
    for (count, segments) in [(0, None), (6, Some(2)), (8, Some(2)), (9, Some(3))] {
        std::fs::write(&journal, lines[..count].concat()).unwrap();
        let is_as_written = |answer: &Answer| match segments {
            None => answer.status == StatusCode::NOT_FOUND,
            Some(segments) => {
                answer.text().matches("#EXTINF").count() == segments
                    && answer.text().contains("#EXT-X-ENDLIST") == (count == lines.len())
            }
        };
        until(&town, &playlist, is_as_written).await;
    }
}

/// Asks again and again until the answer is as wished: what is known is some moments old.
async fn until(town: &Town, address: &str, is_as_wished: impl Fn(&Answer) -> bool) {
    for _ in 0..500 {
        if is_as_wished(&town.get(address).await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {}", town.get(address).await.text());
}

#[tokio::test]
async fn what_is_withheld_is_out_of_sight_and_comes_back() {
    let town = Town::build().await;
    let media = format!("/media/{}", town.meeting.id);
    let (published, withheld) = (MeetingState::Published, MeetingState::Withheld);
    for (from, to, status) in
        [(published, withheld, StatusCode::NOT_FOUND), (withheld, published, StatusCode::OK)]
    {
        assert_ne!(town.get(&format!("{media}/a/1-0.m4s")).await.status, status);
        let mut tx = town.test_db.db.begin().await.unwrap();
        assert!(tx.set_meeting_state(town.meeting.id, from, to).await.unwrap());
        tx.commit().await.unwrap();
        for file in ["a/1-0.m4s", "a/index.m3u8", "t/index.m3u8", "t/1-0.vtt", "master.m3u8", "poster.jpg"] {
            until(&town, &format!("{media}/{file}"), |answer| answer.status == status).await;
        }
    }
}

#[tokio::test]
async fn a_segment_is_not_sent_to_who_has_it() {
    let town = Town::build().await;
    let address = format!("/media/{}/a/1-0.m4s", town.meeting.id);
    let tag = town.get(&address).await.header(header::ETAG).to_owned();
    assert!(!tag.is_empty());
    let ask = |headers: &[(header::HeaderName, &str)]| {
        let request = headers
            .iter()
            .fold(Request::get(&address), |request, (name, value)| request.header(name, *value));
        town.send(request.body(Body::empty()).unwrap())
    };
    let known = ask(&[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!((known.status, known.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(known.header(header::ETAG), tag);
    let part = ask(&[(header::RANGE, "bytes=0-9"), (header::IF_RANGE, &tag)]).await;
    assert_eq!((part.status, part.bytes.len()), (StatusCode::PARTIAL_CONTENT, 10));
    let whole = ask(&[(header::RANGE, "bytes=0-9"), (header::IF_RANGE, "\"another\"")]).await;
    assert_eq!((whole.status, whole.bytes.len()), (StatusCode::OK, 1_000));
}

#[tokio::test]
async fn a_part_of_a_segment() {
    let town = Town::build().await;
    let address = format!("/media/{}/a/1-0.m4s", town.meeting.id);
    let ask = |range: &str| {
        town.send(Request::get(&address).header(header::RANGE, range).body(Body::empty()).unwrap())
    };
    let part = ask("bytes=10-19").await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes, (10..20).collect::<Vec<u8>>());
    assert_eq!(part.header(header::CONTENT_RANGE), "bytes 10-19/1000");
    assert_eq!(ask("bytes=-1").await.bytes.len(), 1);
    assert_eq!(ask("bytes=1000-").await.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn no_address_leads_out_of_the_recording() {
    let town = Town::build().await;
    let media = format!("/media/{}", town.meeting.id);
    for path in [
        "a/..%2Fjournal.jsonl",
        "a/journal.jsonl",
        "a/%2Fetc%2Fpasswd",
        "a/9-9.m4s",
        "v/index.m3u8",
        "x/1-0.m4s",
        "a/1-0.m4s%00",
    ] {
        let answer = town.get(&format!("{media}/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(town.get("/media/none/master.m3u8").await.status, StatusCode::NOT_FOUND);
}

/// What a low-latency player does: it takes parts, and waits for those that are still to come.
#[tokio::test]
async fn parts_are_played_before_their_segment_is_whole() {
    let town = Town::build().await;
    let journal = town.folder.path().join(format!("media/{}/journal.jsonl", town.meeting.id));
    let whole = std::fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let open = lines.iter().rposition(|line| line.contains("\"chunk\"")).unwrap();
    // The last segment is still being written.
    std::fs::write(&journal, lines[..=open].concat()).unwrap();
    let folder = format!("/media/{}/a", town.meeting.id);
    let playlist = town.get(&format!("{folder}/index.m3u8")).await.text();
    assert!(playlist.contains("CAN-BLOCK-RELOAD=YES") && playlist.contains("#EXT-X-PART-INF:PART-TARGET="));
    let (_, tail) = playlist.rsplit_once("#EXTINF").unwrap();
    let part = tail.split_once("#EXT-X-PART:").unwrap().1.split('"').nth(1).unwrap();
    let answer = town.get(&format!("{folder}/{part}")).await;
    assert_eq!((answer.status, answer.bytes.len()), (StatusCode::OK, 1_000));
    assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    let segment = format!("{}.m4s", part.rsplit_once('-').unwrap().0);
    assert_eq!(town.get(&format!("{folder}/{segment}")).await.status, StatusCode::NOT_FOUND, "not whole yet");

    let closed = playlist.matches("#EXTINF").count();
    for lost in [
        "_HLS_part=0".to_owned(),
        format!("_HLS_msn={}", closed + 2),
        format!("_HLS_msn={closed}&_HLS_part=50"),
    ] {
        let answer = town.get(&format!("{folder}/index.m3u8?{lost}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{lost}");
    }
    let awaited = format!("{folder}/index.m3u8?_HLS_msn={closed}");
    let (answer, ()) = tokio::join!(town.get(&awaited), async {
        tokio::task::yield_now().await;
        std::fs::write(&journal, &whole).unwrap();
    });
    let answer = answer.text();
    assert_eq!(
        answer.matches("#EXTINF").count(),
        closed + 1,
        "it came before the segment was whole: {answer}"
    );
    assert_eq!(town.get(&format!("{folder}/{segment}")).await.status, StatusCode::OK);
    let beyond_the_end = town.get(&format!("{folder}/index.m3u8?_HLS_msn=1000")).await;
    assert_eq!(beyond_the_end.status, StatusCode::OK, "nothing more comes");
    let nonsense = town.get(&format!("{folder}/index.m3u8?_HLS_msn=soon")).await;
    assert_eq!(nonsense.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pictures_lie_beside_the_recording() {
    let town = Town::build().await;
    let media = format!("/media/{}", town.meeting.id);
    for (name, media_type) in [
        ("poster.jpg", "image/jpeg"),
        ("storyboard.vtt", "text/vtt; charset=utf-8"),
        ("storyboard-0.jpg", "image/jpeg"),
    ] {
        let answer = town.get(&format!("{media}/{name}")).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, name));
        assert_eq!(answer.header(header::CONTENT_TYPE), media_type);
        assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=300");
    }
    for name in ["storyboard-1.jpg", "storyboard-.jpg", "journal.jsonl", "..%2Fjournal.jsonl", "poster.png"] {
        assert_eq!(town.get(&format!("{media}/{name}")).await.status, StatusCode::NOT_FOUND, "{name}");
    }

    let mut tx = town.test_db.db.begin().await.unwrap();
    tx.set_poster(town.meeting.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(town.get(&format!("{media}/poster.jpg")).await.status, StatusCode::NOT_FOUND);
    assert!(!town.page("/meetings").await.contains("poster.jpg"));
}

#[tokio::test]
async fn a_clip_of_nothing_is_explained() {
    let town = Town::build().await;
    for (range, words) in [
        ("t=2", "Say where the clip begins"),
        ("t=2&to=%3Cb%3E", "“&#60;b&#62;” is not a time"),
        ("t=2&to=1", "must end after it begins, at 0:02"),
        ("t=0&to=1:00:00", "at most 15 minutes"),
        ("t=10&to=20", "Nothing is recorded between 0:10 and 0:20"),
    ] {
        let answer = town.get(&format!("/meetings/planning-march/clip.mp4?{range}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{range}");
        assert!(answer.text().contains(words), "{range}: {}", answer.text());
    }
}
