//! The transcript: turns, captions and their corrections.

use chrono::{DateTime, Utc};
use moothall_core::{CaptionId, Evidence, MediaTime, MeetingId, SpeakerId, TurnId, UserId, Word};
use sqlx::{FromRow, QueryBuilder, types::Json};
use uuid::Uuid;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// Consecutive captions by one speaker.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Turn {
    pub id: TurnId,
    pub start_ms: i64,
    pub end_ms: i64,
    pub speaker_id: Option<SpeakerId>,
    #[sqlx(try_from = "String")]
    pub evidence: Evidence,
    /// How sure the name is, from 0 to 1; absent where there is none.
    pub confidence: Option<f64>,
}

/// One caption as it is kept.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct CaptionRow {
    pub id: CaptionId,
    pub turn_id: TurnId,
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    pub text: String,
    pub words: Json<Vec<Word>>,
    pub confidence: Option<f64>,
    /// A person has changed it; what stood there before is among its edits.
    pub corrected: bool,
    /// All of its words are in, as in ISO 639-1; absent where nobody found it out.
    pub language: Option<String>,
}

/// One correction of a caption.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Edit {
    pub caption_id: CaptionId,
    pub user_id: Option<UserId>,
    pub made_at: DateTime<Utc>,
    pub text_before: String,
    pub text_after: String,
}

/// No caption stands longer, imported ones included: those that could still stand are found by their start.
const LONGEST_CAPTION_MS: i64 = 60_000;
/// Rows per INSERT: ten values each stay below SQLite's limit of 32,766 bound values.
const CAPTIONS_PER_INSERT: usize = 500;

statements! {
    TURNS = "SELECT id, start_ms, end_ms, speaker_id, evidence, confidence FROM turns
        WHERE meeting_id = $1 AND end_ms >= $2 ORDER BY start_ms, id";
    TURN_BEFORE = "SELECT id, start_ms, end_ms, speaker_id, evidence, confidence FROM turns
        WHERE meeting_id = $1 AND start_ms < $2 ORDER BY start_ms DESC, id DESC LIMIT 1";
    TURN_OF = "SELECT t.id, t.start_ms, t.end_ms, t.speaker_id, t.evidence, t.confidence
        FROM captions c JOIN turns t ON t.id = c.turn_id WHERE c.id = $1";
    TURN_SAVE = "INSERT INTO turns (id, meeting_id, start_ms, end_ms, speaker_id, evidence, confidence)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE SET start_ms = excluded.start_ms, end_ms = excluded.end_ms,
            speaker_id = excluded.speaker_id, evidence = excluded.evidence,
            confidence = excluded.confidence";
    TURNS_DELETE = "DELETE FROM turns WHERE meeting_id = $1";
    CAPTIONS = "SELECT id, turn_id, start_ms, end_ms, text, words, confidence, corrected, language FROM captions
        WHERE meeting_id = $1 AND start_ms >= $2 ORDER BY start_ms, id";
    CAPTIONS_AT = "SELECT id, turn_id, start_ms, end_ms, text, words, confidence, corrected, language FROM captions
        WHERE meeting_id = $1 AND start_ms >= $4 AND start_ms < $3 AND end_ms > $2 ORDER BY start_ms, id";
    CAPTION = "SELECT id, turn_id, start_ms, end_ms, text, words, confidence, corrected, language FROM captions
        WHERE id = $1";
    CAPTIONS_DELETE = "DELETE FROM captions WHERE meeting_id = $1";
    CAPTION_WORDS = "UPDATE captions SET end_ms = $2, text = $3, words = $4, confidence = $5, language = $6
        WHERE id = $1";
    CAPTION_SET_TURN = "UPDATE captions SET turn_id = $2 WHERE id = $1";
    TURN_DELETE = "DELETE FROM turns WHERE id = $1";
    CAPTION_CORRECT = "UPDATE captions SET text = $2, corrected = $3 WHERE id = $1";
    CAPTIONS_CORRECTED = "SELECT count(*) FROM captions WHERE meeting_id = $1 AND corrected";
    EDITS = "SELECT caption_id, user_id, made_at, text_before, text_after FROM edits
        WHERE caption_id = $1 ORDER BY made_at, id";
    EDIT_INSERT = "INSERT INTO edits (id, caption_id, user_id, made_at, text_before, text_after)
        VALUES ($1, $2, $3, $4, $5, $6)";
}

const CAPTION_INSERT: &str = "INSERT INTO captions
    (id, meeting_id, turn_id, start_ms, end_ms, text, words, confidence, corrected, language) ";

impl Db {
    /// Turns that end at or after `after`, by their start.
    pub async fn turns(&self, meeting: MeetingId, after: MediaTime) -> Result<Vec<Turn>> {
        Ok(on_db!(self, |pool| sqlx::query_as(TURNS).bind(meeting).bind(after).fetch_all(pool).await)?)
    }

    /// Captions that start at or after `from`, by their start.
    pub async fn captions(&self, meeting: MeetingId, from: MediaTime) -> Result<Vec<CaptionRow>> {
        Ok(on_db!(self, |pool| sqlx::query_as(CAPTIONS).bind(meeting).bind(from).fetch_all(pool).await)?)
    }

    /// Captions that stand at any moment from `from` up to `to`, by their start.
    pub async fn captions_at(
        &self,
        meeting: MeetingId,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<Vec<CaptionRow>> {
        let earliest = from + -LONGEST_CAPTION_MS;
        Ok(on_db!(self, |pool| {
            sqlx::query_as(CAPTIONS_AT).bind(meeting).bind(from).bind(to).bind(earliest).fetch_all(pool).await
        })?)
    }

    pub async fn caption(&self, id: CaptionId) -> Result<Option<CaptionRow>> {
        Ok(on_db!(self, |pool| sqlx::query_as(CAPTION).bind(id).fetch_optional(pool).await)?)
    }

    /// A caption's corrections, earliest first.
    pub async fn edits(&self, caption: CaptionId) -> Result<Vec<Edit>> {
        Ok(on_db!(self, |pool| sqlx::query_as(EDITS).bind(caption).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// The last turn that begins before `at`.
    pub async fn turn_before(&mut self, meeting: MeetingId, at: MediaTime) -> Result<Option<Turn>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(TURN_BEFORE).bind(meeting).bind(at).fetch_optional(connection).await
        })?)
    }

    /// The turn that a caption belongs to.
    pub async fn turn_of(&mut self, caption: CaptionId) -> Result<Option<Turn>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(TURN_OF).bind(caption).fetch_optional(connection).await
        })?)
    }

    pub async fn captions(&mut self, meeting: MeetingId) -> Result<Vec<CaptionRow>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(CAPTIONS).bind(meeting).bind(MediaTime::ZERO).fetch_all(connection).await
        })?)
    }

    /// Adds captions with their turns; a turn whose id is known is brought up to date.
    pub async fn append_transcript(
        &mut self,
        meeting: MeetingId,
        turns: &[Turn],
        captions: &[CaptionRow],
    ) -> Result<()> {
        for turn in turns {
            on_tx!(self, |connection| {
                sqlx::query(TURN_SAVE)
                    .bind(turn.id)
                    .bind(meeting)
                    .bind(turn.start_ms)
                    .bind(turn.end_ms)
                    .bind(turn.speaker_id)
                    .bind(turn.evidence.as_str())
                    .bind(turn.confidence)
                    .execute(connection)
                    .await
                    .map(drop)
            })?;
        }
        for rows in captions.chunks(CAPTIONS_PER_INSERT) {
            on_tx!(self, |connection| {
                let mut query = QueryBuilder::new(CAPTION_INSERT);
                query.push_values(rows, |mut row, caption| {
                    row.push_bind(caption.id)
                        .push_bind(meeting)
                        .push_bind(caption.turn_id)
                        .push_bind(caption.start_ms)
                        .push_bind(caption.end_ms)
                        .push_bind(&caption.text)
                        .push_bind(&caption.words)
                        .push_bind(caption.confidence)
                        .push_bind(caption.corrected)
                        .push_bind(&caption.language);
                });
                query.build().execute(connection).await.map(drop)
            })?;
        }
        self.touch_meeting(meeting).await
    }

    /// Makes `turns` all of the meeting's; `moved` says to which of them captions belong that were in others.
    pub async fn replace_turns(
        &mut self,
        meeting: MeetingId,
        turns: &[Turn],
        moved: &[CaptionRow],
    ) -> Result<()> {
        let before: Vec<Turn> = on_tx!(self, |connection| {
            sqlx::query_as(TURNS).bind(meeting).bind(MediaTime::ZERO).fetch_all(connection).await
        })?;
        let changed: Vec<Turn> = turns.iter().filter(|turn| !before.contains(turn)).cloned().collect();
        self.append_transcript(meeting, &changed, &[]).await?;
        for caption in moved {
            self.set_caption_turn(caption.id, caption.turn_id).await?;
        }
        for turn in before.iter().filter(|old| turns.iter().all(|turn| turn.id != old.id)) {
            on_tx!(self, |connection| {
                sqlx::query(TURN_DELETE).bind(turn.id).execute(connection).await.map(drop)
            })?;
        }
        Ok(())
    }

    pub async fn set_caption_turn(&mut self, caption: CaptionId, turn: TurnId) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(CAPTION_SET_TURN).bind(caption).bind(turn).execute(connection).await.map(drop)
        })?;
        Ok(())
    }

    /// Gives a caption the end, the text and the words of `caption`: it is cut, or grows.
    pub async fn set_caption_words(&mut self, caption: &CaptionRow) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(CAPTION_WORDS)
                .bind(caption.id)
                .bind(caption.end_ms)
                .bind(&caption.text)
                .bind(&caption.words)
                .bind(caption.confidence)
                .bind(&caption.language)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// How many captions of the meeting a person has corrected.
    pub async fn count_corrected(&mut self, meeting: MeetingId) -> Result<i64> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_scalar(CAPTIONS_CORRECTED).bind(meeting).fetch_one(connection).await
        })?)
    }

    /// Takes away the meeting's captions and turns, for a transcript that replaces them as a whole.
    /// Fails where a caption has been corrected: corrections are never lost.
    pub async fn clear_transcript(&mut self, meeting: MeetingId) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(CAPTIONS_DELETE).bind(meeting).execute(connection).await.map(drop)
        })?;
        on_tx!(self, |connection| sqlx::query(TURNS_DELETE)
            .bind(meeting)
            .execute(connection)
            .await
            .map(drop))?;
        self.touch_meeting(meeting).await
    }

    /// Gives a caption other words and keeps those it had. Returns `false` where there is no such caption.
    pub async fn correct_caption(
        &mut self,
        meeting: MeetingId,
        caption: CaptionId,
        text: &str,
        user: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let found: Option<CaptionRow> = on_tx!(self, |connection| {
            sqlx::query_as(CAPTION).bind(caption).fetch_optional(connection).await
        })?;
        let Some(before) = found else { return Ok(false) };
        on_tx!(self, |connection| {
            sqlx::query(EDIT_INSERT)
                .bind(Uuid::now_v7())
                .bind(caption)
                .bind(user)
                .bind(now)
                .bind(&before.text)
                .bind(text)
                .execute(connection)
                .await
                .map(drop)
        })?;
        on_tx!(self, |connection| {
            sqlx::query(CAPTION_CORRECT)
                .bind(caption)
                .bind(text)
                .bind(true)
                .execute(connection)
                .await
                .map(drop)
        })?;
        self.touch_meeting(meeting).await?;
        Ok(true)
    }
}
