//! `/meetings/{slug}`: watch and read, live and afterwards.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use moothall_core::{AgendaItemId, MediaTime, MeetingState};
use moothall_store::{AgendaItem, Meeting, Recording};

use super::{
    html,
    transcript::{TurnView, turns},
};
use crate::{
    downloads,
    failure::{Failure, Result},
    pictures,
    record::Record,
    state::AppState,
    views::{Badge, Link, Site, SpeakerView, When, badge, committee_link},
};

#[derive(Debug, Template)]
#[template(path = "meeting.html")]
pub struct MeetingPage {
    pub site: Site,
    pub meeting: MeetingHead,
    /// None while there is nothing to play.
    pub player: Option<Player>,
    /// Why press and public are excluded now.
    pub private: Option<String>,
    pub items: Vec<ItemView>,
    /// Whether times of items come from what was said, and nobody has confirmed them.
    pub suggested: bool,
    pub turns: Vec<TurnView>,
    pub speakers: Vec<SpeakerView>,
    pub downloads: Vec<Link>,
    /// Before `?t=`: empty, since the links stay on this page.
    pub play: String,
}

impl MeetingPage {
    fn has_video(&self) -> bool {
        self.player.as_ref().is_some_and(|player| player.video)
    }

    fn is_live(&self) -> bool {
        self.player.as_ref().is_some_and(|player| player.live)
    }

    /// Why there is nothing to watch, or what a viewer should know.
    fn notice(&self) -> Option<&'static str> {
        Some(match self.meeting.state {
            MeetingState::Scheduled => {
                "This meeting has not begun. It can be watched here when it does; the page does not reload by itself."
            }
            MeetingState::Ended => {
                "This meeting is over. Its recording is being prepared and appears here when it is published."
            }
            MeetingState::Withheld => "The recording of this meeting is not available to the public.",
            MeetingState::Cancelled => "This meeting was cancelled.",
            MeetingState::Published if self.player.is_none() && self.turns.is_empty() => {
                "There is no recording of this meeting."
            }
            MeetingState::Live if self.player.is_none() => {
                "The meeting is live, but no picture or sound has arrived yet. Load this page again in a minute."
            }
            MeetingState::Live | MeetingState::Adjourned | MeetingState::Published => return None,
        })
    }

    /// Why nothing comes for a while. The script of a live page shows the same words when it begins later.
    fn interruption(&self) -> Option<String> {
        if let Some(reason) = &self.private {
            return Some(format!(
                "Press and public are excluded from this part of the meeting. Nothing of it is shown or recorded. \
                 The meeting goes on here when it is public again. Reason: {reason}"
            ));
        }
        let adjourned = self.meeting.state == MeetingState::Adjourned;
        adjourned.then(|| "The meeting is adjourned. It goes on here when the committee returns.".to_owned())
    }

    fn no_transcript(&self) -> &'static str {
        match self.meeting.state {
            MeetingState::Live | MeetingState::Adjourned => {
                "What is said appears here about half a minute after it was spoken."
            }
            MeetingState::Published => "The transcript of this meeting is not ready yet.",
            MeetingState::Scheduled
            | MeetingState::Ended
            | MeetingState::Withheld
            | MeetingState::Cancelled => "There is no transcript to read.",
        }
    }
}

/// What stands at the head of a meeting's pages.
#[derive(Debug, Clone)]
pub struct MeetingHead {
    pub slug: String,
    pub title: String,
    pub committee: Link,
    pub council: Option<String>,
    pub when: When,
    pub state: MeetingState,
}

impl MeetingHead {
    pub fn new(site: &Site, meeting: Meeting) -> Self {
        Self {
            when: When(meeting.local_start()),
            committee: committee_link(&meeting),
            council: site.many_councils.then_some(meeting.council_name),
            slug: meeting.slug,
            title: meeting.title,
            state: meeting.state,
        }
    }

    pub fn badge(&self) -> Option<Badge> {
        badge(self.state)
    }
}

#[derive(Debug, Clone)]
pub struct Player {
    /// `/media/{meeting id}/master.m3u8`.
    pub master: String,
    /// When media time was zero: milliseconds since 1970.
    pub epoch_ms: i64,
    /// False for a recording that is sound alone.
    pub video: bool,
    /// Whether more is still being recorded.
    pub live: bool,
    /// The address of the picture that is shown before it plays.
    pub poster: Option<String>,
}

/// One item of the agenda with the moments at which it was taken.
#[derive(Debug, Clone)]
pub struct ItemView {
    pub id: AgendaItemId,
    /// As printed, for instance `6a`; empty where the agenda has none.
    pub number: String,
    /// Verbatim.
    pub title: String,
    /// From 1.
    pub level: u8,
    /// Whether press and public may be excluded from it by law.
    pub restricted: bool,
    pub spans: Vec<Span>,
}

impl Player {
    fn new(recording: &Recording, meeting: &Meeting) -> Self {
        Self {
            master: format!("/media/{}/master.m3u8", recording.meeting_id),
            epoch_ms: recording.epoch.timestamp_millis(),
            video: recording.has_video,
            live: meeting.state.is_running() && !recording.finished,
            poster: pictures::poster(meeting),
        }
    }
}

impl ItemView {
    fn new(item: &AgendaItem, record: &Record) -> Self {
        let spans = record.spans.iter().filter(|span| span.item_id == item.id).map(|span| Span {
            start: MediaTime::from_ms(span.start_ms),
            end: span.end_ms.map(MediaTime::from_ms),
        });
        Self {
            id: item.id,
            number: item.number.clone(),
            title: item.title.clone(),
            // Deeper than three levels there is no room on a telephone.
            level: item.level.clamp(0, 2) as u8 + 1,
            restricted: item.restricted,
            spans: spans.collect(),
        }
    }

    /// For the player's script: `0-35000,60000-` in milliseconds, the end absent while the item goes on.
    fn spans_data(&self) -> String {
        let spans = self.spans.iter().map(|span| {
            let end = span.end.map(|end| end.ms().to_string()).unwrap_or_default();
            format!("{}-{end}", span.start.ms())
        });
        spans.collect::<Vec<_>>().join(",")
    }
}

/// A stretch of the meeting; without an end while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: MediaTime,
    pub end: Option<MediaTime>,
}

pub async fn show(State(state): State<AppState>, Path(slug): Path<String>) -> Result<Html<String>> {
    let meeting = state.db.meeting_by_slug(&slug).await?.ok_or(Failure::NotFound)?;
    let site = state.site().await?.at("Meetings");
    let record = Record::load(&state.db, &meeting, MediaTime::ZERO).await?;
    let private = state.private_session(&meeting).await?;
    let recording = if meeting.state.is_public() { state.db.recording(meeting.id).await? } else { None };
    html(&MeetingPage {
        player: recording.map(|recording| Player::new(&recording, &meeting)),
        private: private.map(|span| span.reason),
        items: record.items.iter().map(|item| ItemView::new(item, &record)).collect(),
        suggested: record.spans.iter().any(|span| !span.confirmed),
        turns: turns(&record),
        speakers: record.speakers.iter().map(|speaker| SpeakerView::new(speaker, None)).collect(),
        downloads: downloads::links(&meeting.slug),
        play: String::new(),
        meeting: MeetingHead::new(&site, meeting),
        site,
    })
}
