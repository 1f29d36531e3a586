use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use moothall_core::MeetingId;
use moothall_ingest::{Elsewhere, Timeline, TimelineError};
use tokio::runtime::Handle;

use crate::Archive;

/// Of the journal below a meeting's folder.
const JOURNAL: &str = "journal.jsonl";

/// Tells of a timeline that was lent.
#[derive(Debug, Default)]
pub struct Loan(Arc<AtomicBool>);

impl Loan {
    /// Whether something could not be read, so that what was made of it lacks something.
    pub fn is_lacking(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Archive {
    /// The name of a file of a recording, by its path below the recording's folder.
    pub fn name(meeting: MeetingId, path: &str) -> String {
        format!("{meeting}/{path}")
    }

    /// The name of a recording's journal.
    pub fn journal_name(meeting: MeetingId) -> String {
        Self::name(meeting, JOURNAL)
    }

    /// The recording in `dir`, by its journal there or, where there is none, by the one in the store. Its
    /// files are read from the store where they are not in `dir`.
    ///
    /// # Errors
    /// If neither journal can be read.
    pub async fn timeline(&self, dir: &Path, meeting: MeetingId) -> Result<Timeline, TimelineError> {
        let open = dir.to_owned();
        let here = tokio::task::spawn_blocking(move || Timeline::open(&open)).await;
        let mut timeline = here.map_err(io::Error::other).map_err(|source| failed(dir, source))??;
        if timeline.journal_bytes() == 0 {
            let journal = self.get_from(&Self::journal_name(meeting), 0).await;
            let journal = journal.map_err(io::Error::other).map_err(|source| failed(dir, source))?;
            timeline.read_on(&journal.unwrap_or_default())?;
        }
        Ok(self.lend(timeline, meeting).0)
    }

    /// The timeline, whose files are read from the store where they are not on this disk. Threads of the
    /// asynchronous runtime must not read them.
    pub fn lend(&self, timeline: Timeline, meeting: MeetingId) -> (Timeline, Loan) {
        let (archive, runtime, loan) = (self.clone(), Handle::current(), Loan::default());
        let lacking = Arc::clone(&loan.0);
        let elsewhere = Elsewhere::new(move |path: &str| {
            let read = runtime.block_on(archive.get(&Self::name(meeting, path))).map_err(io::Error::other);
            let bytes = read.and_then(|bytes| bytes.ok_or_else(|| io::ErrorKind::NotFound.into()));
            if let Err(error) = &bytes {
                tracing::warn!(%meeting, path, %error, "cannot be read from the object store");
                lacking.store(true, Ordering::SeqCst);
            }
            Ok(bytes?.to_vec())
        });
        (timeline.with_elsewhere(elsewhere), loan)
    }
}

fn failed(dir: &Path, source: io::Error) -> TimelineError {
    TimelineError::Read { path: dir.join(JOURNAL), source }
}
