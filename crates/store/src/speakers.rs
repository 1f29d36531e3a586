//! Who is heard in a meeting, and what each witness says of who speaks when.

use moothall_core::{Evidence, MeetingId, PersonId, SpeakerId, SpeakerMark, Who};
use sqlx::FromRow;

use crate::{
    Db, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// Whom a voice in a meeting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeakerKind {
    /// Somebody the council names: a member or an officer.
    Person,
    /// An unnamed voice, "Speaker 3".
    Voice,
    /// A member of the public, whom nobody may guess.
    Public,
}

impl SpeakerKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Voice => "voice",
            Self::Public => "public",
        }
    }
}

impl SpeakerKind {
    /// Residents are called by what they are, as in "Member of the public".
    pub fn says_public(text: &str) -> bool {
        text.to_lowercase().contains("public")
    }
}

impl TryFrom<String> for SpeakerKind {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "person" => Ok(Self::Person),
            "voice" => Ok(Self::Voice),
            "public" => Ok(Self::Public),
            _ => Err(StoreError::Inconsistent {
                table: "speakers",
                id: "kind".to_owned(),
                problem: format!("{text:?} is no kind of speaker"),
            }),
        }
    }
}

/// Who is heard in one meeting.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Speaker {
    pub id: SpeakerId,
    pub person_id: Option<PersonId>,
    /// Where the person has a page.
    pub person_slug: Option<String>,
    #[sqlx(try_from = "String")]
    pub kind: SpeakerKind,
    pub name: String,
    /// In this meeting: "Chair".
    pub role: Option<String>,
}

impl Speaker {
    /// Whom it stands for.
    pub fn who(&self) -> Who {
        match (self.kind, self.person_id) {
            (SpeakerKind::Person, Some(person)) => Who::Person(person),
            (SpeakerKind::Person, None) => Who::Named(self.id),
            (SpeakerKind::Public, _) => Who::Public,
            (SpeakerKind::Voice, _) => Who::Nameless,
        }
    }
}

statements! {
    SPEAKERS = "SELECT s.id, coalesce(v.person_id, s.person_id) AS person_id, p.slug AS person_slug,
            CASE WHEN v.speaker_id IS NULL THEN s.kind WHEN v.person_id IS NULL THEN 'public'
                ELSE 'person' END AS kind,
            coalesce(v.name, s.name) AS name, s.role
        FROM speakers s LEFT JOIN voice_names v ON v.speaker_id = s.id
            LEFT JOIN people p ON p.id = coalesce(v.person_id, s.person_id)
        WHERE s.meeting_id = $1 ORDER BY s.id";
    SPEAKER_SAVE = "INSERT INTO speakers (id, meeting_id, person_id, kind, name, role)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (meeting_id, name) DO UPDATE SET person_id = excluded.person_id, kind = excluded.kind,
            role = coalesce(excluded.role, speakers.role) RETURNING id";
    MARKS = "SELECT at_ms, speaker_id, evidence, strength FROM speaker_marks
        WHERE meeting_id = $1 ORDER BY at_ms, evidence";
    MARK_DELETE = "DELETE FROM speaker_marks WHERE meeting_id = $1 AND evidence = $2 AND at_ms = $3";
    MARK_SAVE = "INSERT INTO speaker_marks (meeting_id, at_ms, speaker_id, evidence, strength)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (meeting_id, evidence, at_ms) DO UPDATE SET speaker_id = excluded.speaker_id,
            strength = excluded.strength";
    VOICES_UNHEARD_DELETE = "DELETE FROM speakers WHERE meeting_id = $1 AND kind = 'voice'
        AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.speaker_id = speakers.id)
        AND NOT EXISTS (SELECT 1 FROM speaker_marks m WHERE m.speaker_id = speakers.id)";
}

impl Db {
    /// In the order in which they were first heard of; voices under the name that somebody gave them.
    pub async fn speakers(&self, meeting: MeetingId) -> Result<Vec<Speaker>> {
        Ok(on_db!(self, |pool| sqlx::query_as(SPEAKERS).bind(meeting).fetch_all(pool).await)?)
    }

    pub async fn speaker_marks(&self, meeting: MeetingId) -> Result<Vec<SpeakerMark>> {
        Ok(on_db!(self, |pool| sqlx::query_as(MARKS).bind(meeting).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// The meeting's speaker of this name, made or brought up to date.
    pub async fn save_speaker(&mut self, meeting: MeetingId, speaker: &Speaker) -> Result<SpeakerId> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_scalar(SPEAKER_SAVE)
                .bind(speaker.id)
                .bind(meeting)
                .bind(speaker.person_id)
                .bind(speaker.kind.as_str())
                .bind(&speaker.name)
                .bind(&speaker.role)
                .fetch_one(connection)
                .await
        })?)
    }

    pub async fn speaker_marks(&mut self, meeting: MeetingId) -> Result<Vec<SpeakerMark>> {
        Ok(on_tx!(self, |connection| sqlx::query_as(MARKS).bind(meeting).fetch_all(connection).await)?)
    }

    /// Makes `marks` all that this witness says; whether anything is new. All are of `evidence`, each at a time of
    /// its own.
    pub async fn replace_speaker_marks(
        &mut self,
        meeting: MeetingId,
        evidence: Evidence,
        marks: &[SpeakerMark],
    ) -> Result<bool> {
        let mut before = self.speaker_marks(meeting).await?;
        before.retain(|mark| mark.evidence == evidence);
        let gone = before.iter().filter(|old| marks.iter().all(|mark| mark.at_ms != old.at_ms));
        let come = marks.iter().filter(|mark| !before.contains(mark));
        let mut is_new = false;
        for mark in gone {
            is_new = true;
            on_tx!(self, |connection| {
                sqlx::query(MARK_DELETE)
                    .bind(meeting)
                    .bind(evidence.as_str())
                    .bind(mark.at_ms)
                    .execute(connection)
                    .await
                    .map(drop)
            })?;
        }
        for mark in come {
            is_new = true;
            self.save_speaker_mark(meeting, mark).await?;
        }
        Ok(is_new)
    }

    pub async fn save_speaker_mark(&mut self, meeting: MeetingId, mark: &SpeakerMark) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(MARK_SAVE)
                .bind(meeting)
                .bind(mark.at_ms)
                .bind(mark.speaker_id)
                .bind(mark.evidence.as_str())
                .bind(mark.strength)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// In the order in which they were first heard of; voices under the name that somebody gave them.
    pub async fn speakers(&mut self, meeting: MeetingId) -> Result<Vec<Speaker>> {
        Ok(on_tx!(self, |connection| sqlx::query_as(SPEAKERS).bind(meeting).fetch_all(connection).await)?)
    }

    /// Forgets unnamed voices of the meeting to which nothing belongs any more.
    pub async fn forget_unheard_voices(&mut self, meeting: MeetingId) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(VOICES_UNHEARD_DELETE).bind(meeting).execute(connection).await.map(drop)
        })?;
        Ok(())
    }
}
