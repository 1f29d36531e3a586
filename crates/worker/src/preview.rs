//! The job that makes pictures of a recording that is over, for the player, for lists, and for whoever looks
//! for a moment.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use chrono::TimeDelta;
use moothall_archive::Archive;
use moothall_core::Clock;
use moothall_ingest::{Timeline, poster, storyboard};
use moothall_store::{ClaimedJob, Db, Recording};

use crate::{copying::copy_pictures, recording_dir, timeline};

/// Below the recording; the pages serve them from there.
pub const FOLDER: &str = "preview";
/// The picture that is written last.
pub const LAST: &str = "poster.jpg";
/// How the name of one ends that is being written.
pub const UNFINISHED: &str = ".new";
/// How long to wait for the rest of the recording to be copied to the object store.
const WAIT_FOR_COPY: TimeDelta = TimeDelta::seconds(30);

/// Makes the poster and the storyboard anew; of sound alone there are none. Where the recording is in the
/// object store only, the pictures go there too.
pub async fn run(
    db: &Db,
    media_dir: &Path,
    archive: Option<&Archive>,
    clock: &Clock,
    job: &ClaimedJob,
) -> Result<()> {
    let id = job.meeting_id;
    let recorded = db.recording(id).await?.context("the meeting of this job has no recording")?;
    let (timeline, is_here) = timeline(media_dir, archive, id).await?;
    let is_whole = is_here || timeline.is_finished();
    let dir = recording_dir(media_dir, id);
    let pictures = dir.join(FOLDER);
    let made = is_whole.then(|| tokio::task::spawn_blocking(move || make(&timeline, &pictures)));
    let has_poster = match made {
        Some(made) => made.await??,
        None => false,
    };
    if let Some(archive) = archive.filter(|_| has_poster && !is_here) {
        copy_pictures(archive, id, &dir).await?;
    }
    let now = clock.now();
    let mut tx = db.begin().await?;
    tx.hold_job(job, 1, 1, now).await?;
    if !is_whole {
        tx.put_back_job(job, now + WAIT_FOR_COPY).await?;
        return Ok(tx.commit().await?);
    }
    let is_of = |now: &Recording| (now.epoch, now.duration_ms) == (recorded.epoch, recorded.duration_ms);
    if tx.recording(id).await?.as_ref().is_some_and(is_of) {
        tx.set_poster(id, has_poster).await?;
        tx.finish_job(job).await?;
    } else {
        // Meanwhile another recording took its place.
        tx.put_back_job(job, now).await?;
    }
    tx.commit().await?;
    tracing::info!(meeting = %id, has_poster, "made pictures of the recording");
    Ok(())
}

fn make(timeline: &Timeline, pictures: &Path) -> Result<bool> {
    let (Some(poster), Some(board)) = (poster(timeline)?, storyboard(timeline)?) else { return Ok(false) };
    let write = |name: String, bytes: &[u8]| {
        write(&pictures.join(&name), bytes)
            .with_context(|| format!("cannot write {name} to {}", pictures.display()))
    };
    fs::create_dir_all(pictures).with_context(|| format!("cannot make the folder {}", pictures.display()))?;
    for (number, sheet) in board.sheets.iter().enumerate() {
        write(format!("storyboard-{number}.jpg"), sheet)?;
    }
    // A longer recording that was here before had more of them.
    let more = |number: &usize| fs::remove_file(pictures.join(format!("storyboard-{number}.jpg"))).is_ok();
    let _ = (board.sheets.len()..).take_while(more).count();
    // After the sheets that it names.
    write("storyboard.vtt".to_owned(), board.vtt.as_bytes())?;
    write(LAST.to_owned(), &poster)?;
    Ok(true)
}

/// Whoever reads gets the file before or the file after, and never half of one.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = PathBuf::from(format!("{}{UNFINISHED}", path.display()));
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
