//! What is still to be copied to the object store, told by who copies it.

use chrono::{DateTime, Utc};
use moothall_core::MeetingId;
use sqlx::FromRow;

use crate::{Db, backend::on_db, error::Result};

/// A recording of which something waits to be copied.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Upload {
    pub meeting_id: MeetingId,
    pub waiting_files: i64,
    pub waiting_bytes: i64,
    /// Why it does not go on, and what to do; empty where it does.
    pub trouble: String,
    pub told_at: DateTime<Utc>,
}

statements! {
    UPLOADS = "SELECT meeting_id, waiting_files, waiting_bytes, trouble, told_at FROM uploads
        ORDER BY waiting_bytes DESC, meeting_id";
    UPLOAD_TELL = "INSERT INTO uploads (meeting_id, waiting_files, waiting_bytes, trouble, told_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (meeting_id) DO UPDATE SET waiting_files = excluded.waiting_files,
            waiting_bytes = excluded.waiting_bytes, trouble = excluded.trouble, told_at = excluded.told_at";
    UPLOAD_DONE = "DELETE FROM uploads WHERE meeting_id = $1";
}

impl Db {
    /// Recordings of which something waits, the largest first; none where there is no object store.
    pub async fn uploads(&self) -> Result<Vec<Upload>> {
        Ok(on_db!(self, |pool| sqlx::query_as(UPLOADS).fetch_all(pool).await)?)
    }

    /// Tells what of a recording waits. One of which nothing waits is no longer told of.
    pub async fn tell_upload(&self, upload: &Upload) -> Result<()> {
        if upload.waiting_files == 0 && upload.trouble.is_empty() {
            on_db!(self, |pool| {
                sqlx::query(UPLOAD_DONE).bind(upload.meeting_id).execute(pool).await.map(drop)
            })?;
            return Ok(());
        }
        on_db!(self, |pool| {
            sqlx::query(UPLOAD_TELL)
                .bind(upload.meeting_id)
                .bind(upload.waiting_files)
                .bind(upload.waiting_bytes)
                .bind(&upload.trouble)
                .bind(upload.told_at)
                .execute(pool)
                .await
                .map(drop)
        })?;
        Ok(())
    }
}
