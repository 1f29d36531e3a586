//! A clerk names the voices that were told apart.

use axum::http::{StatusCode, header};
use moothall_core::{Evidence, MediaTime, MeetingState, SpeakerId, SpeakerMark};
use moothall_store::{Role, Speaker, SpeakerKind, Turn};

use super::scene::{Answer, Plan, Town};

const ADA: &str = "ada@ambleford.example";
const BEA: &str = "bea@ambleford.example";
const PAGE: &str = "/clerk/meetings/planning-march/speakers";

struct Clerk {
    town: Town,
    cookie: String,
    /// Who asks the question of the scene.
    voice: SpeakerId,
}

impl Clerk {
    async fn with_a_voice() -> Self {
        let town = Town::planned(Plan { state: MeetingState::Published, ..Plan::default() }).await;
        town.add_user(ADA, "ambleford", Role::Clerk).await;
        let cookie = town.cookie_of(ADA).await;
        let (db, id) = (&town.test_db.db, town.meeting.id);
        let question = db.turns(id, MediaTime::ZERO).await.unwrap().pop().unwrap();
        let mut tx = db.begin().await.unwrap();
        let voice = Speaker {
            id: SpeakerId::new(),
            person_id: None,
            person_slug: None,
            kind: SpeakerKind::Voice,
            name: "Speaker 2".to_owned(),
            role: None,
        };
        let voice = tx.save_speaker(id, &voice).await.unwrap();
        let mark = SpeakerMark {
            at_ms: question.start_ms,
            speaker_id: Some(voice),
            evidence: Evidence::Voice,
            strength: 0.8,
        };
        tx.save_speaker_mark(id, &mark).await.unwrap();
        let question = Turn { speaker_id: Some(voice), evidence: Evidence::Voice, ..question };
        tx.append_transcript(id, &[question], &[]).await.unwrap();
        tx.commit().await.unwrap();
        Self { town, cookie, voice }
    }

    async fn names(&self, name: &str) -> Answer {
        let form = [("voice", self.voice.to_string()), ("name", name.to_owned())];
        let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.town.post(PAGE, &self.cookie, &form).await
    }

    /// The turn of the voice, as the public reads it.
    async fn turn(&self) -> serde_json::Value {
        let transcript = self.town.get("/api/v1/meetings/planning-march/transcript").await.json();
        transcript["turns"].as_array().unwrap().last().unwrap().clone()
    }
}

#[tokio::test]
async fn a_voice_is_named_once_for_all_its_turns_and_the_name_taken_back() {
    let clerk = Clerk::with_a_voice().await;
    let page = clerk.town.get_as(PAGE, &clerk.cookie).await.text();
    for part in ["Speaker 2", "How long is the &#60;bridge&#62; closed?", "?t=34.000", "Speaks for 0:02"] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    assert_eq!(clerk.turn().await["how"], "told apart by voice");

    let answer = clerk.names("  Tariq   Hale ").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(answer.header(header::LOCATION), format!("{PAGE}#voice-{}", clerk.voice));
    let turn = clerk.turn().await;
    assert_eq!(turn["speaker"]["name"], "Tariq Hale");
    assert_eq!((&turn["speaker"]["kind"], &turn["evidence"]), (&"person".into(), &"voice".into()));
    assert_eq!(turn["how"], "voice named by the clerk");
    let page = clerk.town.get("/people/tariq-hale").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("/meetings/planning-march"), "{}", page.text());
    assert!(clerk.town.get_as(PAGE, &clerk.cookie).await.text().contains("value=\"Tariq Hale\""));

    assert_eq!(clerk.names("").await.status, StatusCode::SEE_OTHER);
    let turn = clerk.turn().await;
    assert_eq!((&turn["speaker"]["name"], &turn["speaker"]["kind"]), (&"Speaker 2".into(), &"voice".into()));
    let entries = clerk.town.test_db.db.audit_of(&clerk.town.meeting.id.to_string()).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.action == "meeting.voice").count(), 2);
}

#[tokio::test]
async fn a_resident_is_named_by_what_they_are() {
    let clerk = Clerk::with_a_voice().await;
    assert_eq!(clerk.names("Member of the public").await.status, StatusCode::SEE_OTHER);
    let turn = clerk.turn().await;
    assert_eq!(
        (&turn["speaker"]["kind"], &turn["speaker"]["person"]),
        (&"public".into(), &serde_json::Value::Null)
    );
    let people = clerk.town.test_db.db.people().await.unwrap();
    assert!(people.iter().all(|person| !person.name.contains("public")), "{people:?}");
}

#[tokio::test]
async fn only_clerks_name_and_only_voices_are_named() {
    let mut clerk = Clerk::with_a_voice().await;
    assert_eq!(clerk.names(&"x".repeat(121)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let speakers = clerk.town.test_db.db.speakers(clerk.town.meeting.id).await.unwrap();
    let chair = speakers.iter().find(|speaker| speaker.kind == SpeakerKind::Person).unwrap();
    let voice = std::mem::replace(&mut clerk.voice, chair.id);
    assert_eq!(clerk.names("Somebody Else").await.status, StatusCode::NOT_FOUND);
    clerk.voice = voice;
    clerk.town.add_user(BEA, "ambleford", Role::Viewer).await;
    clerk.cookie = clerk.town.cookie_of(BEA).await;
    assert_eq!(clerk.names("Tariq Hale").await.status, StatusCode::FORBIDDEN);
    assert_eq!(clerk.turn().await["speaker"]["name"], "Speaker 2");
}
