//! The search box: reads whatever is typed, and never refuses.
//!
//! Its language is told at the head of this crate.

use chrono::{Months, NaiveDate};

use crate::{analysis::folded_words, schema::Facet};

/// What lies beyond is told as not understood, so that an answer takes bounded time.
const MOST_CHARS: usize = 1_000;
pub const MOST_WORDS: usize = 40;
/// As much of a piece that was not understood as is told.
const TOLD_CHARS: usize = 60;

/// One thing to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A word in any of its forms; folded, not stemmed.
    Word(String),
    /// Folded words in a row; with `prefix` the last may go on.
    Phrase { words: Vec<String>, prefix: bool },
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Each group must be met by at least one of its terms.
    pub groups: Vec<Vec<Term>>,
    /// With each, how it was typed.
    pub without: Vec<(Term, String)>,
    pub choices: Vec<(Facet, String)>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// What was not understood, as typed, at most [`TOLD_CHARS`] characters each.
    pub ignored: Vec<String>,
}

#[derive(Clone, Copy)]
enum Key {
    Facet(Facet),
    From,
    To,
}

/// A stretch of the box: a word or a quotation, with what stood before it.
struct Piece<'a> {
    typed: &'a str,
    minus: bool,
    key: Option<Key>,
    quoted: bool,
    value: &'a str,
}

pub fn read(text: &str) -> Input {
    let (text, beyond) = match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => text.split_at(end),
        None => (text, ""),
    };
    let mut input = Input::default();
    let mut rest = text;
    let mut either = false;
    let mut not = false;
    let mut words_left = MOST_WORDS;
    while let Some(piece) = next_piece(&mut rest) {
        let bare = piece.key.is_none() && !piece.quoted && !piece.minus;
        match piece.value {
            "OR" if bare => {
                either = !input.groups.is_empty();
                if !either {
                    input.ignore(piece.typed);
                }
                continue;
            }
            "AND" if bare => continue,
            "NOT" if bare => {
                not = true;
                continue;
            }
            _ => {}
        }
        let without = piece.minus || std::mem::take(&mut not);
        let either = std::mem::take(&mut either) && !without;
        if let Some(key) = piece.key {
            if without || !input.choose(key, piece.value) {
                input.ignore(piece.typed);
            }
            continue;
        }
        match term(&piece, &mut words_left) {
            Some(term) if without => input.without.push((term, piece.typed.to_owned())),
            Some(term) => match input.groups.last_mut().filter(|_| either) {
                Some(group) => group.push(term),
                None => input.groups.push(vec![term]),
            },
            None => input.ignore(piece.typed),
        }
    }
    if !beyond.trim().is_empty() {
        input.ignore(beyond.trim());
    }
    input
}

impl Input {
    pub fn ignore(&mut self, typed: &str) {
        let mut told: String = typed.chars().take(TOLD_CHARS).collect();
        if told.len() < typed.len() {
            told.push('…');
        }
        if !self.ignored.contains(&told) {
            self.ignored.push(told);
        }
    }

    fn choose(&mut self, key: Key, value: &str) -> bool {
        match key {
            Key::Facet(facet) => {
                let usable = value.chars().any(char::is_alphanumeric);
                if usable {
                    self.choices.push((facet, value.to_owned()));
                }
                usable
            }
            Key::From => dates(value).map(|(first, _)| self.from = self.from.max(Some(first))).is_some(),
            Key::To => dates(value)
                .map(|(_, last)| self.to = Some(self.to.map_or(last, |to| to.min(last))))
                .is_some(),
        }
    }
}

/// Takes the next piece off `rest`.
fn next_piece<'a>(rest: &mut &'a str) -> Option<Piece<'a>> {
    let start = rest.trim_start_matches(is_space);
    if start.is_empty() {
        return None;
    }
    let mut after = start;
    let minus = ['-', '\u{2212}', '\u{2013}']
        .into_iter()
        .find_map(|sign| start.strip_prefix(sign))
        .filter(|after| after.starts_with(|next: char| next.is_alphanumeric() || is_quote(next)));
    if let Some(stripped) = minus {
        after = stripped;
    }
    let key = strip_key(after);
    if let Some((_, stripped)) = key {
        // "speaker: Lee" is meant like "speaker:Lee".
        after = stripped.trim_start_matches(is_space);
    }
    let quoted = after.strip_prefix(is_quote);
    let (value, end) = match quoted {
        // A quotation that is not closed goes on to the end.
        Some(inside) => match inside.find(is_quote) {
            Some(close) => (&inside[..close], after_first_char(&inside[close..])),
            None => (inside, ""),
        },
        None => after.split_at(after.find(is_space).unwrap_or(after.len())),
    };
    *rest = end;
    let typed = start[..start.len() - end.len()].trim_end_matches(is_space);
    Some(Piece {
        typed,
        minus: minus.is_some(),
        key: key.map(|(key, _)| key),
        quoted: quoted.is_some(),
        value,
    })
}

fn after_first_char(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

fn strip_key(text: &str) -> Option<(Key, &str)> {
    let (name, rest) = text.split_once(':')?;
    let key = match name.to_ascii_lowercase().as_str() {
        "speaker" => Key::Facet(Facet::Speaker),
        "item" => Key::Facet(Facet::Item),
        "committee" => Key::Facet(Facet::Committee),
        "council" => Key::Facet(Facet::Council),
        "year" => Key::Facet(Facet::Year),
        "from" => Key::From,
        "to" => Key::To,
        _ => return None,
    };
    Some((key, rest))
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}')
}

fn term(piece: &Piece, words_left: &mut usize) -> Option<Term> {
    let mut words = folded_words(piece.value);
    if words.is_empty() || words.len() > *words_left {
        return None;
    }
    *words_left -= words.len();
    let prefix = piece.value.ends_with('*');
    if words.len() == 1 && !prefix && !piece.quoted {
        return words.pop().map(Term::Word);
    }
    Some(Term::Phrase { words, prefix })
}

/// The first and last day of a year, month or day.
fn dates(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, length: usize| {
        (part.len() <= length && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse().ok())
            .flatten()
    };
    let year = i32::try_from(digits(parts.first().filter(|year| year.len() == 4)?, 4)?).ok()?;
    match parts[1..] {
        [] => Some((NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year, 12, 31)?)),
        [month] => {
            let first = NaiveDate::from_ymd_opt(year, digits(month, 2)?, 1)?;
            Some((first, first.checked_add_months(Months::new(1))?.pred_opt()?))
        }
        [month, day] => {
            let date = NaiveDate::from_ymd_opt(year, digits(month, 2)?, digits(day, 2)?)?;
            Some((date, date))
        }
        _ => None,
    }
}
