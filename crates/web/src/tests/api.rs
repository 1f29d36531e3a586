use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use super::scene::{Town, steady};

#[tokio::test]
async fn everything_public_as_json() {
    let town = Town::build().await;
    for (name, address) in [
        ("api_search", "/api/v1/search?q=footbridge&item=6a"),
        ("api_meetings", "/api/v1/meetings?from=2026-03-01"),
        ("api_meeting", "/api/v1/meetings/planning-march"),
        ("api_transcript", "/api/v1/meetings/planning-march/transcript"),
    ] {
        let answer = town.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        insta::assert_snapshot!(name, steady(&serde_json::to_string_pretty(&answer.json()).unwrap()));
    }
}

#[tokio::test]
async fn a_hit_leads_to_its_second() {
    let town = Town::build().await;
    let answer = town.get("/api/v1/search?q=%22how+long%22").await.json();
    assert_eq!(answer["total"], 1);
    let hit = &answer["hits"][0];
    assert_eq!(hit["t"], 34.0);
    let id = town.captions[2].id;
    assert_eq!(hit["url"], format!("/meetings/planning-march?t=34.000#c-{id}"));
    assert_eq!(hit["snippet"].as_str().unwrap().matches("<bridge>").count(), 0, "escaped: {hit}");
    assert!(town.page("/meetings/planning-march").await.contains("data-start=\"34000\""));
}

#[tokio::test]
async fn a_live_page_asks_only_for_what_is_new() {
    let town = Town::build().await;
    let at = |after| format!("/api/v1/meetings/planning-march/transcript?after_ms={after}");
    for (after, captions) in [("-1", 3), ("0", 2), ("2000", 1), ("34000", 0), ("9223372036854775807", 0)] {
        let answer = town.get(&at(after)).await.json();
        assert_eq!(answer["captions"].as_array().unwrap().len(), captions, "after {after}: {answer}");
    }
    assert_eq!(town.get(&at("soon")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn problems_are_told_as_problem_details() {
    let town = Town::build().await;
    for (address, status) in [
        ("/api/v1/meetings/none", 404),
        ("/api/v1/meetings/none/transcript", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/search?q=a&from=tomorrow", 400),
        ("/api/v1/meetings?state=asleep", 400),
        ("/api/v1/meetings?q=%ff", 200),
    ] {
        let answer = town.get(address).await;
        assert_eq!(answer.status.as_u16(), status, "{address}: {}", answer.text());
        if status != 200 {
            assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json", "{address}");
            assert_eq!(answer.json()["status"], status, "{address}");
        }
    }
    let answer = town.send(Request::delete("/api/v1/meetings").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["status"], 405);
}
