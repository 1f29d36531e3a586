use chrono::{DateTime, Utc};
use moothall_core::{Clock, MeetingId, MeetingState};
use moothall_store::{Committee, Council, Db, Meeting};

/// A council with a committee and one meeting, in a fresh database.
pub struct Scene {
    pub clock: Clock,
    pub council: Council,
    pub committee: Committee,
    pub meeting: Meeting,
}

/// Noon on an ordinary day: where a fixed clock starts.
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_107_200, 0).unwrap()
}

impl Scene {
    pub async fn set(db: &Db) -> Self {
        let clock = Clock::fixed(noon());
        let mut tx = db.begin().await.unwrap();
        let council = tx.ensure_council("ambleford", "Ambleford Town Council", clock.now()).await.unwrap();
        let committee = tx.ensure_committee(&council, "Planning Committee").await.unwrap();
        let meeting = Meeting {
            id: MeetingId::new(),
            council_id: council.id,
            council_slug: council.slug.clone(),
            council_name: council.name.clone(),
            committee_id: committee.id,
            committee_slug: committee.slug.clone(),
            committee_name: committee.name.clone(),
            slug: "planning-committee-2026-02-26".to_owned(),
            title: "Planning Committee".to_owned(),
            starts_at: noon(),
            utc_offset_s: 0,
            state: MeetingState::Published,
            language: Some("en".to_owned()),
            source: None,
            air_delay_s: 10,
            upper_case: false,
            has_poster: false,
            created_at: clock.now(),
        };
        tx.insert_meeting(&meeting).await.unwrap();
        tx.commit().await.unwrap();
        Self { clock, council, committee, meeting }
    }
}
