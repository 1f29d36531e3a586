//! What happens behind the pages: imports, the job loop, the feeding of the search index, and the
//! supervision of live recorders.
//!
//! Everything here is an edge: it joins the crates that do not know each other, and its errors are
//! sentences for the log or the terminal.
//!
//! Architecture invariant: what a job writes is committed together with the proof that the job is still
//! its worker's; a worker that died or was held up leaves nothing half done and nothing twice.

mod alerts;
mod archiver;
mod calls;
mod copying;
mod floor;
mod health;
pub mod import;
mod indexer;
mod items;
mod jobs;
mod ledger;
mod live;
mod orders;
mod preview;
mod recorder;
mod recorders;
mod rooms;
mod succession;
mod transcribe;
mod trim;
mod turns;
mod upload;
mod voices;

use std::path::{Path, PathBuf};

use moothall_archive::Archive;
use moothall_core::MeetingId;
use moothall_ingest::{Timeline, TimelineError};

pub use alerts::{AlertSettings, Alerts, AlertsError, Email, Webhook};
pub use archiver::Archiver;
pub use health::HealthSettings;
pub use indexer::Indexer;
pub use jobs::Worker;
pub use recorders::Recorders;
pub use transcribe::Speech;
pub use upload::tidy_until_stopped;

/// Where the recording of a meeting lies below the folder of all media.
pub fn recording_dir(media_dir: &Path, meeting: MeetingId) -> PathBuf {
    media_dir.join(meeting.to_string())
}

/// The recording of a meeting, and whether it is on this disk. Otherwise it is in the object store, as far as
/// it was copied there.
async fn timeline(
    media_dir: &Path,
    archive: Option<&Archive>,
    meeting: MeetingId,
) -> Result<(Timeline, bool), TimelineError> {
    let dir = recording_dir(media_dir, meeting);
    let timeline = match archive {
        Some(archive) => archive.timeline(&dir, meeting).await?,
        None => Timeline::open(&dir)?,
    };
    Ok((timeline, archive.is_none() || dir.join("journal.jsonl").exists()))
}

/// Live goes before new, new before backlog.
pub mod priority {
    pub const LIVE: i64 = 0;
    pub const NEW: i64 = 10;
}
