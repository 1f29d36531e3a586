//! What is still to be copied to the object store, told by who copies it.

use chrono::{DateTime, Utc};
use moothall_core::MeetingId;
use sqlx::FromRow;

use crate::{Db, backend::on_db, error::Result};

/// A recording of which something waits to be copied.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Backlog {
    pub meeting_id: MeetingId,
    pub waiting_files: i64,
    pub waiting_bytes: i64,
    /// Why it does not go on, and what to do; empty where it does.
    pub trouble: String,
    pub told_at: DateTime<Utc>,
}

statements! {
    BACKLOGS = "SELECT meeting_id, waiting_files, waiting_bytes, trouble, told_at FROM archive_backlog
        ORDER BY waiting_bytes DESC, meeting_id";
    BACKLOG_TELL = "INSERT INTO archive_backlog (meeting_id, waiting_files, waiting_bytes, trouble, told_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (meeting_id) DO UPDATE SET waiting_files = excluded.waiting_files,
            waiting_bytes = excluded.waiting_bytes, trouble = excluded.trouble, told_at = excluded.told_at";
    BACKLOG_DONE = "DELETE FROM archive_backlog WHERE meeting_id = $1";
}

impl Db {
    /// Recordings of which something waits, the largest first; none where there is no object store.
    pub async fn archive_backlog(&self) -> Result<Vec<Backlog>> {
        Ok(on_db!(self, |pool| sqlx::query_as(BACKLOGS).fetch_all(pool).await)?)
    }

    /// Tells what of a recording waits. One of which nothing waits is no longer told of.
    pub async fn tell_backlog(&self, backlog: &Backlog) -> Result<()> {
        if backlog.waiting_files == 0 && backlog.trouble.is_empty() {
            on_db!(self, |pool| {
                sqlx::query(BACKLOG_DONE).bind(backlog.meeting_id).execute(pool).await.map(drop)
            })?;
            return Ok(());
        }
        on_db!(self, |pool| {
            sqlx::query(BACKLOG_TELL)
                .bind(backlog.meeting_id)
                .bind(backlog.waiting_files)
                .bind(backlog.waiting_bytes)
                .bind(&backlog.trouble)
                .bind(backlog.told_at)
                .execute(pool)
                .await
                .map(drop)
        })?;
        Ok(())
    }
}
