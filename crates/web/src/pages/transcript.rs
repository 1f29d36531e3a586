//! `/meetings/{slug}/transcript`: the whole transcript as a page to read, print and take away.
//! The turns are shared with the meeting's own page.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use moothall_core::{CaptionId, MediaTime, TurnId};

use super::{html, meeting::MeetingHead};
use crate::{
    api::transcript::public_meeting,
    downloads,
    failure::Result,
    record::Record,
    state::AppState,
    views::{Link, Site, SpeakerView, how_known},
};

#[derive(Debug, Template)]
#[template(path = "transcript.html")]
pub struct TranscriptPage {
    pub site: Site,
    pub meeting: MeetingHead,
    pub turns: Vec<TurnView>,
    pub downloads: Vec<Link>,
    /// Before `?t=`: the meeting's page.
    pub play: String,
}

/// Consecutive captions by one speaker.
#[derive(Debug, Clone)]
pub struct TurnView {
    pub id: TurnId,
    /// Another part of the turn stands before, under another item.
    pub continued: bool,
    /// The agenda item that begins with this turn.
    pub item: Option<ItemHeading>,
    /// None where nobody knows who speaks.
    pub speaker: Option<SpeakerView>,
    pub start: MediaTime,
    pub captions: Vec<CaptionView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemHeading {
    pub number: String,
    pub title: String,
}

#[derive(Debug, Clone)]
pub struct CaptionView {
    pub id: CaptionId,
    /// Those that gave way to it.
    pub former: Vec<CaptionId>,
    pub start: MediaTime,
    pub end: MediaTime,
    /// On one line, in sentence case.
    pub text: String,
    pub corrected: bool,
    /// Where it is another than the page's.
    pub language: Option<String>,
}

/// What pages are written in.
const PAGES: &str = "en";

/// Captions by turn, with a heading wherever another item of the agenda begins. A turn within which the
/// item changes is cut there.
pub fn turns(record: &Record) -> Vec<TurnView> {
    let (turns, speakers) = (record.turns_by_id(), record.speakers_by_id());
    let mut views: Vec<TurnView> = Vec::new();
    let (mut turn_before, mut item_before) = (None, None);
    for caption in &record.captions {
        let item = record.item_at(caption.start_ms);
        let item_begins = item.filter(|item| item_before != Some(item.id));
        let view = CaptionView {
            id: caption.id,
            former: record.former(caption.id).to_vec(),
            start: caption.start_ms,
            end: caption.end_ms,
            text: caption.text.replace('\n', " "),
            corrected: caption.corrected,
            language: caption.language.clone().filter(|language| language != PAGES),
        };
        let same_turn = turn_before == Some(caption.turn_id);
        match views.last_mut().filter(|_| same_turn && item_begins.is_none()) {
            Some(last) => last.captions.push(view),
            None => {
                let turn = turns.get(&caption.turn_id);
                let speaker = turn.and_then(|turn| turn.speaker_id).and_then(|id| speakers.get(&id));
                let how = turn.and_then(|turn| how_known(turn.evidence, turn.confidence, speaker.copied()));
                views.push(TurnView {
                    id: caption.turn_id,
                    continued: same_turn,
                    item: item_begins
                        .map(|item| ItemHeading { number: item.number.clone(), title: item.title.clone() }),
                    speaker: speaker.map(|speaker| SpeakerView::new(speaker, how)),
                    start: caption.start_ms,
                    captions: vec![view],
                });
            }
        }
        turn_before = Some(caption.turn_id);
        item_before = item.map(|item| item.id).or(item_before);
    }
    views
}

pub async fn show(State(state): State<AppState>, Path(slug): Path<String>) -> Result<Html<String>> {
    let meeting = public_meeting(&state, &slug).await?;
    let site = state.site().await?.at("Meetings");
    let record = Record::load(&state.db, &meeting, MediaTime::ZERO).await?;
    html(&TranscriptPage {
        turns: turns(&record),
        downloads: downloads::links(&meeting.slug),
        play: format!("/meetings/{}", meeting.slug),
        meeting: MeetingHead::new(&site, meeting),
        site,
    })
}
