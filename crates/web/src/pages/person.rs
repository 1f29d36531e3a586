//! `/people/{slug}`: who somebody is and where they spoke.

use askama::Template;

use axum::{
    extract::{Path, State},
    response::Html,
};
use chrono::NaiveDate;
use moothall_store::{Committee, Membership, Person};

use super::html;
use crate::{
    failure::{Failure, Result},
    state::AppState,
    views::{MeetingCard, Site},
};

/// Meetings at which somebody was heard; search finds the rest.
const SHOWN: usize = 50;

#[derive(Debug, Template)]
#[template(path = "person.html")]
pub struct PersonPage {
    pub site: Site,
    pub name: String,
    pub memberships: Vec<MembershipView>,
    /// Search for what this person said.
    pub search: String,
    /// Meetings at which they were heard, newest first.
    pub meetings: Vec<MeetingCard>,
}

#[derive(Debug, Clone)]
pub struct MembershipView {
    pub committee: Option<String>,
    pub role: String,
    pub party: Option<String>,
    pub ward: Option<String>,
    /// In words: `since 4 May 2023`.
    pub period: String,
}

impl MembershipView {
    fn new(membership: Membership, committees: &[Committee]) -> Self {
        let committee = committees.iter().find(|committee| Some(committee.id) == membership.committee_id);
        let day = |date: NaiveDate| date.format("%-d %B %Y").to_string();
        Self {
            period: match (membership.from_date, membership.to_date) {
                (Some(from), Some(to)) => format!("{} to {}", day(from), day(to)),
                (Some(from), None) => format!("since {}", day(from)),
                (None, Some(to)) => format!("until {}", day(to)),
                (None, None) => String::new(),
            },
            committee: committee.map(|committee| committee.name.clone()),
            role: membership.role,
            party: membership.party,
            ward: membership.ward,
        }
    }
}

pub async fn show(State(state): State<AppState>, Path(slug): Path<String>) -> Result<Html<String>> {
    let Person { id, name, .. } = state.db.person_by_slug(&slug).await?.ok_or(Failure::NotFound)?;
    let site = state.site().await?;
    let committees = state.db.committees().await?;
    let memberships = state.db.memberships(id).await?.into_iter();
    let mut meetings = Vec::new();
    for heard in state.db.person_meetings(id).await?.into_iter().take(SHOWN) {
        let meeting = state.db.meeting(heard.meeting_id).await?;
        meetings.extend(meeting.filter(|meeting| meeting.state.is_public()));
    }
    html(&PersonPage {
        memberships: memberships.map(|membership| MembershipView::new(membership, &committees)).collect(),
        search: format!("/search?speaker={id}"),
        meetings: MeetingCard::list(&site, meetings),
        name,
        site,
    })
}
