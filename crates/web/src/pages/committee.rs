//! `/committees/{slug}`: one committee and its meetings.

use askama::Template;

use axum::{
    extract::{Path, State},
    response::Html,
};
use moothall_core::MeetingState;
use moothall_store::MeetingFilter;

use super::html;
use crate::{
    failure::{Failure, Result},
    state::AppState,
    views::{MeetingCard, Site},
};

/// Meetings of each kind; the rest is one link away.
const SHOWN: i64 = 20;

#[derive(Debug, Template)]
#[template(path = "committee.html")]
pub struct CommitteePage {
    pub site: Site,
    pub name: String,
    pub slug: String,
    pub council: Option<String>,
    pub next: Vec<MeetingCard>,
    pub latest: Vec<MeetingCard>,
}

pub async fn show(State(state): State<AppState>, Path(slug): Path<String>) -> Result<Html<String>> {
    let committee = state.db.committee_by_slug(&slug).await?.ok_or(Failure::NotFound)?;
    let site = state.site().await?.at("Meetings");
    let filter = |state, ascending| MeetingFilter {
        committee_id: Some(committee.id),
        state: Some(state),
        ascending,
        limit: SHOWN,
        ..MeetingFilter::default()
    };
    let mut next = state.db.meetings(&filter(MeetingState::Live, true)).await?;
    next.extend(state.db.meetings(&filter(MeetingState::Adjourned, true)).await?);
    next.extend(state.db.meetings(&filter(MeetingState::Scheduled, true)).await?);
    let latest = state.db.meetings(&filter(MeetingState::Published, false)).await?;
    let council = state.db.councils().await?.into_iter().find(|council| council.id == committee.council_id);
    html(&CommitteePage {
        name: committee.name,
        slug: committee.slug,
        council: council.filter(|_| site.many_councils).map(|council| council.name),
        next: MeetingCard::list(&site, next),
        latest: MeetingCard::list(&site, latest),
        site,
    })
}
