//! The media of an imported meeting: recorded as a live source would be, only faster.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use moothall_core::{Clock, RecordingId};
use moothall_ingest::{Progress, Rank, RecordOptions, Rendition, Source, StopHandle, Timeline};
use moothall_store::{Db, JobKind, NewJob, Recording};
use sha2::{Digest, Sha256};

use super::{Part, Report};
use crate::{priority, recording_dir};

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
    let has_captions = tx.imported(meeting, Part::Captions.as_str()).await?.is_some();
    let corrected = tx.count_corrected(meeting).await?;
    let recording = tx.recording(meeting).await?;
    drop(tx);
    if known.as_ref() == Some(&sha256) {
        return Ok(());
    }
    // A file would take the place of what a live source brought, and that cannot be had again.
    if known.is_none() && recording.is_some() {
        report.failures.push(format!(
            "{}: this meeting was recorded live, and a file would replace that; the recording was left as it \
             is: import the file as a meeting of its own with another --slug",
            file.display()
        ));
        return Ok(());
    }
    if known.is_some() && corrected > 0 && !has_captions {
        report.failures.push(format!(
            "{}: {corrected} captions of the present recording have been corrected by hand, and another \
             recording would lose that; the recording was left as it is",
            file.display()
        ));
        return Ok(());
    }
    let dir = recording_dir(media_dir, meeting);
    let options = RecordOptions {
        rank: Rank::Main,
        ladder: false,
        clock: clock.clone(),
        file_epoch: report.meeting.starts_at,
        no_stream_after: NO_STREAM_AFTER,
        private_network: false,
        meter: None,
    };
    let summary = match record(file.to_owned(), dir.clone(), options, progress).await? {
        Ok(summary) => summary,
        Err(error) => {
            report.failures.push(error.to_string());
            return Ok(());
        }
    };
    report.warnings.extend(summary.warnings);

    let timeline = Timeline::open(&dir).context("the recording that was just made")?;
    let recording = Recording {
        id: RecordingId::new(),
        meeting_id: meeting,
        epoch: timeline.epoch().unwrap_or(report.meeting.starts_at),
        duration_ms: timeline.duration().ms(),
        has_video: timeline.renditions().contains(&Rendition::Video),
        finished: true,
        transcribed_ms: 0,
    };
    let has_sound = timeline.renditions().contains(&Rendition::Audio);
    let mut tx = db.begin().await?;
    tx.save_recording(&recording).await?;
    tx.set_transcribed(meeting, 0).await?;
    // Pictures of what was recorded before, if any, are not of this.
    tx.set_poster(meeting, false).await?;
    if recording.has_video {
        let job = NewJob { kind: JobKind::Preview, meeting_id: meeting, priority: priority::NEW };
        tx.enqueue(&job, clock.now()).await?;
    }
    if wants_transcript && !has_captions && has_sound {
        tx.clear_transcript(meeting).await?;
        let job = NewJob { kind: JobKind::Transcribe, meeting_id: meeting, priority: priority::NEW };
        tx.enqueue(&job, clock.now()).await?;
    }
    tx.save_import(meeting, Part::Media.as_str(), &sha256).await?;
    tx.touch_meeting(meeting).await?;
    tx.commit().await?;
    report.unchanged = false;
    report.done.push(format!("media: {} recorded", timeline.duration().clock()));
    if !has_sound {
        report.warnings.push(format!("{} has no sound, so there is nothing to transcribe", file.display()));
    }
    Ok(())
}

async fn hash(file: PathBuf) -> Result<io::Result<String>> {
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

async fn record(
    file: PathBuf,
    dir: PathBuf,
    options: RecordOptions,
    mut progress: impl FnMut(f64) + Send + 'static,
) -> Result<Result<moothall_ingest::Summary, moothall_ingest::RecordError>> {
    Ok(tokio::task::spawn_blocking(move || {
        let heard = |event| {
            if let Progress::Recorded { end, of_ms: Some(of_ms) } = event {
                progress((end.ms() as f64 / of_ms.max(1) as f64).min(1.0));
            }
        };
        let summary =
            moothall_ingest::record(&Source::File(file), &dir, &options, &StopHandle::default(), heard)?;
        moothall_ingest::finish(&dir)?;
        Ok(summary)
    })
    .await?)
}
