//! Recordings as their journals tell them, kept in memory: playlists written once for all who ask, and what
//! is close to now.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::TryStreamExt;
use moothall_archive::{Archive, ArchiveError, Object};
use moothall_core::MeetingId;
use moothall_ingest::{
    Aired, Found, Piece, PlaylistError, Rendition, Timeline, TimelineError, WaitingFolders, delta_playlist,
    holds, is_too_far, master_playlist, media_playlist,
};
use tokio::sync::watch;

use crate::{
    failure::{Failure, Result},
    recent::{Lately, Recent, lock},
};

/// How many recordings are kept in memory; a long one takes some megabytes.
const MOST_TIMELINES: usize = 100;
/// How often a journal is looked at, however many ask: a tenth of a part.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How often a journal in the object store is looked at; that of a live recording is renewed every two minutes.
const LOOK_AWAY_EVERY: Duration = Duration::from_secs(10);
/// A store that did not answer is left alone for so long.
const LEAVE_ALONE: Duration = Duration::from_secs(5);
/// How long a player waits for a part or segment at most; recorders make some each second.
const LONGEST_WAIT: Duration = Duration::from_secs(6);
/// Recordings whose journals were read; each request reads on from where the last one stopped.
#[derive(Debug)]
pub struct Recordings {
    media_dir: PathBuf,
    waiting: WaitingFolders,
    /// Where recordings are that are not below `media_dir`.
    archive: Option<Archive>,
    kept: Mutex<HashMap<MeetingId, Arc<Kept>>>,
    /// Whole files from the disk, however old.
    lately: Mutex<Lately>,
}

#[derive(Debug)]
struct Kept {
    aired: Mutex<Aired>,
    looked_at: Mutex<Instant>,
    /// Whether the journal is on this disk.
    is_here: AtomicBool,
    /// When the one in the object store was looked at, and how that went.
    looked_away: tokio::sync::Mutex<Option<(Instant, Result<(), ArchiveError>)>>,
    /// Bytes of the journal that were read, or will be of what is aired from memory.
    read: watch::Sender<u64>,
    /// Whether the journal is looked at all the time, by one task.
    watched: AtomicBool,
    /// Playlists by what they are, each with the state of the journal that it was written from.
    written: Mutex<HashMap<Playlist, (u64, Written)>>,
    recent: Mutex<Recent>,
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
    /// On this disk, unless it is in the object store only.
    File(PathBuf),
    Nothing,
}

impl Recordings {
    pub fn new(media_dir: PathBuf, archive: Option<Archive>) -> Self {
        let waiting = WaitingFolders::of(&media_dir);
        Self { media_dir, waiting, archive, kept: Mutex::default(), lately: Mutex::default() }
    }

    /// The recording as it is now.
    pub async fn timeline(&self, meeting: MeetingId) -> Result<Timeline> {
        let kept = self.kept(meeting).await?;
        let timeline = lock(&kept.aired).timeline().clone();
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
            if is_too_far(lock(&kept.aired).timeline(), rendition, segment, part) {
                return Err(Failure::BadRequest(
                    "The segment or part asked for is too far ahead: load the playlist anew.".to_owned(),
                ));
            }
            let is_there = |aired: &Aired| {
                let timeline = aired.timeline();
                timeline.is_finished() || holds(timeline, rendition, segment, part)
            };
            kept.wait_for(is_there).await?;
        }
        if let Some(written) = kept.written(playlist) {
            return Ok(Ok(written));
        }
        Ok(tokio::task::spawn_blocking(move || kept.write(playlist)).await?)
    }

    /// A media file by its name in a playlist. What a playlist promises to come next is waited for.
    pub async fn media(&self, meeting: MeetingId, rendition: Rendition, name: String) -> Result<Media> {
        if let Some(bytes) = lock(&self.lately).get(meeting, rendition, &name) {
            return Ok(Media::Memory(bytes));
        }
        let kept = self.kept(meeting).await?;
        if let Some(bytes) = lock(&kept.recent).get(rendition, &name) {
            return Ok(Media::Memory(bytes));
        }
        let find = || lock(&kept.aired).find(rendition, &name).unwrap_or(Found::Nothing);
        let mut found = find();
        if found == Found::Coming {
            let coming = |aired: &Aired| !matches!(aired.find(rendition, &name), Ok(Found::Coming));
            kept.wait_for(coming).await?;
            found = find();
        }
        let pieces = match found {
            Found::Whole(path) => return Ok(Media::File(path)),
            Found::Pieces(pieces) => pieces,
            Found::Coming | Found::Nothing => return Ok(Media::Nothing),
        };
        let mut read = self.pieces(meeting, rendition, pieces).await;
        if matches!(read, Err(Failure::NotFound)) {
            // What was in memory is on the disk by now.
            let again = Arc::clone(&kept);
            tokio::task::spawn_blocking(move || again.refresh()).await??;
            if let Found::Pieces(pieces) = find() {
                read = self.pieces(meeting, rendition, pieces).await;
            }
        }
        let bytes = read?;
        lock(&kept.recent).keep(rendition, name, bytes.clone());
        Ok(Media::Memory(bytes))
    }

    /// Keeps a whole file that was read, for others who ask for it.
    pub fn keep(&self, meeting: MeetingId, rendition: Rendition, name: String, bytes: Bytes) {
        lock(&self.lately).keep(meeting, rendition, name, bytes);
    }

    async fn pieces(&self, meeting: MeetingId, rendition: Rendition, pieces: Vec<Piece>) -> Result<Bytes> {
        let mut read = Vec::new();
        for piece in pieces {
            read.push(self.piece(meeting, rendition, piece).await?);
        }
        Ok(if read.len() == 1 { read.remove(0) } else { read.concat().into() })
    }

    async fn piece(&self, meeting: MeetingId, rendition: Rendition, piece: Piece) -> Result<Bytes> {
        let Piece { path, offset, bytes } = piece;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        match tokio::task::spawn_blocking(move || read(&path, offset, bytes)).await? {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            read => return Ok(read?),
        }
        let object = self.archived(meeting, rendition, &name).await?.ok_or(Failure::NotFound)?;
        let pieces: Vec<Bytes> = object.read(offset, bytes).try_collect().await?;
        Ok(pieces.concat().into())
    }

    /// A media file in the object store, if the journal tells of it: nobody can have the store asked for
    /// names that are made up.
    pub async fn archived(
        &self,
        meeting: MeetingId,
        rendition: Rendition,
        name: &str,
    ) -> Result<Option<Object>> {
        let Some(archive) = &self.archive else { return Ok(None) };
        let kept = self.kept(meeting).await?;
        if !lock(&kept.aired).timeline().tells_of(rendition, name) {
            return Ok(None);
        }
        Ok(archive.open(&Archive::name(meeting, &format!("{}/{name}", rendition.folder()))).await?)
    }

    /// The recording, its journal read to the end.
    async fn kept(&self, meeting: MeetingId) -> Result<Arc<Kept>> {
        let kept = self.kept_here(meeting).await?;
        if let Some(archive) = self.archive.as_ref().filter(|_| !kept.is_here.load(Ordering::SeqCst)) {
            kept.read_on_away(archive, meeting).await?;
        }
        Ok(kept)
    }

    /// By its journal on this disk.
    async fn kept_here(&self, meeting: MeetingId) -> Result<Arc<Kept>> {
        let known = lock(&self.kept).get(&meeting).cloned();
        if let Some(kept) = &known
            && (kept.watched.load(Ordering::SeqCst) || !kept.is_old())
        {
            return Ok(Arc::clone(kept));
        }
        let dir = self.media_dir.join(meeting.to_string());
        let waiting_dir = self.waiting.folder(meeting);
        let kept = tokio::task::spawn_blocking(move || match known {
            Some(kept) => kept.refresh().map(|()| kept),
            None => Kept::open(&dir, waiting_dir).map(Arc::new),
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
    fn open(dir: &Path, waiting_dir: Option<PathBuf>) -> Result<Self, TimelineError> {
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
    fn is_old(&self) -> bool {
        let mut looked_at = lock(&self.looked_at);
        let is_old = looked_at.elapsed() >= LOOK_EVERY;
        if is_old {
            *looked_at = Instant::now();
        }
        is_old
    }

    /// Blocks.
    fn refresh(&self) -> Result<(), TimelineError> {
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
    async fn read_on_away(&self, archive: &Archive, meeting: MeetingId) -> Result<()> {
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
    async fn wait_for(self: &Arc<Self>, wished: impl Fn(&Aired) -> bool) -> Result<()> {
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
    fn written(&self, playlist: Playlist) -> Option<Written> {
        let read = *self.read.borrow();
        let written = lock(&self.written);
        written.get(&playlist).filter(|(of, _)| *of == read).map(|(_, written)| written.clone())
    }

    /// The playlist from what is read of the journal. Blocks.
    fn write(&self, playlist: Playlist) -> Result<Written, PlaylistError> {
        let aired = lock(&self.aired);
        let timeline = aired.timeline();
        let read = timeline.journal_bytes();
        if let Some(written) = self.written(playlist) {
            return Ok(written);
        }
        let text = match playlist {
            Playlist::Master => master_playlist(timeline),
            Playlist::Media(rendition) => media_playlist(timeline, rendition),
            Playlist::Delta(rendition) => delta_playlist(timeline, rendition),
        }?;
        drop(aired);
        let written = Written { gzip: compressed(&text), tag: format!("\"{read:x}\""), plain: text.into() };
        lock(&self.written).insert(playlist, (read, written.clone()));
        Ok(written)
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
