//! The voices of a meeting that were told apart, and the names that people give them.

use moothall_core::{MeetingId, PersonId, SpeakerId};
use sqlx::FromRow;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// One voice of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Voice {
    pub id: SpeakerId,
    /// What it is called while nobody has named it: "Speaker 3".
    pub label: String,
    /// The name it was given.
    pub name: Option<String>,
}

/// Who somebody says a voice is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceName {
    /// `None` for a member of the public.
    pub person_id: Option<PersonId>,
    pub name: String,
}

statements! {
    VOICES = "SELECT s.id, s.name AS label, v.name FROM speakers s
        LEFT JOIN voice_names v ON v.speaker_id = s.id
        WHERE s.meeting_id = $1 AND s.kind = 'voice' ORDER BY s.id";
    VOICE = "SELECT s.id, s.name AS label, v.name FROM speakers s
        LEFT JOIN voice_names v ON v.speaker_id = s.id
        WHERE s.meeting_id = $1 AND s.id = $2 AND s.kind = 'voice'";
    VOICE_NAME_SAVE = "INSERT INTO voice_names (speaker_id, person_id, name) VALUES ($1, $2, $3)
        ON CONFLICT (speaker_id) DO UPDATE SET person_id = excluded.person_id, name = excluded.name";
    VOICE_NAME_DELETE = "DELETE FROM voice_names WHERE speaker_id = $1";
}

impl Db {
    /// In the order in which they were found.
    pub async fn voices(&self, meeting: MeetingId) -> Result<Vec<Voice>> {
        Ok(on_db!(self, |pool| sqlx::query_as(VOICES).bind(meeting).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// The voice, if the meeting has it.
    pub async fn voice(&mut self, meeting: MeetingId, voice: SpeakerId) -> Result<Option<Voice>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(VOICE).bind(meeting).bind(voice).fetch_optional(connection).await
        })?)
    }

    /// Names a voice of the meeting in all its turns, or takes its name back.
    pub async fn name_voice(
        &mut self,
        meeting: MeetingId,
        voice: SpeakerId,
        name: Option<&VoiceName>,
    ) -> Result<()> {
        on_tx!(self, |connection| match name {
            Some(VoiceName { person_id, name }) => sqlx::query(VOICE_NAME_SAVE)
                .bind(voice)
                .bind(person_id)
                .bind(name)
                .execute(connection)
                .await
                .map(drop),
            None => sqlx::query(VOICE_NAME_DELETE).bind(voice).execute(connection).await.map(drop),
        })?;
        self.touch_meeting(meeting).await
    }
}
