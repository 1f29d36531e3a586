//! `/clerk/rooms`: how it goes in all rooms of the user's councils.

use askama::Template;
use axum::{extract::State, response::Html};
use moothall_core::health::Finding;
use moothall_store::{Role, Room, RoomState};

use crate::{
    failure::Result,
    preflight::OPENS_BEFORE,
    sign_in::SignedIn,
    state::AppState,
    views::{Badge, Site, sentence},
};

#[derive(Debug, Template)]
#[template(path = "clerk/rooms.html")]
pub struct RoomsPage {
    pub site: Site,
    pub rooms: Vec<RoomRow>,
    /// What is still to be copied to the object store, the largest first.
    pub backlog: Vec<BacklogRow>,
}

/// One recording of which something waits.
#[derive(Debug)]
pub struct BacklogRow {
    pub meeting: String,
    pub waiting: String,
    /// Why it does not go on; may be empty.
    pub trouble: String,
}

/// One room in the console.
#[derive(Debug)]
pub struct RoomRow {
    pub slug: String,
    pub name: String,
    pub badge: Badge,
    /// Why, and what to do; may be empty.
    pub note: String,
    /// What is wrong now.
    pub findings: Vec<&'static str>,
}

impl RoomRow {
    pub fn new(room: &Room, findings: Vec<&'static str>) -> Self {
        let note = match room.state_note.as_str() {
            "" => String::new(),
            note => sentence(note),
        };
        Self { slug: room.slug.clone(), name: room.name.clone(), badge: badge(room.state), note, findings }
    }
}

pub async fn show(State(state): State<AppState>, signed_in: SignedIn) -> Result<Html<String>> {
    let open = state.db.open_findings().await?;
    let mut rooms = Vec::new();
    for room in state.db.rooms().await? {
        if !signed_in.may(Role::Viewer, room.council_id) {
            continue;
        }
        let meeting = state.db.shown_in_room(room.id, state.clock.now() + OPENS_BEFORE).await?;
        let of_room = open.iter().filter(|row| Some(row.meeting_id) == meeting);
        let findings = of_room.map(|row| row.finding).map(|finding: Finding| finding.title()).collect();
        rooms.push(RoomRow::new(&room, findings));
    }
    let backlog = backlog(&state, &signed_in).await?;
    Ok(Html(RoomsPage { site: state.site().await?.at("Rooms"), rooms, backlog }.render()?))
}

async fn backlog(state: &AppState, signed_in: &SignedIn) -> Result<Vec<BacklogRow>> {
    let mut rows = Vec::new();
    for row in state.db.archive_backlog().await? {
        let Some(meeting) = state.db.meeting(row.meeting_id).await? else { continue };
        if signed_in.may(Role::Viewer, meeting.council_id) {
            let s = if row.waiting_files == 1 { "" } else { "s" };
            let megabytes = row.waiting_bytes as f64 / 1e6;
            rows.push(BacklogRow {
                meeting: meeting.title,
                waiting: format!("{} file{s}, {megabytes:.1} MB", row.waiting_files),
                trouble: if row.trouble.is_empty() { String::new() } else { sentence(&row.trouble) },
            });
        }
    }
    Ok(rows)
}

/// How it goes there, in words.
pub const fn badge(state: RoomState) -> Badge {
    let (text, class) = match state {
        RoomState::Idle => ("Idle", ""),
        RoomState::Waiting => ("Waiting for the encoder", ""),
        RoomState::Connected => ("Encoder connected", ""),
        RoomState::Recording => ("Recording", "mh-tag--live"),
        RoomState::Refused => ("Encoder refused", "mh-tag--wrong"),
        RoomState::Failed => ("Trouble", "mh-tag--wrong"),
    };
    Badge { text, class }
}
