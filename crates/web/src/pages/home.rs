//! `/`: what is live, what comes next, what was published last.

use askama::Template;

use axum::{extract::State, response::Html};
use moothall_core::MeetingState;
use moothall_store::MeetingFilter;

use super::html;
use crate::{
    failure::Result,
    state::AppState,
    views::{MeetingCard, Site},
};

/// As many meetings of each kind as fit a telephone without scrolling for long.
const NEXT: i64 = 5;
const LATEST: i64 = 10;
/// A meeting that was to begin this long ago and has not is still worth announcing.
const LATE_HOURS: i64 = 6;

#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    pub site: Site,
    pub live: Vec<MeetingCard>,
    pub next: Vec<MeetingCard>,
    pub latest: Vec<MeetingCard>,
}

pub async fn show(State(state): State<AppState>) -> Result<Html<String>> {
    let site = state.site().await?.at("Home");
    let filter = |state, limit| MeetingFilter { state: Some(state), limit, ..MeetingFilter::default() };
    let mut live = state.db.meetings(&filter(MeetingState::Live, LATEST)).await?;
    live.extend(state.db.meetings(&filter(MeetingState::Adjourned, LATEST)).await?);
    let next = MeetingFilter {
        from: Some(state.clock.now() - chrono::TimeDelta::hours(LATE_HOURS)),
        ascending: true,
        ..filter(MeetingState::Scheduled, NEXT)
    };
    let next = state.db.meetings(&next).await?;
    let latest = state.db.meetings(&filter(MeetingState::Published, LATEST)).await?;
    html(&HomePage {
        live: MeetingCard::list(&site, live),
        next: MeetingCard::list(&site, next),
        latest: MeetingCard::list(&site, latest),
        site,
    })
}
