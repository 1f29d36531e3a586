use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
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

#[tokio::test]
async fn results_of_a_search_are_taken_away_with_links_and_citations() {
    let town = Town::build().await;
    let ask = async |path: &str| {
        let request = Request::get(path)
            .header(header::HOST, "meetings.ambleford.example")
            .header("x-forwarded-proto", "https");
        town.send(request.body(Body::empty()).unwrap()).await
    };
    let answer = ask("/search.json?q=footbridge&item=6a&page=7").await;
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename=\"search.json\"");
    let moments = answer.json();
    assert_eq!(moments.as_array().unwrap().len(), 1);
    let link = format!(
        "https://meetings.ambleford.example/meetings/planning-march?t=0.000#c-{}",
        town.captions[0].id
    );
    assert_eq!(moments[0]["link"], link);
    assert_eq!(moments[0]["words"], "We come to the footbridge.");
    assert_eq!(moments[0]["t"], 0.0);
    assert_eq!(
        moments[0]["citation"],
        format!(
            "Ngozi Okafor, Planning Committee, Ambleford Town Council, 12 March 2026, \
             item 6a (Footbridge over the mill race), at 0:00, {link}"
        )
    );
    let answer = ask("/search.csv?q=footbridge+OR+bridge&sort=date").await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    let text = answer.text();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(&table.headers().unwrap()[0], "citation");
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0][1], &rows[0][5]), (link.as_str(), "Footbridge over the mill race"));
    assert_eq!(
        (&rows[1][2], &rows[1][3]),
        ("How long is the <bridge> closed?", ""),
        "nobody is named by guess"
    );
    assert_eq!(ask("/search.csv?q=a&from=soon").await.status, StatusCode::BAD_REQUEST);
    // A host that is none is not written into links.
    let request = Request::get("/search.json?q=footbridge").header(header::HOST, "a b\"<");
    let moments = town.send(request.body(Body::empty()).unwrap()).await.json();
    assert!(moments[0]["link"].as_str().unwrap().starts_with("/meetings/"), "{moments}");
}
