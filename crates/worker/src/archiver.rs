//! Copies the recordings on this disk to the object store, behind the recorders.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use chrono::TimeDelta;
use moothall_archive::{Archive, ArchiveError};
use moothall_core::{Clock, MeetingId};
use moothall_store::{Backlog, Db};
use tokio::sync::watch;

use crate::{
    copying::{Outcome, RecordingCopy},
    recording_dir,
};

/// Segments last two seconds.
const POLL: Duration = Duration::from_secs(2);
/// A store that does not answer is asked again after this.
const RETRY: Duration = Duration::from_secs(10);
/// How often old local copies are looked for.
const TRIM_EVERY: Duration = Duration::from_secs(3_600);
/// A backlog is first told of in the log from this size on, and again whenever it has doubled: some minutes of
/// a meeting.
const TOLD_BYTES: u64 = 64 << 20;
const LOCK: &str = ".archiver.lock";

/// Of one disk there is one at a time, whoever starts it.
pub struct Archiver {
    pub db: Db,
    pub clock: Clock,
    pub media_dir: PathBuf,
    pub archive: Archive,
    /// For how long what is safely stored stays on the disk as well; for ever where absent.
    pub keep: Option<TimeDelta>,
}

#[derive(Default)]
struct Memory {
    copies: HashMap<MeetingId, RecordingCopy>,
    trimmed_at: Option<Instant>,
    /// The backlog that the log was last told of.
    told_bytes: u64,
    complaint: String,
}

impl Archiver {
    /// Copies until `stop` says so. Whatever it is at can be broken off at any moment and is done again.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut memory = Memory::default();
        let copy = async {
            let _lock = self.take_hold().await;
            loop {
                let wait = self.go_round(&mut memory).await;
                tokio::time::sleep(wait).await;
            }
        };
        tokio::select! {
            () = copy => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Waits until no other process copies from this disk.
    async fn take_hold(&self) -> File {
        loop {
            match lock(&self.media_dir) {
                Ok(Some(lock)) => return lock,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(dir = %self.media_dir.display(), %error, "nothing can be copied to the object store");
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Every recording once, the latest first. Says how long to wait before the next round.
    async fn go_round(&self, memory: &mut Memory) -> Duration {
        let recordings = match recordings(&self.media_dir) {
            Ok(recordings) => recordings,
            Err(error) => {
                memory.complain(&format!("cannot look into {}: {error}", self.media_dir.display()));
                return RETRY;
            }
        };
        let trims = self.keep.filter(|_| memory.trimmed_at.is_none_or(|at| at.elapsed() >= TRIM_EVERY));
        let mut trouble = None;
        for id in recordings {
            if let Err(error) = self.look_at(id, memory, trims, trouble.as_deref()).await {
                let text = format!("{error:#}");
                memory.complain(&text);
                let of_the_store = error.downcast_ref().is_some_and(ArchiveError::is_of_the_store);
                // Others would fare alike: they are only counted.
                trouble = trouble.or(of_the_store.then_some(text));
            }
        }
        self.tell_backlog(memory);
        if trouble.is_some() {
            return RETRY;
        }
        if trims.is_some() {
            memory.trimmed_at = Some(Instant::now());
        }
        POLL
    }

    /// Copies what of a recording is not copied yet, unless the store is in `trouble`, and tells what is left.
    async fn look_at(
        &self,
        id: MeetingId,
        memory: &mut Memory,
        trims: Option<TimeDelta>,
        trouble: Option<&str>,
    ) -> Result<()> {
        if !memory.copies.contains_key(&id) && self.db.meeting(id).await?.is_none() {
            // A folder that somebody put here; or its meeting is just being entered.
            return Ok(());
        }
        let dir = recording_dir(&self.media_dir, id);
        let copy = memory.copies.entry(id).or_insert_with(|| RecordingCopy::new(id, dir));
        let outcome = match trouble {
            Some(trouble) => copy.count().await.map(|()| Some(trouble.to_owned())),
            None => match copy.advance(&self.archive).await {
                Ok(Outcome::Copied) if self.keep.is_some() => self.trim(copy, self.keep).await,
                Ok(_) => self.trim(copy, trims).await,
                Err(error) => Err(error),
            },
        };
        let told = match &outcome {
            Ok(trouble) => trouble.clone().unwrap_or_default(),
            Err(error) => format!("{error:#}"),
        };
        let waiting = copy.waiting();
        let row = Backlog {
            meeting_id: id,
            waiting_files: waiting.files.try_into().unwrap_or(i64::MAX),
            waiting_bytes: waiting.bytes.try_into().unwrap_or(i64::MAX),
            trouble: if waiting.files == 0 && outcome.is_ok() { String::new() } else { told },
            told_at: self.clock.now(),
        };
        if copy.is_news(&row) {
            self.db.tell_backlog(&row).await.context("cannot tell how much is to be copied")?;
            copy.told(row);
        }
        outcome.map(drop)
    }

    async fn trim(&self, copy: &RecordingCopy, keep: Option<TimeDelta>) -> Result<Option<String>> {
        if let Some(keep) = keep {
            copy.trim(&self.archive, keep, self.clock.now()).await?;
        }
        Ok(None)
    }

    fn tell_backlog(&self, memory: &mut Memory) {
        let (mut files, mut bytes) = (0, 0);
        for waiting in memory.copies.values().map(RecordingCopy::waiting) {
            (files, bytes) = (files + waiting.files, bytes + waiting.bytes);
        }
        if files == 0 {
            if memory.told_bytes > 0 {
                tracing::info!("everything is copied to the object store");
            }
            memory.told_bytes = 0;
            memory.complaint.clear();
        } else if bytes >= TOLD_BYTES.max(memory.told_bytes.saturating_mul(2)) {
            tracing::warn!(
                files,
                bytes,
                "copying to the object store is behind: see to the line, or to the store"
            );
            memory.told_bytes = bytes;
        }
    }
}

impl Memory {
    /// The same trouble every ten seconds would bury the rest of the log.
    fn complain(&mut self, complaint: &str) {
        if complaint != self.complaint {
            tracing::error!("{complaint}");
            complaint.clone_into(&mut self.complaint);
        }
    }
}

/// None where another process holds it.
fn lock(media_dir: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(media_dir)?;
    let lock = File::create(media_dir.join(LOCK))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The latest first: their identifiers begin with the time.
fn recordings(media_dir: &Path) -> io::Result<Vec<MeetingId>> {
    let mut found: Vec<MeetingId> = Vec::new();
    for entry in fs::read_dir(media_dir)? {
        found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<MeetingId>().ok()));
    }
    found.sort_by_key(|id| std::cmp::Reverse(id.uuid()));
    Ok(found)
}
