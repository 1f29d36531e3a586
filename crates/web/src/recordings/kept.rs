//! One recording as its journal tells it, its playlists, and those who wait for more of it.

use std::{
    collections::HashMap,
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use moothall_archive::{Archive, ArchiveError};
use moothall_core::MeetingId;
use moothall_ingest::{
    Aired, PlaylistError, TimelineError, captions_playlist, delta_playlist, master_playlist, media_playlist,
};
use tokio::sync::watch;

use super::{Playlist, Written};
use crate::{
    failure::Result,
    recent::{Recent, lock},
};

/// How often a journal is looked at, however many ask: a tenth of a part.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How often a journal in the object store is looked at; that of a live recording is renewed every two minutes.
const LOOK_AWAY_EVERY: Duration = Duration::from_secs(10);
/// A store that did not answer is left alone for so long.
const LEAVE_ALONE: Duration = Duration::from_secs(5);
/// How long a player waits for a part or segment at most; recorders make some each second.
const LONGEST_WAIT: Duration = Duration::from_secs(6);

#[derive(Debug)]
pub(super) struct Kept {
    pub aired: Mutex<Aired>,
    looked_at: Mutex<Instant>,
    /// Whether the journal is on this disk.
    pub is_here: AtomicBool,
    /// When the one in the object store was looked at, and how that went.
    looked_away: tokio::sync::Mutex<Option<(Instant, Result<(), ArchiveError>)>>,
    /// Bytes of the journal that were read, or will be of what is aired from memory.
    read: watch::Sender<u64>,
    /// Whether the journal is looked at all the time, by one task.
    pub watched: AtomicBool,
    /// Playlists by what they are, each with the state of the journal that it was written from.
    written: Mutex<HashMap<Playlist, (u64, Written)>>,
    pub recent: Mutex<Recent>,
}

impl Kept {
    pub fn open(dir: &Path, waiting_dir: Option<PathBuf>) -> Result<Self, TimelineError> {
        let aired = Aired::open(dir, waiting_dir)?;
        let timeline = aired.timeline();
        Ok(Self {
            looked_at: Mutex::new(Instant::now()),
            is_here: AtomicBool::new(timeline.journal_bytes() > 0),
            looked_away: tokio::sync::Mutex::default(),
            read: watch::Sender::new(timeline.journal_bytes()),
            aired: Mutex::new(aired),
            watched: AtomicBool::new(false),
            written: Mutex::default(),
            recent: Mutex::default(),
        })
    }

    /// Whether it is time to look at the journal: only the first who asks is told so.
    pub fn is_old(&self) -> bool {
        let mut looked_at = lock(&self.looked_at);
        let is_old = looked_at.elapsed() >= LOOK_EVERY;
        if is_old {
            *looked_at = Instant::now();
        }
        is_old
    }

    /// Blocks.
    pub fn refresh(&self) -> Result<(), TimelineError> {
        let mut aired = lock(&self.aired);
        aired.refresh()?;
        self.is_here.store(aired.timeline().is_on_disk(), Ordering::SeqCst);
        self.tell(aired);
        Ok(())
    }

    fn tell(&self, aired: MutexGuard<'_, Aired>) {
        let bytes = aired.timeline().journal_bytes();
        drop(aired);
        self.read.send_if_modified(|read| std::mem::replace(read, bytes) != bytes);
    }

    /// Reads the journal in the object store, where this disk has none; one does it for all who ask.
    pub async fn read_on_away(&self, archive: &Archive, meeting: MeetingId) -> Result<()> {
        let mut looked = self.looked_away.lock().await;
        match &*looked {
            Some((at, Ok(()))) if at.elapsed() < LOOK_AWAY_EVERY => return Ok(()),
            Some((at, Err(error))) if at.elapsed() < LEAVE_ALONE => return self.unless_known(error),
            _ => {}
        }
        let known_bytes = lock(&self.aired).timeline().journal_bytes();
        let journal = archive.get_from(&Archive::journal_name(meeting), known_bytes).await;
        *looked = Some((Instant::now(), journal.as_ref().map(drop).map_err(Clone::clone)));
        match journal {
            Ok(journal) => {
                let mut aired = lock(&self.aired);
                aired.read_on(&journal.unwrap_or_default())?;
                self.tell(aired);
                Ok(())
            }
            Err(error) => self.unless_known(&error),
        }
    }

    /// What was read before is better than nothing.
    fn unless_known(&self, error: &ArchiveError) -> Result<()> {
        if lock(&self.aired).timeline().journal_bytes() > 0 { Ok(()) } else { Err(error.clone().into()) }
    }

    /// Until the recording is as wished, at most [`LONGEST_WAIT`].
    pub async fn wait_for(self: &Arc<Self>, wished: impl Fn(&Aired) -> bool) -> Result<()> {
        if wished(&lock(&self.aired)) {
            return Ok(());
        }
        let mut read = self.read.subscribe();
        if !self.watched.swap(true, Ordering::SeqCst) {
            tokio::spawn(Arc::clone(self).watch());
        }
        let as_wished = read.wait_for(|_| wished(&lock(&self.aired)));
        // When the time is over, the answer is what there is.
        let _ = tokio::time::timeout(LONGEST_WAIT, as_wished).await;
        Ok(())
    }

    /// Reads the journal on for as long as anybody waits.
    async fn watch(self: Arc<Self>) {
        loop {
            while self.read.receiver_count() > 0 {
                let kept = Arc::clone(&self);
                match tokio::task::spawn_blocking(move || kept.refresh()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!("{error}"),
                    Err(error) => tracing::error!(%error, "reading a journal panicked"),
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            self.watched.store(false, Ordering::SeqCst);
            // Who came just before that counts on this task, unless a new one was begun already.
            if self.read.receiver_count() == 0 || self.watched.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }

    /// The playlist from memory, if the journal has not grown since it was written.
    pub fn written(&self, playlist: Playlist) -> Option<Written> {
        let read = *self.read.borrow();
        let written = lock(&self.written);
        written.get(&playlist).filter(|(of, _)| *of == read).map(|(_, written)| written.clone())
    }

    /// The playlist from what is read of the journal. Blocks.
    pub fn write(&self, playlist: Playlist) -> Result<Written, PlaylistError> {
        let aired = lock(&self.aired);
        let timeline = aired.timeline();
        let read = timeline.journal_bytes();
        if let Some(written) = self.written(playlist) {
            return Ok(written);
        }
        let text = match playlist {
            Playlist::Master => master_playlist(timeline),
            Playlist::Captions => captions_playlist(timeline),
            Playlist::Media(rendition) => media_playlist(timeline, rendition),
            Playlist::Delta(rendition) => delta_playlist(timeline, rendition),
        }?;
        drop(aired);
        let written = Written { gzip: compressed(&text), tag: format!("\"{read:x}\""), plain: text.into() };
        lock(&self.written).insert(playlist, (read, written.clone()));
        Ok(written)
    }
}

/// Empty where it could not be compressed: then the plain text is sent.
fn compressed(text: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing ever comes, and many ask for it.
    #[tokio::test]
    async fn however_many_wait_one_task_looks() {
        let temp = tempfile::tempdir().unwrap();
        let kept = Arc::new(Kept::open(temp.path(), None).unwrap());
        for _ in 0..20 {
            // Each gives up before the task looks again.
            let wait = kept.wait_for(|_| false);
            assert!(tokio::time::timeout(LOOK_EVERY / 10, wait).await.is_err());
        }
        assert!(kept.watched.load(Ordering::SeqCst));
        // This one, and the one of the task and of what it is reading now.
        assert!(Arc::strong_count(&kept) <= 3, "{} hold it", Arc::strong_count(&kept));
    }
}
