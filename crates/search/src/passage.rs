//! Passages: the unit of search.
//!
//! A caption holds half a dozen words, so two words of one sentence, or a phrase, often fall in neighbouring
//! captions. What is indexed is therefore a passage: captions of one turn and one agenda item, about half a
//! minute together. Each remembers where its captions begin, because the unit of landing is the caption.

use moothall_core::{CaptionId, MediaTime};
use serde::{Deserialize, Serialize};

use crate::document::{CaptionDoc, Item, Speaker};

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
            None => passages.push_mut(Passage {
                speaker: caption.speaker.as_ref(),
                item: caption.item.as_ref(),
                text: String::new(),
                places: Vec::new(),
            }),
        };
        let offset = passage.text.len();
        passage.places.push(Place { caption_id: caption.id, start_ms: caption.start_ms, offset });
        passage.text.push_str(&text);
        previous = Some(caption);
    }
    passages
}

fn belongs(passage: &Passage, previous: &CaptionDoc, caption: &CaptionDoc) -> bool {
    let Some(first) = passage.places.first() else { return false };
    let length_ms = previous.end_ms - first.start_ms;
    let ends_sentence = passage.text.ends_with(['.', '?', '!', '…']);
    previous.turn == caption.turn
        && previous.speaker == caption.speaker
        && previous.item == caption.item
        && caption.start_ms - previous.end_ms <= LONGEST_PAUSE_MS
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
