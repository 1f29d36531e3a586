//! What several pages show: dates in words, meetings in lists, speakers, links.

use std::fmt::Write;

use chrono::{DateTime, FixedOffset};
use moothall_core::{Evidence, MeetingState};
use moothall_store::{Meeting, Speaker, SpeakerKind};

use crate::pictures;

/// What the frame of every page needs to know.
#[derive(Debug, Clone)]
pub struct Site {
    /// The council whose archive this is, or the program's own name where it holds several or none.
    pub name: String,
    /// Whether pages say which council a committee belongs to.
    pub many_councils: bool,
    /// Which entry of the navigation the page belongs to; empty for none.
    pub place: &'static str,
}

impl Site {
    pub fn at(mut self, place: &'static str) -> Self {
        self.place = place;
        self
    }

    /// Whether the page belongs to this entry of the navigation.
    pub fn is_at(&self, place: &str) -> bool {
        self.place == place
    }
}

impl Default for Site {
    fn default() -> Self {
        Self { name: "Moothall".to_owned(), many_councils: false, place: "" }
    }
}

/// Address and text of the navigation's entries.
pub const NAVIGATION: [(&str, &str); 3] = [("/", "Home"), ("/meetings", "Meetings"), ("/search", "Search")];

/// As [`NAVIGATION`], in the console.
pub const CONSOLE: [(&str, &str); 3] =
    [("/clerk", "Meetings"), ("/clerk/rooms", "Rooms"), ("/clerk/account", "Your account")];

/// A link by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub text: String,
    pub href: String,
}

/// A date and time as the council's clock showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When(pub DateTime<FixedOffset>);

impl When {
    /// For machines: RFC 3339.
    pub fn iso(self) -> String {
        self.0.to_rfc3339()
    }

    /// `Thursday 23 July 2026`.
    pub fn day(self) -> String {
        self.0.format("%A %-d %B %Y").to_string()
    }

    /// `23 July 2026`.
    pub fn date(self) -> String {
        self.0.format("%-d %B %Y").to_string()
    }

    /// `July 2026`.
    pub fn month(self) -> String {
        self.0.format("%B %Y").to_string()
    }

    /// `5:30pm`.
    pub fn time(self) -> String {
        self.0.format("%-I:%M%P").to_string()
    }
}

/// One meeting in a list.
#[derive(Debug, Clone)]
pub struct MeetingCard {
    pub href: String,
    pub title: String,
    pub committee: Link,
    /// Only where the archive holds several councils.
    pub council: Option<String>,
    pub when: When,
    pub state: MeetingState,
    /// The address of a picture.
    pub poster: Option<String>,
}

impl MeetingCard {
    pub fn new(site: &Site, meeting: Meeting) -> Self {
        Self {
            href: format!("/meetings/{}", meeting.slug),
            when: When(meeting.local_start()),
            committee: committee_link(&meeting),
            poster: pictures::poster(&meeting),
            council: site.many_councils.then_some(meeting.council_name),
            title: meeting.title,
            state: meeting.state,
        }
    }

    pub fn list(site: &Site, meetings: Vec<Meeting>) -> Vec<Self> {
        meetings.into_iter().map(|meeting| Self::new(site, meeting)).collect()
    }

    pub fn badge(&self) -> Option<Badge> {
        badge(self.state)
    }
}

pub fn committee_link(meeting: &Meeting) -> Link {
    Link { text: meeting.committee_name.clone(), href: format!("/committees/{}", meeting.committee_slug) }
}

/// A word or two on where a meeting stands; none for the ordinary case of a published record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    pub text: &'static str,
    pub class: &'static str,
}

pub fn badge(state: MeetingState) -> Option<Badge> {
    let (text, class) = match state {
        MeetingState::Live => ("Live", "mh-tag--live"),
        MeetingState::Adjourned => ("Adjourned", ""),
        MeetingState::Scheduled => ("Planned", ""),
        MeetingState::Ended => ("Being prepared", ""),
        MeetingState::Withheld => ("Not available", ""),
        MeetingState::Cancelled => ("Cancelled", ""),
        MeetingState::Published => return None,
    };
    Some(Badge { text, class })
}

/// Who is heard in a turn.
#[derive(Debug, Clone, Default)]
pub struct SpeakerView {
    pub name: String,
    pub role: Option<String>,
    /// The person's own page, where the speaker is somebody the archive knows.
    pub href: Option<String>,
    /// How we know that it is this speaker, in words.
    pub how: Option<String>,
}

impl SpeakerView {
    pub fn new(speaker: &Speaker, how: Option<String>) -> Self {
        Self {
            name: speaker.name.clone(),
            role: speaker.role.clone(),
            href: speaker.person_slug.as_ref().map(|slug| format!("/people/{slug}")),
            how,
        }
    }

    /// Role and evidence, as they stand beside the name.
    pub fn about(&self) -> String {
        [self.role.as_deref(), self.how.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// How the program knows who spoke, and how surely: `recognised by voice, not certain`.
pub fn how_known(evidence: Evidence, confidence: Option<f64>, speaker: Option<&Speaker>) -> Option<String> {
    // Below four in five a reader should know before quoting.
    let is_unsure = confidence.is_some_and(|confidence| confidence < 0.8);
    let mut words = match evidence {
        Evidence::Microphone => "known from the microphone",
        Evidence::Clerk | Evidence::Correction => "named by the clerk",
        Evidence::Voice if speaker.is_none_or(|speaker| speaker.kind == SpeakerKind::Voice) => {
            "told apart by voice"
        }
        Evidence::Voice if is_unsure => "recognised by voice",
        Evidence::Voice => "voice named by the clerk",
        Evidence::Wording => "named from what was said",
        Evidence::Captions => "named in the captions",
        Evidence::None => return None,
    }
    .to_owned();
    if is_unsure {
        words.push_str(", not certain");
    }
    Some(words)
}

/// Links to the pages of a long list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    pub previous: Option<String>,
    pub next: Option<String>,
    /// From 1.
    pub page: usize,
    pub pages: usize,
}

impl Paging {
    /// `href` makes the address of a page, counted from 1.
    pub fn new(page: usize, pages: usize, href: impl Fn(usize) -> String) -> Self {
        Self {
            previous: (page > 1 && pages > 0).then(|| href((page - 1).min(pages))),
            next: (page < pages).then(|| href(page + 1)),
            page,
            pages,
        }
    }
}

/// The text of an error as it stands on a page.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// `1 result`, `12,345 results`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    // Writing to a string cannot fail.
    let _ = write!(text, " {}", if number == 1 { one } else { many });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_people_write_them() {
        let when = When("2026-07-23T17:05:00-05:00".parse().unwrap());
        assert_eq!(when.day(), "Thursday 23 July 2026");
        assert_eq!(when.time(), "5:05pm");
        assert_eq!(when.iso(), "2026-07-23T17:05:00-05:00");
    }

    #[test]
    fn counts_have_commas_and_plurals() {
        assert_eq!(count(0, "result", "results"), "0 results");
        assert_eq!(count(1, "result", "results"), "1 result");
        assert_eq!(count(1_234_567, "result", "results"), "1,234,567 results");
        assert_eq!(count(123, "result", "results"), "123 results");
    }

    #[test]
    fn doubt_about_a_speaker_is_said() {
        let speaker = |kind| Speaker {
            id: moothall_core::SpeakerId::new(),
            person_id: None,
            person_slug: None,
            kind,
            name: String::new(),
            role: None,
        };
        let known = |evidence, confidence, kind| how_known(evidence, confidence, Some(&speaker(kind)));
        assert_eq!(known(Evidence::Voice, None, SpeakerKind::Voice).unwrap(), "told apart by voice");
        assert_eq!(known(Evidence::Voice, None, SpeakerKind::Person).unwrap(), "voice named by the clerk");
        assert_eq!(
            known(Evidence::Wording, Some(0.5), SpeakerKind::Person).unwrap(),
            "named from what was said, not certain"
        );
        assert_eq!(how_known(Evidence::None, Some(0.1), None), None);
    }

    #[test]
    fn pages_have_neighbours() {
        let href = |page| format!("?page={page}");
        assert_eq!(Paging::new(1, 1, href).next, None);
        assert_eq!(Paging::new(2, 3, href).previous.unwrap(), "?page=1");
        assert_eq!(Paging::new(9, 3, href).previous.unwrap(), "?page=3");
        assert_eq!(Paging::new(1, 0, href), Paging { page: 1, pages: 0, ..Paging::default() });
    }
}
