//! Who had the floor: captions are gathered into turns.

use moothall_core::{Caption, CaptionId, Evidence, Floor, MediaTime, SpeakerId, TurnId, Word};
use moothall_store::{CaptionRow, Turn};

/// After so long a silence nobody can tell whether the same unnamed voice goes on.
const LONGEST_PAUSE_MS: i64 = 3_000;
/// An unnamed turn is broken at the end of a sentence once it is this long, so that a page can be read.
const LONG_TURN_MS: i64 = 90_000;

/// A caption before it belongs to a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    pub id: CaptionId,
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    pub text: String,
    pub words: Vec<Word>,
    pub confidence: Option<f64>,
    pub corrected: bool,
    /// All of its words are in, as in ISO 639-1.
    pub language: Option<String>,
    /// Whom the caption itself names.
    pub speaker: Option<SpeakerId>,
    /// The caption itself says that another speaker begins.
    pub new_turn: bool,
}

impl From<Caption> for Spoken {
    fn from(caption: Caption) -> Self {
        Self {
            id: CaptionId::new(),
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            text: caption.text,
            words: caption.words,
            confidence: caption.confidence.map(f64::from),
            corrected: false,
            language: caption.language,
            speaker: None,
            new_turn: false,
        }
    }
}

impl From<CaptionRow> for Spoken {
    fn from(row: CaptionRow) -> Self {
        Self {
            id: row.id,
            start_ms: row.start_ms,
            end_ms: row.end_ms,
            text: row.text,
            words: row.words.0,
            confidence: row.confidence,
            corrected: row.corrected,
            language: row.language,
            speaker: None,
            new_turn: false,
        }
    }
}

/// Gathers captions, in order of time, into turns.
///
/// Where it is known who has the floor, that alone counts: a caption belongs to whoever has it in its middle.
/// Otherwise the captions' own word counts. `previous` is the meeting's last turn so far: it grows
/// where its speaker goes on, and is then the first of the turns returned.
pub fn gather(
    previous: Option<Turn>,
    floors: &[Floor],
    captions: Vec<Spoken>,
) -> (Vec<Turn>, Vec<CaptionRow>) {
    let mut turns: Vec<Turn> = Vec::new();
    let mut rows = Vec::with_capacity(captions.len());
    let mut current = previous;
    let mut sentence_ended = false;
    for spoken in captions {
        let (start_ms, end_ms) = (spoken.start_ms.ms(), spoken.end_ms.ms());
        let middle_ms = i64::midpoint(start_ms, end_ms);
        let (speaker_id, evidence, confidence) = match floor_at(floors, middle_ms) {
            Some(floor) => (floor.speaker_id, floor.evidence, floor.confidence),
            None if spoken.speaker.is_some() => (spoken.speaker, Evidence::Captions, Some(1.0)),
            None => (None, Evidence::None, None),
        };
        let goes_on = current.as_ref().is_some_and(|turn| {
            let unnamed_is_broken = || {
                start_ms - turn.end_ms > LONGEST_PAUSE_MS
                    || (sentence_ended && end_ms - turn.start_ms > LONG_TURN_MS)
            };
            turn.speaker_id == speaker_id
                && !(floors.is_empty() && spoken.new_turn)
                && (speaker_id.is_some() || !unnamed_is_broken())
        });
        let turn = match current.take() {
            Some(turn) if goes_on => Turn {
                end_ms: turn.end_ms.max(end_ms),
                // As sure as the least sure part of it.
                confidence: turn.confidence.zip(confidence).map(|(one, other)| one.min(other)),
                ..turn
            },
            _ => Turn { id: TurnId::new(), start_ms, end_ms, speaker_id, evidence, confidence },
        };
        match turns.last_mut() {
            Some(last) if last.id == turn.id => *last = turn.clone(),
            _ => turns.push(turn.clone()),
        }
        sentence_ended = spoken.text.ends_with(['.', '?', '!']);
        rows.push(CaptionRow {
            id: spoken.id,
            turn_id: turn.id,
            start_ms: spoken.start_ms,
            end_ms: spoken.end_ms,
            text: spoken.text,
            words: sqlx::types::Json(spoken.words),
            confidence: spoken.confidence,
            corrected: spoken.corrected,
            language: spoken.language,
        });
        current = Some(turn);
    }
    (turns, rows)
}

/// A caption of the program's, as it is kept.
pub fn row(id: CaptionId, turn_id: TurnId, caption: Caption) -> CaptionRow {
    CaptionRow {
        id,
        turn_id,
        start_ms: caption.start_ms,
        end_ms: caption.end_ms,
        text: caption.text,
        words: sqlx::types::Json(caption.words),
        confidence: caption.confidence.map(f64::from),
        corrected: false,
        language: caption.language,
    }
}

fn floor_at(floors: &[Floor], at_ms: i64) -> Option<&Floor> {
    let after = floors.partition_point(|floor| floor.at_ms <= at_ms);
    after.checked_sub(1).and_then(|index| floors.get(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(start_ms: i64, text: &str) -> Spoken {
        Spoken {
            id: CaptionId::new(),
            start_ms: MediaTime::from_ms(start_ms),
            end_ms: MediaTime::from_ms(start_ms + 2_000),
            text: text.to_owned(),
            words: Vec::new(),
            confidence: None,
            corrected: false,
            language: None,
            speaker: None,
            new_turn: false,
        }
    }

    fn floor(at_ms: i64, speaker: SpeakerId) -> Floor {
        let (speaker_id, evidence, confidence) = (Some(speaker), Evidence::Clerk, Some(1.0));
        Floor { at_ms, speaker_id, evidence, confidence, contested: false }
    }

    #[test]
    fn a_caption_belongs_to_whoever_speaks_in_its_middle() {
        let (anna, ben) = (SpeakerId::new(), SpeakerId::new());
        let floors = [floor(0, anna), floor(3_000, ben), floor(9_000, ben)];
        let captions = vec![spoken(500, "One."), spoken(2_500, "Two."), spoken(20_000, "Three.")];
        let (turns, rows) = gather(None, &floors, captions);
        assert_eq!(turns.iter().map(|turn| turn.speaker_id).collect::<Vec<_>>(), [Some(anna), Some(ben)]);
        assert_eq!((turns[1].start_ms, turns[1].end_ms), (2_500, 22_000), "a named turn survives a pause");
        assert_eq!(rows[2].turn_id, turns[1].id);
    }

    #[test]
    fn a_turn_grows_over_two_deliveries() {
        let anna = SpeakerId::new();
        let floors = [floor(0, anna)];
        let (first, _) = gather(None, &floors, vec![spoken(0, "One")]);
        let (second, rows) = gather(Some(first[0].clone()), &floors, vec![spoken(2_000, "two.")]);
        assert_eq!(second.len(), 1);
        assert_eq!((second[0].id, second[0].end_ms), (first[0].id, 4_000));
        assert_eq!(rows[0].turn_id, first[0].id);
    }

    #[test]
    fn captions_that_mark_speakers_make_turns_of_their_own() {
        let voice = SpeakerId::new();
        let mut named = spoken(2_000, "Two.");
        (named.speaker, named.new_turn) = (Some(voice), true);
        let mut after = spoken(4_000, "Three.");
        after.new_turn = true;
        let (turns, _) = gather(None, &[], vec![spoken(0, "One."), named, after]);
        assert_eq!(turns.len(), 3);
        assert_eq!(turns[1].evidence, Evidence::Captions);
        assert_eq!(turns[2].speaker_id, None);
    }

    #[test]
    fn an_unnamed_voice_ends_with_a_pause_or_a_long_sentence() {
        let (turns, _) =
            gather(None, &[], vec![spoken(0, "One."), spoken(2_000, "Two."), spoken(8_000, "Three.")]);
        assert_eq!(turns.len(), 2);
        let monologue = (0..60).map(|n| spoken(n * 2_000, "Words.")).collect();
        let (turns, _) = gather(None, &[], monologue);
        assert!(turns.iter().all(|turn| turn.end_ms - turn.start_ms <= LONG_TURN_MS));
    }
}
