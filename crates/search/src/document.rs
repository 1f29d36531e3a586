//! What the index is fed: meetings with their captions.

use chrono::{DateTime, FixedOffset};
use moothall_core::{AgendaItemId, CaptionId, MediaTime, MeetingId, TurnId};
use serde::{Deserialize, Serialize};

/// One public meeting with every caption that the public may find. Feeding it replaces all that the index
/// held of the meeting, so a withdrawn caption is simply not in the list.
#[derive(Debug, Clone)]
pub struct MeetingDocs {
    pub id: MeetingId,
    pub slug: String,
    pub title: String,
    pub committee: Named,
    pub council: Named,
    /// With the council's own offset: filters by date go by the local date.
    pub start: DateTime<FixedOffset>,
    /// In order of time.
    pub captions: Vec<CaptionDoc>,
}

#[derive(Debug, Clone)]
pub struct CaptionDoc {
    pub id: CaptionId,
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    /// As it is shown; lines are separated by `\n`.
    pub text: String,
    pub turn: Option<TurnId>,
    pub speaker: Option<Speaker>,
    pub item: Option<Item>,
}

/// A committee or council.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub slug: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The person's id where the speaker is a known person, so that one choice covers all of their meetings;
    /// otherwise the id of the speaker in this meeting.
    pub id: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: AgendaItemId,
    /// As printed ("7a"); may be empty.
    pub number: String,
    pub title: String,
}
