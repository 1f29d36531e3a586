//! `POST /api/v1/rooms/{room}/microphones`: a conference system tells whose microphone is on.
//!
//! Whoever tells shows a token of the council. Events may come late, again and in any order.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use moothall_core::{MeetingId, MicrophoneEvent, Secret};
use moothall_store::{JobKind, NewJob, Room, TokenScope};
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Failure, Result},
    state::AppState,
};

/// A day of a large chamber.
pub const MOST_EVENTS: usize = 5_000;
const MOST_BYTES: usize = 1 << 20;
/// Of the microphone's number or the name of who sits there.
const LONGEST_NAME_CHARACTERS: usize = 120;
/// Clocks differ; an event that lies further ahead is a mistake.
const AHEAD: TimeDelta = TimeDelta::minutes(1);
/// As for everything live.
const PRIORITY: i64 = 0;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/v1/rooms/{room}/microphones", post(take))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

/// One event, as a conference system writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switched {
    /// The number of a seat.
    microphone: String,
    on: bool,
    /// Now, where it is absent.
    at: Option<DateTime<FixedOffset>>,
    /// Who sits there.
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Told {
    One(Switched),
    Several(Vec<Switched>),
}

/// What became of the events.
#[derive(Debug, Serialize)]
struct Answer {
    /// Kept now.
    accepted: u64,
    /// Known already, told of a private session, or of a time when no meeting was held in the room.
    ignored: u64,
}

async fn take(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    told: std::result::Result<Json<Told>, JsonRejection>,
) -> Result<(StatusCode, Json<Answer>)> {
    let room = opened(&state, &slug, &headers).await?;
    let told = match told {
        Ok(Json(Told::One(event))) => vec![event],
        Ok(Json(Told::Several(events))) => events,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => return Err(too_many()),
        Err(_) => {
            let text = "Send one event, or a list of them, as in {\"microphone\": \"12\", \"on\": true, \
                        \"at\": \"2026-09-03T18:01:02.345+01:00\", \"name\": \"Amina Okafor\"}, with the content type \
                        application/json. The time and the name may be left out.";
            return Err(Failure::BadRequest(text.to_owned()));
        }
    };
    if told.len() > MOST_EVENTS {
        return Err(too_many());
    }
    let now = state.clock.now();
    let mut by_meeting: Vec<(MeetingId, Vec<MicrophoneEvent>)> = Vec::new();
    let count = told.len() as u64;
    for event in told {
        let event = checked(event, now)?;
        let Some(meeting) = state.db.meeting_in_room(room.id, event.at).await? else { continue };
        match by_meeting.iter_mut().find(|(id, _)| *id == meeting) {
            Some((_, events)) => events.push(event),
            None => by_meeting.push((meeting, vec![event])),
        }
    }
    let mut accepted = 0;
    for (meeting_id, events) in by_meeting {
        let mut tx = state.db.begin().await?;
        // First of all, so that turns that are just being given anew are waited for.
        tx.touch_meeting(meeting_id).await?;
        let taken = tx.take_microphone_events(meeting_id, &events).await?;
        if taken.events == 0 {
            continue;
        }
        if taken.changes_floor {
            tx.enqueue(&NewJob { kind: JobKind::Turns, meeting_id, priority: PRIORITY }, now).await?;
        }
        tx.commit().await?;
        accepted += taken.events;
    }
    Ok((StatusCode::ACCEPTED, Json(Answer { accepted, ignored: count - accepted })))
}

/// The room of this name, of the council whose token is shown. Whether there is a room at all is not told to others.
async fn opened(state: &AppState, slug: &str, headers: &HeaderMap) -> Result<Room> {
    let wrong = || {
        let text = "Send a token of the council as the bearer token. `moothall token add` makes one.";
        Failure::Refused(StatusCode::UNAUTHORIZED, text.to_owned())
    };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).map(Secret::new).ok_or_else(wrong)?;
    let token = state.db.service_token(&shown, TokenScope::Microphones).await?.ok_or_else(wrong)?;
    let mut rooms = state.db.rooms().await?.into_iter();
    rooms.find(|room| room.council_id == token.council_id && room.slug == slug).ok_or(Failure::NotFound)
}

fn checked(event: Switched, now: DateTime<Utc>) -> Result<MicrophoneEvent> {
    let at = event.at.map_or(now, |at| at.to_utc());
    if at > now + AHEAD {
        let text = format!("The event of {at} lies in the future: set the conference system's clock by NTP.");
        return Err(Failure::BadRequest(text));
    }
    let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (microphone, name) = (tidy(&event.microphone), tidy(&event.name));
    let is_long = |text: &str| text.chars().count() > LONGEST_NAME_CHARACTERS;
    if microphone.is_empty() || is_long(&microphone) || is_long(&name) {
        let text = format!(
            "A microphone has a number or a name, and neither that nor who sits there is longer than \
             {LONGEST_NAME_CHARACTERS} characters."
        );
        return Err(Failure::BadRequest(text));
    }
    Ok(MicrophoneEvent { at, microphone, is_on: event.on, name })
}

fn too_many() -> Failure {
    let text = format!("Send at most {MOST_EVENTS} events, or a mebibyte, at once.");
    Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, text)
}
