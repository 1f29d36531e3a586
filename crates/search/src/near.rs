//! Near misses: a word that nobody is recorded as saying stands for those of the index that are spelt almost so.
//!
//! Transcribers write names as they hear them, and visitors type as they remember. A word that was said is taken
//! as it is, however rare it is.

use std::{cmp::Reverse, collections::HashMap};

use serde::Serialize;
use tantivy::{Searcher, TantivyError, Term as IndexTerm, query::FuzzyTermQuery, schema::Field};

use crate::{
    analysis::{is_said_next, stem},
    input::{Input, Term},
    schema::Fields,
};

/// As many unknown words of a question are looked after: each costs a walk through the vocabulary.
const MOST_UNKNOWN: usize = 5;
/// As many words stand for an unknown one: the commonest of those that are nearest.
const MOST_NEAR: usize = 3;
/// A shorter word is near to half of the dictionary.
const SHORTEST_CHARS: usize = 4;
/// From here on two letters may differ where no word is found that differs in one.
const LONG_CHARS: usize = 8;

/// What was searched for instead of a word that nobody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Folded.
    pub typed: String,
    /// The commonest first.
    pub found: Vec<String>,
}

/// Adds to unknown words those that are near to them.
pub fn widen(input: &mut Input, fields: &Fields, searcher: &Searcher) -> Result<Vec<Near>, TantivyError> {
    let mut near = Vec::new();
    let mut looked_after = 0;
    for group in &mut input.groups {
        let mut added = Vec::new();
        for term in group.iter() {
            let Term::Word(word) = term else { continue };
            if looked_after == MOST_UNKNOWN || is_known(word, fields, searcher)? {
                continue;
            }
            looked_after += 1;
            let found = nearest(word, fields.exact, searcher)?;
            if !found.is_empty() {
                added.extend(found.iter().cloned().map(Term::Word));
                near.push(Near { typed: word.clone(), found });
            }
        }
        group.append(&mut added);
    }
    Ok(near)
}

fn is_known(word: &str, fields: &Fields, searcher: &Searcher) -> Result<bool, TantivyError> {
    Ok(searcher.doc_freq(&IndexTerm::from_field_text(fields.stems, &stem(word)))? > 0)
}

fn nearest(word: &str, field: Field, searcher: &Searcher) -> Result<Vec<String>, TantivyError> {
    let furthest = match word.chars().count() {
        // A number almost like another is another.
        _ if word.contains(char::is_numeric) => 0,
        0..SHORTEST_CHARS => 0,
        SHORTEST_CHARS..LONG_CHARS => 1,
        _ => 2,
    };
    for distance in 1..=furthest {
        let found = within(word, distance, field, searcher)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The commonest words that `distance` letters added, left out, changed or swapped make of this one.
fn within(word: &str, distance: u8, field: Field, searcher: &Searcher) -> Result<Vec<String>, TantivyError> {
    let automaton =
        FuzzyTermQuery::new(IndexTerm::from_field_text(field, word), distance, true).automaton()?;
    let mut counts: HashMap<String, u32> = HashMap::new();
    for segment in searcher.segment_readers() {
        let words = segment.inverted_index(field)?;
        let mut near = words.terms().search(&automaton).into_stream()?;
        while near.advance() {
            let near_word = String::from_utf8_lossy(near.key()).into_owned();
            if !is_said_next(&near_word) && !near_word.contains(char::is_numeric) {
                *counts.entry(near_word).or_default() += near.value().doc_freq;
            }
        }
    }
    let mut found: Vec<_> = counts.into_iter().collect();
    found.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    found.truncate(MOST_NEAR);
    Ok(found.into_iter().map(|(word, _)| word).collect())
}
