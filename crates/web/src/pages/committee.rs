//! `/committees/{slug}`: one committee and its meetings.

use askama::Template;

use crate::views::{MeetingCard, Site};

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
