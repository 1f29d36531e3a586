//! A conference system tells whose microphone is on.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::TimeDelta;
use moothall_core::{Evidence, MediaTime, MeetingState, Secret, SpeakerId, SpeakerMark, TokenId};
use moothall_store::{JobKind, Recording, Role, ServiceToken, Speaker, SpeakerKind, TokenScope};
use serde_json::{Value, json};

use super::scene::{Answer, Plan, Town};

const TOKEN: &str = "the-heron-walks-on-ice";
const PATH: &str = "/api/v1/rooms/council-chamber/microphones";
const ADA: &str = "ada@ambleford.example";

/// A meeting whose recording began just now in the council chamber; the conference system there has a token.
async fn chamber(state: MeetingState) -> Town {
    let town = Town::planned(Plan { state, ..Plan::default() }).await;
    town.add_room().await;
    add_token(&town, "ambleford", TOKEN).await;
    let db = &town.test_db.db;
    let recording = db.recording(town.meeting.id).await.unwrap().unwrap();
    let mut tx = db.begin().await.unwrap();
    let begun = Recording { epoch: town.clock.now(), finished: false, ..recording };
    tx.save_recording(&begun).await.unwrap();
    tx.commit().await.unwrap();
    town
}

async fn add_token(town: &Town, council: &str, token: &str) {
    let now = town.clock.now();
    let mut tx = town.test_db.db.begin().await.unwrap();
    let council = tx.ensure_council(council, "A council", now).await.unwrap();
    let token = ServiceToken {
        id: TokenId::new(),
        council_id: council.id,
        name: "Conference system".to_owned(),
        scope: TokenScope::Microphones,
        sha256: Secret::new(token).sha256(),
        created_at: now,
    };
    assert!(tx.add_service_token(&token).await.unwrap());
    tx.commit().await.unwrap();
}

impl Town {
    async fn tell(&self, path: &str, token: &str, body: &Value) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// `seconds` after the recording began.
    fn switched(&self, seconds: i64, microphone: &str, on: bool, name: &str) -> Value {
        let at = self.clock.now() + TimeDelta::seconds(seconds);
        json!({ "microphone": microphone, "on": on, "at": at.to_rfc3339(), "name": name })
    }

    async fn marks(&self) -> Vec<(i64, Option<String>, Evidence)> {
        let speakers = self.test_db.db.speakers(self.meeting.id).await.unwrap();
        let name = |mark: &SpeakerMark| {
            speakers
                .iter()
                .find(|speaker| Some(speaker.id) == mark.speaker_id)
                .map(|speaker| speaker.name.clone())
        };
        let marks = self.test_db.db.speaker_marks(self.meeting.id).await.unwrap();
        marks.iter().map(|mark| (mark.at_ms, name(mark), mark.evidence)).collect()
    }
}

#[tokio::test]
async fn events_become_marks_and_call_for_other_turns() {
    let town = chamber(MeetingState::Live).await;
    let early = town.switched(-300, "1", true, "MAYOR Ngozi OKAFOR");
    let answer = town.tell(PATH, TOKEN, &early).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    assert_eq!(answer.json(), json!({ "accepted": 1, "ignored": 0 }));
    let later = json!([
        town.switched(30, "9", true, "Member of the public"),
        town.switched(20, "7", true, ""),
        town.switched(20, "7", true, ""),
    ]);
    town.clock.advance(TimeDelta::seconds(40));
    assert_eq!(town.tell(PATH, TOKEN, &later).await.json(), json!({ "accepted": 2, "ignored": 1 }));
    let names: Vec<_> =
        town.marks().await.into_iter().map(|(at_ms, name, _)| (at_ms, name.unwrap())).collect();
    let expected = [(0, "Ngozi Okafor"), (20_000, "Microphone 7"), (30_000, "Member of the public")];
    assert_eq!(names, expected.map(|(at_ms, name)| (at_ms, name.to_owned())));
    let db = &town.test_db.db;
    let kinds: Vec<SpeakerKind> = db
        .speakers(town.meeting.id)
        .await
        .unwrap()
        .iter()
        .filter(|speaker| expected[1..].iter().any(|(_, name)| *name == speaker.name))
        .map(|speaker| speaker.kind)
        .collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&SpeakerKind::Voice) && kinds.contains(&SpeakerKind::Public), "{kinds:?}");
    let jobs = db.jobs_of(town.meeting.id).await.unwrap();
    assert_eq!(jobs.iter().filter(|job| job.kind == JobKind::Turns).count(), 1);
}

#[tokio::test]
async fn nothing_is_kept_of_a_private_session() {
    let town = chamber(MeetingState::Live).await;
    town.clock.advance(TimeDelta::seconds(60));
    town.tell(PATH, TOKEN, &town.switched(-60, "1", true, "")).await;
    // Ten seconds of it were not aired yet.
    town.tell(PATH, TOKEN, &town.switched(-5, "2", true, "")).await;
    let mut tx = town.test_db.db.begin().await.unwrap();
    tx.begin_private(&town.meeting, "paragraph 3", None, town.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    town.clock.advance(TimeDelta::seconds(30));
    let told = town.tell(PATH, TOKEN, &town.switched(-5, "3", true, "")).await;
    assert_eq!(told.json(), json!({ "accepted": 0, "ignored": 1 }));
    let marks = town.marks().await;
    assert_eq!(
        marks,
        [(0, Some("Microphone 1".to_owned()), Evidence::Microphone), (50_000, None, Evidence::Microphone)],
        "microphones count as closed from what was never aired on"
    );
}

#[tokio::test]
async fn who_may_not_tell_or_tells_nonsense_hears_why() {
    let town = chamber(MeetingState::Live).await;
    add_token(&town, "elsewhere", "another-token").await;
    let event = town.switched(0, "1", true, "");
    assert_eq!(town.tell(PATH, "wrong", &event).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(town.tell(PATH, "another-token", &event).await.status, StatusCode::NOT_FOUND);
    let nowhere = "/api/v1/rooms/cellar/microphones";
    assert_eq!(town.tell(nowhere, TOKEN, &event).await.status, StatusCode::NOT_FOUND);
    let bad = [
        (json!({ "on": true }), "microphone"),
        (json!({ "microphone": "1", "on": true, "volume": 3 }), "application/json"),
        (json!({ "microphone": " ", "on": true }), "number or a name"),
        (json!({ "microphone": "1", "on": true, "name": "x".repeat(121) }), "120 characters"),
        (town.switched(3_600, "1", true, ""), "NTP"),
    ];
    for (body, part) in bad {
        let answer = town.tell(PATH, TOKEN, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
        assert!(answer.text().contains(part), "{body}: {}", answer.text());
    }
    let many: Vec<Value> = vec![event; 5_001];
    assert_eq!(town.tell(PATH, TOKEN, &many.into()).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(town.marks().await, []);
    let idle = town.switched(-86_400 * 3, "1", true, "");
    assert_eq!(town.tell(PATH, TOKEN, &idle).await.json(), json!({ "accepted": 0, "ignored": 1 }));
}

#[tokio::test]
async fn what_witnesses_contradict_each_other_about_is_asked_and_answered() {
    let town = chamber(MeetingState::Published).await;
    town.add_user(ADA, "ambleford", Role::Editor).await;
    let (db, id) = (&town.test_db.db, town.meeting.id);
    let turn = db.turns(id, MediaTime::ZERO).await.unwrap().remove(0);
    let chair = turn.speaker_id;
    let mut tx = db.begin().await.unwrap();
    let mark = |at_ms, speaker_id, evidence, strength| SpeakerMark { at_ms, speaker_id, evidence, strength };
    tx.save_speaker_mark(id, &mark(0, chair, Evidence::Clerk, 0.9)).await.unwrap();
    let other = Speaker {
        id: SpeakerId::new(),
        person_id: None,
        person_slug: None,
        kind: SpeakerKind::Person,
        name: "Tariq <Hale>".to_owned(),
        role: None,
    };
    let other = tx.save_speaker(id, &other).await.unwrap();
    tx.save_speaker_mark(id, &mark(0, Some(other), Evidence::Microphone, 0.9)).await.unwrap();
    tx.commit().await.unwrap();

    let editor = town.cookie_of(ADA).await;
    let speakers = town.get_as("/clerk/meetings/planning-march/speakers", &editor).await.text();
    let address = format!("/clerk/meetings/planning-march/turns/{}", turn.id);
    for part in
        ["Say who speaks", &address, "the microphone says Tariq &#60;Hale&#62;", "the clerk’s mark says"]
    {
        assert!(speakers.contains(part), "no {part:?} in {speakers}");
    }
    let page = town.get_as(&address, &editor).await.text();
    assert!(page.contains("Who speaks at 0:00?") && !page.contains("name=\"everywhere\""), "{page}");
    let refused = town.post(&address, &editor, &[("name", " ")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = town.post(&address, &editor, &[("name", "Tariq Hale")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let corrections: Vec<_> =
        town.marks().await.into_iter().filter(|(.., evidence)| *evidence == Evidence::Correction).collect();
    let expected = [
        (turn.start_ms, Some("Tariq Hale".to_owned()), Evidence::Correction),
        (turn.end_ms, None, Evidence::Correction),
    ];
    assert_eq!(corrections, expected);
    let audit = db.audit_of(&id.to_string()).await.unwrap();
    assert!(audit.iter().any(|entry| entry.action == "meeting.turn"), "{audit:?}");
    let speakers = town.get_as("/clerk/meetings/planning-march/speakers", &editor).await.text();
    assert!(!speakers.contains(&address), "{speakers}");
}
