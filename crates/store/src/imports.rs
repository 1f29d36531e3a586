//! What has been imported, by content, so that importing it again changes nothing.

use moothall_core::MeetingId;

use crate::{Tx, backend::on_tx, error::Result};

statements! {
    IMPORT_FIND = "SELECT sha256 FROM imports WHERE meeting_id = $1 AND part = $2";
    IMPORT_SAVE = "INSERT INTO imports (meeting_id, part, sha256) VALUES ($1, $2, $3)
        ON CONFLICT (meeting_id, part) DO UPDATE SET sha256 = excluded.sha256";
}

impl Tx {
    /// The hash of what was last imported as this part (`agenda`, `captions`, …) of the meeting.
    pub async fn imported(&mut self, meeting: MeetingId, part: &str) -> Result<Option<String>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_scalar(IMPORT_FIND).bind(meeting).bind(part).fetch_optional(connection).await
        })?)
    }

    pub async fn save_import(&mut self, meeting: MeetingId, part: &str, sha256: &str) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(IMPORT_SAVE).bind(meeting).bind(part).bind(sha256).execute(connection).await.map(drop)
        })?;
        Ok(())
    }
}
