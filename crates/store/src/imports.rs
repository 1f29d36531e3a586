//! What has been imported, by content, so that importing it again changes nothing.

use moothall_core::MeetingId;

use crate::{Tx, backend::on_tx, error::Result};

/// What stands against taking a file as a meeting's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaObjection {
    /// A file would take the place of what a live source brought, and that cannot be had again.
    RecordedLive,
    /// So many captions of the present recording were corrected by hand, and another would lose that.
    Corrected { captions: i64 },
}

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

    /// Whether a file may become the recording of the meeting. One that was imported may be replaced.
    pub async fn objection_to_media(&mut self, meeting: MeetingId) -> Result<Option<MediaObjection>> {
        if self.imported(meeting, "media").await?.is_none() {
            return Ok(self.recording(meeting).await?.map(|_| MediaObjection::RecordedLive));
        }
        let captions = self.count_corrected(meeting).await?;
        let has_own_captions = self.imported(meeting, "captions").await?.is_some();
        Ok((captions > 0 && !has_own_captions).then_some(MediaObjection::Corrected { captions }))
    }

    pub async fn save_import(&mut self, meeting: MeetingId, part: &str, sha256: &str) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(IMPORT_SAVE).bind(meeting).bind(part).bind(sha256).execute(connection).await.map(drop)
        })?;
        Ok(())
    }
}
