//! Recordings that are being uploaded. Where their bytes lie is decided here, for whoever writes and reads
//! them; the file's length is the truth about how many have come.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use moothall_core::{MeetingId, UploadId, UserId};
use sqlx::FromRow;

use crate::{
    Db, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// A file that becomes a meeting's recording; a meeting has one at a time.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Upload {
    pub id: UploadId,
    pub meeting_id: MeetingId,
    pub user_id: UserId,
    /// As it is called where it comes from.
    pub file_name: String,
    /// When it was changed there, in milliseconds since 1970; 0 where that is not known.
    pub modified_ms: i64,
    /// In bytes.
    pub length: i64,
    #[sqlx(try_from = "String")]
    pub state: UploadState,
    /// Why it was refused; empty otherwise.
    pub problem: String,
    /// When something last came.
    pub touched_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// It has not come whole yet.
    Receiving,
    /// It waits to be recorded, or is being recorded.
    Received,
    /// It could not be taken, and its bytes are gone.
    Refused,
}

impl TryFrom<String> for UploadState {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "receiving" => Ok(Self::Receiving),
            "received" => Ok(Self::Received),
            "refused" => Ok(Self::Refused),
            _ => Err(StoreError::Inconsistent {
                table: "uploads",
                id: "state".to_owned(),
                problem: format!("unknown {text:?}"),
            }),
        }
    }
}

impl Upload {
    /// Below the folder of all media, where the files of uploads lie, and the recordings that are made of them
    /// until they take their places.
    pub fn folder(media_dir: &Path) -> PathBuf {
        media_dir.join("uploads")
    }

    /// Where its bytes lie.
    pub fn file(&self, media_dir: &Path) -> PathBuf {
        Self::folder(media_dir).join(self.id.to_string())
    }

    /// Where its recording is made.
    pub fn recording(&self, media_dir: &Path) -> PathBuf {
        Self::folder(media_dir).join(format!("{}.recording", self.id))
    }
}

macro_rules! select_upload {
    ($rest:literal) => {
        concat!(
            "SELECT id, meeting_id, user_id, file_name, modified_ms, length, state, problem, touched_at
            FROM uploads ",
            $rest
        )
    };
}

statements! {
    UPLOAD_BY_ID = select_upload!("WHERE id = $1");
    UPLOAD_OF = select_upload!("WHERE meeting_id = $1");
    UPLOADS = select_upload!("ORDER BY id");
    UPLOAD_INSERT = "INSERT INTO uploads (id, meeting_id, user_id, file_name, modified_ms, length, state,
            problem, touched_at) VALUES ($1, $2, $3, $4, $5, $6, 'receiving', '', $7)";
    UPLOAD_TOUCH = "UPDATE uploads SET touched_at = $2 WHERE id = $1";
    UPLOAD_RECEIVED = "UPDATE uploads SET state = 'received', touched_at = $2
        WHERE id = $1 AND state = 'receiving'";
    UPLOAD_REFUSE = "UPDATE uploads SET state = 'refused', problem = $2, touched_at = $3 WHERE id = $1";
    UPLOAD_DELETE = "DELETE FROM uploads WHERE id = $1";
}

impl Db {
    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>> {
        Ok(on_db!(self, |pool| sqlx::query_as(UPLOAD_BY_ID).bind(id).fetch_optional(pool).await)?)
    }

    pub async fn upload_of(&self, meeting: MeetingId) -> Result<Option<Upload>> {
        Ok(on_db!(self, |pool| sqlx::query_as(UPLOAD_OF).bind(meeting).fetch_optional(pool).await)?)
    }

    pub async fn uploads(&self) -> Result<Vec<Upload>> {
        Ok(on_db!(self, |pool| sqlx::query_as(UPLOADS).fetch_all(pool).await)?)
    }

    /// Something came of it.
    pub async fn touch_upload(&self, id: UploadId, now: DateTime<Utc>) -> Result<()> {
        on_db!(self, |pool| sqlx::query(UPLOAD_TOUCH).bind(id).bind(now).execute(pool).await.map(drop))?;
        Ok(())
    }
}

impl Tx {
    pub async fn upload_of(&mut self, meeting: MeetingId) -> Result<Option<Upload>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(UPLOAD_OF).bind(meeting).fetch_optional(connection).await
        })?)
    }

    /// A new one, of which nothing has come yet.
    pub async fn insert_upload(&mut self, upload: &Upload) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(UPLOAD_INSERT)
                .bind(upload.id)
                .bind(upload.meeting_id)
                .bind(upload.user_id)
                .bind(&upload.file_name)
                .bind(upload.modified_ms)
                .bind(upload.length)
                .bind(upload.touched_at)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// It has come whole. Returns `false`, and changes nothing, where that was known.
    pub async fn upload_received(&mut self, id: UploadId, now: DateTime<Utc>) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(UPLOAD_RECEIVED)
                .bind(id)
                .bind(now)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }

    pub async fn refuse_upload(&mut self, id: UploadId, problem: &str, now: DateTime<Utc>) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(UPLOAD_REFUSE).bind(id).bind(problem).bind(now).execute(connection).await.map(drop)
        })?;
        Ok(())
    }

    pub async fn remove_upload(&mut self, id: UploadId) -> Result<()> {
        on_tx!(self, |connection| sqlx::query(UPLOAD_DELETE).bind(id).execute(connection).await.map(drop))?;
        Ok(())
    }
}
