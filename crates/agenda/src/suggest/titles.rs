//! Where the words of a title are said together.

use super::{
    Planned,
    words::{Speech, Terms, split},
};

/// Who reads a long title out begins at its beginning, and often leaves the end out.
const MAX_TERMS: usize = 24;
/// Words before a title is cut off unread, so that a title of a megabyte costs nothing.
const MAX_WORDS: usize = 80;
/// In bytes, for the same reason: eighty words fit well.
const MAX_BYTES: usize = 2_000;
/// The best places of one title that are looked at further.
const MAX_PLACES: usize = 12;
/// Places with less of the title, by weight, are not looked at.
const LEAST_SHARE: f64 = 0.3;
/// And of those only the fullest, so that speech made of one title's words costs little.
const MAX_WINDOWS: usize = 3_000;
/// Readers add a few words to the title, however short it is, and half of its length if it is long.
const MORE_WORDS: usize = 8;
/// Words of a title that are further apart do not follow each other: "[board] and all the other [members]".
const FAR: usize = 4;
/// In terms.
const SHORT: usize = 5;
/// A word that is said more often tells nothing, not even in ten hours, and would cost time.
const MOST_SAID: usize = 2_000;
/// Words that say nothing about an item.
const EMPTY: [&str; 32] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "if", "is", "it",
    "its", "of", "on", "or", "that", "the", "this", "to", "was", "will", "with", "s", "same", "his", "her",
    "their",
];
/// Words of one title come together for the same reason, so that each weighs less than if they came by chance.
const TOGETHER: f64 = 0.7;
/// What a missing word weighs of one that is there: people cut titles short and machines mishear names.
const MISSING: f64 = 0.45;
/// What the number of places at which a title might be said weighs. Less than 1 as most are said once.
const PLACES: f64 = 0.7;

/// A title to look for.
pub struct Title {
    /// Terms in the order of the title, each once.
    terms: Vec<usize>,
    /// How many words the part of the title has that is looked for.
    length: usize,
}

/// A place where much of a title is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The first word of it.
    pub start: usize,
    /// After the last word.
    pub end: usize,
    /// How much more likely these words are if the item is taken there than if not, as a natural logarithm,
    /// and before what is expected by chance is taken off.
    pub evidence: f64,
    /// What is to be taken off.
    pub chance: f64,
    /// How much of the title is there, 0 to 1, by weight.
    pub share: f64,
    /// How many of its words follow each other as they do in the title, 0 to 1.
    pub in_order: f64,
    /// All of it is said, once and closely.
    pub is_whole: bool,
}

/// The titles of an agenda.
pub fn titles(items: &[Planned<'_>], terms: &mut Terms) -> Vec<Title> {
    items
        .iter()
        .map(|item| {
            let words = spoken_part(item.title);
            let learnt = terms.learn(words.iter().map(String::as_str));
            let mut title = Title { terms: Vec::new(), length: 0 };
            for (term, word) in learnt.into_iter().zip(&words) {
                if title.terms.len() == MAX_TERMS {
                    break;
                }
                title.length += 1;
                if !EMPTY.contains(&word.as_str()) && !title.terms.contains(&term) {
                    title.terms.push(term);
                }
            }
            title
        })
        .collect()
}

/// The words that are read out: not what stands in brackets, unless all does.
fn spoken_part(title: &str) -> Vec<String> {
    let title = &title[..title.floor_char_boundary(MAX_BYTES)];
    let mut depth = 0_usize;
    let outside: String = title
        .chars()
        .filter(|letter| {
            depth += usize::from(*letter == '(');
            let keep = depth == 0;
            depth = depth.saturating_sub(usize::from(*letter == ')'));
            keep
        })
        .collect();
    let words = |text: &str| split(text).map(|(word, _)| word).take(MAX_WORDS).collect::<Vec<_>>();
    let spoken = words(&outside);
    if spoken.is_empty() { words(title) } else { spoken }
}

/// What each term tells: the logarithm of how rare it is, among the titles or in the speech, whichever is less.
///
/// Words of many titles ("resolution authorizing the Mayor") do not say which item it is, and words that are
/// said all the time do not say when.
pub fn weights(titles: &[Title], speech: &Speech) -> Vec<f64> {
    let mut in_titles = vec![0_usize; speech.places.len()];
    for term in titles.iter().flat_map(|title| &title.terms) {
        in_titles[*term] += 1;
    }
    in_titles
        .iter()
        .zip(&speech.blocks_with)
        .enumerate()
        .map(|(term, (&in_titles, &blocks))| {
            if speech.places[term].len() > MOST_SAID {
                return 0.0;
            }
            let among_titles = ratio(titles.len() + 1, in_titles);
            let in_speech = ratio(speech.blocks + 1, blocks);
            among_titles.min(in_speech)
        })
        .collect()
}

fn ratio(all: usize, with: usize) -> f64 {
    (all as f64 / with.max(1) as f64).ln()
}

/// The best places of a title, in order of time; none overlaps another.
pub fn readings(title: &Title, speech: &Speech, weights: &[f64]) -> Vec<Reading> {
    let total: f64 = title.terms.iter().map(|term| weights[*term]).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut hits: Vec<(usize, usize)> = Vec::new();
    for (index, term) in title.terms.iter().enumerate().filter(|(_, term)| weights[**term] > 0.0) {
        hits.extend(speech.places[*term].iter().map(|place| (*place, index)));
    }
    hits.sort_unstable();
    let width = title.length * 3 / 2 + MORE_WORDS;
    let weight = |index: usize| weights[title.terms[index]];
    let mut there = vec![0_u32; title.terms.len()];
    let mut found = 0.0;
    let mut last = 0;
    let mut windows: Vec<(f64, usize, usize)> = Vec::new();
    for first in 0..hits.len() {
        while last < hits.len() && hits[last].0 < hits[first].0 + width {
            let index = hits[last].1;
            there[index] += 1;
            if there[index] == 1 {
                found += weight(index);
            }
            last += 1;
        }
        if found > LEAST_SHARE * total {
            windows.push((found, first, last));
        }
        let index = hits[first].1;
        there[index] -= 1;
        if there[index] == 0 {
            found -= weight(index);
        }
    }
    // The fullest first, and of equally full ones the earliest.
    windows.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    windows.truncate(MAX_WINDOWS);
    let mut best: Vec<Reading> = Vec::new();
    for (found, first, last) in windows {
        if best.len() == MAX_PLACES {
            break;
        }
        let reading = reading(&hits[first..last], &weight, title.terms.len(), found, total, speech);
        if best.iter().all(|other| reading.start.abs_diff(other.start) >= width) {
            best.push(reading);
        }
    }
    best.sort_by_key(|reading| reading.start);
    // Common words may make a rare phrase: "council comments". Where all of it is said, its own rarity counts.
    let phrases = best.iter().filter(|reading| reading.is_whole).count();
    for reading in best.iter_mut().filter(|reading| reading.is_whole) {
        reading.evidence = reading.evidence.max(ratio(speech.blocks + 1, phrases));
    }
    best
}

/// `hits` are the words of the title in a window: place and index into the title.
fn reading(
    hits: &[(usize, usize)],
    weight: &impl Fn(usize) -> f64,
    length_of_title: usize,
    found: f64,
    total: f64,
    speech: &Speech,
) -> Reading {
    // A light word long before the others was said of something else.
    let stray =
        |pair: &[(usize, usize)]| pair[1].0 - pair[0].0 >= FAR && weight(pair[0].1) < LEAST_SHARE * total;
    let strays = hits.windows(2).position(|pair| !stray(pair)).unwrap_or(0);
    let hits = &hits[strays..];
    // What is said again after the last new word is no more of the reading.
    let mut seen = 0_u32;
    let mut length = 0;
    for (index, hit) in hits.iter().enumerate() {
        if seen & 1 << hit.1 == 0 {
            seen |= 1 << hit.1;
            length = index + 1;
        }
    }
    let mut hits = &hits[..length];
    // "We have no [board appointments], but we have [board appointment nominations]": who says a short title
    // says it in one go, so that the last words that make it up are it.
    while length_of_title <= SHORT && hits.iter().skip(1).any(|hit| hit.1 == hits[0].1) {
        hits = &hits[1..];
    }
    let is_close = hits.windows(2).all(|pair| pair[1].0 - pair[0].0 <= FAR);
    // "Comments from the Mayor" is as good as "Mayor comments".
    let follow =
        hits.windows(2).filter(|pair| pair[1].1.abs_diff(pair[0].1) == 1 && pair[1].0 - pair[0].0 <= FAR);
    let in_order = match hits.len() {
        0 | 1 => 1.0,
        length => follow.count() as f64 / (length - 1) as f64,
    };
    let heaviest = hits.iter().map(|hit| weight(hit.1)).fold(0.0, f64::max);
    let evidence = heaviest + TOGETHER * (found - heaviest).max(0.0) - MISSING * (total - found);
    Reading {
        start: hits.first().map_or(0, |hit| hit.0),
        end: hits.last().map_or(0, |hit| hit.0 + 1),
        evidence,
        chance: PLACES * (speech.blocks as f64 + 1.0).ln(),
        share: found / total,
        in_order,
        is_whole: is_close && found > 0.99 * total,
    }
}

#[cfg(test)]
mod tests {
    use moothall_core::MediaTime;

    use super::*;
    use crate::suggest::Line;

    fn found(titles_said: &[&str], said: &str) -> Vec<Vec<Reading>> {
        let items: Vec<_> = titles_said.iter().map(|title| Planned { number: "", title, level: 0 }).collect();
        let mut terms = Terms::new();
        let titles = titles(&items, &mut terms);
        let line = Line { start_ms: MediaTime::ZERO, end_ms: MediaTime::ZERO, text: said };
        let speech = terms.listen(&[line]);
        let weights = weights(&titles, &speech);
        titles.iter().map(|title| readings(title, &speech, &weights)).collect()
    }

    #[test]
    fn a_title_is_found_where_it_is_read() {
        let said = format!("the harbour {} we have the harbour wall repairs now", "and so on ".repeat(60));
        let found = found(&["Harbour wall repairs", "Date of next meeting"], &said);
        let best = found[0].iter().max_by(|left, right| left.evidence.total_cmp(&right.evidence));
        let best = best.expect("a reading");
        assert_eq!((best.start, best.end, best.is_whole), (185, 188, true));
        assert!(best.share > 0.99 && best.in_order > 0.99);
        assert_eq!(found[1], []);
    }

    #[test]
    fn who_says_a_short_title_says_it_in_one_go() {
        let found = found(
            &["Board appointment nominations", "Minutes"],
            "no board appointments tonight but there are board appointment nominations",
        );
        assert_eq!((found[0][0].start, found[0][0].end), (7, 10));
    }

    #[test]
    fn what_stands_in_brackets_is_not_read_out() {
        assert_eq!(spoken_part("Report (see (a) and b) of the clerk"), ["report", "of", "the", "clerk"]);
        assert_eq!(spoken_part("(Closed)"), ["closed"]);
        assert_eq!(spoken_part("odd) report ("), ["odd", "report"]);
        assert_eq!(spoken_part(&"é ".repeat(5_000)).len(), MAX_WORDS);
        assert_eq!(spoken_part(&"é".repeat(5_000)).len(), 1);
    }
}
