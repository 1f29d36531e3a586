//! The job that writes down what was said: it works through a recording's audio by cursor, a slice at a
//! time, and commits each slice's captions together with the cursor.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use chrono::TimeDelta;
use moothall_archive::Archive;
use moothall_core::{Caption, CaptionId, Clock, Evidence, MediaTime, MeetingId};
use moothall_ingest::{Timeline, read_audio};
use moothall_store::{CaptionRow, ClaimedJob, Db, Meeting, Recording, Tx};
use moothall_transcribe::{Mode, Models, Options, Transcriber};

use crate::{
    floor::{floors_of, moments, parts},
    import::Part,
    items,
    succession::{Succession, succeed},
    timeline,
    turns::gather,
};

/// So much sound at once: long enough that all decoders have work, short enough that little is lost with a
/// worker and that a live meeting waits no longer for its turn.
const SLICE_MS: i64 = 120_000;
/// How long to wait for more of a recording that goes on.
const WAIT_FOR_MORE: TimeDelta = TimeDelta::seconds(3);

/// Speech recognition as it is configured; the model is loaded when it is first needed.
pub struct Speech {
    models: Models,
    model: String,
    mode: Mode,
    loaded: Mutex<Option<Transcriber>>,
}

impl Speech {
    pub fn new(models: Models, model: &str, mode: Mode) -> Self {
        Self { models, model: model.to_owned(), mode, loaded: Mutex::new(None) }
    }

    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The transcriber for a language, or for whatever is spoken.
    pub(crate) fn transcriber(&self, language: Option<&str>) -> Result<Transcriber> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let transcriber = match &*loaded {
            Some(transcriber) => transcriber,
            None => {
                let options = Options { mode: self.mode, ..Options::default() };
                loaded.insert(Transcriber::load(&self.models, &self.model, &options)?)
            }
        };
        Ok(transcriber.in_language(language)?)
    }
}

/// How long to wait for more in the object store, where the journal of a recording that goes on is renewed every
/// two minutes.
const WAIT_FOR_COPY: TimeDelta = TimeDelta::seconds(30);

/// In the language that was spoken so long before a slice, what is unclear at its beginning is heard.
const LANGUAGE_REACHES_MS: i64 = 60_000;

/// What one slice gave.
struct Slice {
    captions: Vec<Caption>,
    /// Up to where the recording is written down now.
    position: MediaTime,
    /// Nothing is left, and nothing more will come.
    is_end: bool,
}

/// What is known of the language of a slice.
struct Languages {
    /// By whoever announced the meeting: nothing else is looked for.
    asked_for: Option<String>,
    /// Spoken just before.
    before: Option<String>,
}

/// By the time for which its captions stand.
fn most_spoken(captions: &[CaptionRow]) -> Option<String> {
    let mut spoken_ms: BTreeMap<&str, i64> = BTreeMap::new();
    for caption in captions {
        if let Some(language) = &caption.language {
            *spoken_ms.entry(language).or_default() += caption.end_ms - caption.start_ms;
        }
    }
    spoken_ms.into_iter().max_by_key(|(_, ms)| *ms).map(|(language, _)| language.to_owned())
}

/// Works through one slice. The job is put back while there is more to come, and ends with the recording.
pub async fn run(
    db: &Db,
    media_dir: &Path,
    archive: Option<&Archive>,
    clock: &Clock,
    speech: Arc<Speech>,
    job: &ClaimedJob,
) -> Result<()> {
    let meeting = db.meeting(job.meeting_id).await?.context("the meeting of this job is gone")?;
    let recording = db.recording(meeting.id).await?.context("the meeting of this job has no recording")?;
    let marks = db.speaker_marks(meeting.id).await?;
    let noted = marks.iter().filter(|mark| mark.evidence == Evidence::Clerk);
    let breaks = noted.map(|mark| MediaTime::from_ms(mark.at_ms)).collect();
    let (timeline, is_here) = timeline(media_dir, archive, meeting.id).await?;
    let from = MediaTime::from_ms(recording.transcribed_ms);
    let before = db.captions_at(meeting.id, from + -LANGUAGE_REACHES_MS, from).await?;
    let language_before = before.into_iter().rev().find_map(|caption| caption.language);
    let slice = {
        let (recording, language) = (recording.clone(), meeting.language.clone());
        let languages = Languages { asked_for: language, before: language_before };
        tokio::task::spawn_blocking(move || slice(&timeline, &recording, &speech, languages, breaks))
            .await??
    };

    let now = clock.now();
    let mut tx = db.begin().await?;
    tx.hold_job(job, slice.position.ms(), recording.duration_ms.max(slice.position.ms()), now).await?;
    if tx.imported(meeting.id, Part::Captions.as_str()).await?.is_some() {
        // They came while the job waited, and are kept.
        tx.finish_job(job).await?;
        return Ok(tx.commit().await?);
    }
    let (count, captions) = (slice.captions.len(), slice.captions);
    let upto = if slice.is_end { MediaTime::MAX } else { slice.position };
    if upto > from {
        // Whoever tells the voices apart meanwhile waits here, or has left other marks.
        tx.touch_meeting(meeting.id).await?;
        replace(&mut tx, meeting.id, from, upto, captions).await?;
    }
    tx.set_transcribed(meeting.id, slice.position.ms()).await?;
    if slice.is_end {
        items::suggest(&mut tx, meeting.id).await?;
        if meeting.language.is_none() {
            let language = most_spoken(&tx.captions(meeting.id).await?);
            tx.update_meeting(&Meeting { language, ..meeting.clone() }).await?;
        }
        tx.finish_job(job).await?;
    } else {
        let goes_on = slice.position > from;
        let more_is_there = slice.position.ms() + SLICE_MS < recording.duration_ms;
        let run_after = match (goes_on && (recording.finished || more_is_there), is_here) {
            (true, _) => now,
            (false, true) => now + WAIT_FOR_MORE,
            (false, false) => now + WAIT_FOR_COPY,
        };
        tx.put_back_job(job, run_after).await?;
    }
    tx.commit().await?;
    tracing::info!(meeting = %meeting.slug, upto = %slice.position, captions = count, "transcribed");
    Ok(())
}

/// Puts captions where those were, if any, that were made while the meeting went on.
async fn replace(
    tx: &mut Tx,
    meeting: MeetingId,
    from: MediaTime,
    upto: MediaTime,
    captions: Vec<Caption>,
) -> Result<()> {
    let floors = floors_of(tx, meeting).await?;
    let changes = moments(&floors);
    let captions = captions.into_iter().flat_map(|caption| by_speaker(caption, &changes)).collect();
    let (before, former) = tx.take_captions(meeting, from, upto).await?;
    let kept: HashSet<CaptionId> = before.iter().filter(|row| row.corrected).map(|row| row.id).collect();
    let is_replaced = !before.is_empty();
    let Succession { captions, former } = succeed(before, &former, captions);
    let previous = tx.turn_before(meeting, from).await?;
    let (turns, captions) = gather(previous, &floors, captions);
    let (stay, come): (Vec<_>, Vec<_>) = captions.into_iter().partition(|row| kept.contains(&row.id));
    tx.append_transcript(meeting, &turns, &come).await?;
    for row in stay {
        tx.set_caption_turn(row.id, row.turn_id).await?;
    }
    tx.save_former_captions(&former).await?;
    if is_replaced {
        tx.remove_empty_turns(meeting).await?;
    }
    Ok(())
}

fn by_speaker(caption: Caption, changes: &[MediaTime]) -> Vec<Caption> {
    let parts = parts(&caption.words, caption.end_ms, caption.language.as_deref(), changes);
    if parts.is_empty() { vec![caption] } else { parts }
}

fn slice(
    timeline: &Timeline,
    recording: &Recording,
    speech: &Speech,
    mut languages: Languages,
    breaks: Vec<MediaTime>,
) -> Result<Slice> {
    let from = MediaTime::from_ms(recording.transcribed_ms);
    let pieces = read_audio(timeline, from, SLICE_MS)?;
    // What is in the object store may be behind what the database knows.
    let is_over =
        recording.finished && timeline.duration().ms() >= recording.duration_ms || timeline.is_finished();
    let (mut captions, mut position) = (Vec::new(), from);
    let length_ms: i64 = pieces.iter().map(|piece| piece.end() - piece.start).sum();
    // A slice that is not full reached the end of what is recorded.
    let reaches_end = length_ms < SLICE_MS - 1;
    let last = pieces.len().saturating_sub(1);
    for (index, piece) in pieces.iter().enumerate() {
        let transcriber = speech.transcriber(languages.asked_for.as_deref())?;
        let mut stream = transcriber
            .stream(piece.start)
            .with_breaks(breaks.clone())
            .with_language_before(languages.before.as_deref());
        captions.extend(stream.push(&piece.samples)?);
        // Behind a gap, and behind the end, nothing follows that a word could belong to.
        let goes_on = index == last && !(is_over && reaches_end);
        captions.extend(if goes_on { stream.advance()? } else { stream.flush()? });
        position = stream.position();
        languages.before = stream.last_language().map(str::to_owned);
    }
    Ok(Slice { captions, position, is_end: is_over && reaches_end })
}
