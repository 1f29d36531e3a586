//! When items were taken, as it was suggested from what was said, is confirmed and put right.

use axum::http::StatusCode;
use moothall_core::{Evidence, MeetingState, SpanId};
use moothall_store::{ItemSpan, Role};

use super::scene::{Plan, Town};

const ADA: &str = "ada@ambleford.example";
const PAGE: &str = "/clerk/meetings/planning-march/items";
const NOTE: &str = "Nobody has checked them yet.";

/// A meeting of whose items one was suggested.
async fn suggested() -> (Town, String) {
    let town = Town::planned(Plan { state: MeetingState::Published, ..Plan::default() }).await;
    town.add_user(ADA, "ambleford", Role::Editor).await;
    let cookie = town.cookie_of(ADA).await;
    let items = town.test_db.db.agenda_items(town.meeting.id).await.unwrap();
    let span = ItemSpan {
        id: SpanId::new(),
        item_id: items[0].id,
        start_ms: 1_500,
        end_ms: Some(36_000),
        source: Evidence::Wording,
        confidence: 0.7,
        confirmed: false,
    };
    let mut tx = town.test_db.db.begin().await.unwrap();
    tx.replace_item_spans(town.meeting.id, &[span]).await.unwrap();
    tx.commit().await.unwrap();
    (town, cookie)
}

impl Town {
    async fn spans(&self) -> Vec<(i64, Option<i64>, Evidence, bool)> {
        let spans = self.test_db.db.item_spans(self.meeting.id).await.unwrap();
        spans.into_iter().map(|span| (span.start_ms, span.end_ms, span.source, span.confirmed)).collect()
    }
}

#[tokio::test]
async fn a_suggested_time_is_told_as_such_and_confirmed_with_another() {
    let (town, cookie) = suggested().await;
    assert!(town.get("/meetings/planning-march").await.text().contains(NOTE));
    let page = town.get_as(PAGE, &cookie).await.text();
    for part in ["Suggested, probably right.", "value=\"0:01.500\"", "?t=1.500"] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    let items = town.test_db.db.agenda_items(town.meeting.id).await.unwrap();
    let ids: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    let form = [(ids[0].as_str(), "0:01.500"), (ids[1].as_str(), " 0:34 ")];
    let saved = town.post(PAGE, &cookie, &form).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
    let expected =
        [(1_500, Some(34_000), Evidence::Wording, true), (34_000, Some(36_000), Evidence::Clerk, true)];
    assert_eq!(town.spans().await, expected);
    assert!(!town.get("/meetings/planning-march").await.text().contains(NOTE));
    let entries = town.test_db.db.audit_of(&town.meeting.id.to_string()).await.unwrap();
    assert!(entries.iter().any(|entry| entry.action == "meeting.items"));
    assert_eq!(town.post(PAGE, &cookie, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(town.spans().await, []);
}

#[tokio::test]
async fn what_is_no_time_changes_nothing_and_names_the_item() {
    let (town, cookie) = suggested().await;
    let items = town.test_db.db.agenda_items(town.meeting.id).await.unwrap();
    let refused = town.post(PAGE, &cookie, &[(&items[1].id.to_string(), "half past")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("is not a time"), "{}", refused.text());
    assert_eq!(town.spans().await.len(), 1);
    town.add_user("bea@ambleford.example", "ambleford", Role::Viewer).await;
    let viewer = town.cookie_of("bea@ambleford.example").await;
    assert_eq!(town.post(PAGE, &viewer, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(town.spans().await.len(), 1);
}
