//! The job that captions a meeting while it goes on, from what is aired, so that words are there within seconds.
//! Once the meeting is over the transcript is made anew, and better.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use moothall_archive::Archive;
use moothall_core::{CaptionId, Clock, MediaTime, MeetingId, Word};
use moothall_ingest::{Timeline, read_live_audio};
use moothall_store::{ClaimedJob, Db, Tx};
use moothall_transcribe::{Live, layout};
use tokio::sync::watch;

use crate::{
    Speech,
    floor::{floors_of, moments},
    timeline,
    turns::{Spoken, gather, row},
};

/// How often is looked for more sound.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often in the object store, where the journal is renewed every two minutes.
const LOOK_FOR_COPY_EVERY: Duration = Duration::from_secs(30);
/// Less more sound than this is left for the next time.
const WORTHWHILE_MS: i64 = 1_000;
/// No more at once: with what is kept of before it fits into what Whisper hears.
const MOST_MS: i64 = 12_000;
/// After so many looks without more sound what was said last is settled as it is: nothing may follow for an hour.
const LOOKS_TO_THE_END: u32 = 6;
/// Sound that is further from where it would go on comes after a gap.
const GAP_MS: i64 = 40;

/// Captions until the recording is over, or `stop` says so.
pub async fn run(
    db: &Db,
    media_dir: &Path,
    archive: Option<&Archive>,
    clock: &Clock,
    speech: Arc<Speech>,
    job: &ClaimedJob,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let meeting = db.meeting(job.meeting_id).await?.context("the meeting of this job is gone")?;
    let recording = db.recording(meeting.id).await?.context("the meeting of this job has no recording")?;
    let (recorded, mut is_here) = timeline(media_dir, archive, meeting.id).await?;
    let from = MediaTime::from_ms(recording.live_ms.max(recording.transcribed_ms));
    let mut ear =
        Ear { timeline: recorded, speech, language: meeting.language.clone(), from, live: None, idle: 0 };
    let mut lines = Lines::default();
    loop {
        if *stop.borrow() {
            let mut tx = db.begin().await?;
            tx.put_back_job(job, clock.now()).await?;
            return Ok(tx.commit().await?);
        }
        if ear.timeline.is_finished() {
            let mut tx = db.begin().await?;
            tx.finish_job(job).await?;
            return Ok(tx.commit().await?);
        }
        let heard;
        (ear, heard) = tokio::task::spawn_blocking(move || {
            let heard = ear.hear();
            (ear, heard)
        })
        .await?;
        for heard in heard? {
            lines.save(db, clock, meeting.id, job, &heard).await?;
        }
        let wait = if is_here { LOOK_EVERY } else { LOOK_FOR_COPY_EVERY };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.changed() => {}
        }
        if !is_here {
            (ear.timeline, is_here) = timeline(media_dir, archive, meeting.id).await?;
        }
    }
}

/// Words that are settled.
struct Heard {
    words: Vec<Word>,
    /// No word before this is still open.
    position: MediaTime,
    /// Up to where there is sound.
    end: MediaTime,
    /// What follows comes after a gap.
    is_end: bool,
}

/// Listens to one recording.
struct Ear {
    timeline: Timeline,
    speech: Arc<Speech>,
    language: Option<String>,
    /// Where to begin.
    from: MediaTime,
    live: Option<Live>,
    /// Looks in a row without more sound.
    idle: u32,
}

impl Ear {
    fn hear(&mut self) -> Result<Vec<Heard>> {
        self.timeline.refresh()?;
        let mut heard = Vec::new();
        let from = self.live.as_ref().map_or(self.from, Live::end_of_sound);
        if self.timeline.sound_end() - from < WORTHWHILE_MS {
            self.idle += 1;
            if self.idle >= LOOKS_TO_THE_END {
                self.from = from;
                heard.extend(self.end()?);
            }
            return Ok(heard);
        }
        self.idle = 0;
        let transcriber = self.speech.transcriber(self.language.as_deref())?;
        for piece in read_live_audio(&self.timeline, from, MOST_MS)? {
            let goes_on = |live: &mut Live| (piece.start - live.end_of_sound()).abs() <= GAP_MS;
            if !self.live.as_mut().is_some_and(goes_on) {
                heard.extend(self.end()?);
            }
            let live = self.live.get_or_insert_with(|| Live::begin(piece.start));
            let words = live.push(&transcriber, &piece.samples)?;
            heard.push(Heard { words, position: live.position(), end: live.end_of_sound(), is_end: false });
            self.language = self.language.take().or_else(|| live.language().map(str::to_owned));
        }
        Ok(heard)
    }

    /// What was said last, where nothing follows.
    fn end(&mut self) -> Result<Option<Heard>> {
        let Some(live) = self.live.take() else { return Ok(None) };
        let end = live.end_of_sound();
        let words = live.end(&self.speech.transcriber(self.language.as_deref())?)?;
        Ok(Some(Heard { words, position: end, end, is_end: true }))
    }
}

/// Settled words become captions. The last one grows until it is full.
#[derive(Default)]
struct Lines {
    /// The last caption, and its words.
    open: Option<CaptionId>,
    words: Vec<Word>,
}

impl Lines {
    async fn save(
        &mut self,
        db: &Db,
        clock: &Clock,
        meeting: MeetingId,
        job: &ClaimedJob,
        heard: &Heard,
    ) -> Result<()> {
        if !heard.words.is_empty() {
            let mut tx = db.begin().await?;
            tx.hold_job(job, heard.position.ms(), heard.end.ms(), clock.now()).await?;
            if tx.recording(meeting).await?.is_some_and(|recording| !recording.finished) {
                self.add(&mut tx, meeting, heard).await?;
                tx.set_live(meeting, heard.position.ms()).await?;
                tx.commit().await?;
            }
        }
        if heard.is_end {
            (self.open, self.words) = (None, Vec::new());
        }
        Ok(())
    }

    async fn add(&mut self, tx: &mut Tx, meeting: MeetingId, heard: &Heard) -> Result<()> {
        let floors = floors_of(tx, meeting).await?;
        self.words.extend_from_slice(&heard.words);
        let mut captions = layout::captions(&self.words, &moments(&floors), &[], heard.end);
        let full: usize = captions.iter().rev().skip(1).map(|caption| caption.words.len()).sum();
        // Its turn may be another by now: more may be known of who speaks.
        let turn = match self.open {
            Some(open) => tx.turn_of(open).await?,
            None => None,
        };
        if let (Some(id), Some(mut turn)) = (self.open, turn) {
            let grown = captions.remove(0);
            turn.end_ms = turn.end_ms.max(grown.end_ms.ms());
            tx.set_caption_words(&row(id, turn.id, grown)).await?;
            tx.append_transcript(meeting, &[turn], &[]).await?;
        }
        if let Some(first) = captions.first() {
            let previous = tx.turn_before(meeting, first.start_ms).await?;
            let (turns, rows) = gather(previous, &floors, captions.into_iter().map(Spoken::from).collect());
            tx.append_transcript(meeting, &turns, &rows).await?;
            self.open = rows.last().map(|row| row.id);
        }
        self.words.drain(..full);
        Ok(())
    }
}
