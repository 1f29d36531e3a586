//! Passages: the unit of search.
//!
//! A caption holds half a dozen words, so two words of one sentence, or a phrase, often fall in neighbouring
//! captions. What is indexed is therefore a passage: captions of one turn and one agenda item, about half a
//! minute together. Each remembers where its captions begin, because the unit of landing is the caption; and what
//! is said next, because a phrase may go on there. Such a phrase belongs to the passage that it begins in.

use moothall_core::{CaptionId, MediaTime};
use serde::{Deserialize, Serialize};
use tantivy::tokenizer::TextAnalyzer;

use crate::{
    analysis::{self, words},
    document::{CaptionDoc, Item, Speaker},
    input::MOST_WORDS,
};

/// From here on a passage ends with the next caption that ends a sentence, so that few phrases are cut.
const ENOUGH_MS: i64 = 20_000;
/// A passage never lasts longer, unless a single caption does.
const LONGEST_MS: i64 = 40_000;
/// Captions further apart are not heard together.
const LONGEST_PAUSE_MS: i64 = 10_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Passage<'a> {
    pub speaker: Option<&'a Speaker>,
    pub item: Option<&'a Item>,
    pub text: String,
    /// What is said next in the same turn, as far as a phrase that begins in this passage can reach.
    pub next: String,
    pub places: Vec<Place>,
}

/// Where in a passage a caption begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    #[serde(rename = "c")]
    pub caption_id: CaptionId,
    #[serde(rename = "s")]
    pub start_ms: MediaTime,
    /// In bytes of the passage's text.
    #[serde(rename = "o")]
    pub offset: usize,
}

/// Captions without a word or sign are left out.
pub fn passages(captions: &[CaptionDoc]) -> Vec<Passage<'_>> {
    let mut passages: Vec<Passage> = Vec::new();
    // Of each passage, whether it goes on with the turn of the one before.
    let mut goes_on: Vec<bool> = Vec::new();
    let mut previous: Option<&CaptionDoc> = None;
    for caption in captions {
        let text = one_line(&caption.text);
        if text.is_empty() {
            continue;
        }
        let joined = passages
            .last_mut()
            .filter(|passage| previous.is_some_and(|previous| belongs(passage, previous, caption)));
        let passage = match joined {
            Some(passage) => {
                passage.text.push(' ');
                passage
            }
            None => {
                goes_on.push(previous.is_some_and(|previous| same_turn(previous, caption)));
                passages.push_mut(Passage {
                    speaker: caption.speaker.as_ref(),
                    item: caption.item.as_ref(),
                    text: String::new(),
                    next: String::new(),
                    places: Vec::new(),
                })
            }
        };
        let offset = passage.text.len();
        passage.places.push(Place { caption_id: caption.id, start_ms: caption.start_ms, offset });
        passage.text.push_str(&text);
        previous = Some(caption);
    }
    let mut folded = analysis::folded();
    for place in 0..passages.len() {
        let after = passages[place + 1..].iter().zip(&goes_on[place + 1..]);
        let texts = after.take_while(|(_, goes_on)| **goes_on).map(|(passage, _)| passage.text.as_str());
        passages[place].next = next(&mut folded, texts);
    }
    passages
}

/// The first words of these texts; one less than a phrase can have.
fn next<'a>(folded: &mut TextAnalyzer, texts: impl Iterator<Item = &'a str>) -> String {
    let mut next = String::new();
    for text in texts {
        if !next.is_empty() {
            next.push(' ');
        }
        next.push_str(text);
        if let Some((_, last)) = words(folded, &next).get(MOST_WORDS - 2) {
            next.truncate(last.end);
            break;
        }
    }
    next
}

fn same_turn(previous: &CaptionDoc, caption: &CaptionDoc) -> bool {
    previous.turn == caption.turn
        && previous.speaker == caption.speaker
        && caption.start_ms - previous.end_ms <= LONGEST_PAUSE_MS
}

fn belongs(passage: &Passage, previous: &CaptionDoc, caption: &CaptionDoc) -> bool {
    let Some(first) = passage.places.first() else { return false };
    let length_ms = previous.end_ms - first.start_ms;
    let ends_sentence = passage.text.ends_with(['.', '?', '!', '…']);
    same_turn(previous, caption)
        && previous.item == caption.item
        && caption.end_ms - first.start_ms <= LONGEST_MS
        && !(length_ms >= ENOUGH_MS && ends_sentence)
}

/// Lines and control characters become single spaces.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|character: char| character.is_whitespace() || character.is_control()) {
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    line
}
