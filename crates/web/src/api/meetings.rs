//! `/api/v1/meetings` and `/api/v1/meetings/{slug}`

use axum::{
    Json,
    extract::{Path, State},
};
use chrono::{DateTime, FixedOffset, Utc};
use moothall_core::{AgendaItemId, Evidence, MeetingId, MeetingState, SpeakerId};
use moothall_store::{Meeting, Recording, Speaker};
use serde::Serialize;

use crate::{
    failure::{Failure, Result},
    pages::meetings::{PAGE_SIZE, filter},
    pictures,
    query::Pairs,
    record::Record,
    state::AppState,
};

#[derive(Debug, Serialize)]
pub struct MeetingList {
    total: i64,
    meetings: Vec<MeetingAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct MeetingAnswer {
    id: MeetingId,
    slug: String,
    title: String,
    committee: NamedAnswer,
    council: NamedAnswer,
    start: DateTime<FixedOffset>,
    state: MeetingState,
    url: String,
}

#[derive(Debug, Serialize)]
struct NamedAnswer {
    slug: String,
    name: String,
}

#[derive(Debug, Serialize)]
pub struct MeetingDetail {
    #[serde(flatten)]
    meeting: MeetingAnswer,
    items: Vec<ItemAnswer>,
    speakers: Vec<SpeakerAnswer>,
    /// Null while there is nothing to play.
    media: Option<MediaAnswer>,
    /// Null unless press and public are excluded now.
    private: Option<PrivateAnswer>,
}

#[derive(Debug, Serialize)]
struct PrivateAnswer {
    reason: String,
    since: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
struct ItemAnswer {
    id: AgendaItemId,
    number: String,
    title: String,
    level: i64,
    restricted: bool,
    spans: Vec<SpanAnswer>,
}

#[derive(Debug, Serialize)]
struct SpanAnswer {
    start_ms: i64,
    /// Null while the item is under debate.
    end_ms: Option<i64>,
    source: Evidence,
    confidence: f64,
    confirmed: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct SpeakerAnswer {
    pub id: SpeakerId,
    pub name: String,
    pub role: Option<String>,
    /// `person`, `voice` (unnamed) or `public`.
    pub kind: &'static str,
    /// The slug of the person's page.
    pub person: Option<String>,
}

#[derive(Debug, Serialize)]
struct MediaAnswer {
    url: String,
    /// When media time was zero.
    epoch: DateTime<Utc>,
    duration_ms: i64,
    video: bool,
    finished: bool,
    /// A picture, and the WebVTT that lists small ones of all of it; null where there are none (yet).
    poster: Option<String>,
    storyboard: Option<String>,
}

impl From<Meeting> for MeetingAnswer {
    fn from(meeting: Meeting) -> Self {
        Self {
            start: meeting.local_start(),
            url: format!("/meetings/{}", meeting.slug),
            id: meeting.id,
            slug: meeting.slug,
            title: meeting.title,
            committee: NamedAnswer { slug: meeting.committee_slug, name: meeting.committee_name },
            council: NamedAnswer { slug: meeting.council_slug, name: meeting.council_name },
            state: meeting.state,
        }
    }
}

impl From<Speaker> for SpeakerAnswer {
    fn from(speaker: Speaker) -> Self {
        Self {
            id: speaker.id,
            name: speaker.name,
            role: speaker.role,
            kind: speaker.kind.as_str(),
            person: speaker.person_slug,
        }
    }
}

impl MediaAnswer {
    fn new(recording: Recording, meeting: &Meeting) -> Self {
        Self {
            poster: pictures::poster(meeting),
            storyboard: pictures::storyboard(meeting),
            url: format!("/media/{}/master.m3u8", recording.meeting_id),
            epoch: recording.epoch,
            duration_ms: recording.duration_ms,
            video: recording.has_video,
            finished: recording.finished,
        }
    }
}

pub async fn list(State(state): State<AppState>, pairs: Pairs) -> Result<Json<MeetingList>> {
    let filter = filter(&state.db, &pairs).await?;
    let total = state.db.count_meetings(&filter).await?;
    let meetings = state.db.meetings(&filter).await?;
    let next = (filter.offset + PAGE_SIZE < total)
        .then(|| pairs.with("page", &(pairs.page() + 1).to_string()).address("/api/v1/meetings"));
    Ok(Json(MeetingList { total, meetings: meetings.into_iter().map(Into::into).collect(), next }))
}

pub async fn one(State(state): State<AppState>, Path(slug): Path<String>) -> Result<Json<MeetingDetail>> {
    let meeting = state.db.meeting_by_slug(&slug).await?.ok_or(Failure::NotFound)?;
    let record = Record::outline(&state.db, &meeting).await?;
    let media = if meeting.state.is_public() { state.db.recording(meeting.id).await? } else { None };
    let spans_of = |id| {
        let spans = record.spans.iter().filter(move |span| span.item_id == id);
        spans.map(|span| SpanAnswer {
            start_ms: span.start_ms,
            end_ms: span.end_ms,
            source: span.source,
            confidence: span.confidence,
            confirmed: span.confirmed,
        })
    };
    let items = record.items.iter().map(|item| ItemAnswer {
        id: item.id,
        number: item.number.clone(),
        title: item.title.clone(),
        level: item.level,
        restricted: item.restricted,
        spans: spans_of(item.id).collect(),
    });
    let private = state.private_session(&meeting).await?;
    Ok(Json(MeetingDetail {
        private: private.map(|span| PrivateAnswer { reason: span.reason, since: span.from_at }),
        items: items.collect(),
        speakers: record.speakers.into_iter().map(Into::into).collect(),
        media: media.map(|recording| MediaAnswer::new(recording, &meeting)),
        meeting: meeting.into(),
    }))
}
