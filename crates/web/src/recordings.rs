//! Recordings as their journals tell them, kept in memory: playlists written once for all who ask, and what
//! is close to now.

mod kept;

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
};

use axum::body::Bytes;
use futures_util::TryStreamExt;
use moothall_archive::{Archive, Object};
use moothall_core::MeetingId;
use moothall_ingest::{
    Aired, Found, Piece, PlaylistError, Rendition, Timeline, WaitingFolders, holds, is_too_far,
};

use self::kept::Kept;
use crate::{
    failure::{Failure, Result},
    recent::{Lately, lock},
};

/// How many recordings are kept in memory; a long one takes some megabytes.
const MOST_TIMELINES: usize = 100;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Playlist {
    Master,
    Captions,
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

/// So much of a file.
fn read(path: &Path, offset: u64, bytes: u64) -> std::io::Result<Bytes> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    Ok(read.into())
}
