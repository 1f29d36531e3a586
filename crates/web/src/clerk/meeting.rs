//! `/clerk/meetings/{slug}`: one meeting, and what can be done with it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Html,
};
use moothall_store::{Meeting, Role};

use super::{
    meters::{Findings, Meters},
    run::Run,
};
use crate::{
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    views::{Badge, Site, When, badge},
};

#[derive(Debug, Template)]
#[template(path = "clerk/meeting.html")]
pub struct MeetingPage {
    pub site: Site,
    pub meeting: MeetingRow,
    pub run: Run,
    /// Whether the user is at least an editor of the council.
    pub may_correct: bool,
    /// Whether it is recorded now, or about to be.
    pub shows_room: bool,
    pub meters: Meters,
    pub findings: Findings,
}

/// One meeting in the console.
#[derive(Debug)]
pub struct MeetingRow {
    pub slug: String,
    pub title: String,
    pub committee: String,
    pub when: When,
    pub badge: Option<Badge>,
}

impl From<Meeting> for MeetingRow {
    fn from(meeting: Meeting) -> Self {
        Self {
            when: When(meeting.local_start()),
            badge: badge(meeting.state),
            slug: meeting.slug,
            title: meeting.title,
            committee: meeting.committee_name,
        }
    }
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let meeting = find(&state, &signed_in, Role::Viewer, &slug).await?;
    let may_change = signed_in.may(Role::Clerk, meeting.council_id);
    let page = MeetingPage {
        site: state.site().await?.at("Meetings"),
        run: Run::of(&state, &meeting, may_change).await?,
        may_correct: signed_in.may(Role::Editor, meeting.council_id),
        shows_room: meeting.state.is_running(),
        meters: Meters::of(&state, Some(meeting.id)).await?,
        findings: Findings::of(&state, Some(&meeting)).await?,
        meeting: meeting.into(),
    };
    Ok(Html(page.render()?))
}

/// The meeting, if the user has at least this role in its council.
///
/// # Errors
/// As [`SignedIn::must`].
pub async fn find(state: &AppState, signed_in: &SignedIn, role: Role, slug: &str) -> Result<Meeting> {
    let meeting = state.db.meeting_by_slug(slug).await?.ok_or(Failure::NotFound)?;
    signed_in.must(role, meeting.council_id)?;
    Ok(meeting)
}
