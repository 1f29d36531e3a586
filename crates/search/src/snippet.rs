//! The piece of a passage that a result shows, and the caption it lands on.

use std::{collections::HashSet, ops::Range};

use tantivy::tokenizer::TextAnalyzer;

use crate::{
    analysis::{self, stem, words},
    input::Term,
};

/// Marked words further apart are not shown together.
const SPREAD_BYTES: usize = 160;
/// What is shown before the first marked word, and after the beginning.
const LEAD_BYTES: usize = 60;
const LENGTH_BYTES: usize = 240;

/// Finds and marks the words that were asked for.
pub struct Marker<'a> {
    terms: Vec<(&'a Term, String)>,
    folded: TextAnalyzer,
    english: TextAnalyzer,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Safe to put in a page: escaped, with `<mark>`.
    pub html: String,
    pub plain: String,
    /// Where in the passage the first marked word stands; 0 where none is marked.
    pub landing: usize,
}

impl<'a> Marker<'a> {
    pub fn new(terms: impl Iterator<Item = &'a Term>) -> Self {
        let terms = terms
            .map(|term| match term {
                Term::Word(word) => (term, stem(word)),
                Term::Phrase { .. } => (term, String::new()),
            })
            .collect();
        Self { terms, folded: analysis::folded(), english: analysis::english() }
    }

    /// Of a passage; what is said `next` is shown as far as a phrase reaches into it.
    pub fn snippet(&mut self, passage: &str, next: &str) -> Snippet {
        let goes_on = self.terms.iter().any(|(term, _)| matches!(term, Term::Phrase { .. }));
        let text = if goes_on { format!("{passage} {next}") } else { passage.to_owned() };
        let folded = words(&mut self.folded, &text);
        let stems = words(&mut self.english, &text);
        // Each match is a term's number and the bytes from its first to its last word.
        let mut matches: Vec<(usize, Range<usize>)> = Vec::new();
        for position in 0..folded.partition_point(|(_, word)| word.start < passage.len()) {
            for (number, (term, stem)) in self.terms.iter().enumerate() {
                let length = match term {
                    Term::Word(_) => usize::from(stems.get(position).is_some_and(|(word, _)| word == stem)),
                    Term::Phrase { words, prefix } => phrase_length(&folded[position..], words, *prefix),
                };
                if length > 0 {
                    matches.push((number, folded[position].1.start..folded[position + length - 1].1.end));
                }
            }
        }
        let reach = matches.iter().map(|(_, range)| range.end).fold(passage.len(), usize::max);
        let text = &text[..reach];
        let best = best_match(&matches);
        let landing = best.map_or(0, |best| matches[best].1.start);
        let shown = shown(text, &folded, landing, best.is_some());
        render(text, shown, landing, &matches)
    }
}

fn phrase_length(text: &[(String, Range<usize>)], words: &[String], prefix: bool) -> usize {
    let Some((last, others)) = words.split_last() else { return 0 };
    let fits = text.len() >= words.len()
        && others.iter().zip(text).all(|(word, (found, _))| word == found)
        && text
            .get(others.len())
            .is_some_and(|(found, _)| if prefix { found.starts_with(last) } else { found == last });
    if fits { words.len() } else { 0 }
}

/// From where most of the terms stand close together; the earliest of equals.
fn best_match(matches: &[(usize, Range<usize>)]) -> Option<usize> {
    let mut best = None;
    for (first, (_, range)) in matches.iter().enumerate() {
        let near = matches[first..].iter().take_while(|(_, other)| other.end <= range.start + SPREAD_BYTES);
        let count = near.map(|(number, _)| number).collect::<HashSet<_>>().len();
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, first));
        }
    }
    best.map(|(_, first)| first)
}

/// Whole words around `landing`.
fn shown(text: &str, words: &[(String, Range<usize>)], landing: usize, marked: bool) -> Range<usize> {
    let earliest = landing.saturating_sub(LEAD_BYTES);
    let start = match words.iter().find(|(_, word)| word.start >= earliest) {
        Some((_, first)) if marked && earliest > 0 => first.start,
        _ => 0,
    };
    if text.len() - start <= LENGTH_BYTES {
        return start..text.len();
    }
    let ends = words.iter().map(|(_, word)| word.end).filter(|end| *end > start);
    let end = ends.take_while(|end| end - start <= LENGTH_BYTES).last();
    // Words longer than a snippet are no words of ours; cut them where a character begins.
    start..end.unwrap_or_else(|| text.floor_char_boundary(start + LENGTH_BYTES))
}

fn render(text: &str, shown: Range<usize>, landing: usize, matches: &[(usize, Range<usize>)]) -> Snippet {
    let before = if shown.start > 0 { "…" } else { "" };
    let after = if shown.end < text.len() { "…" } else { "" };
    let mut html = String::from(before);
    let mut done = shown.start;
    for (_, range) in matches {
        let range = range.start.max(done)..range.end.min(shown.end);
        if range.start < range.end {
            escape(&text[done..range.start], &mut html);
            html.push_str("<mark>");
            escape(&text[range.clone()], &mut html);
            html.push_str("</mark>");
            done = range.end;
        }
    }
    escape(&text[done..shown.end], &mut html);
    html.push_str(after);
    Snippet { html, plain: format!("{before}{}{after}", &text[shown]), landing }
}

/// Safe as text and in quoted attributes.
fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
}
