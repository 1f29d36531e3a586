//! Finds the items among the lines of an agenda.
//!
//! A line begins an item if its number goes on where the items above it stand: the next in the count of its
//! kind (up to [`MAX_GAP`] may be missing: items are withdrawn), or the first of a deeper one. So neither a
//! sum of money nor a date at the start of a line becomes an item, and the reports after an agenda end it.

use std::collections::HashSet;

use crate::{
    document::{Agenda, Item},
    marker::{self, Marker, Style},
    page::Line,
    title::Title,
};

/// By how much a count may jump.
const MAX_GAP: u32 = 3;
/// An item that many pages after its predecessor belongs to a report.
const MAX_PAGES_APART: u32 = 2;
/// Numbers that stand that near are in one column.
const SAME_COLUMN: usize = 2;
/// Deeper lists are contents, not items.
const MAX_DEPTH: usize = 4;

/// One level of numbers that is open.
#[derive(Debug, Clone)]
struct Level {
    style: Style,
    place: u32,
    column: usize,
    /// The whole number: "6a".
    number: String,
}

/// Where a line's number stands.
enum Place {
    /// The level, from 0, whose count it goes on with or begins.
    At(usize, Style, u32),
    /// The outermost count begins anew.
    Restart(Style),
}

#[derive(Default)]
struct Outline {
    levels: Vec<Level>,
    items: Vec<Item>,
    open: Option<Title>,
    /// The last number of any count in digits; some agendas count on through their sections.
    last_digits: u32,
    last_page: u32,
    /// A heading said that what follows is not for the public.
    restricted: bool,
    warnings: Vec<String>,
}

/// Reads the lines of a PDF.
pub fn read(lines: &[Line<'_>]) -> Agenda {
    let mut outline = Outline::default();
    let mut title = None;
    for line in lines {
        if !outline.items.is_empty() && line.page > outline.last_page + MAX_PAGES_APART || outline.line(line)
        {
            outline
                .warnings
                .push(format!("from page {} on there are reports, which are not read", line.page));
            break;
        }
        if outline.items.is_empty() && title.is_none() && is_title(line.text) {
            title = Some(line.text.to_owned());
        }
    }
    outline.close();
    let mut numbers = HashSet::new();
    for item in &outline.items {
        if !numbers.insert(item.number.as_str()) {
            outline.warnings.push(format!("number {} stands before more than one item", item.number));
        }
    }
    Agenda { title, items: outline.items, attendees: Vec::new(), warnings: outline.warnings }
}

/// Reads lines that somebody typed: as for a PDF, but without pages, and where nothing has a number every
/// line is an item, numbered in order.
pub fn read_typed(lines: &[Line<'_>]) -> Agenda {
    let mut agenda = read(lines);
    for item in &mut agenda.items {
        item.page = None;
    }
    if agenda.items.is_empty() {
        let plain: Vec<&str> = lines.iter().map(|line| line.text).filter(|text| !is_title(text)).collect();
        let bullets: Vec<&str> =
            plain.iter().filter_map(|text| text.strip_prefix(['-', '*', '•', '–'])).map(str::trim).collect();
        let titles = if bullets.is_empty() { plain } else { bullets };
        // More or longer lines are prose.
        const MAX_ITEMS: usize = 100;
        const MAX_LENGTH: usize = 300;
        if titles.len() <= MAX_ITEMS && titles.iter().all(|title| (1..MAX_LENGTH).contains(&title.len())) {
            agenda.items = titles.into_iter().zip(1..).map(numbered).collect();
            agenda.warnings.push("no line has a number; the lines are numbered in order".to_owned());
        }
    }
    agenda
}

fn numbered((title, number): (&str, u32)) -> Item {
    Item {
        number: number.to_string(),
        title: title.to_owned(),
        restricted: says_restricted(title),
        ..Item::default()
    }
}

impl Outline {
    /// Takes the next line. True where the agenda ends before it.
    fn line(&mut self, line: &Line<'_>) -> bool {
        let in_sentence = self.open.as_ref().is_some_and(|title| {
            !line.after_blank
                && title.is_above(line)
                && title.is_broken_before(line)
                && self.levels.last().is_some_and(|level| level.column + SAME_COLUMN < line.column)
        });
        let marker = marker::parse(line.text)
            .filter(|marker| !(in_sentence && is_weak(marker) || begins_with_month(marker.rest)));
        if let Some(marker) = marker {
            if let Some(depth) = self.compound(&marker, line) {
                self.begin(line, &marker, depth);
                return false;
            }
            match self.place(&marker, line) {
                Some(Place::At(depth, style, place)) => {
                    self.enter(depth, style, place, marker.label, line.column);
                    self.begin(line, &marker, depth);
                    return false;
                }
                Some(Place::Restart(style)) => {
                    if line.page != self.last_page {
                        return true;
                    }
                    // A single item before the first was something else, an address perhaps.
                    if self.items.len() == 1 {
                        self.items.clear();
                        self.open = None;
                    }
                    self.enter(0, style, 1, marker.label, line.column);
                    self.begin(line, &marker, 0);
                    return false;
                }
                None => {}
            }
        }
        self.text(line);
        false
    }

    /// A line without a number of its own.
    fn text(&mut self, line: &Line<'_>) {
        if let Some(title) = &mut self.open {
            if title.text.is_empty() || title.goes_on(line) {
                if title.text.is_empty() {
                    *title = Title::begin(line, line.text);
                } else {
                    title.add(line);
                }
                return;
            }
            self.close();
        }
        if says_restricted(line.text) {
            if is_heading(line.text) {
                self.restricted = true;
            } else if let Some(item) = self.items.last_mut() {
                item.restricted = true;
            }
        }
    }

    fn begin(&mut self, line: &Line<'_>, marker: &Marker<'_>, depth: usize) {
        self.close();
        let number = self.levels.last().map(|level| level.number.clone()).unwrap_or_default();
        let level = depth as u8;
        let restricted = self.restricted;
        self.items.push(Item { number, level, restricted, page: Some(line.page), ..Item::default() });
        self.open = Some(Title::begin(line, marker.rest));
        self.last_page = line.page;
    }

    fn close(&mut self) {
        if let (Some(title), Some(item)) = (self.open.take(), self.items.last_mut()) {
            item.restricted |= says_restricted(&title.text);
            item.title = title.text;
        }
    }

    fn place(&self, marker: &Marker<'_>, line: &Line<'_>) -> Option<Place> {
        let near = |level: &Level| level.column.abs_diff(line.column) <= SAME_COLUMN;
        let begins_large =
            marker.rest.is_empty() || marker.rest.starts_with(|first: char| !first.is_lowercase());
        // A bare number is only believed where its column and its title fit.
        let believable = |level: &Level| marker.punctuated || near(level) && begins_large;
        for gap in [1, MAX_GAP] {
            for (style, place) in &marker.readings {
                let same = self.levels.iter().filter(|level| level.style == *style).count();
                let found = self.levels.iter().rposition(|level| {
                    level.style == *style
                        && (level.place + 1..=level.place + gap).contains(place)
                        && (same == 1 || near(level))
                        && believable(level)
                });
                if let Some(depth) = found {
                    return Some(Place::At(depth, *style, *place));
                }
            }
        }
        let Some(top) = self.levels.first() else {
            return marker
                .readings
                .iter()
                .find(|(style, place)| {
                    *place == 1 && begins_large
                        || *style == Style::Digits && marker.punctuated && !marker.rest.is_empty()
                })
                .map(|(style, place)| Place::At(0, *style, *place));
        };
        // Councils do print a number twice.
        if marker.readings.contains(&(top.style, top.place))
            && near(top)
            && begins_large
            && line.page == self.last_page
        {
            return Some(Place::At(0, top.style, top.place));
        }
        let first = marker.readings.iter().rev().find(|(style, place)| {
            *place == 1
                || *style == Style::Digits && top.style != Style::Digits && *place == self.last_digits + 1
        });
        let (style, place) = *first?;
        if style == top.style && near(top) {
            return begins_large.then_some(Place::Restart(style));
        }
        // Deeper counts stand to the right of counts of their kind.
        let is_deeper =
            self.levels.iter().all(|level| level.style != style || level.column + SAME_COLUMN < line.column);
        (marker.punctuated && is_deeper && self.levels.len() < MAX_DEPTH).then_some(Place::At(
            self.levels.len(),
            style,
            place,
        ))
    }

    /// Places "5.1" or "6a" by all its parts, whose parents need not have lines of their own.
    fn compound(&mut self, marker: &Marker<'_>, line: &Line<'_>) -> Option<usize> {
        let (&(style, place), parents) = marker.path.split_last()?;
        let known =
            parents.iter().zip(&self.levels).take_while(|(parent, level)| parent.1 == level.place).count();
        let goes_on = if known == parents.len() {
            let before =
                self.levels.get(known).filter(|level| level.style == style).map_or(0, |level| level.place);
            (before + 1..=before + MAX_GAP).contains(&place)
        } else {
            let before = self.levels.get(known).map_or(0, |level| level.place);
            let first = parents[known].1;
            place == 1
                && parents[known + 1..].iter().all(|parent| parent.1 == 1)
                && (self.levels.is_empty() || (before + 1..=before + MAX_GAP).contains(&first))
        };
        if !goes_on {
            return None;
        }
        for (depth, (style, place)) in parents.iter().enumerate().skip(known) {
            self.enter(depth, *style, *place, &place.to_string(), line.column);
        }
        self.enter(parents.len(), style, place, marker.label, line.column);
        // The label is the whole number already.
        if let Some(level) = self.levels.last_mut() {
            level.number = marker.label.to_owned();
        }
        Some(parents.len())
    }

    fn enter(&mut self, depth: usize, style: Style, place: u32, label: &str, column: usize) {
        self.levels.truncate(depth);
        let parent = self.levels.last().map_or("", |level| level.number.as_str());
        let number = joined(parent, style, label);
        if style == Style::Digits {
            self.last_digits = place;
        }
        self.levels.push(Level { style, place, column, number });
    }
}

/// "6" and "a" are "6a", "6" and "2" are "6.2", "6a" and "ii" are "6a(ii)".
fn joined(parent: &str, style: Style, label: &str) -> String {
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    if parent.is_empty() {
        label.to_owned()
    } else if matches!(style, Style::SmallRoman | Style::CapitalRoman) {
        format!("{parent}({label})")
    } else if is_digit(parent.chars().last()) == is_digit(label.chars().next()) {
        format!("{parent}.{label}")
    } else {
        format!("{parent}{label}")
    }
}

/// Whether a sentence can go on like this: "41 acres", "2.41 acres", "A. Smith".
fn is_weak(marker: &Marker<'_>) -> bool {
    !marker.punctuated
        || !marker.path.is_empty()
        || marker.readings.iter().any(|(style, _)| *style == Style::CapitalLetter)
}

/// "12 May 2026" is a date, no item.
fn begins_with_month(rest: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut words = rest.split_whitespace();
    let month = words.next().and_then(|word| word.get(..3)).map(str::to_ascii_lowercase);
    let year = words.next().is_some_and(|word| word.starts_with("20") || word.starts_with("19"));
    month.is_some_and(|month| MONTHS.contains(&month.as_str())) && year
}

/// Whether the words say that the public is kept out.
fn says_restricted(text: &str) -> bool {
    const SAYINGS: [&str; 9] = [
        "not for publication",
        "not for public",
        "exempt item",
        "exempt business",
        "(exempt",
        "(restricted",
        "[restricted",
        "(confidential",
        "(in private",
    ];
    let text = text.to_lowercase();
    SAYINGS.iter().any(|saying| text.contains(saying))
}

/// Whether it stands over what follows rather than saying something about an item: short, in capitals, or
/// "Part 2".
fn is_heading(text: &str) -> bool {
    let is_short = text.split_whitespace().count() <= 8;
    let is_part = text.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("part "));
    is_short && (is_part || !text.contains(char::is_lowercase))
}

/// Whether a line before the items can be what the meeting is called.
fn is_title(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "meeting",
        "council",
        "committee",
        "board",
        "cabinet",
        "commission",
        "assembly",
        "panel",
        "executive",
    ];
    let in_columns = text.contains("   ");
    let words = text.split(|letter: char| !letter.is_alphabetic()).map(str::to_lowercase);
    !in_columns && text.len() <= 100 && words.into_iter().any(|word| WORDS.contains(&word.as_str()))
}
