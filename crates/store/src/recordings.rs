//! What is known of a meeting's recording without opening its journal.

use chrono::{DateTime, Utc};
use moothall_core::{MeetingId, RecordingId};
use sqlx::FromRow;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// What one meeting's media timeline holds. The journal in its folder is the truth about the media; this
/// row lets pages be made without reading it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Recording {
    pub id: RecordingId,
    pub meeting_id: MeetingId,
    /// Wall-clock time of media time zero.
    pub epoch: DateTime<Utc>,
    pub duration_ms: i64,
    pub has_video: bool,
    /// No more media will come.
    pub finished: bool,
    /// How far the transcript reaches; the next audio to be heard begins here.
    pub transcribed_ms: i64,
    /// How far the captions reach that are made while the meeting goes on, and that the transcript replaces.
    pub live_ms: i64,
}

statements! {
    RECORDING = "SELECT id, meeting_id, epoch, duration_ms, has_video, finished, transcribed_ms, live_ms
        FROM recordings WHERE meeting_id = $1";
    RECORDING_UPSERT = "INSERT INTO recordings
            (id, meeting_id, epoch, duration_ms, has_video, finished, transcribed_ms, live_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (meeting_id) DO UPDATE SET epoch = excluded.epoch, duration_ms = excluded.duration_ms,
            has_video = excluded.has_video, finished = excluded.finished";
    RECORDING_POSTER = "UPDATE recordings SET has_poster = $2 WHERE meeting_id = $1";
    RECORDING_LIVE = "UPDATE recordings SET live_ms = $2 WHERE meeting_id = $1";
    RECORDING_TRANSCRIBED = "UPDATE recordings SET transcribed_ms = $2 WHERE meeting_id = $1";
}

impl Db {
    pub async fn recording(&self, meeting: MeetingId) -> Result<Option<Recording>> {
        Ok(on_db!(self, |pool| sqlx::query_as(RECORDING).bind(meeting).fetch_optional(pool).await)?)
    }
}

impl Tx {
    pub async fn recording(&mut self, meeting: MeetingId) -> Result<Option<Recording>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(RECORDING).bind(meeting).fetch_optional(connection).await
        })?)
    }

    /// Writes what the journal says; how far the transcript reaches is left as it is.
    pub async fn save_recording(&mut self, recording: &Recording) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(RECORDING_UPSERT)
                .bind(recording.id)
                .bind(recording.meeting_id)
                .bind(recording.epoch)
                .bind(recording.duration_ms)
                .bind(recording.has_video)
                .bind(recording.finished)
                .bind(recording.transcribed_ms)
                .bind(recording.live_ms)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Says whether there are pictures of the recording to show.
    pub async fn set_poster(&mut self, meeting: MeetingId, has_poster: bool) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(RECORDING_POSTER).bind(meeting).bind(has_poster).execute(connection).await.map(drop)
        })?;
        Ok(())
    }

    pub async fn set_live(&mut self, meeting: MeetingId, live_ms: i64) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(RECORDING_LIVE).bind(meeting).bind(live_ms).execute(connection).await.map(drop)
        })?;
        Ok(())
    }

    pub async fn set_transcribed(&mut self, meeting: MeetingId, transcribed_ms: i64) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(RECORDING_TRANSCRIBED)
                .bind(meeting)
                .bind(transcribed_ms)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }
}
