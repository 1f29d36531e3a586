//! `/`: what is live, what comes next, what was published last.

use askama::Template;

use crate::views::{MeetingCard, Site};

#[derive(Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    pub site: Site,
    pub live: Vec<MeetingCard>,
    pub next: Vec<MeetingCard>,
    pub latest: Vec<MeetingCard>,
}
