//! `/api/v1/meetings/{slug}/transcript`: captions with their words, and the turns they belong to.

use axum::{
    Json,
    extract::{Path, State},
};
use moothall_core::{AgendaItemId, CaptionId, Evidence, MediaTime, TurnId, Word};
use moothall_store::Meeting;
use serde::Serialize;

use super::meetings::SpeakerAnswer;
use crate::{
    failure::{Failure, Result},
    query::Pairs,
    record::Record,
    state::AppState,
    views::how_known,
};

#[derive(Debug, Serialize)]
pub struct TranscriptAnswer {
    captions: Vec<CaptionAnswer>,
    turns: Vec<TurnAnswer>,
}

#[derive(Debug, Serialize)]
struct CaptionAnswer {
    id: CaptionId,
    /// Captions that gave way to this one: links to them lead here.
    former_ids: Vec<CaptionId>,
    start_ms: MediaTime,
    end_ms: MediaTime,
    /// As it is shown; lines are separated by `\n`.
    text: String,
    confidence: Option<f64>,
    /// The item that was being taken when it begins.
    item_id: Option<AgendaItemId>,
    turn_id: TurnId,
    corrected: bool,
    /// As in ISO 639-1; absent where nobody found it out.
    language: Option<String>,
    words: Vec<Word>,
}

#[derive(Debug, Serialize)]
struct TurnAnswer {
    id: TurnId,
    start_ms: i64,
    end_ms: i64,
    speaker: Option<SpeakerAnswer>,
    evidence: Evidence,
    confidence: Option<f64>,
    /// Evidence and confidence in words.
    how: Option<String>,
}

/// With `?after_ms=` only what starts later: how a live page grows.
pub async fn transcript(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    pairs: Pairs,
) -> Result<Json<TranscriptAnswer>> {
    let from = match pairs.first("after_ms").map(str::parse::<i64>) {
        None => MediaTime::ZERO,
        Some(Ok(after_ms)) => MediaTime::from_ms(after_ms.saturating_add(1)),
        Some(Err(_)) => {
            return Err(Failure::BadRequest("“after_ms” is not a whole number of milliseconds.".to_owned()));
        }
    };
    let meeting = public_meeting(&state, &slug).await?;
    let record = Record::load(&state.db, &meeting, from).await?;
    Ok(Json(answer(record)))
}

/// The meeting whose transcript may be read.
pub async fn public_meeting(state: &AppState, slug: &str) -> Result<Meeting> {
    let meeting = state.db.meeting_by_slug(slug).await?;
    meeting.filter(|meeting| meeting.state.is_public()).ok_or(Failure::NotFound)
}

pub fn answer(mut record: Record) -> TranscriptAnswer {
    let speakers = record.speakers_by_id();
    let turns = record
        .turns
        .iter()
        .map(|turn| (turn, turn.speaker_id.and_then(|id| speakers.get(&id)).copied()))
        .map(|(turn, speaker)| TurnAnswer {
            id: turn.id,
            start_ms: turn.start_ms,
            end_ms: turn.end_ms,
            speaker: speaker.cloned().map(Into::into),
            evidence: turn.evidence,
            confidence: turn.confidence,
            how: how_known(turn.evidence, turn.confidence, speaker),
        })
        .collect();
    let captions = std::mem::take(&mut record.captions)
        .into_iter()
        .map(|caption| CaptionAnswer {
            former_ids: record.former(caption.id).to_vec(),
            id: caption.id,
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            item_id: record.item_at(caption.start_ms).map(|item| item.id),
            text: caption.text,
            confidence: caption.confidence,
            turn_id: caption.turn_id,
            corrected: caption.corrected,
            language: caption.language,
            words: caption.words.0,
        })
        .collect();
    TranscriptAnswer { captions, turns }
}
