//! A clerk runs a meeting in the console.

use axum::http::{StatusCode, header};
use chrono::TimeDelta;
use moothall_core::{Evidence, MeetingState};
use moothall_store::Role;

use super::scene::{Answer, Plan, Town};

const ADA: &str = "ada@ambleford.example";
const BEA: &str = "bea@ambleford.example";
const PAGE: &str = "/clerk/meetings/planning-march";

struct Clerk {
    town: Town,
    cookie: String,
}

impl Clerk {
    async fn of_a_meeting_that_is(state: MeetingState) -> Self {
        let town = Town::planned(Plan { state, ..Plan::default() }).await;
        town.add_user(ADA, "ambleford", Role::Clerk).await;
        let cookie = town.cookie_of(ADA).await;
        Self { town, cookie }
    }

    async fn does(&self, form: &[(&str, &str)]) -> Answer {
        self.town.post(&format!("{PAGE}/run"), &self.cookie, form).await
    }

    async fn did(&self, form: &[(&str, &str)]) {
        let answer = self.does(form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{form:?}: {}", answer.text());
        assert_eq!(answer.header(header::LOCATION), PAGE);
    }

    async fn reads(&self) -> String {
        self.town.get_as(PAGE, &self.cookie).await.text()
    }

    async fn state(&self) -> MeetingState {
        self.town.test_db.db.meeting(self.town.meeting.id).await.unwrap().unwrap().state
    }
}

#[tokio::test]
async fn a_meeting_is_adjourned_resumed_ended_published_and_withheld() {
    let clerk = Clerk::of_a_meeting_that_is(MeetingState::Live).await;
    assert!(clerk.reads().await.contains("webcast 10 seconds later"));
    for (action, state, button) in [
        ("adjourn", MeetingState::Adjourned, "value=\"resume\""),
        ("resume", MeetingState::Live, "value=\"adjourn\""),
        ("end", MeetingState::Ended, "value=\"publish\""),
        ("publish", MeetingState::Published, "value=\"withhold\""),
        ("withhold", MeetingState::Withheld, "value=\"publish\""),
    ] {
        clerk.did(&[("action", action)]).await;
        assert_eq!(clerk.state().await, state);
        assert!(clerk.reads().await.contains(button), "{action}: no {button}");
    }
    // What another clerk has done meanwhile makes it impossible.
    let refused = clerk.does(&[("action", "adjourn")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains("withheld cannot become adjourned"), "{}", refused.text());
    let entries = clerk.town.test_db.db.audit_of(&clerk.town.meeting.id.to_string()).await.unwrap();
    assert_eq!(entries.len(), 5);
    assert!(entries.iter().all(|entry| entry.user_id.is_some()));
}

#[tokio::test]
async fn a_private_session_has_a_reason_and_ends_when_a_person_confirms() {
    let clerk = Clerk::of_a_meeting_that_is(MeetingState::Live).await;
    let (db, id) = (&clerk.town.test_db.db, clerk.town.meeting.id);
    assert_eq!(clerk.does(&[("action", "private"), ("reason", " ")]).await.status, StatusCode::CONFLICT);
    clerk.did(&[("action", "private"), ("reason", "Schedule 12A, <paragraph 3>")]).await;
    assert_eq!(db.private_session(id).await.unwrap().unwrap().reason, "Schedule 12A, <paragraph 3>");
    let page = clerk.reads().await;
    for part in ["Private", "Schedule 12A, &#60;paragraph 3&#62;", "value=\"reopen\""] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    assert!(!page.contains("value=\"private\"") && !page.contains("value=\"adjourn\""), "{page}");
    assert_eq!(clerk.does(&[("action", "reopen")]).await.status, StatusCode::CONFLICT);
    assert!(db.private_session(id).await.unwrap().is_some(), "nobody confirmed");
    clerk.did(&[("action", "reopen"), ("confirm", "true")]).await;
    assert!(db.private_session(id).await.unwrap().is_none());
}

#[tokio::test]
async fn items_begin_when_the_clerk_says_so() {
    let clerk = Clerk::of_a_meeting_that_is(MeetingState::Live).await;
    let (db, id) = (&clerk.town.test_db.db, clerk.town.meeting.id);
    let items = db.agenda_items(id).await.unwrap();
    let epoch = db.recording(id).await.unwrap().unwrap().epoch;
    let last = items.last().unwrap();
    clerk.town.clock.advance(epoch + TimeDelta::minutes(90) - clerk.town.clock.now());
    clerk.did(&[("action", "item"), ("item", &last.id.to_string())]).await;
    let spans = db.item_spans(id).await.unwrap();
    let open: Vec<_> = spans.iter().filter(|span| span.end_ms.is_none()).collect();
    assert_eq!(open.len(), 1, "{spans:?}");
    assert_eq!((open[0].item_id, open[0].start_ms), (last.id, 90 * 60_000));
    assert_eq!((open[0].source, open[0].confirmed), (Evidence::Clerk, true));
    assert!(clerk.reads().await.contains("aria-current=\"step\""));
    let entries = db.audit_of(&id.to_string()).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["meeting.item"]);
    let unknown = moothall_core::AgendaItemId::new().to_string();
    assert_eq!(clerk.does(&[("action", "item"), ("item", &unknown)]).await.status, StatusCode::NOT_FOUND);
    clerk.did(&[("action", "end")]).await;
    let refused = clerk.does(&[("action", "item"), ("item", &last.id.to_string())]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn who_may_only_look_can_do_nothing() {
    let clerk = Clerk::of_a_meeting_that_is(MeetingState::Live).await;
    clerk.town.add_user(BEA, "ambleford", Role::Viewer).await;
    let viewer = clerk.town.cookie_of(BEA).await;
    let page = clerk.town.get_as(PAGE, &viewer).await.text();
    assert!(
        page.contains("You may look at this meeting") && !page.contains("<button class=\"govuk-button"),
        "{page}"
    );
    let tried = clerk.town.post(&format!("{PAGE}/run"), &viewer, &[("action", "end")]).await;
    assert_eq!(tried.status, StatusCode::FORBIDDEN);
    assert_eq!(clerk.state().await, MeetingState::Live);
}
