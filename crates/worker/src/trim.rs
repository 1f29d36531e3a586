//! Lets the disk go of what is safely in the object store.

use std::{collections::HashSet, fs, io::ErrorKind, path::Path};

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use moothall_archive::Archive;
use moothall_ingest::{MediaFile, Rendition, Timeline};

use crate::copying::{RecordingCopy, metadata, open};

impl RecordingCopy {
    /// Removes local segment files that have been kept long enough, and that are in the store now, whole. The
    /// journal, the init files, the pictures and the last segments stay: they are small, and a recorder that
    /// takes the recording up again finds its end as it was.
    pub async fn trim(&self, archive: &Archive, keep: TimeDelta, now: DateTime<Utc>) -> Result<()> {
        let Some(length) = self.copied_journal else { return Ok(()) };
        let journal = self.dir.join("journal.jsonl");
        let Some(metadata) = metadata(&journal)? else { return Ok(()) };
        let written_at = DateTime::<Utc>::from(metadata.modified()?);
        if metadata.len() != length || written_at + keep > now || is_trimmed(&self.dir)? {
            return Ok(());
        }
        let timeline = open(self.dir.clone()).await?;
        let local: Vec<_> =
            removable(&timeline).into_iter().filter(|(file, _)| self.dir.join(&file.path).exists()).collect();
        if local.is_empty() || !timeline.is_finished() {
            return Ok(());
        }
        if archive.length(&Archive::journal_name(self.id)).await? != Some(length) {
            bail!("the journal in the object store is not the one on this disk: local copies stay");
        }
        let stored: HashSet<(String, u64)> = archive
            .list(&self.id.to_string())
            .await?
            .into_iter()
            .map(|stored| (stored.name, stored.bytes))
            .collect();
        let mut removed = 0;
        for (file, bytes) in local {
            if stored.contains(&(Archive::name(self.id, &file.path), bytes)) {
                fs::remove_file(self.dir.join(&file.path))?;
                removed += 1;
            } else {
                tracing::error!(meeting = %self.id, file = %file.path, "not whole in the object store: the local copy stays");
            }
        }
        tracing::info!(meeting = %self.id, files = removed, "removed local copies of what is in the object store");
        Ok(())
    }
}

/// Whether there is at most the last segment file of each rendition: then the journal need not be read.
fn is_trimmed(dir: &Path) -> Result<bool> {
    for folder in Rendition::ALL.map(Rendition::folder) {
        let entries = match fs::read_dir(dir.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let is_segment = |name: &str| !name.starts_with("init-");
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        if names.filter(|name| is_segment(name)).nth(1).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Segment files but for the last of each rendition, with their lengths.
fn removable(timeline: &Timeline) -> Vec<(MediaFile, u64)> {
    let mut files: Vec<(MediaFile, u64)> = timeline
        .whole_files()
        .into_iter()
        .rev()
        .filter_map(|file| file.bytes.map(|bytes| (file, bytes)))
        .collect();
    let mut kept = HashSet::new();
    // The latest come first.
    files.retain(|(file, _)| !kept.insert(file.path.split('/').next().map(str::to_owned)));
    files
}
