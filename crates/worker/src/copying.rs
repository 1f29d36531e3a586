//! One recording on its way to the object store.
//!
//! The journal in the store says what is there: it is written last, and tells of nothing that was not copied
//! and read back before. Whatever dies in the middle leaves a store that tells of less than it holds, and the
//! rest is copied again under the same names.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, Metadata},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use moothall_archive::{Archive, ArchiveError};
use moothall_core::MeetingId;
use moothall_ingest::{MediaFile, Rendition, Timeline};
use moothall_store::Backlog;

use crate::preview;

/// A request takes about as long whatever its size; more at once would crowd out the webcast.
const AT_ONCE: usize = 4;
/// After this another recording has its turn.
const TURN: Duration = Duration::from_secs(60);
/// The journal of a live recording has to be sent anew each time, up to 15 MB of it: this is what is copied
/// twice when the program dies, and what is lost of a live recording when its disk does.
const JOURNAL_EVERY: Duration = Duration::from_secs(120);

/// What of a recording is on the disk and not in the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    pub files: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was, or more has yet to come.
    Unchanged,
    /// All that there is has just been copied.
    Copied,
}

pub struct RecordingCopy {
    pub id: MeetingId,
    pub dir: PathBuf,
    /// The length of the journal file when all of it was in the store.
    pub copied_journal: Option<u64>,
    /// When the pictures were made that are in the store.
    copied_pictures: Option<SystemTime>,
    /// What is not wholly copied.
    going: Option<Going>,
    waiting: Waiting,
    told: Option<Backlog>,
}

struct Going {
    timeline: Timeline,
    /// Paths of files that are in the store; none before the store was asked.
    copied: Option<HashSet<String>>,
    journal_bytes: u64,
    journal_at: Option<Instant>,
}

impl RecordingCopy {
    pub fn new(id: MeetingId, dir: PathBuf) -> Self {
        let (copied_journal, copied_pictures, going, told) = (None, None, None, None);
        Self { id, dir, copied_journal, copied_pictures, going, waiting: Waiting::default(), told }
    }

    pub const fn waiting(&self) -> Waiting {
        self.waiting
    }

    /// Whether this is not what the database was told.
    pub fn is_news(&self, row: &Backlog) -> bool {
        let said = |row: &Backlog| (row.waiting_files, row.waiting_bytes, row.trouble.clone());
        self.told.as_ref().map(said) != Some(said(row))
    }

    pub fn told(&mut self, row: Backlog) {
        self.told = Some(row);
    }

    /// Counts what waits, without asking the store. One that was never looked at is not counted.
    pub async fn count(&mut self) -> Result<()> {
        if let Some(going) = &mut self.going {
            going.refresh().await?;
            self.waiting = going.waiting();
        }
        Ok(())
    }

    /// Copies what is there and not in the store.
    ///
    /// # Errors
    /// The first of the store, or else of a file; what was copied before counts.
    pub async fn advance(&mut self, archive: &Archive) -> Result<Outcome> {
        let mut outcome = Outcome::Unchanged;
        let journal = metadata(&self.dir.join("journal.jsonl"))?.map(|metadata| metadata.len());
        if let Some(length) = journal.filter(|length| Some(*length) != self.copied_journal) {
            let is_copied = self.copy_recording(archive, length).await;
            self.waiting = self.going.as_ref().map(Going::waiting).unwrap_or_default();
            if is_copied? {
                self.copied_journal = Some(length);
                outcome = Outcome::Copied;
            }
        }
        let pictures = metadata(&self.dir.join(preview::FOLDER).join(preview::LAST))?;
        let made_at = pictures.and_then(|metadata| metadata.modified().ok());
        if made_at.is_some() && made_at != self.copied_pictures {
            copy_pictures(archive, self.id, &self.dir).await?;
            self.copied_pictures = made_at;
        }
        Ok(outcome)
    }

    /// Says whether all of it is copied.
    async fn copy_recording(&mut self, archive: &Archive, length: u64) -> Result<bool> {
        let going = match &mut self.going {
            Some(going) => {
                going.refresh().await?;
                going
            }
            None => {
                // As a rule, after a restart: then its journal need not be read.
                let stored = archive.length(&Archive::journal_name(self.id)).await;
                if matches!(stored, Ok(Some(stored)) if stored == length) {
                    return Ok(true);
                }
                let going = self.going.insert(Going::open(self.dir.clone()).await?);
                stored?;
                going
            }
        };
        going.ask(archive, self.id).await?;
        let faults = going.copy_files(archive, self.id).await?;
        going.copy_journal(archive, self.id).await?;
        if let Some(fault) = faults {
            return Err(fault);
        }
        if !going.is_copied() {
            return Ok(false);
        }
        if going.timeline.is_finished() {
            if !going.compare(archive, self.id).await? {
                bail!("some files are no longer in the object store, or not whole: they are copied again");
            }
            self.going = None;
        }
        Ok(true)
    }
}

impl Going {
    pub async fn open(dir: PathBuf) -> Result<Self> {
        let timeline = open(dir).await?;
        Ok(Self { timeline, copied: None, journal_bytes: 0, journal_at: None })
    }

    async fn refresh(&mut self) -> Result<()> {
        // What is lost with an error is read anew.
        let empty = Timeline::empty(self.timeline.dir());
        let mut timeline = std::mem::replace(&mut self.timeline, empty);
        self.timeline = tokio::task::spawn_blocking(move || timeline.refresh().map(|()| timeline)).await??;
        Ok(())
    }

    fn is_there(&self, path: &str) -> bool {
        self.copied.as_ref().is_some_and(|copied| copied.contains(path))
    }

    fn missing(&self) -> Vec<MediaFile> {
        let mut files = self.timeline.whole_files();
        files.retain(|file| !self.is_there(&file.path));
        files
    }

    fn waiting(&self) -> Waiting {
        let missing = self.missing();
        let bytes = missing.iter().filter_map(|file| file.bytes).sum();
        Waiting { files: missing.len() as u64, bytes }
    }

    fn is_copied(&self) -> bool {
        self.journal_bytes == self.timeline.journal_bytes()
    }

    /// Learns from the journal in the store what is there.
    async fn ask(&mut self, archive: &Archive, id: MeetingId) -> Result<()> {
        if self.copied.is_some() {
            return Ok(());
        }
        let stored = archive.get(&Archive::journal_name(id)).await?.filter(|stored| is_journal(stored));
        let stored = stored.unwrap_or_default();
        let here = read(self.timeline.dir().join("journal.jsonl"), None).await?;
        if !here.starts_with(&stored) {
            bail!(
                "the journal of meeting {id} in the object store is not the beginning of the one on this disk, so \
                 nothing of it is copied: if this disk was restored from an older backup, fetch the journal from \
                 {}; if two installations share the bucket, give each a folder of its own",
                archive.shown()
            );
        }
        let mut told = Timeline::empty(self.timeline.dir());
        told.read_on(&stored)?;
        self.copied = Some(told.all_files().into_iter().map(|file| file.path).collect());
        self.journal_bytes = stored.len() as u64;
        Ok(())
    }

    /// Goes on with others where a single file is at fault, and gives the last fault back.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn copy_files(&mut self, archive: &Archive, id: MeetingId) -> Result<Option<anyhow::Error>> {
        let until = Instant::now() + TURN;
        let dir = self.timeline.dir().to_owned();
        let missing = self.missing().into_iter().take_while(|_| Instant::now() < until);
        let mut copies = stream::iter(missing)
            .map(|file| {
                let path = dir.join(&file.path);
                async move {
                    let name = Archive::name(id, &file.path);
                    let bytes = read(path.clone(), file.bytes).await;
                    let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))?;
                    archive.put(&name, bytes.into()).await?;
                    anyhow::Ok(file.path)
                }
            })
            .buffer_unordered(AT_ONCE);
        let mut fault = None;
        while let Some(copied) = copies.next().await {
            match copied {
                Ok(path) => drop(self.copied.get_or_insert_default().insert(path)),
                Err(error) if error.downcast_ref().is_some_and(ArchiveError::is_of_the_store) => {
                    return Err(error);
                }
                Err(error) => fault = Some(error),
            }
        }
        Ok(fault)
    }

    async fn copy_journal(&mut self, archive: &Archive, id: MeetingId) -> Result<()> {
        let is_at_rest = self.timeline.whole_files().len() == self.timeline.all_files().len();
        let is_due = is_at_rest && self.missing().is_empty();
        if self.is_copied() || !is_due && self.journal_at.is_some_and(|at| at.elapsed() < JOURNAL_EVERY) {
            return Ok(());
        }
        let (timeline, copied) = (self.timeline.clone(), self.copied.clone().unwrap_or_default());
        let journal =
            tokio::task::spawn_blocking(move || timeline.journal_of(|path| copied.contains(path))).await??;
        let length = journal.len() as u64;
        if length > self.journal_bytes {
            archive.put(&Archive::journal_name(id), journal.into()).await?;
            self.journal_bytes = length;
        }
        self.journal_at = Some(Instant::now());
        Ok(())
    }

    /// Compares the finished recording with what the store lists: what nobody needs any more is removed, and
    /// what is missing is forgotten, so that it is copied again. Says whether all is there.
    async fn compare(&mut self, archive: &Archive, id: MeetingId) -> Result<bool> {
        let files = self.timeline.all_files().into_iter();
        let mut missing: HashMap<String, MediaFile> =
            files.map(|file| (Archive::name(id, &file.path), file)).collect();
        let mut there = HashSet::new();
        for folder in Rendition::ALL.map(Rendition::folder) {
            for object in archive.list(&Archive::name(id, folder)).await? {
                match missing.remove(&object.name) {
                    Some(file) if file.bytes.is_none_or(|bytes| bytes == object.bytes) => {
                        there.insert(file.path);
                    }
                    Some(file) => drop(missing.insert(object.name, file)),
                    None => archive.remove(&object.name).await?,
                }
            }
        }
        self.copied = Some(there);
        Ok(missing.is_empty())
    }
}

/// Whether these are lines of a journal, and not what a store made of them.
fn is_journal(bytes: &[u8]) -> bool {
    let is_line = |line: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|line| line["line"].is_string())
    };
    bytes.ends_with(b"\n") && bytes.trim_ascii_end().split(|byte| *byte == b'\n').all(is_line)
}

/// Copies what pictures there are of a recording, but for those that are in the store already.
pub async fn copy_pictures(archive: &Archive, id: MeetingId, dir: &Path) -> Result<()> {
    let stored = archive.list(&Archive::name(id, preview::FOLDER)).await?;
    for entry in fs::read_dir(dir.join(preview::FOLDER))? {
        let entry = entry?;
        let file = entry.file_name();
        let Some(file) = file.to_str().filter(|name| !name.ends_with(preview::UNFINISHED)) else { continue };
        let name = Archive::name(id, &format!("{}/{file}", preview::FOLDER));
        let metadata = entry.metadata()?;
        let is_there = stored.iter().any(|object| {
            let is_later = metadata.modified().is_ok_and(|made_at| object.written_at >= made_at);
            object.name == name && object.bytes == metadata.len() && is_later
        });
        if !is_there {
            archive.put(&name, read(entry.path(), None).await?.into()).await?;
        }
    }
    Ok(())
}

pub async fn open(dir: PathBuf) -> Result<Timeline> {
    Ok(tokio::task::spawn_blocking(move || Timeline::open(&dir)).await??)
}

/// The file, or exactly so much of it.
async fn read(path: PathBuf, bytes: Option<u64>) -> Result<Vec<u8>> {
    let read = move || {
        let mut data = Vec::new();
        fs::File::open(path)?.take(bytes.unwrap_or(u64::MAX)).read_to_end(&mut data)?;
        if bytes.is_some_and(|bytes| bytes != data.len() as u64) {
            return Err(io::Error::from(ErrorKind::UnexpectedEof));
        }
        Ok(data)
    };
    Ok(tokio::task::spawn_blocking(read).await??)
}

pub fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}
