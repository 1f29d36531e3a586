//! The clerk of the live demo: calls the items and gives the floor as the debate goes on, as a clerk would
//! at the console.

use std::time::Duration;

use chrono::{DateTime, Utc};
use moothall_core::{Clock, Evidence, MediaTime, SpanId, SpeakerId};
use moothall_store::{Db, ItemSpan, Meeting, Speaker, SpeakerKind, SpeakerMark, StoreError};
use tokio::{runtime::Handle, task::JoinHandle};

use super::studio::Debate;

/// How long to wait for the recording to begin before a round is left unmarked.
const RECORDING_WAIT: Duration = Duration::from_secs(20);

pub struct Clerk {
    db: Db,
    meeting: Meeting,
    debate: Debate,
}

/// Something that happens in the chamber.
enum Event {
    Item(String),
    Speaker { name: String, role: String },
}

impl Clerk {
    pub const fn new(db: Db, meeting: Meeting, debate: Debate) -> Self {
        Self { db, meeting, debate }
    }

    /// What the player calls at the beginning of each round of the debate.
    pub fn on_loop_start(self) -> impl FnMut(DateTime<Utc>) + Send + 'static {
        let runtime = Handle::current();
        let clerk = std::sync::Arc::new(self);
        let mut round: Option<JoinHandle<()>> = None;
        move |start| {
            if let Some(earlier) = round.take() {
                earlier.abort();
            }
            let clerk = clerk.clone();
            round = Some(runtime.spawn(async move {
                if let Err(error) = clerk.attend(start).await {
                    tracing::warn!(%error, "the demo's clerk missed a mark");
                }
            }));
        }
    }

    /// Notes everything of one round at its time.
    async fn attend(&self, start: DateTime<Utc>) -> Result<(), StoreError> {
        let items = self.debate.items.iter().map(|mark| (mark.at, Event::Item(mark.number.clone())));
        let speakers = self
            .debate
            .speakers
            .iter()
            .map(|mark| (mark.at, Event::Speaker { name: mark.name.clone(), role: mark.role.clone() }));
        let mut events: Vec<(MediaTime, Event)> = items.chain(speakers).collect();
        events.sort_by_key(|(at, _)| *at);
        let Some(epoch) = self.epoch().await? else { return Ok(()) };
        for (at, event) in events {
            let moment = start + chrono::TimeDelta::milliseconds(at.ms());
            if let Ok(wait) = (moment - Clock::System.now()).to_std() {
                tokio::time::sleep(wait).await;
            }
            self.note(MediaTime::from_ms((moment - epoch).num_milliseconds()), event).await?;
        }
        Ok(())
    }

    /// When the recording began; the first round is under way before it is known.
    async fn epoch(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let deadline = tokio::time::Instant::now() + RECORDING_WAIT;
        while tokio::time::Instant::now() < deadline {
            if let Some(recording) = self.db.recording(self.meeting.id).await? {
                return Ok(Some(recording.epoch));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(None)
    }

    async fn note(&self, at: MediaTime, event: Event) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        match event {
            Event::Item(number) => {
                let items = tx.agenda_items(self.meeting.id).await?;
                let Some(item) = items.into_iter().find(|item| item.number == number) else { return Ok(()) };
                let span = ItemSpan {
                    id: SpanId::new(),
                    item_id: item.id,
                    start_ms: at.ms(),
                    end_ms: None,
                    source: Evidence::Clerk,
                    confidence: 1.0,
                    confirmed: true,
                };
                tx.start_item(self.meeting.id, &span).await?;
            }
            Event::Speaker { name, role } => {
                let person = tx.person_by_name(self.meeting.council_id, &name).await?;
                let speaker = Speaker {
                    id: SpeakerId::new(),
                    person_id: person.map(|person| person.id),
                    person_slug: None,
                    kind: SpeakerKind::Person,
                    name,
                    role: Some(role),
                };
                let id = tx.save_speaker(self.meeting.id, &speaker).await?;
                let mark = SpeakerMark { at_ms: at.ms(), speaker_id: Some(id), evidence: Evidence::Clerk };
                tx.save_speaker_mark(self.meeting.id, &mark).await?;
            }
        }
        tx.commit().await
    }
}
