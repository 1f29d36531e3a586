//! What conference systems say of their microphones, and the marks that are made of it.

use std::collections::HashMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use moothall_core::{
    CouncilId, Evidence, MeetingId, MicrophoneEvent, RoomId, SpeakerId, SpeakerMark, may_be_written,
    microphone_floors,
};
use sqlx::FromRow;

use crate::{
    Council, Db, Person, Speaker, SpeakerKind, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// Conference systems are switched on before the recording begins.
const LEAD: TimeDelta = TimeDelta::minutes(30);
/// No meeting is looked for that was planned to begin longer ago.
const LONGEST_MEETING: TimeDelta = TimeDelta::hours(24);
/// How likely whoever opened the microphone is who speaks: people lend theirs.
const STRENGTH: f64 = 0.9;

/// What became of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// New ones that are kept.
    pub events: u64,
    /// Whether somebody else has the floor at some time now.
    pub changes_floor: bool,
}

#[derive(Debug, Clone, FromRow)]
struct Candidate {
    id: MeetingId,
    starts_at: DateTime<Utc>,
    epoch: Option<DateTime<Utc>>,
    duration_ms: Option<i64>,
    finished: Option<bool>,
}

statements! {
    MICROPHONE_EVENTS = "SELECT at, microphone, is_on, name FROM microphone_events WHERE meeting_id = $1";
    // Of a private session nothing is written, whoever tells of it and however late.
    MICROPHONE_EVENT_INSERT = "INSERT INTO microphone_events (meeting_id, at, microphone, is_on, name)
        SELECT $1, $2, $3, CAST($4 AS BOOLEAN), $5 WHERE NOT EXISTS (SELECT 1 FROM exempt_spans e WHERE e.meeting_id = $1
            AND e.from_at <= $2 AND (e.until_at IS NULL OR e.until_at > $2))
        ON CONFLICT (meeting_id, at, microphone, is_on, name) DO NOTHING";
    MICROPHONE_EVENTS_FORGET = "DELETE FROM microphone_events WHERE meeting_id = $1 AND at >= $2";
    MICROPHONE_MEETINGS = "SELECT m.id, m.starts_at, r.epoch, r.duration_ms, r.finished
        FROM meetings m LEFT JOIN recordings r ON r.meeting_id = m.id
        WHERE m.room_id = $1 AND m.starts_at BETWEEN $2 AND $3 AND m.state <> 'cancelled'
        ORDER BY m.starts_at, m.id";
    MICROPHONE_ZERO = "SELECT m.starts_at, r.epoch FROM meetings m LEFT JOIN recordings r ON r.meeting_id = m.id
        WHERE m.id = $1";
    MEETING_COUNCIL = "SELECT c.id, c.slug, c.name, c.created_at
        FROM meetings m JOIN councils c ON c.id = m.council_id WHERE m.id = $1";
    COUNCIL_PEOPLE = "SELECT id, council_id, slug, name FROM people WHERE council_id = $1 ORDER BY name, id";
}

impl Db {
    /// The meeting that was held in a room at this moment, or was about to be.
    pub async fn meeting_in_room(&self, room: RoomId, at: DateTime<Utc>) -> Result<Option<MeetingId>> {
        let near: Vec<Candidate> = on_db!(self, |pool| {
            sqlx::query_as(MICROPHONE_MEETINGS)
                .bind(room)
                .bind(at - LONGEST_MEETING)
                .bind(at + LEAD)
                .fetch_all(pool)
                .await
        })?;
        Ok(held_at(&near, at))
    }
}

/// A recording that covers the moment goes before a meeting that is about to begin.
fn held_at(near: &[Candidate], at: DateTime<Utc>) -> Option<MeetingId> {
    let begins = |meeting: &Candidate| meeting.epoch.unwrap_or(meeting.starts_at);
    let is_over = |meeting: &Candidate| {
        let length = TimeDelta::milliseconds(meeting.duration_ms.unwrap_or(0));
        meeting.finished == Some(true) && begins(meeting) + length < at
    };
    let possible: Vec<&Candidate> =
        near.iter().filter(|meeting| begins(meeting) - LEAD <= at && !is_over(meeting)).collect();
    let covering = possible.iter().rfind(|meeting| meeting.epoch.is_some_and(|epoch| epoch <= at));
    covering.or(possible.first()).map(|meeting| meeting.id)
}

impl Tx {
    /// Keeps what a conference system says, and makes it the microphones' marks. Late events, and such as were told
    /// before, do no harm.
    pub async fn take_microphone_events(
        &mut self,
        meeting: MeetingId,
        events: &[MicrophoneEvent],
    ) -> Result<Taken> {
        let mut taken = Taken::default();
        for event in events {
            taken.events += on_tx!(self, |connection| {
                sqlx::query(MICROPHONE_EVENT_INSERT)
                    .bind(meeting)
                    // As finely as both databases keep it.
                    .bind(event.at.trunc_subsecs(6))
                    .bind(&event.microphone)
                    .bind(event.is_on)
                    .bind(&event.name)
                    .execute(connection)
                    .await
                    .map(|done| done.rows_affected())
            })?;
        }
        if taken.events > 0 {
            taken.changes_floor = self.mark_microphones(meeting).await?;
        }
        Ok(taken)
    }

    /// Forgets what was told of `from` and later.
    pub(crate) async fn forget_microphones(&mut self, meeting: MeetingId, from: DateTime<Utc>) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(MICROPHONE_EVENTS_FORGET).bind(meeting).bind(from).execute(connection).await.map(drop)
        })?;
        self.mark_microphones(meeting).await?;
        Ok(())
    }

    /// Makes the microphones' marks anew, now that media time is known or has changed. Says whether they have changed.
    pub async fn mark_microphones(&mut self, meeting: MeetingId) -> Result<bool> {
        let (starts_at, epoch): (DateTime<Utc>, Option<DateTime<Utc>>) = on_tx!(self, |connection| {
            sqlx::query_as(MICROPHONE_ZERO).bind(meeting).fetch_one(connection).await
        })?;
        // What was imported without a recording is timed from the planned start.
        let epoch = epoch.unwrap_or(starts_at);
        let events: Vec<MicrophoneEvent> = on_tx!(self, |connection| {
            sqlx::query_as(MICROPHONE_EVENTS).bind(meeting).fetch_all(connection).await
        })?;
        let private = self.exempt_spans(meeting).await?;
        let resets: Vec<DateTime<Utc>> = private.iter().map(|span| span.from_at).collect();
        let mut marks: Vec<SpeakerMark> = Vec::new();
        let mut speakers: HashMap<(String, String), SpeakerId> = HashMap::new();
        for floor in microphone_floors(&events, &resets) {
            let speaker_id = match floor.open {
                None => None,
                Some(open) => match speakers.get(&open) {
                    Some(speaker) => Some(*speaker),
                    None => {
                        let speaker = self.at_microphone(meeting, &open.0, &open.1).await?;
                        speakers.insert(open, speaker);
                        Some(speaker)
                    }
                },
            };
            let at_ms = (floor.at - epoch).num_milliseconds().max(0);
            // Of what was before the recording, the last counts when it begins.
            marks.pop_if(|last| last.at_ms == at_ms);
            marks.push(SpeakerMark { at_ms, speaker_id, evidence: Evidence::Microphone, strength: STRENGTH });
        }
        self.replace_speaker_marks(meeting, Evidence::Microphone, &marks).await
    }

    /// Who sits at a microphone. One of which nobody has said that is a voice, which can be given a name.
    async fn at_microphone(&mut self, meeting: MeetingId, microphone: &str, name: &str) -> Result<SpeakerId> {
        let council: Council = on_tx!(self, |connection| {
            sqlx::query_as(MEETING_COUNCIL).bind(meeting).fetch_one(connection).await
        })?;
        let person = match name {
            "" => None,
            _ if SpeakerKind::says_public(name) => None,
            _ => Some(match self.person_written(council.id, name).await? {
                Some(person) => person,
                None => self.ensure_person(&council, name).await?,
            }),
        };
        let (kind, name) = match (&person, name) {
            (Some(person), _) => (SpeakerKind::Person, person.name.clone()),
            (None, "") => (SpeakerKind::Voice, format!("Microphone {microphone}")),
            (None, public) => (SpeakerKind::Public, public.to_owned()),
        };
        let person_id = person.map(|person| person.id);
        let speaker = Speaker { id: SpeakerId::new(), person_id, person_slug: None, kind, name, role: None };
        self.save_speaker(meeting, &speaker).await
    }

    /// The one person of the council whose name may be written like this.
    async fn person_written(&mut self, council: CouncilId, given: &str) -> Result<Option<Person>> {
        let people: Vec<Person> = on_tx!(self, |connection| {
            sqlx::query_as(COUNCIL_PEOPLE).bind(council).fetch_all(connection).await
        })?;
        let mut same = people.into_iter().filter(|person| may_be_written(&person.name, given));
        Ok(same.next().filter(|_| same.next().is_none()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-03T{text}:00Z").parse().unwrap()
    }

    #[test]
    fn a_moment_belongs_to_the_meeting_that_was_held_then() {
        let meeting = |starts: &str, epoch: Option<&str>, minutes: i64, finished: bool| Candidate {
            id: MeetingId::new(),
            starts_at: at(starts),
            epoch: epoch.map(at),
            duration_ms: epoch.map(|_| minutes * 60_000),
            finished: epoch.map(|_| finished),
        };
        let (first, second) =
            (meeting("18:00", Some("17:58"), 70, true), meeting("19:15", Some("19:05"), 20, false));
        let (third, ids) = (meeting("21:00", None, 0, false), [first.id, second.id]);
        let near = [first, second, third.clone()];
        for (moment, expected) in [
            ("17:20", None),
            ("17:40", Some(ids[0])),
            ("18:30", Some(ids[0])),
            // The first has run into the time of the second.
            ("19:07", Some(ids[1])),
            ("19:50", Some(ids[1])),
        ] {
            assert_eq!(held_at(&near, at(moment)), expected, "{moment}");
        }
        assert_eq!(held_at(&near[2..], at("20:40")), Some(third.id));
        assert_eq!(held_at(&[], at("20:40")), None);
    }
}
