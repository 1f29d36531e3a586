//! Recordings as their journals tell them, kept in memory: playlists written once for all who ask, and what
//! is close to now.

use std::{
    collections::{HashMap, VecDeque},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use moothall_core::MeetingId;
use moothall_ingest::{
    Found, PlaylistError, Rendition, Timeline, TimelineError, delta_playlist, holds, master_playlist,
    media_playlist,
};
use tokio::sync::watch;

use crate::failure::Result;

/// How many recordings are kept in memory; a long one takes some megabytes.
const MOST_TIMELINES: usize = 100;
/// How often a journal is looked at while somebody waits for what comes next.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How long a player waits for a part or segment at most; recorders make some each second.
const LONGEST_WAIT: Duration = Duration::from_secs(6);
/// Media kept in memory for each live recording: about half a minute of a generous stream.
const MOST_RECENT_BYTES: usize = 32 << 20;
/// The latest segments of both renditions with their parts.
const MOST_RECENT_FILES: usize = 100;

/// Recordings whose journals were read; each request reads on from where the last one stopped.
#[derive(Debug)]
pub struct Recordings {
    media_dir: PathBuf,
    kept: Mutex<HashMap<MeetingId, Arc<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    timeline: Mutex<Timeline>,
    /// Bytes of the journal that were read.
    read: watch::Sender<u64>,
    /// Whether the journal is looked at all the time, by one task.
    watched: AtomicBool,
    /// Playlists by what they are, each with the state of the journal that it was written from.
    written: Mutex<HashMap<Playlist, (u64, Written)>>,
    recent: Mutex<Recent>,
}

/// Media by rendition and name, the latest last.
#[derive(Debug, Default)]
struct Recent {
    files: VecDeque<((Rendition, String), Bytes)>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Playlist {
    Master,
    Media(Rendition),
    /// Without what the player has already.
    Delta(Rendition),
}

/// What a player waits for: a segment by its number, and perhaps a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    pub segment: usize,
    pub part: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct Written {
    pub plain: Bytes,
    pub gzip: Bytes,
    /// Changes with the contents.
    pub tag: String,
}

/// Where a media file's bytes are.
#[derive(Debug)]
pub enum Media {
    Memory(Bytes),
    File(PathBuf),
    Nothing,
}

/// A panic while one was held leaves nothing half done: what is read is only ever added.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recordings {
    pub fn new(media_dir: PathBuf) -> Self {
        Self { media_dir, kept: Mutex::default() }
    }

    /// The recording as it is now.
    pub async fn timeline(&self, meeting: MeetingId) -> Result<Timeline> {
        let kept = self.kept(meeting).await?;
        let timeline = lock(&kept.timeline).clone();
        Ok(timeline)
    }

    /// A playlist as it is now, or as soon as it holds what is awaited. A private session and an encoder
    /// that is away make the wait longer than players should hang: then it comes as it is.
    pub async fn playlist(
        &self,
        meeting: MeetingId,
        playlist: Playlist,
        awaited: Option<Awaited>,
    ) -> Result<Result<Written, PlaylistError>> {
        let kept = self.kept(meeting).await?;
        if let (Playlist::Media(rendition) | Playlist::Delta(rendition), Some(Awaited { segment, part })) =
            (playlist, awaited)
        {
            let is_there =
                |timeline: &Timeline| timeline.is_finished() || holds(timeline, rendition, segment, part);
            kept.wait_for(is_there).await?;
        }
        Ok(tokio::task::spawn_blocking(move || kept.write(playlist)).await?)
    }

    /// A media file by its name in a playlist. What a playlist promises to come next is waited for.
    pub async fn media(&self, meeting: MeetingId, rendition: Rendition, name: String) -> Result<Media> {
        let kept = self.kept(meeting).await?;
        if let Some(bytes) = lock(&kept.recent).get(rendition, &name) {
            return Ok(Media::Memory(bytes));
        }
        let Ok(mut found) = lock(&kept.timeline).find(rendition, &name) else { return Ok(Media::Nothing) };
        if found == Found::Coming {
            let coming = |timeline: &Timeline| !matches!(timeline.find(rendition, &name), Ok(Found::Coming));
            kept.wait_for(coming).await?;
            found = lock(&kept.timeline).find(rendition, &name).unwrap_or(Found::Nothing);
        }
        match found {
            Found::Whole(path) => Ok(Media::File(path)),
            Found::Piece { path, offset, bytes } => {
                let bytes = tokio::task::spawn_blocking(move || read(&path, offset, bytes)).await??;
                lock(&kept.recent).keep(rendition, name, bytes.clone());
                Ok(Media::Memory(bytes))
            }
            Found::Coming | Found::Nothing => Ok(Media::Nothing),
        }
    }

    /// The recording, its journal read to the end.
    async fn kept(&self, meeting: MeetingId) -> Result<Arc<Kept>> {
        let known = lock(&self.kept).get(&meeting).cloned();
        if let Some(kept) = &known
            && kept.watched.load(Ordering::SeqCst)
        {
            return Ok(Arc::clone(kept));
        }
        let dir = self.media_dir.join(meeting.to_string());
        let kept = tokio::task::spawn_blocking(move || match known {
            Some(kept) => kept.refresh().map(|()| kept),
            None => Kept::open(&dir).map(Arc::new),
        })
        .await??;
        let mut all = lock(&self.kept);
        if all.len() >= MOST_TIMELINES && !all.contains_key(&meeting) {
            // Whichever goes is read again when it is asked for.
            let any = all.keys().next().copied();
            any.and_then(|any| all.remove(&any));
        }
        Ok(Arc::clone(all.entry(meeting).or_insert(kept)))
    }
}

impl Kept {
    fn open(dir: &Path) -> Result<Self, TimelineError> {
        let timeline = Timeline::open(dir)?;
        let read = watch::Sender::new(timeline.journal_bytes());
        let (timeline, written, recent) = (Mutex::new(timeline), Mutex::default(), Mutex::default());
        Ok(Self { timeline, read, watched: AtomicBool::new(false), written, recent })
    }

    /// Blocks.
    fn refresh(&self) -> Result<(), TimelineError> {
        let mut timeline = lock(&self.timeline);
        timeline.refresh()?;
        let bytes = timeline.journal_bytes();
        drop(timeline);
        self.read.send_if_modified(|read| std::mem::replace(read, bytes) != bytes);
        Ok(())
    }

    /// Until the recording is as wished, at most [`LONGEST_WAIT`].
    async fn wait_for(self: &Arc<Self>, wished: impl Fn(&Timeline) -> bool) -> Result<()> {
        if wished(&lock(&self.timeline)) {
            return Ok(());
        }
        let mut read = self.read.subscribe();
        if !self.watched.swap(true, Ordering::SeqCst) {
            tokio::spawn(Arc::clone(self).watch());
        }
        let as_wished = read.wait_for(|_| wished(&lock(&self.timeline)));
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

    /// The playlist from what is read of the journal; from memory if that has not grown. Blocks.
    fn write(&self, playlist: Playlist) -> Result<Written, PlaylistError> {
        let timeline = lock(&self.timeline);
        let read = timeline.journal_bytes();
        if let Some((of, written)) = lock(&self.written).get(&playlist)
            && *of == read
        {
            return Ok(written.clone());
        }
        let text = match playlist {
            Playlist::Master => master_playlist(&timeline),
            Playlist::Media(rendition) => media_playlist(&timeline, rendition),
            Playlist::Delta(rendition) => delta_playlist(&timeline, rendition),
        }?;
        drop(timeline);
        let written = Written { gzip: compressed(&text), tag: format!("\"{read:x}\""), plain: text.into() };
        lock(&self.written).insert(playlist, (read, written.clone()));
        Ok(written)
    }
}

impl Recent {
    fn get(&self, rendition: Rendition, name: &str) -> Option<Bytes> {
        let is_it = |((of, file), _): &&((Rendition, String), Bytes)| *of == rendition && file == name;
        self.files.iter().rev().find(is_it).map(|(_, bytes)| bytes.clone())
    }

    fn keep(&mut self, rendition: Rendition, name: String, bytes: Bytes) {
        if self.get(rendition, &name).is_some() {
            return;
        }
        self.bytes += bytes.len();
        self.files.push_back(((rendition, name), bytes));
        while (self.bytes > MOST_RECENT_BYTES || self.files.len() > MOST_RECENT_FILES)
            && let Some((_, oldest)) = self.files.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }
}

/// So much of a file.
fn read(path: &Path, offset: u64, bytes: u64) -> std::io::Result<Bytes> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    Ok(read.into())
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
        let kept = Arc::new(Kept::open(temp.path()).unwrap());
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
