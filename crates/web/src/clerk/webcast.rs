//! `/clerk/rooms/{slug}/webcast`: a browser with its camera is the room's encoder.

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{Html, Response},
    routing::{delete, get, post},
};
use moothall_store::{AuditEntry, Role, Room};

use super::room::{find, meeting_of};
use crate::{
    clerk::meeting::MeetingRow,
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    views::Site,
    whip::{self, MOST_OFFER_BYTES},
};

#[derive(Debug, Template)]
#[template(path = "clerk/webcast.html")]
pub struct WebcastPage {
    pub site: Site,
    pub slug: String,
    pub name: String,
    /// Whether browsers are taken in.
    pub is_open: bool,
    pub meeting: Option<MeetingRow>,
}

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/clerk/rooms/{slug}/webcast", get(show))
        .route("/clerk/rooms/{slug}/whip", post(call))
        .route("/clerk/rooms/{slug}/whip/{call}", delete(hang_up))
        .layer(DefaultBodyLimit::max(MOST_OFFER_BYTES))
}

async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let room = own(&state, &signed_in, &slug).await?;
    let is_open = whip::keys(&room).next().is_some();
    let page = WebcastPage {
        site: state.site().await?.at("Rooms"),
        is_open,
        meeting: meeting_of(&state, &room).await?.map(MeetingRow::from),
        slug: room.slug,
        name: room.name,
    };
    Ok(Html(page.render()?))
}

/// Who is signed in needs no key.
async fn call(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
    headers: HeaderMap,
    offer: String,
) -> Result<Response> {
    let room = own(&state, &signed_in, &slug).await?;
    let Some(key) = whip::keys(&room).next() else {
        let text = "Browsers are not recorded in this room: whoever runs Moothall can let them in with `moothall room set`.";
        return Err(Failure::Refused(StatusCode::CONFLICT, text.to_owned()));
    };
    let answer =
        whip::call(&state, &room, key, &headers, &offer, &format!("/clerk/rooms/{slug}/whip")).await?;
    let mut tx = state.db.begin().await?;
    let (by, now) = (Some(signed_in.user.id), state.clock.now());
    tx.audit(&AuditEntry::new(room.council_id, by, now, "room.webcast", room.id)).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn hang_up(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path((slug, id)): Path<(String, String)>,
) -> Result<StatusCode> {
    let room = own(&state, &signed_in, &slug).await?;
    whip::hang_up(&state, &room, &id).await
}

/// A room whose encoder the user may be.
async fn own(state: &AppState, signed_in: &SignedIn, slug: &str) -> Result<Room> {
    let room = find(state, signed_in, slug).await?;
    signed_in.must(Role::Clerk, room.council_id)?;
    Ok(room)
}
