//! The job that tells the voices of a recording apart once it is over: "Speaker 1", "Speaker 2". It names nobody.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use moothall_archive::Archive;
use moothall_core::{Clock, Evidence, MediaTime, MeetingId, SpeakerId, SpeakerMark};
use moothall_ingest::{Timeline, read_audio};
use moothall_store::{ClaimedJob, Db, Recording, Speaker, SpeakerKind, Tx};
use moothall_transcribe::{
    ModelError, Models,
    voices::{self, Change, Voices, VoicesError, floor},
};

use crate::{floor::cut_and_regather, import::Part, timeline};

/// So much sound is read at once; between two it can be given up.
const SLICE_MS: i64 = 60_000;
/// How often the job's progress is written down.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long to wait for the rest of the recording to be copied to the object store.
const WAIT_FOR_COPY: TimeDelta = TimeDelta::seconds(30);
/// How likely a moment is given to the right one of the voices.
const STRENGTH: f64 = 0.8;

/// Listens to the whole recording, and tells of each moment whose voice is heard. Where somebody kept a log of who
/// spoke, nothing is left to ask, and nothing is done.
pub async fn run(
    db: &Db,
    media_dir: &Path,
    archive: Option<&Archive>,
    clock: &Clock,
    models: Models,
    job: &ClaimedJob,
) -> Result<()> {
    let id = job.meeting_id;
    let recorded = db.recording(id).await?.context("the meeting of this job has no recording")?;
    let (timeline, is_here) = timeline(media_dir, archive, id).await?;
    let is_whole = is_here || timeline.is_finished();
    let is_known = has_log(&mut db.begin().await?, id).await?;
    let changes = if is_known || !is_whole { None } else { listen(db, clock, timeline, models, job).await? };

    let now = clock.now();
    let mut tx = db.begin().await?;
    tx.hold_job(job, recorded.duration_ms, recorded.duration_ms, now).await?;
    if !is_whole {
        tx.put_back_job(job, now + WAIT_FOR_COPY).await?;
        return Ok(tx.commit().await?);
    }
    let is_of = |now: &Recording| (now.epoch, now.duration_ms) == (recorded.epoch, recorded.duration_ms);
    if !tx.recording(id).await?.as_ref().is_some_and(is_of) {
        // Meanwhile another recording took its place.
        tx.put_back_job(job, now).await?;
        return Ok(tx.commit().await?);
    }
    if let Some(changes) = changes {
        let voices = save(&mut tx, id, &changes).await?;
        tracing::info!(meeting = %id, voices, "told the voices apart");
    }
    tx.finish_job(job).await?;
    Ok(tx.commit().await?)
}

async fn has_log(tx: &mut Tx, meeting: MeetingId) -> Result<bool> {
    Ok(tx.imported(meeting, Part::Speakers.as_str()).await?.is_some())
}

/// What the thread that listens and whoever waits for it tell each other.
#[derive(Default)]
struct Hearing {
    position_ms: AtomicI64,
    /// Nobody waits any more.
    given_up: AtomicBool,
}

/// Ends a hearing when it is dropped, with the job or with the program.
struct GiveUpOnDrop(Arc<Hearing>);

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::Relaxed);
    }
}

/// Nothing where the models are not installed: a meeting can be read without.
async fn listen(
    db: &Db,
    clock: &Clock,
    timeline: Timeline,
    models: Models,
    job: &ClaimedJob,
) -> Result<Option<Vec<Change>>> {
    let duration_ms = timeline.duration().ms();
    let waiting = GiveUpOnDrop(Arc::default());
    let hearing = Arc::clone(&waiting.0);
    let mut heard = tokio::task::spawn_blocking(move || match Voices::load(&models, None) {
        Ok(voices) => hear(&timeline, &voices, &hearing).map(Some),
        Err(VoicesError::Model(error @ ModelError::Missing { .. })) => {
            tracing::warn!("voices are not told apart: {error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    });
    loop {
        tokio::select! {
            heard = &mut heard => return heard?,
            () = tokio::time::sleep(TELL_EVERY) => {
                let mut tx = db.begin().await?;
                let position_ms = waiting.0.position_ms.load(Ordering::Relaxed);
                tx.hold_job(job, position_ms, duration_ms, clock.now()).await?;
                tx.commit().await?;
            }
        }
    }
}

fn hear(timeline: &Timeline, voices: &Voices, hearing: &Hearing) -> Result<Vec<Change>> {
    let mut listener = voices.listener();
    let mut from = MediaTime::ZERO;
    loop {
        ensure!(!hearing.given_up.load(Ordering::Relaxed), "nobody waits for it");
        let pieces = read_audio(timeline, from, SLICE_MS)?;
        for piece in &pieces {
            listener.push(piece.start, &piece.samples)?;
        }
        hearing.position_ms.store(listener.position().ms(), Ordering::Relaxed);
        match pieces.last() {
            Some(last) if last.end() > from => from = last.end(),
            _ => return Ok(floor(&listener.finish()?)),
        }
    }
}

/// Takes away what was found by voice in a recording that is no longer the meeting's. What people said stays.
pub async fn forget(tx: &mut Tx, meeting: MeetingId) -> Result<()> {
    tx.replace_speaker_marks(meeting, Evidence::Voice, &[]).await?;
    Ok(tx.forget_unheard_voices(meeting).await?)
}

/// Replaces the voices found before, and with them the turns; gives how many voices there are.
async fn save(tx: &mut Tx, meeting: MeetingId, changes: &[Change]) -> Result<usize> {
    // First of all, so that a transcription that goes on meanwhile sees the marks.
    tx.touch_meeting(meeting).await?;
    if has_log(tx, meeting).await? {
        return Ok(0);
    }
    let count = changes.iter().filter_map(|change| change.voice).max().map_or(0, |last| last + 1);
    let mut speakers: Vec<SpeakerId> = Vec::with_capacity(count);
    for voice in 0..count {
        let speaker = Speaker {
            id: SpeakerId::new(),
            person_id: None,
            person_slug: None,
            kind: SpeakerKind::Voice,
            name: voices::name(voice),
            role: None,
        };
        speakers.push(tx.save_speaker(meeting, &speaker).await?);
    }
    let mark = |change: &Change| SpeakerMark {
        at_ms: change.at.ms(),
        speaker_id: change.voice.map(|voice| speakers[voice]),
        evidence: Evidence::Voice,
        strength: STRENGTH,
    };
    let marks: Vec<SpeakerMark> = changes.iter().map(mark).collect();
    tx.replace_speaker_marks(meeting, Evidence::Voice, &marks).await?;
    cut_and_regather(tx, meeting).await?;
    Ok(count)
}
