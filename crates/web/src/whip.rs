//! Browsers and encoders that webcast over the pages: WHIP (RFC 9725), with one offer, one answer and the end.
//!
//! The room's recorder answers, and from then on sound and picture go straight to it.

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, post},
};
use moothall_core::{CallId, Secret};
use moothall_ingest::Source;
use moothall_store::{CallState, Room, RoomAddress, RoomState};

use crate::{
    failure::{Failure, Result},
    state::AppState,
    views::sentence,
};

const SDP: &str = "application/sdp";
/// Browsers' offers have some kilobytes.
pub const MOST_OFFER_BYTES: usize = 64 << 10;
/// The recorder looks each half second, and may just be making its next connection.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(200);
const NOT_OPEN: &str =
    "nothing is recorded in this room now: it opens half an hour before the planned start of a meeting there";
const NO_ANSWER: &str = "the room's recorder does not answer: try again in a few seconds";

/// For encoders, which show the room's key.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/rooms/{room}/whip", post(call_with_key))
        .route("/rooms/{room}/whip/{call}", delete(hang_up_with_key))
        .layer(DefaultBodyLimit::max(MOST_OFFER_BYTES))
}

async fn call_with_key(
    State(state): State<AppState>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    offer: String,
) -> Result<Response> {
    let (room, key_sha256) = opened(&state, &slug, &headers).await?;
    call(&state, &room, &key_sha256, &headers, &offer, &format!("/rooms/{slug}/whip")).await
}

async fn hang_up_with_key(
    State(state): State<AppState>,
    Path((slug, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let (room, _) = opened(&state, &slug, &headers).await?;
    hang_up(&state, &room, &id).await
}

/// The room of this name that the shown key opens. Whether there is a room at all is not told to others.
async fn opened(state: &AppState, slug: &str, headers: &HeaderMap) -> Result<(Room, String)> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).map(Secret::new);
    let wrong = || {
        let text =
            "Send the room's stream key as the bearer token. `moothall room rotate-key` makes a new one.";
        Failure::Refused(StatusCode::UNAUTHORIZED, text.to_owned())
    };
    let shown = shown.ok_or_else(wrong)?;
    let rooms = state.db.rooms().await?.into_iter().filter(|room| room.slug == slug);
    let mut opened = rooms.filter_map(|room| {
        let key = keys(&room).find(|key| shown.is_of(key))?.to_owned();
        Some((room, key))
    });
    opened.next().ok_or_else(wrong)
}

/// By which the keys are known that let browsers into the room, the one of its main source first.
pub fn keys(room: &Room) -> impl Iterator<Item = &str> {
    let takes_browsers = |address: &&RoomAddress| {
        Source::apart(&address.source).is_ok_and(|(source, _)| matches!(source, Source::Whip(_)))
    };
    let addresses = [Some(&room.main), room.backup.as_ref()].into_iter().flatten();
    addresses.filter(takes_browsers).filter_map(|address| address.key_sha256.as_deref())
}

/// Has the room's recorder answer an offer; `at` is the address of all its calls.
pub async fn call(
    state: &AppState,
    room: &Room,
    key_sha256: &str,
    headers: &HeaderMap,
    offer: &str,
    at: &str,
) -> Result<Response> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| !kind.as_bytes().starts_with(SDP.as_bytes())) {
        let text = format!("An offer is sent with the content type {SDP}.");
        return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    if room.state == RoomState::Idle {
        let why = if room.state_note.is_empty() { NOT_OPEN } else { &room.state_note };
        return Err(Failure::Refused(StatusCode::CONFLICT, sentence(why)));
    }
    let id = state.db.call_room(room.id, key_sha256, offer, state.clock.now()).await?;
    match tokio::time::timeout(ANSWERED_WITHIN, answer(state, id)).await {
        Ok(CallState::Taken(answer)) => {
            let headers = [(header::CONTENT_TYPE, SDP.to_owned()), (header::LOCATION, format!("{at}/{id}"))];
            Ok((StatusCode::CREATED, headers, answer).into_response())
        }
        Ok(CallState::Refused(reason)) => {
            state.db.end_call(id).await?;
            Err(Failure::Refused(StatusCode::CONFLICT, sentence(&reason)))
        }
        _ => {
            state.db.end_call(id).await?;
            Err(Failure::Refused(StatusCode::SERVICE_UNAVAILABLE, sentence(NO_ANSWER)))
        }
    }
}

/// What is known of the call once it waits no longer.
async fn answer(state: &AppState, id: CallId) -> CallState {
    loop {
        match state.db.call_state(id).await {
            Ok(CallState::Waiting) => {}
            Ok(answered) => return answered,
            Err(error) => tracing::warn!(%error, "a browser that calls is not answered"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub async fn hang_up(state: &AppState, room: &Room, id: &str) -> Result<StatusCode> {
    let id: CallId = id.parse().map_err(|_| Failure::NotFound)?;
    if state.db.hang_up(id, room.id).await? { Ok(StatusCode::OK) } else { Err(Failure::NotFound) }
}
