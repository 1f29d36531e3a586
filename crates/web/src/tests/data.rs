use axum::http::{StatusCode, header};
use moothall_core::formats::{srt, vtt};

use super::scene::{Town, steady};

#[tokio::test]
async fn a_transcript_is_taken_away_in_every_form() {
    let town = Town::build().await;
    for (ending, media_type) in [
        ("vtt", "text/vtt"),
        ("srt", "application/x-subrip"),
        ("txt", "text/plain"),
        ("csv", "text/csv"),
        ("json", "application/json"),
    ] {
        let answer = town.get(&format!("/meetings/planning-march/transcript.{ending}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{ending}");
        assert!(answer.header(header::CONTENT_TYPE).starts_with(media_type), "{ending}");
        let disposition = answer.header(header::CONTENT_DISPOSITION);
        assert_eq!(disposition, format!("attachment; filename=\"planning-march.{ending}\""));
        match ending {
            "json" => assert_eq!(answer.json()["captions"].as_array().unwrap().len(), 3),
            "vtt" => assert_eq!(vtt::read(&answer.bytes).captions.len(), 3),
            "srt" => assert_eq!(srt::read(&answer.bytes).captions.len(), 3),
            _ => insta::assert_snapshot!(format!("download_{ending}"), steady(&answer.text())),
        }
    }
    assert_eq!(town.get("/meetings/planning-march/transcript.pdf").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_meeting_without_words_has_no_file() {
    let town = Town::build().await;
    let answer = town.get("/meetings/planning-committee-2026-02-26/transcript.vtt").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(town.page("/meetings/planning-committee-2026-02-26").await.contains("There is no recording"));
}
