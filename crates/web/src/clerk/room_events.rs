//! `/clerk/rooms/{slug}/events`: the changing parts of a room's page.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use moothall_store::Room;

use super::{
    events::{self, Parts},
    meters::{Findings, Meters},
    room,
};
use crate::{failure::Result, sign_in::SignedIn, state::AppState};

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<impl IntoResponse> {
    let room = room::find(&state, &signed_in, &slug).await?;
    Ok(events::sent(move || parts(state.clone(), room.clone())))
}

async fn parts(state: AppState, room: Room) -> Result<Parts> {
    let meeting = room::meeting_of(&state, &room).await?;
    let meters = Meters::of(&state, meeting.as_ref().map(|meeting| meeting.id)).await?.render()?;
    let findings = Findings::of(&state, meeting.as_ref()).await?.render()?;
    Ok(vec![("meters", meters), ("findings", findings)])
}
