//! `/meetings/{slug}/transcript`: the whole transcript as a page to read, print and take away.
//! The turns are shared with the meeting's own page.

use askama::Template;
use moothall_core::{CaptionId, MediaTime, TurnId};

use super::meeting::MeetingHead;
use crate::views::{Link, Site, SpeakerView};

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
    pub id: Option<TurnId>,
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
    pub start: MediaTime,
    pub end: MediaTime,
    /// On one line, in sentence case.
    pub text: String,
    pub corrected: bool,
}

/// The forms in which a transcript can be taken away.
pub fn downloads(slug: &str) -> Vec<Link> {
    [("Captions (VTT)", "vtt"), ("Captions (SRT)", "srt"), ("Text", "txt"), ("Table (CSV)", "csv"), ("Data (JSON)", "json")]
        .into_iter()
        .map(|(text, ending)| Link {
            text: text.to_owned(),
            href: format!("/meetings/{slug}/transcript.{ending}"),
        })
        .collect()
}
