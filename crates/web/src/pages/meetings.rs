//! `/meetings`: every meeting, newest first, by month.

use askama::Template;

use axum::{extract::State, response::Html};
use chrono::{Days, NaiveTime};
use moothall_core::MeetingState;
use moothall_store::{Db, MeetingFilter};

use super::html;
use crate::{
    failure::{Failure, Result},
    query::Pairs,
    state::AppState,
    views::{MeetingCard, Paging, Site},
};

pub const PAGE_SIZE: i64 = 50;

#[derive(Debug, Template)]
#[template(path = "meetings.html")]
pub struct MeetingsPage {
    pub site: Site,
    pub committees: Vec<Choice>,
    pub months: Vec<Month>,
    pub paging: Paging,
}

impl MeetingsPage {
    fn is_filtered(&self) -> bool {
        self.committees.iter().any(|committee| committee.chosen)
    }
}

/// One entry of a list to choose from.
#[derive(Debug, Clone)]
pub struct Choice {
    pub value: String,
    pub text: String,
    pub chosen: bool,
}

#[derive(Debug)]
pub struct Month {
    pub name: String,
    pub meetings: Vec<MeetingCard>,
}

/// Groups meetings, which come in order of time, by month.
pub fn by_month(meetings: Vec<MeetingCard>) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for meeting in meetings {
        let name = meeting.when.month();
        match months.last_mut() {
            Some(month) if month.name == name => month.meetings.push(meeting),
            _ => months.push(Month { name, meetings: vec![meeting] }),
        }
    }
    months
}

/// Meetings as asked for by committee (its slug), state, first and last day, and page.
///
/// # Errors
/// [`Failure::NotFound`] for a committee that is not there, [`Failure::BadRequest`] for a state or a date
/// that is none.
pub async fn filter(db: &Db, pairs: &Pairs) -> Result<MeetingFilter> {
    let committee_id = match pairs.first("committee") {
        Some(slug) => Some(db.committee_by_slug(slug).await?.ok_or(Failure::NotFound)?.id),
        None => None,
    };
    let state: Option<MeetingState> = match pairs.first("state").map(str::parse) {
        Some(Ok(state)) => Some(state),
        Some(Err(error)) => return Err(Failure::BadRequest(format!("{error}."))),
        None => None,
    };
    let midnight = |date: chrono::NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let page = i64::try_from(pairs.page()).unwrap_or(i64::MAX);
    Ok(MeetingFilter {
        council_id: None,
        committee_id,
        state,
        from: pairs.date("from")?.map(midnight),
        until: pairs.date("to")?.and_then(|date| date.checked_add_days(Days::new(1))).map(midnight),
        listed_only: true,
        ascending: false,
        limit: PAGE_SIZE,
        offset: (page - 1).saturating_mul(PAGE_SIZE),
    })
}

pub async fn show(State(state): State<AppState>, pairs: Pairs) -> Result<Html<String>> {
    let site = state.site().await?.at("Meetings");
    let filter = filter(&state.db, &pairs).await?;
    let committees = state.db.committees().await?.into_iter().map(|committee| Choice {
        chosen: filter.committee_id == Some(committee.id),
        value: committee.slug,
        text: committee.name,
    });
    let pages = state.db.count_meetings(&filter).await?.max(0) as usize;
    let pages = pages.div_ceil(PAGE_SIZE as usize);
    let meetings = state.db.meetings(&filter).await?;
    html(&MeetingsPage {
        committees: committees.collect(),
        months: by_month(MeetingCard::list(&site, meetings)),
        paging: Paging::new(pairs.page(), pages, |page| {
            pairs.with("page", &page.to_string()).address("/meetings")
        }),
        site,
    })
}
