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
use moothall_core::{Caption, CaptionId, Clock, Evidence, MediaTime, MeetingId, SpeakerId, Word};
use moothall_ingest::{Timeline, read_audio};
use moothall_store::{CaptionRow, ClaimedJob, Db, Recording, Speaker, SpeakerKind, SpeakerMark, Tx};
use moothall_transcribe::{
    ModelError, Models, layout,
    voices::{self, Change, Voices, VoicesError, floor},
};

use crate::{
    timeline,
    turns::{Spoken, gather, row},
};

/// So much sound is read at once; between two it can be given up.
const SLICE_MS: i64 = 60_000;
/// How often the job's progress is written down.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long to wait for the rest of the recording to be copied to the object store.
const WAIT_FOR_COPY: TimeDelta = TimeDelta::seconds(30);

/// Listens to the whole recording, and gives each of its turns a voice. Where a clerk's marks or a log say who
/// speaks, they know better, and nothing is done.
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
    let is_known = db.speaker_marks(id).await?.iter().any(is_of_people);
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

/// Whether somebody, or a conference system, said who speaks.
pub fn is_of_people(mark: &SpeakerMark) -> bool {
    mark.evidence != Evidence::Voice
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
    let marks = tx.speaker_marks(meeting).await?;
    if !marks.iter().any(is_of_people) {
        tx.replace_speaker_marks(meeting, &[]).await?;
    }
    Ok(tx.forget_unheard_voices(meeting).await?)
}

/// Replaces the voices found before, and with them the turns; gives how many voices there are.
async fn save(tx: &mut Tx, meeting: MeetingId, changes: &[Change]) -> Result<usize> {
    // First of all, so that a transcription that goes on meanwhile sees the marks.
    tx.touch_meeting(meeting).await?;
    if tx.speaker_marks(meeting).await?.iter().any(is_of_people) {
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
    };
    let marks: Vec<SpeakerMark> = changes.iter().map(mark).collect();
    tx.replace_speaker_marks(meeting, &marks).await?;
    let breaks: Vec<MediaTime> = changes.iter().map(|change| change.at).collect();
    let captions = cut(tx, meeting, &breaks).await?;
    if !captions.is_empty() {
        let (turns, captions) = gather(None, &marks, captions.into_iter().map(Spoken::from).collect());
        tx.replace_turns(meeting, &turns, &captions).await?;
    }
    tx.forget_unheard_voices(meeting).await?;
    Ok(count)
}

/// The meeting's captions, cut where the voice changes within one; the first part keeps the caption's id. What a
/// person has corrected stays whole.
async fn cut(tx: &mut Tx, meeting: MeetingId, breaks: &[MediaTime]) -> Result<Vec<CaptionRow>> {
    let mut captions = Vec::new();
    for known in tx.captions(meeting).await? {
        let parts = if known.corrected { Vec::new() } else { parts(&known.words.0, known.end_ms, breaks) };
        if parts.is_empty() {
            captions.push(known);
            continue;
        }
        let rows: Vec<CaptionRow> = std::iter::once(known.id)
            .chain(std::iter::repeat_with(CaptionId::new))
            .zip(parts)
            .map(|(id, part)| row(id, known.turn_id, part))
            .collect();
        tx.set_caption_words(&rows[0]).await?;
        tx.append_transcript(meeting, &[], &rows[1..]).await?;
        captions.extend(rows);
    }
    Ok(captions)
}

/// What each voice says of a caption's words, which stands up to `end`. Empty where it is one voice alone.
///
/// Captions are made without regard to voices and cut afterwards, so that it makes no difference which of the two
/// is known first.
pub fn parts(words: &[Word], end: MediaTime, breaks: &[MediaTime]) -> Vec<Caption> {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return Vec::new() };
    let from = breaks.partition_point(|at| *at <= first.start_ms);
    let to = breaks.partition_point(|at| *at < last.end_ms);
    if from >= to {
        return Vec::new();
    }
    let mut parts = layout::captions(words, &breaks[from..to], end);
    // The last stood longer than its words.
    if let Some(last) = parts.last_mut() {
        last.end_ms = last.end_ms.max(end);
    }
    if parts.len() < 2 { Vec::new() } else { parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_of_two_voices_is_cut_between_their_words() {
        let word = |(index, text): (i64, &str)| Word {
            start_ms: MediaTime::from_ms(10_000 + index * 500),
            end_ms: MediaTime::from_ms(10_400 + index * 500),
            text: text.to_owned(),
            confidence: 0.9,
        };
        let words: Vec<Word> = (0..).zip(["I", "so", "move.", "Seconded."]).map(word).collect();
        let cut = |at_ms: i64| {
            let parts = parts(&words, MediaTime::from_ms(12_500), &[MediaTime::from_ms(at_ms)]);
            parts
                .into_iter()
                .map(|part| (part.start_ms.ms(), part.end_ms.ms(), part.text))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            cut(11_450),
            [(10_000, 11_400, "I so move.".to_owned()), (11_500, 12_500, "Seconded.".to_owned())]
        );
        for outside_ms in [9_000, 10_100, 11_800, 12_000] {
            assert_eq!(cut(outside_ms), [], "{outside_ms}");
        }
    }
}
