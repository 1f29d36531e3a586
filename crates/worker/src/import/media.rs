//! The media of an imported meeting: recorded as a live source would be, only faster.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use moothall_core::{Clock, MediaTime, RecordingId};
use moothall_ingest::{
    Progress, Rank, RecordError, RecordOptions, Rendition, Source, StopHandle, Summary, Timeline,
};
use moothall_store::{Db, JobKind, MediaObjection, Meeting, NewJob, Recording, Tx};
use sha2::{Digest, Sha256};

use super::{Part, Report};
use crate::{priority, recording_dir, voices};

/// A file that gives neither picture nor sound for so long will not give any.
const NO_STREAM_AFTER: Duration = Duration::from_secs(20);

/// Records the file, and calls for its transcription where the meeting has no captions of its own.
pub async fn import(
    db: &Db,
    media_dir: &Path,
    clock: &Clock,
    file: &Path,
    wants_transcript: bool,
    report: &mut Report,
    progress: impl FnMut(f64) + Send + 'static,
) -> Result<()> {
    let meeting = report.meeting.id;
    let sha256 = match hash(file.to_owned()).await? {
        Ok(sha256) => sha256,
        Err(error) => {
            report.failures.push(format!("cannot read the media {}: {error}", file.display()));
            return Ok(());
        }
    };
    let mut tx = db.begin().await?;
    let known = tx.imported(meeting, Part::Media.as_str()).await?;
    let objection = tx.objection_to_media(meeting).await?;
    drop(tx);
    if known.as_ref() == Some(&sha256) {
        return Ok(());
    }
    match objection {
        Some(MediaObjection::RecordedLive) => {
            report.failures.push(format!(
                "{}: this meeting was recorded live, and a file would replace that; the recording was left as it \
                 is: import the file as a meeting of its own with another --slug",
                file.display()
            ));
            return Ok(());
        }
        Some(MediaObjection::Corrected { captions }) => {
            report.failures.push(format!(
                "{}: {captions} captions of the present recording have been corrected by hand, and another \
                 recording would lose that; the recording was left as it is",
                file.display()
            ));
            return Ok(());
        }
        None => {}
    }
    let dir = recording_dir(media_dir, meeting);
    let recorded = record(
        file.to_owned(),
        dir.clone(),
        clock,
        report.meeting.starts_at,
        StopHandle::default(),
        progress,
    );
    let summary = match recorded.await? {
        Ok(Recorded { summary, .. }) => summary,
        Err(error) => {
            report.failures.push(error.to_string());
            return Ok(());
        }
    };
    report.warnings.extend(summary.warnings);
    let mut tx = db.begin().await?;
    let kept = keep(&mut tx, clock.now(), &report.meeting, &dir, &sha256, wants_transcript).await?;
    tx.commit().await?;
    report.unchanged = false;
    report.done.push(format!("media: {} recorded", kept.duration.clock()));
    if !kept.has_sound {
        report.warnings.push(format!("{} has no sound, so there is nothing to transcribe", file.display()));
    }
    Ok(())
}

/// What became of a file.
pub struct Recorded {
    pub summary: Summary,
    /// How long the file says it is.
    pub of_ms: Option<i64>,
    /// Picture or sound is in a form that nothing here reads.
    pub left_out: bool,
}

/// Records a file into a folder. `progress` hears how much of it is recorded, from 0 to 1.
pub async fn record(
    file: PathBuf,
    dir: PathBuf,
    clock: &Clock,
    epoch: DateTime<Utc>,
    stop: StopHandle,
    mut progress: impl FnMut(f64) + Send + 'static,
) -> Result<Result<Recorded, RecordError>> {
    let options = RecordOptions {
        clock: clock.clone(),
        file_epoch: epoch,
        no_stream_after: NO_STREAM_AFTER,
        private_network: false,
        rank: Rank::Main,
        ladder: false,
        meter: None,
        switchboard: None,
    };
    Ok(tokio::task::spawn_blocking(move || {
        let (mut length_ms, mut left_out) = (None, false);
        let heard = |event| match event {
            Progress::Recorded { end, of_ms: Some(of_ms) } => {
                length_ms = Some(of_ms);
                progress((end.ms() as f64 / of_ms.max(1) as f64).min(1.0));
            }
            // All that is ever noticed of a file.
            Progress::Notice { .. } => left_out = true,
            _ => {}
        };
        let summary = moothall_ingest::record(&Source::File(file), &dir, &options, &stop, heard)?;
        moothall_ingest::finish(&dir)?;
        Ok(Recorded { summary, of_ms: length_ms, left_out })
    })
    .await?)
}

/// What is now the recording of a meeting.
pub struct Kept {
    pub duration: MediaTime,
    pub has_sound: bool,
}

/// Makes what was just recorded the meeting's recording, and calls for its pictures and its transcript.
pub async fn keep(
    tx: &mut Tx,
    now: DateTime<Utc>,
    meeting: &Meeting,
    dir: &Path,
    sha256: &str,
    wants_transcript: bool,
) -> Result<Kept> {
    let timeline = Timeline::open(dir).context("the recording that was just made")?;
    let id = meeting.id;
    let recording = Recording {
        id: RecordingId::new(),
        meeting_id: id,
        epoch: timeline.epoch().unwrap_or(meeting.starts_at),
        duration_ms: timeline.duration().ms(),
        has_video: timeline.renditions().contains(&Rendition::Video),
        finished: true,
        transcribed_ms: 0,
        live_ms: 0,
    };
    let has_sound = timeline.renditions().contains(&Rendition::Audio);
    tx.save_recording(&recording).await?;
    tx.set_transcribed(id, 0).await?;
    // Pictures of what was recorded before, if any, are not of this.
    tx.set_poster(id, false).await?;
    if recording.has_video {
        let job = NewJob { kind: JobKind::Preview, meeting_id: id, priority: priority::NEW };
        tx.enqueue(&job, now).await?;
    }
    let has_captions = tx.imported(id, Part::Captions.as_str()).await?.is_some();
    if wants_transcript && !has_captions && has_sound {
        tx.clear_transcript(id).await?;
        voices::forget(tx, id).await?;
        for kind in [JobKind::Transcribe, JobKind::Voices] {
            tx.enqueue(&NewJob { kind, meeting_id: id, priority: priority::NEW }, now).await?;
        }
    }
    tx.mark_microphones(id).await?;
    tx.save_import(id, Part::Media.as_str(), sha256).await?;
    tx.touch_meeting(id).await?;
    Ok(Kept { duration: timeline.duration(), has_sound })
}

pub async fn hash(file: PathBuf) -> Result<io::Result<String>> {
    Ok(tokio::task::spawn_blocking(move || {
        let mut file = File::open(file)?;
        let mut hasher = Sha256::new();
        let mut block = vec![0; 1 << 20];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(format!("{:x}", hasher.finalize())),
                length => hasher.update(&block[..length]),
            }
        }
    })
    .await?)
}
