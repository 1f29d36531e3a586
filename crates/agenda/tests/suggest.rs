//! When items were taken, in meetings of councils that do not exist.
//!
//! A file in `meetings` has an agenda, `number | title`, and after a blank line what was said:
//! `minutes:seconds`, for each item that is taken there `=number`, and the words.

use std::{fs, path::Path};

use moothall_agenda::suggest::{Line, Planned, suggest};
use moothall_core::MediaTime;

struct Meeting {
    /// Number and title.
    items: Vec<(String, String)>,
    /// Start in ms and text.
    lines: Vec<(i64, String)>,
    /// Start in ms and number.
    key: Vec<(i64, String)>,
}

fn meeting(name: &str) -> Meeting {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/meetings").join(name);
    let text = fs::read_to_string(path).expect("a meeting");
    let (agenda, said) = text.split_once("\n\n").expect("a blank line");
    let item =
        |line: &str| line.split_once(" | ").map(|(number, title)| (number.to_owned(), title.to_owned()));
    let items = agenda.lines().filter_map(item).collect();
    let (mut lines, mut key) = (Vec::new(), Vec::new());
    for line in said.lines() {
        let (time, mut rest) = line.split_once(' ').expect("a time");
        let (minutes, seconds) = time.split_once(':').expect("minutes");
        let start = 1_000
            * (60 * minutes.parse::<i64>().expect("a number") + seconds.parse::<i64>().expect("a number"));
        while let Some((number, after)) = rest.strip_prefix('=').and_then(|rest| rest.split_once(' ')) {
            key.push((start, number.to_owned()));
            rest = after;
        }
        lines.push((start, rest.to_owned()));
    }
    Meeting { items, lines, key }
}

/// What is suggested: seconds and number.
fn suggested(meeting: &Meeting) -> Vec<(i64, String, f64)> {
    let is_child = |number: &str| {
        number.contains('.')
            || number.contains(|letter: char| letter.is_ascii_digit()) && number.contains(char::is_alphabetic)
            || number.ends_with(['A', 'B'])
    };
    let items: Vec<_> = meeting
        .items
        .iter()
        .map(|(number, title)| Planned { number, title, level: usize::from(is_child(number)) })
        .collect();
    let lines: Vec<_> = meeting
        .lines
        .iter()
        .enumerate()
        .map(|(index, (start, text))| {
            let end = meeting.lines.get(index + 1).map_or(start + 4_000, |next| next.0);
            Line { start_ms: MediaTime::from_ms(*start), end_ms: MediaTime::from_ms(end), text }
        })
        .collect();
    suggest(&items, &lines)
        .into_iter()
        .map(|found| (found.start_ms.ms(), meeting.items[found.item].0.clone(), found.confidence))
        .collect()
}

/// How many suggestions are right, how many there are, and how many items were taken.
///
/// These meetings are quick, so that a suggestion must be within 8 s.
fn score(name: &str) -> (usize, usize, usize) {
    let meeting = meeting(name);
    let found = suggested(&meeting);
    let is_right = |(at, number, _): &&(i64, String, f64)| {
        meeting.key.iter().any(|(start, key)| key == number && (at - start).abs() <= 8_000)
    };
    for row in &found {
        println!(
            "{name} {:>4} {:4} {:.2} {}",
            row.0 / 1_000,
            row.1,
            row.2,
            if is_right(&row) { "" } else { "WRONG" }
        );
    }
    for (start, number) in &meeting.key {
        if !found.iter().any(|(at, found, _)| found == number && (at - start).abs() <= 8_000) {
            println!("{name} {:>4} {number:4} missed", start / 1_000);
        }
    }
    (found.iter().filter(is_right).count(), found.len(), meeting.key.len())
}

/// Expects at least so many right, and nothing wrong.
fn expect(name: &str, right: usize) {
    let (found, all, taken) = score(name);
    assert!(found >= right && found == all, "{name}: {found} right of {all}; {taken} were taken");
}

#[test]
fn a_parish_council_with_misheard_numbers() {
    expect("parish.txt", 11);
}

#[test]
fn an_agenda_read_out_when_it_is_adopted_and_a_consent_agenda() {
    expect("adopted.txt", 8);
}

#[test]
fn an_item_taken_out_of_order() {
    expect("order.txt", 8);
}

#[test]
fn a_chair_who_never_says_numbers() {
    expect("unnumbered.txt", 11);
}

#[test]
fn roman_numbers_without_any_punctuation() {
    expect("roman.txt", 11);
}

#[test]
fn spoken_numbers_in_capitals_and_a_separated_item() {
    expect("spoken.txt", 10);
}

#[test]
fn other_languages_are_not_guessed_at() {
    expect("welsh.txt", 4);
    expect("french.txt", 4);
}

#[test]
fn another_meeting_s_agenda_finds_little() {
    let (said, planned) = (meeting("unnumbered.txt"), meeting("parish.txt"));
    let mixed = Meeting { items: planned.items, lines: said.lines, key: Vec::new() };
    assert!(suggested(&mixed).len() <= 2, "{:?}", suggested(&mixed));
}
