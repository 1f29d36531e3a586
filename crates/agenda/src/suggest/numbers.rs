//! The numbers of items as people say them and as machines write them down.

use std::collections::HashMap;

use super::{Planned, words::Word};

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// What speech recognition writes for a number that it did not expect.
const SOUNDS_LIKE: [(&str, &str); 8] = [
    ("won", "1"),
    ("to", "2"),
    ("too", "2"),
    ("tree", "3"),
    ("for", "4"),
    ("fore", "4"),
    ("ate", "8"),
    ("tan", "10"),
];
/// A longer number belongs to no item that anybody reads out.
const MAX_LABEL: usize = 12;
/// An agenda in parts may use a number again; in more parts it is none.
const MAX_SAME: usize = 4;

/// How plainly a number is meant as an item's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// "item six", "agenda item number 6a".
    Named,
    /// "6a", "twenty one c", "5.1": few other things are counted so.
    Compound,
    /// "twelve": perhaps a date, a sum, an age.
    Bare,
    /// "item for".
    Sound,
}

/// Somebody says an item's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// Index into the agenda.
    pub item: usize,
    /// The first word, with "item" or "number" if that is said.
    pub start: usize,
    /// After the last word.
    pub end: usize,
    pub kind: Kind,
}

/// The items of an agenda by what they may be called.
pub struct Labels(HashMap<String, Vec<usize>>);

impl Labels {
    pub fn new(items: &[Planned<'_>]) -> Self {
        let mut labels: HashMap<String, Vec<usize>> = HashMap::new();
        // Where the agenda counts I, II, III people say "item two".
        let is_roman = ["II", "ii"].iter().any(|two| items.iter().any(|item| item.number == *two));
        let mut outermost = "";
        for (index, item) in items.iter().enumerate() {
            if item.level == 0 {
                outermost = item.number;
            }
            let number = item.number;
            if number.is_empty() || number.len() > MAX_LABEL {
                continue;
            }
            let mut name = |label: String| {
                let items = labels.entry(label).or_default();
                if items.len() < MAX_SAME {
                    items.push(index);
                }
            };
            name(number.to_lowercase());
            if let Some(value) = is_roman.then(|| roman(outermost)).flatten()
                && let Some(rest) = number.strip_prefix(outermost)
            {
                name(format!("{value}{}", rest.to_lowercase()));
            }
        }
        Self(labels)
    }

    /// All mentions, in order.
    pub fn mentions(&self, words: &[Word]) -> Vec<Mention> {
        let mut mentions = Vec::new();
        let mut place = 0;
        while place < words.len() {
            let found = self.at(words, place);
            place = found.iter().map(|mention| mention.end).max().unwrap_or(place + 1);
            mentions.extend(found);
        }
        mentions
    }

    fn at(&self, words: &[Word], place: usize) -> Vec<Mention> {
        let text = |index: usize| words.get(index).map_or("", |word| word.text.as_str());
        let (start, named) = named_from(words, place);
        let mut readings = Vec::new();
        if named || text(place).starts_with(|first: char| first.is_ascii_digit()) {
            readings.push((text(place).to_owned(), 1));
        }
        if let Some((value, length)) = numeral(words, place) {
            let next = place + length;
            readings.push((value.to_string(), length));
            if is_letters(text(next)) {
                readings.push((format!("{value}{}", text(next)), length + 1));
                if text(next).len() == 1 && text(next + 1).len() == 1 && is_letters(text(next + 1)) {
                    readings.push((format!("{value}{}{}", text(next), text(next + 1)), length + 2));
                }
            }
            if matches!(text(next), "point" | "dot")
                && let Some((part, more)) = numeral(words, next + 1)
            {
                readings.push((format!("{value}.{part}"), length + 1 + more));
            }
        }
        let known: Vec<_> = readings
            .iter()
            .filter_map(|(label, length)| self.0.get(label).map(|items| (items, label, *length)))
            .collect();
        let Some(longest) = known.iter().map(|(_, _, length)| *length).max() else {
            let sound = SOUNDS_LIKE.iter().find(|(sound, _)| named && *sound == text(place));
            let items = sound.and_then(|(_, label)| self.0.get(*label));
            return items.map_or(Vec::new(), |items| {
                items.iter().map(|&item| Mention { item, start, end: place + 1, kind: Kind::Sound }).collect()
            });
        };
        // "item six a resolution" may be 6 or 6a.
        let article = |length: usize| length + 1 == longest && text(place + length) == "a";
        let mut mentions = Vec::new();
        for (items, label, length) in known {
            if length != longest && !article(length) {
                continue;
            }
            let is_compound = label.bytes().any(|byte| byte.is_ascii_digit())
                && label.bytes().any(|byte| !byte.is_ascii_digit());
            let kind = match (named, is_compound) {
                (true, _) => Kind::Named,
                (false, true) => Kind::Compound,
                (false, false) => Kind::Bare,
            };
            for &item in items {
                let mention = Mention { item, start, end: place + length, kind };
                if !mentions.contains(&mention) {
                    mentions.push(mention);
                }
            }
        }
        mentions
    }
}

/// Where the words "agenda item number" before a number begin, and whether there are any.
fn named_from(words: &[Word], place: usize) -> (usize, bool) {
    let mut start = place;
    let mut named = false;
    while let Some(before) = start.checked_sub(1) {
        match words[before].text.as_str() {
            "item" | "items" | "eitem" => named = true,
            "number" | "no" | "agenda" => {}
            _ => break,
        }
        start = before;
    }
    // "Resolution number 12" and "we have no 12" are other things; "number twelve is" begins a sentence.
    let is_number = words[start].text == "number" && words[start].opens;
    if named || is_number { (start, true) } else { (place, false) }
}

/// One or two letters that may follow a number: "a", "ac", but not the words that look like them.
fn is_letters(text: &str) -> bool {
    const WORDS: [&str; 16] =
        ["am", "an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is", "it", "of", "on", "to"];
    matches!(text.len(), 1 | 2)
        && text.bytes().all(|byte| byte.is_ascii_lowercase())
        && !WORDS.contains(&text)
        && text != "i"
}

/// A number from 0 to 999 in digits, or to 99 in words, and how many words it takes.
fn numeral(words: &[Word], place: usize) -> Option<(u32, usize)> {
    let text = |index: usize| words.get(index).map_or("", |word| word.text.as_str());
    let small = |index: usize| ONES.iter().position(|word| *word == text(index)).map(|value| value as u32);
    let first = text(place);
    if first.len() <= 3 && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return first.parse().ok().map(|value| (value, 1));
    }
    if let Some(value) = small(place) {
        return Some((value, 1));
    }
    let tens = (TENS.iter().position(|word| *word == first)? as u32 + 2) * 10;
    match small(place + 1).filter(|ones| (1..10).contains(ones)) {
        Some(ones) => Some((tens + ones, 2)),
        None => Some((tens, 1)),
    }
}

/// "IV" is 4; up to XXXIX.
fn roman(label: &str) -> Option<u32> {
    const ONES: [&str; 10] = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"];
    let label = label.to_ascii_uppercase();
    let ones = label.trim_start_matches('X');
    let tens = label.len() - ones.len();
    let value = tens * 10 + ONES.iter().position(|numeral| *numeral == ones)?;
    (tens <= 3 && value > 0).then_some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suggest::words::split;

    fn mentions(numbers: &[&str], said: &str) -> Vec<(usize, Kind)> {
        let items: Vec<_> = numbers
            .iter()
            .map(|number| Planned {
                number,
                title: "",
                level: usize::from(
                    number.len() > 1 && number.contains(|letter: char| letter.is_ascii_digit()),
                ),
            })
            .collect();
        let mut opens = true;
        let words: Vec<_> = split(said)
            .map(|(text, ends)| Word { text, at_ms: 0, opens: std::mem::replace(&mut opens, ends) })
            .collect();
        let found = Labels::new(&items).mentions(&words);
        found.into_iter().map(|mention| (mention.item, mention.kind)).collect()
    }

    #[test]
    fn numbers_are_heard_however_they_are_said() {
        use Kind::*;
        let agenda = ["1", "4", "6", "6a", "21", "21c", "21ac", "5.1"];
        for (said, heard) in [
            ("we move to item six", vec![(2, Named)]),
            ("agenda item number 6A", vec![(3, Named)]),
            ("Number four is", vec![(1, Named)]),
            ("resolution number four", vec![(1, Bare)]),
            ("twenty-one C is", vec![(5, Compound)]),
            ("21 a c", vec![(6, Compound)]),
            ("five point one", vec![(7, Compound)]),
            ("item 5.1", vec![(7, Named)]),
            ("item for, minutes", vec![(1, Sound)]),
            ("item 6 a resolution", vec![(2, Named), (3, Named)]),
            ("21 is here", vec![(4, Bare)]),
            ("he paid for it", vec![]),
            ("item 600", vec![]),
        ] {
            assert_eq!(mentions(&agenda, said), heard, "{said}");
        }
    }

    #[test]
    fn roman_numbers_are_said_as_numbers() {
        use Kind::*;
        assert_eq!(
            mentions(&["I", "II", "IV"], "item four, then item II, as I said"),
            [(2, Named), (1, Named)]
        );
        assert_eq!(mentions(&["A", "B"], "a plan b"), []);
    }
}
