//! `/people/{slug}`: who somebody is and where they spoke.

use askama::Template;

use crate::views::{MeetingCard, Site};

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
