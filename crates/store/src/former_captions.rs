//! Captions that give way to better ones, and where links to them lead.

use moothall_core::{CaptionId, MediaTime, MeetingId};
use sqlx::FromRow;

use crate::{
    CaptionRow, Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// A caption that gave way, and the one that holds its words now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct FormerCaption {
    pub id: CaptionId,
    pub caption_id: CaptionId,
}

statements! {
    FORMER = "SELECT f.id, f.caption_id FROM former_captions f JOIN captions c ON c.id = f.caption_id
        WHERE c.meeting_id = $1 ORDER BY c.start_ms, f.id";
    FORMER_BETWEEN = "SELECT f.id, f.caption_id FROM former_captions f JOIN captions c ON c.id = f.caption_id
        WHERE c.meeting_id = $1 AND c.start_ms >= $2 AND c.start_ms < $3 AND NOT c.corrected ORDER BY f.id";
    FORMER_INSERT = "INSERT INTO former_captions (id, caption_id) VALUES ($1, $2)";
    CAPTIONS_BETWEEN = "SELECT id, turn_id, start_ms, end_ms, text, words, confidence, corrected, language FROM captions
        WHERE meeting_id = $1 AND start_ms >= $2 AND start_ms < $3 ORDER BY start_ms, id";
    UNCORRECTED_DELETE = "DELETE FROM captions
        WHERE meeting_id = $1 AND start_ms >= $2 AND start_ms < $3 AND NOT corrected";
    TURNS_CLOSE_IN = "UPDATE turns
        SET start_ms = (SELECT min(c.start_ms) FROM captions c WHERE c.turn_id = turns.id),
            end_ms = (SELECT max(c.end_ms) FROM captions c WHERE c.turn_id = turns.id)
        WHERE meeting_id = $1 AND start_ms < $3 AND end_ms >= $2
            AND EXISTS (SELECT 1 FROM captions c WHERE c.turn_id = turns.id)";
    TURNS_EMPTY_DELETE = "DELETE FROM turns
        WHERE meeting_id = $1 AND NOT EXISTS (SELECT 1 FROM captions c WHERE c.turn_id = turns.id)";
}

impl Db {
    /// What gave way in a meeting, by the time of what is there now.
    pub async fn former_captions(&self, meeting: MeetingId) -> Result<Vec<FormerCaption>> {
        Ok(on_db!(self, |pool| sqlx::query_as(FORMER).bind(meeting).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// Takes away the captions that start from `from` on and before `to`. Corrected ones stay: they come back among
    /// the others, in order of time. Gives also those that had given way to the ones that go.
    pub async fn take_captions(
        &mut self,
        meeting: MeetingId,
        from: MediaTime,
        to: MediaTime,
    ) -> Result<(Vec<CaptionRow>, Vec<FormerCaption>)> {
        let captions: Vec<CaptionRow> = on_tx!(self, |connection| {
            sqlx::query_as(CAPTIONS_BETWEEN).bind(meeting).bind(from).bind(to).fetch_all(connection).await
        })?;
        if captions.is_empty() {
            return Ok(Default::default());
        }
        let former = on_tx!(self, |connection| {
            sqlx::query_as(FORMER_BETWEEN).bind(meeting).bind(from).bind(to).fetch_all(connection).await
        })?;
        for statement in [UNCORRECTED_DELETE, TURNS_CLOSE_IN] {
            on_tx!(self, |connection| {
                sqlx::query(statement).bind(meeting).bind(from).bind(to).execute(connection).await.map(drop)
            })?;
        }
        self.touch_meeting(meeting).await?;
        Ok((captions, former))
    }

    /// Says where links to captions that gave way lead.
    pub async fn save_former_captions(&mut self, former: &[FormerCaption]) -> Result<()> {
        for FormerCaption { id, caption_id } in former {
            on_tx!(self, |connection| {
                sqlx::query(FORMER_INSERT).bind(id).bind(caption_id).execute(connection).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Removes turns without a caption.
    pub async fn remove_empty_turns(&mut self, meeting: MeetingId) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(TURNS_EMPTY_DELETE).bind(meeting).execute(connection).await.map(drop)
        })?;
        Ok(())
    }
}
