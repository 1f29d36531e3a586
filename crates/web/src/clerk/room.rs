//! `/clerk/rooms/{slug}`: how it goes in one room, now and over its meeting.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use moothall_core::health::Check;
use moothall_store::{Meeting, Role, Room};

use super::{
    chart::{self, Charts},
    meeting::MeetingRow,
    meters::{Findings, Meters},
    rooms::RoomRow,
};
use crate::{
    failure::{Failure, Result},
    preflight::OPENS_BEFORE,
    sign_in::SignedIn,
    state::AppState,
    views::{Site, sentence},
    whip,
};

#[derive(Debug, Template)]
#[template(path = "clerk/room.html")]
pub struct RoomPage {
    pub site: Site,
    pub room: RoomRow,
    pub air_delay_s: i64,
    pub meeting: Option<MeetingRow>,
    pub meters: Meters,
    pub findings: Findings,
    pub checks: Vec<Check>,
    /// Whether a browser can be its encoder.
    pub takes_browsers: bool,
    pub charts: Option<Charts>,
}

impl RoomPage {
    fn words(&self, check: &Check) -> String {
        sentence(&check.says)
    }
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let room = find(&state, &signed_in, &slug).await?;
    let meeting = meeting_of(&state, &room).await?;
    let charts = match &meeting {
        Some(meeting) => {
            let series = state.db.health_series(meeting.id).await?;
            Charts::of(&series, *meeting.local_start().offset())
        }
        None => None,
    };
    let checks = state.room_checks.check(&state.db, &state.media_dir, &room, state.clock.now()).await?;
    let page = RoomPage {
        site: state.site().await?.at("Rooms"),
        room: RoomRow::new(&room, Vec::new()),
        air_delay_s: room.air_delay_s,
        meters: Meters::of(&state, meeting.as_ref().map(|meeting| meeting.id)).await?,
        findings: Findings::of(&state, meeting.as_ref()).await?,
        meeting: meeting.map(MeetingRow::from),
        checks,
        takes_browsers: whip::keys(&room).next().is_some(),
        charts,
    };
    Ok(Html(page.render()?))
}

/// A room of one of the user's councils.
pub async fn find(state: &AppState, signed_in: &SignedIn, slug: &str) -> Result<Room> {
    let rooms = state.db.rooms().await?.into_iter();
    let mut own = rooms.filter(|room| room.slug == slug && signed_in.may(Role::Viewer, room.council_id));
    own.next().ok_or(Failure::NotFound)
}

/// The meeting that the room's page tells of.
pub async fn meeting_of(state: &AppState, room: &Room) -> Result<Option<Meeting>> {
    match state.db.shown_in_room(room.id, state.clock.now() + OPENS_BEFORE).await? {
        Some(meeting) => Ok(state.db.meeting(meeting).await?),
        None => Ok(None),
    }
}
