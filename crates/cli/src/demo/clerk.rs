//! The chamber of the live demo: a clerk calls the items as the debate goes on, and a conference system says whose
//! microphone is on.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{Clock, Evidence, MediaTime, MicrophoneEvent, SpanId, SpeakerId};
use moothall_store::{Db, ItemSpan, Meeting, Speaker, SpeakerKind, StoreError};
use tokio::{runtime::Handle, task::JoinHandle};

use super::studio::{Debate, ItemMark, SpeakerMark};

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
    Microphone { event: MicrophoneEvent, role: String },
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
        let called = |mark: &ItemMark| (start + since(mark.at), Event::Item(mark.number.clone()));
        let mut events: Vec<(DateTime<Utc>, Event)> = self.debate.items.iter().map(called).collect();
        events.extend(
            microphone_events(&self.debate, start)
                .map(|(event, role)| (event.at, Event::Microphone { event, role: role.to_owned() })),
        );
        events.sort_by_key(|(at, _)| *at);
        let Some(epoch) = self.epoch().await? else { return Ok(()) };
        for (at, event) in events {
            if let Ok(wait) = (at - Clock::System.now()).to_std() {
                tokio::time::sleep(wait).await;
            }
            self.note(at, epoch, event).await?;
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

    async fn note(&self, at: DateTime<Utc>, epoch: DateTime<Utc>, event: Event) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        match event {
            Event::Item(number) => {
                let items = tx.agenda_items(self.meeting.id).await?;
                let Some(item) = items.into_iter().find(|item| item.number == number) else { return Ok(()) };
                let span = ItemSpan {
                    id: SpanId::new(),
                    item_id: item.id,
                    start_ms: MediaTime::from_ms((at - epoch).num_milliseconds()).ms(),
                    end_ms: None,
                    source: Evidence::Clerk,
                    confidence: 1.0,
                    confirmed: true,
                };
                tx.start_item(self.meeting.id, &span).await?;
            }
            Event::Microphone { event, role } => {
                let person = tx.person_by_name(self.meeting.council_id, &event.name).await?;
                let speaker = Speaker {
                    id: SpeakerId::new(),
                    person_id: person.map(|person| person.id),
                    person_slug: None,
                    kind: SpeakerKind::Person,
                    name: event.name.clone(),
                    role: Some(role),
                };
                tx.save_speaker(self.meeting.id, &speaker).await?;
                tx.take_microphone_events(self.meeting.id, &[event]).await?;
            }
        }
        tx.commit().await
    }
}

/// What the chamber's conference system says of one round of the debate that began at `start`, and the role of whoever
/// it is of: each speaker's microphone is on until the next one speaks.
fn microphone_events(debate: &Debate, start: DateTime<Utc>) -> impl Iterator<Item = (MicrophoneEvent, &str)> {
    let event = move |mark: &SpeakerMark, at: MediaTime, is_on| MicrophoneEvent {
        at: start + since(at),
        microphone: mark.name.clone(),
        is_on,
        name: mark.name.clone(),
    };
    let speakers = &debate.speakers;
    let closed = speakers.iter().zip(speakers.iter().skip(1));
    let closed = closed.map(move |(mark, next)| (event(mark, next.at, false), mark.role.as_str()));
    closed.chain(speakers.iter().map(move |mark| (event(mark, mark.at, true), mark.role.as_str())))
}

fn since(at: MediaTime) -> TimeDelta {
    TimeDelta::milliseconds(at.ms())
}

#[cfg(test)]
mod tests {
    use moothall_core::microphone_floors;
    use proptest::prelude::*;

    use super::*;
    use crate::demo::studio::tests::the_debate;

    #[test]
    fn the_debates_microphones_in_any_order_and_again_give_the_same_turns() {
        let Some(debate) = the_debate() else { return };
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let events: Vec<MicrophoneEvent> =
            microphone_events(&debate, start).map(|(event, _)| event).collect();
        let spoken: Vec<(DateTime<Utc>, &str)> =
            debate.speakers.iter().map(|mark| (start + since(mark.at), mark.name.as_str())).collect();
        let runner = proptest::test_runner::Config::with_cases(64);
        let any_order = prop::collection::vec(any::<prop::sample::Index>(), 0..4 * events.len());
        proptest!(runner, |(again in any_order, order in Just(events.clone()).prop_shuffle())| {
            let mut told = order;
            told.extend(again.iter().map(|index| events[index.index(events.len())].clone()));
            told.rotate_right(again.len());
            let floors = microphone_floors(&told, &[]);
            let heard: Vec<(DateTime<Utc>, &str)> = floors
                .iter()
                .map(|floor| (floor.at, floor.open.as_ref().map_or("", |(_, name)| name.as_str())))
                .collect();
            prop_assert_eq!(&heard, &spoken);
        });
    }
}
