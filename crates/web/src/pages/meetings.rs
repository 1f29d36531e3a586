//! `/meetings`: every meeting, newest first, by month.

use askama::Template;

use crate::views::{MeetingCard, Paging, Site};

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
