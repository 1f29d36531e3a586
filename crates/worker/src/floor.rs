//! Captions get their turns from what all witnesses together say of who has the floor (ADR 15).

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use moothall_core::{
    Caption, CaptionId, Clock, Floor, MediaTime, MeetingId, SpeakerId, TurnId, Who, Word, floors,
};
use moothall_store::{CaptionRow, ClaimedJob, Db, Tx};
use moothall_transcribe::layout::{self, Passage};

use crate::turns::{Spoken, gather, row};

/// The job that gives captions other turns once more is known of who spoke.
pub async fn run(db: &Db, clock: &Clock, job: &ClaimedJob) -> Result<()> {
    let mut tx = db.begin().await?;
    // First of all: whoever tells more of it meanwhile waits here, and calls for the job again.
    tx.touch_meeting(job.meeting_id).await?;
    tx.hold_job(job, 0, 1, clock.now()).await?;
    // Captions may have been imported without one.
    let recording = tx.recording(job.meeting_id).await?;
    if recording.is_some_and(|recording| !recording.finished) {
        // The last caption still grows, under the hands of whoever captions the meeting.
        regather(&mut tx, job.meeting_id).await?;
    } else {
        cut_and_regather(&mut tx, job.meeting_id).await?;
    }
    tx.finish_job(job).await?;
    Ok(tx.commit().await?)
}

/// Who has the floor when, as far as it is known.
pub async fn floors_of(tx: &mut Tx, meeting: MeetingId) -> Result<Vec<Floor>> {
    let speakers = tx.speakers(meeting).await?;
    let who: HashMap<SpeakerId, Who> = speakers.iter().map(|speaker| (speaker.id, speaker.who())).collect();
    Ok(floors(&tx.speaker_marks(meeting).await?, &who))
}

pub fn moments(floors: &[Floor]) -> Vec<MediaTime> {
    floors.iter().map(|floor| MediaTime::from_ms(floor.at_ms)).collect()
}

/// Gives the meeting's captions to whoever has the floor, and cuts those within which it passes.
pub async fn cut_and_regather(tx: &mut Tx, meeting: MeetingId) -> Result<()> {
    let breaks = moments(&floors_of(tx, meeting).await?);
    cut(tx, meeting, &breaks).await?;
    regather(tx, meeting).await
}

/// Gives each of the meeting's captions to whoever has the floor in its middle. What is right already stays as it
/// is, and a turn whose first caption stays its first keeps its id.
pub async fn regather(tx: &mut Tx, meeting: MeetingId) -> Result<()> {
    let before = tx.captions(meeting).await?;
    if before.is_empty() {
        return Ok(());
    }
    let floors = floors_of(tx, meeting).await?;
    let old: Vec<TurnId> = before.iter().map(|caption| caption.turn_id).collect();
    let (mut turns, mut captions) = gather(None, &floors, before.into_iter().map(Spoken::from).collect());
    let mut kept: HashMap<TurnId, TurnId> = HashMap::new();
    let mut taken: HashSet<TurnId> = HashSet::new();
    for (caption, old) in captions.iter().zip(&old) {
        kept.entry(caption.turn_id)
            .or_insert_with(|| if taken.insert(*old) { *old } else { caption.turn_id });
    }
    for turn in &mut turns {
        turn.id = kept.get(&turn.id).copied().unwrap_or(turn.id);
    }
    for caption in &mut captions {
        caption.turn_id = kept.get(&caption.turn_id).copied().unwrap_or(caption.turn_id);
    }
    let moved: Vec<CaptionRow> = captions
        .into_iter()
        .zip(old)
        .filter(|(caption, old)| caption.turn_id != *old)
        .map(|(caption, _)| caption)
        .collect();
    tx.replace_turns(meeting, &turns, &moved).await?;
    // Voices to which nothing belongs any more have names now.
    Ok(tx.forget_unheard_voices(meeting).await?)
}

/// Cuts the meeting's captions where the floor passes within one; the first part keeps the caption's id. What a
/// person has corrected stays whole.
async fn cut(tx: &mut Tx, meeting: MeetingId, breaks: &[MediaTime]) -> Result<()> {
    for known in tx.captions(meeting).await? {
        let language = known.language.as_deref();
        let parts =
            if known.corrected { Vec::new() } else { parts(&known.words.0, known.end_ms, language, breaks) };
        if parts.is_empty() {
            continue;
        }
        let rows: Vec<CaptionRow> = std::iter::once(known.id)
            .chain(std::iter::repeat_with(CaptionId::new))
            .zip(parts)
            .map(|(id, part)| row(id, known.turn_id, part))
            .collect();
        tx.set_caption_words(&rows[0]).await?;
        tx.append_transcript(meeting, &[], &rows[1..]).await?;
    }
    Ok(())
}

/// What each speaker says of a caption's words, which are in one language, and which stands up to `end`. Empty where it is one alone.
///
/// Captions are made without regard to voices and microphones and cut afterwards, so that it makes no difference which of the two
/// is known first.
pub fn parts(words: &[Word], end: MediaTime, language: Option<&str>, breaks: &[MediaTime]) -> Vec<Caption> {
    let (Some(first), Some(last)) = (words.first(), words.last()) else { return Vec::new() };
    let from = breaks.partition_point(|at| *at <= first.start_ms);
    let to = breaks.partition_point(|at| *at < last.end_ms);
    if from >= to {
        return Vec::new();
    }
    let passage = language.map(|language| Passage { from: first.start_ms, language });
    let mut parts = layout::captions(words, &breaks[from..to], passage.as_slice(), end);
    // The last stood longer than its words.
    if let Some(last) = parts.last_mut() {
        last.end_ms = last.end_ms.max(end);
    }
    if parts.len() < 2 { Vec::new() } else { parts }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use moothall_core::{Evidence, MicrophoneEvent, RecordingId, correct};
    use moothall_store::{JobKind, Lane, Meeting, NewJob, Recording, Speaker, SpeakerKind, Turn};
    use moothall_testkit::{Scene, TestDb, noon};
    use proptest::prelude::*;

    use super::*;

    /// Who speaks for how many seconds. Between 2 and 3 the microphone is passed on within a caption.
    const DEBATE: [(&str, i64); 5] = [("1", 10), ("2", 7), ("1", 3), ("3", 12), ("2", 9)];

    fn events() -> Vec<MicrophoneEvent> {
        let mut at = noon();
        let mut events = Vec::new();
        for (microphone, seconds) in DEBATE {
            let event = |at, is_on| MicrophoneEvent {
                at,
                microphone: microphone.to_owned(),
                is_on,
                name: format!("Seat {microphone}"),
            };
            let until = at + TimeDelta::seconds(seconds);
            events.extend([event(at, true), event(until, false)]);
            at = until;
        }
        events
    }

    /// A recorded meeting with a caption every four seconds, a word a second.
    async fn meeting() -> (TestDb, MeetingId) {
        let test = TestDb::sqlite().await;
        let meeting = Scene::set(&test.db).await.meeting.id;
        let recording = Recording {
            id: RecordingId::new(),
            meeting_id: meeting,
            epoch: noon(),
            duration_ms: 41_000,
            has_video: false,
            finished: true,
            transcribed_ms: 41_000,
            live_ms: 0,
        };
        let word = |second: i64| Word {
            start_ms: MediaTime::from_ms(second * 1_000 + 100),
            end_ms: MediaTime::from_ms(second * 1_000 + 900),
            text: format!("word{second}"),
            confidence: 0.9,
        };
        let words: Vec<Word> = (0..40).map(word).collect();
        let captions = words.chunks(4).map(|words| {
            Spoken::from(Caption {
                start_ms: words[0].start_ms,
                end_ms: words[3].end_ms,
                text: words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
                words: words.to_vec(),
                confidence: None,
                speaker: None,
                language: None,
            })
        });
        let (turns, rows) = gather(None, &[], captions.collect());
        let mut tx = test.db.begin().await.unwrap();
        tx.save_recording(&recording).await.unwrap();
        tx.append_transcript(meeting, &turns, &rows).await.unwrap();
        tx.commit().await.unwrap();
        (test, meeting)
    }

    /// Takes events in and gives the captions their turns.
    async fn take(test: &TestDb, meeting: MeetingId, events: &[MicrophoneEvent]) {
        let mut tx = test.db.begin().await.unwrap();
        if tx.take_microphone_events(meeting, events).await.unwrap().changes_floor {
            cut_and_regather(&mut tx, meeting).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Who says which words, from when to when.
    async fn said(test: &TestDb, meeting: MeetingId) -> Vec<(String, i64, i64, String)> {
        let speakers = test.db.speakers(meeting).await.unwrap();
        let captions = test.db.captions(meeting, MediaTime::ZERO).await.unwrap();
        let said = |turn: Turn| {
            let speaker = speakers.iter().find(|speaker| Some(speaker.id) == turn.speaker_id);
            let own = captions.iter().filter(|caption: &&CaptionRow| caption.turn_id == turn.id);
            let words = own.map(|caption| caption.text.replace('\n', " ")).collect::<Vec<_>>().join(" ");
            (
                speaker.map(|speaker| speaker.name.clone()).unwrap_or_default(),
                turn.start_ms,
                turn.end_ms,
                words,
            )
        };
        test.db.turns(meeting, MediaTime::ZERO).await.unwrap().into_iter().map(said).collect()
    }

    #[test]
    fn microphones_in_any_order_and_again_give_the_same_turns() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let events = events();
        let expected = runtime.block_on(async {
            let (test, meeting) = meeting().await;
            take(&test, meeting, &events).await;
            said(&test, meeting).await
        });
        let speakers: Vec<&str> = expected.iter().map(|(speaker, ..)| speaker.as_str()).collect();
        assert_eq!(speakers, ["Seat 1", "Seat 2", "Seat 1", "Seat 3", "Seat 2"]);
        assert_eq!(expected[1].3, "word10 word11 word12 word13 word14 word15 word16", "cut within a caption");

        let config = proptest::test_runner::Config::with_cases(24);
        let again = prop::collection::vec(any::<prop::sample::Index>(), 0..12);
        proptest!(config, |(order in Just(events.clone()).prop_shuffle(), again in again, at_once in 1_usize..5)| {
            let repeated = again.iter().map(|index| events[index.index(events.len())].clone());
            let told: Vec<MicrophoneEvent> = repeated.chain(order).collect();
            let found = runtime.block_on(async {
                let (test, meeting) = meeting().await;
                for events in told.chunks(at_once) {
                    take(&test, meeting, events).await;
                }
                said(&test, meeting).await
            });
            prop_assert_eq!(&found, &expected);
        });
    }

    #[tokio::test]
    async fn a_correction_counts_in_a_meeting_without_a_recording() {
        let (test, with_recording) = meeting().await;
        let captions = test.db.captions(with_recording, MediaTime::ZERO).await.unwrap();
        let other = Meeting {
            id: MeetingId::new(),
            slug: "imported".to_owned(),
            ..test.db.meeting(with_recording).await.unwrap().unwrap()
        };
        let mut tx = test.db.begin().await.unwrap();
        tx.insert_meeting(&other).await.unwrap();
        let renamed = captions.into_iter().map(|row| Spoken { id: CaptionId::new(), ..row.into() }).collect();
        let (turns, rows) = gather(None, &[], renamed);
        tx.append_transcript(other.id, &turns, &rows).await.unwrap();
        let speaker = Speaker {
            id: SpeakerId::new(),
            person_id: None,
            person_slug: None,
            kind: SpeakerKind::Public,
            name: "Member of the public".to_owned(),
            role: None,
        };
        let speaker = tx.save_speaker(other.id, &speaker).await.unwrap();
        let marks = correct(&[], 0, 20_000, speaker);
        tx.replace_speaker_marks(other.id, Evidence::Correction, &marks).await.unwrap();
        tx.enqueue(&NewJob { kind: JobKind::Turns, meeting_id: other.id, priority: 0 }, noon())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let job = test.db.claim_job("a worker", Lane::Prompt, noon()).await.unwrap().unwrap();
        run(&test.db, &Clock::fixed(noon()), &job).await.unwrap();
        let said = said(&test, other.id).await;
        assert_eq!((said[0].0.as_str(), said[0].2), ("Member of the public", 19_900), "{said:?}");
        assert_eq!(said[1].0, "");
    }

    #[tokio::test]
    async fn turns_that_stay_keep_their_ids() {
        let (test, meeting) = meeting().await;
        let events = events();
        take(&test, meeting, &events[..4]).await;
        let before = test.db.turns(meeting, MediaTime::ZERO).await.unwrap();
        take(&test, meeting, &events).await;
        let after = test.db.turns(meeting, MediaTime::ZERO).await.unwrap();
        assert_eq!(after[..2], before[..2]);
        assert!(after.len() > before.len());
    }

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
            let parts = parts(&words, MediaTime::from_ms(12_500), None, &[MediaTime::from_ms(at_ms)]);
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
