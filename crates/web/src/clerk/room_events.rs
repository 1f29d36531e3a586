//! `/clerk/rooms/{slug}/events`: the changing parts of a room's page, as they change.

use std::{convert::Infallible, time::Duration};

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, stream};
use moothall_store::Room;

use super::{
    meters::{Findings, Meters},
    room,
};
use crate::{failure::Result, sign_in::SignedIn, state::AppState};

/// As often as something is measured.
const EVERY: Duration = Duration::from_secs(1);
/// After so many seconds the browser asks anew, and whether it is still signed in is looked at anew.
const LASTS: usize = 300;

/// What the browser has been told.
#[derive(Default)]
struct Told {
    meters: String,
    findings: String,
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let room = room::find(&state, &signed_in, &slug).await?;
    let seconds =
        stream::unfold((state, room, Told::default(), 0), async |(state, room, mut told, second)| {
            if second >= LASTS {
                return None;
            }
            if second > 0 {
                tokio::time::sleep(EVERY).await;
            }
            let changed = changes(&state, &room, &mut told).await.unwrap_or_else(|error| {
                tracing::warn!(?error, "a room's page is not told what changed");
                Vec::new()
            });
            Some((stream::iter(changed.into_iter().map(Ok)), (state, room, told, second + 1)))
        });
    Ok(Sse::new(seconds.flatten()).keep_alive(KeepAlive::default()))
}

async fn changes(state: &AppState, room: &Room, told: &mut Told) -> Result<Vec<Event>> {
    let meeting = room::meeting_of(state, room).await?;
    let meters = Meters::of(state, meeting.as_ref().map(|meeting| meeting.id)).await?.render()?;
    let findings = Findings::of(state, meeting.as_ref()).await?.render()?;
    let mut events = Vec::new();
    for (name, now, before) in
        [("meters", meters, &mut told.meters), ("findings", findings, &mut told.findings)]
    {
        if now != *before {
            events.push(Event::default().event(name).data(&now));
            *before = now;
        }
    }
    Ok(events)
}
