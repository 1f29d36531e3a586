//! A small made-up council.
#![expect(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::allow_attributes, reason = "each test binary uses a part of this")]
#![allow(dead_code)]

use std::path::Path;

use moothall_core::{AgendaItemId, CaptionId, MediaTime, MeetingId, slugify};
use moothall_search::{CaptionDoc, Index, Item, MeetingDocs, Named, Query, Results, Speaker};

/// Captions follow each other every two seconds, from the first at two seconds.
pub fn meeting(slug: &str, committee: &str, start: &str, mut captions: Vec<CaptionDoc>) -> MeetingDocs {
    for (caption, number) in captions.iter_mut().zip(1..) {
        caption.start_ms = MediaTime::from_ms(number * 2_000);
        caption.end_ms = MediaTime::from_ms(number * 2_000 + 1_900);
    }
    MeetingDocs {
        id: MeetingId::new(),
        slug: slug.to_owned(),
        title: format!("{committee} of {}", &start[..10]),
        committee: Named { slug: slugify(committee), name: committee.to_owned() },
        council: Named { slug: "sallowby".to_owned(), name: "Sallowby Town Council".to_owned() },
        start: start.parse().unwrap(),
        captions,
    }
}

pub fn words(text: &str) -> CaptionDoc {
    CaptionDoc {
        id: CaptionId::new(),
        start_ms: MediaTime::ZERO,
        end_ms: MediaTime::ZERO,
        text: text.to_owned(),
        turn: None,
        speaker: None,
        item: None,
    }
}

pub fn said(speaker: &str, item: Option<&Item>, text: &str) -> CaptionDoc {
    let speaker = Speaker { id: format!("p-{}", slugify(speaker)), name: speaker.to_owned() };
    CaptionDoc { speaker: Some(speaker), item: item.cloned(), ..words(text) }
}

pub fn item(number: &str, title: &str) -> Item {
    Item { id: AgendaItemId::new(), number: number.to_owned(), title: title.to_owned() }
}

pub fn planning() -> MeetingDocs {
    let road = item("7(a)", "Northern road scheme");
    let park = item("8", "Play areas & parks");
    meeting(
        "planning-2026-07-23",
        "Planning Committee",
        "2026-07-23T17:30:00-05:00",
        vec![
            said("Andrea Jenkins", Some(&road), "Thank you. The northern"),
            said("Andrea Jenkins", Some(&road), "bypass would be paid for by"),
            said("Andrea Jenkins", Some(&road), "the county, I am told."),
            said("Zoë Ŵilliams", Some(&road), "Application 24/01150/FULL was refused."),
            said("Zoë Ŵilliams", Some(&park), "On the parks: Café owners object"),
            said("Zoë Ŵilliams", Some(&park), "to the play area's opening hours."),
        ],
    )
}

pub fn council() -> MeetingDocs {
    let budget = item("7", "Budget");
    meeting(
        "council-2025-12-31",
        "Full Council",
        // Already 2026 in Greenwich, still 2025 in the town.
        "2025-12-31T19:00:00-05:00",
        vec![
            said("Andrea Jenkins", Some(&budget), "The county pays for the road."),
            said("Bob Smith", Some(&budget), "Who pays for the parks?"),
            said("Andrea Jenkins", None, "Nobody pays for parking."),
        ],
    )
}

pub struct Filled {
    pub index: Index,
    pub dir: tempfile::TempDir,
}

pub fn filled(meetings: &[MeetingDocs]) -> Filled {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    meetings.iter().for_each(|docs| index.replace_meeting(docs).unwrap());
    index.commit(1).unwrap();
    Filled { index, dir }
}

fn open(dir: &Path) -> Index {
    Index::open(dir).unwrap().index
}

pub fn search(index: &Index, text: &str) -> Results {
    index.search(&Query { text: text.to_owned(), ..Query::default() }).unwrap()
}

pub fn found(index: &Index, text: &str) -> u64 {
    search(index, text).total
}

pub fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}
