//! `/clerk`: the meetings of the user's councils, by what is to be done with them.

use askama::Template;
use axum::{extract::State, response::Html};
use moothall_core::MeetingState;
use moothall_store::{CouncilRole, MeetingFilter};

use super::meeting::MeetingRow;
use crate::{failure::Result, sign_in::SignedIn, state::AppState, views::Site};

/// As many of each kind; older ones are found by the public's list.
const OF_EACH: i64 = 20;

/// The groups in which meetings are shown: heading, states, whether the earliest stands first.
const GROUPS: [(&str, &[MeetingState], bool); 4] = [
    ("Running now", &[MeetingState::Live, MeetingState::Adjourned], true),
    ("To come", &[MeetingState::Scheduled], true),
    ("Not published", &[MeetingState::Ended, MeetingState::Withheld], false),
    ("Published", &[MeetingState::Published], false),
];

#[derive(Debug, Template)]
#[template(path = "clerk/home.html")]
pub struct HomePage {
    pub site: Site,
    pub user: String,
    pub councils: Vec<CouncilView>,
}

#[derive(Debug)]
pub struct CouncilView {
    pub name: String,
    pub groups: Vec<Group>,
}

#[derive(Debug)]
pub struct Group {
    pub heading: &'static str,
    pub meetings: Vec<MeetingRow>,
}

pub async fn show(State(state): State<AppState>, signed_in: SignedIn) -> Result<Html<String>> {
    let mut councils = Vec::new();
    for council in &signed_in.roles {
        councils
            .push(CouncilView { name: council.council_name.clone(), groups: groups(&state, council).await? });
    }
    let site = state.site().await?.at("Meetings");
    Ok(Html(HomePage { site, user: signed_in.user.name, councils }.render()?))
}

async fn groups(state: &AppState, council: &CouncilRole) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    for (heading, states, ascending) in GROUPS {
        let mut meetings = Vec::new();
        for meeting_state in states {
            let filter = MeetingFilter {
                council_id: Some(council.council_id),
                state: Some(*meeting_state),
                ascending,
                limit: OF_EACH,
                ..MeetingFilter::default()
            };
            meetings.extend(state.db.meetings(&filter).await?);
        }
        if !meetings.is_empty() {
            groups.push(Group { heading, meetings: meetings.into_iter().map(MeetingRow::from).collect() });
        }
    }
    Ok(groups)
}
