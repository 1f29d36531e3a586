//! What Whisper is known to get wrong, found and mended afterwards.

use moothall_core::{MediaTime, Word};

use crate::windows::Span;

/// Nobody repeats a phrase of so many words so often in a row, but Whisper does when it loops.
/// By number of words in the phrase: how often it may stand, from one word ("aye, aye") to eight or more.
const MOST_REPEATS: [usize; 8] = [12, 4, 3, 3, 2, 2, 2, 1];
const LONGEST_PHRASE_WORDS: usize = 40;
/// A note such as "(gentle music)" has few words; a longer parenthesis is text.
const LONGEST_NOTE_WORDS: usize = 6;
/// Alignment is rarely further off than this, so that a word so far from any voice was not spoken.
const ALIGNMENT_TOLERANCE_MS: i64 = 800;
/// Speech without text is worth a second try from this length.
const SHORTEST_UNCOVERED_MS: i64 = 1_500;

/// Removes notes of sounds: `[BLANK_AUDIO]`, `(applause)`, `*cough*`, `♪`.
pub fn without_notes(words: Vec<Word>) -> Vec<Word> {
    let mut kept = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let Some(word) = rest.first() {
        let note = note_length(rest);
        if note == 0 {
            kept.push(word.clone());
        }
        rest = &rest[note.max(1)..];
    }
    kept
}

/// How many words at the start are a note.
fn note_length(words: &[Word]) -> usize {
    let closing = match words[0].text.chars().next() {
        Some('[') => ']',
        Some('(') => ')',
        Some('*') => '*',
        Some('♪' | '♫') => return 1,
        _ => return 0,
    };
    let ends = |word: &Word| {
        let text = word.text.trim_end_matches(['.', ',', '!', '?', ':', ';']);
        text.chars().count() > 1 && text.ends_with(closing)
    };
    words.iter().take(LONGEST_NOTE_WORDS).position(ends).map_or(0, |index| index + 1)
}

/// Lower case without punctuation, so that "Aye." and "aye" are the same.
pub fn plain(word: &Word) -> String {
    word.text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a phrase stands more often in a row than anybody says it.
pub fn loops(words: &[Word]) -> bool {
    without_loops(words.to_vec()).len() < words.len()
}

/// Keeps one of each phrase that is repeated beyond belief.
pub fn without_loops(words: Vec<Word>) -> Vec<Word> {
    let plains: Vec<String> = words.iter().map(plain).collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let repeated = (1..=LONGEST_PHRASE_WORDS).find_map(|length| {
            let times = repeats(&plains[at..], length);
            (times > MOST_REPEATS[length.min(MOST_REPEATS.len()) - 1]).then_some((length, times))
        });
        let (length, times) = repeated.unwrap_or((1, 1));
        kept.extend_from_slice(&words[at..at + length]);
        at += length * times;
    }
    kept
}

/// How often the first `length` words stand in a row.
fn repeats(plains: &[String], length: usize) -> usize {
    if plains.len() < length {
        return 0;
    }
    let phrase = &plains[..length];
    plains.chunks_exact(length).take_while(|chunk| *chunk == phrase).count()
}

/// Removes words where no voice was, and ends the others no later than the voice they are in.
/// `speech` is in milliseconds since `origin`.
pub fn within_speech(words: Vec<Word>, speech: &[Span], origin: MediaTime) -> Vec<Word> {
    let placed = |mut word: Word| {
        let said = Span::new(word.start_ms - origin, word.end_ms - origin);
        let nearest = speech.iter().copied().max_by_key(|span| span.overlap_ms(said))?;
        if nearest.overlap_ms(said) < -ALIGNMENT_TOLERANCE_MS {
            return None;
        }
        if nearest.start_ms <= said.start_ms && said.start_ms < nearest.end_ms {
            word.end_ms = word.end_ms.min(origin + nearest.end_ms);
        }
        Some(word)
    };
    words.into_iter().filter_map(placed).collect()
}

/// Stretches of speech over which there are no words, in milliseconds since `origin`.
pub fn uncovered(words: &[Word], speech: &[Span], origin: MediaTime) -> Vec<Span> {
    let mut found = Vec::new();
    for span in speech {
        let mut from_ms = span.start_ms;
        let covering = words
            .iter()
            .map(|word| Span::new(word.start_ms - origin, word.end_ms - origin))
            .filter(|said| said.overlap_ms(*span) > 0);
        for said in covering {
            found.push(Span::new(from_ms, said.start_ms));
            from_ms = from_ms.max(said.end_ms);
        }
        found.push(Span::new(from_ms, span.end_ms));
    }
    found.retain(|span| span.length_ms() >= SHORTEST_UNCOVERED_MS);
    found
}

/// Puts words found on a second try among the others, unless they only say what stands beside them already.
pub fn insert(words: &mut Vec<Word>, found: Vec<Word>) {
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return };
    let from = words.partition_point(|word| word.start_ms < first.start_ms);
    let to = words.partition_point(|word| word.start_ms < last.end_ms);
    let count = found.len();
    let same = |beside: &[Word]| beside.iter().map(plain).eq(found.iter().map(plain));
    let echo =
        same(&words[from.saturating_sub(count)..from]) || same(&words[to..(to + count).min(words.len())]);
    // Where words stand in between, the stretch was not without text.
    if from == to && !echo {
        words.splice(from..to, found);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One word every 300 ms, each 250 ms long.
    fn words(text: &str) -> Vec<Word> {
        let word = |(index, text): (usize, &str)| Word {
            start_ms: MediaTime::from_ms(index as i64 * 300),
            end_ms: MediaTime::from_ms(index as i64 * 300 + 250),
            text: text.to_owned(),
            confidence: 0.9,
        };
        text.split_whitespace().enumerate().map(word).collect()
    }

    fn text(words: &[Word]) -> String {
        words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn notes_of_sounds_go_and_text_stays() {
        let kept = |input| text(&without_notes(words(input)));
        assert_eq!(kept("[BLANK_AUDIO] Thank you. (gentle music) Next. *cough* ♪"), "Thank you. Next.");
        assert_eq!(
            kept("under section 106(a) of the (Planning Act nobody closed this"),
            "under section 106(a) of the (Planning Act nobody closed this"
        );
    }

    #[test]
    fn loops_are_cut_and_emphasis_is_not() {
        let kept = |input: &str| text(&without_loops(words(input)));
        let looping =
            "we will now ".to_owned() + &"move on to the next item. ".repeat(9) + "Councillor Reed.";
        assert_eq!(kept(&looping), "we will now move on to the next item. Councillor Reed.");
        assert_eq!(kept(&"Thank you. ".repeat(5)), "Thank you.");
        let twice = "I could not help watching your face with some anxiety. ".repeat(2) + "Indeed.";
        assert_eq!(kept(&twice), "I could not help watching your face with some anxiety. Indeed.");
        for said in ["Aye. Aye. Aye. Aye. Aye.", "hear hear, hear hear", "no, no, no, that is not right"] {
            assert!(!loops(&words(said)), "{said}");
        }
    }

    #[test]
    fn words_without_a_voice_go() {
        let speech = [Span::new(0, 700), Span::new(5_000, 6_000)];
        let kept =
            within_speech(words("one two three four five six seven eight nine"), &speech, MediaTime::ZERO);
        assert_eq!(text(&kept), "one two three four five six");
        assert_eq!(kept[2].end_ms.ms(), 700);
    }

    #[test]
    fn speech_without_words_is_found_and_filled() {
        let mut said = words("one two three");
        let speech = [Span::new(0, 900), Span::new(1_000, 4_000)];
        let empty = uncovered(&said, &speech, MediaTime::ZERO);
        assert_eq!(empty, [Span::new(1_000, 4_000)]);
        let mut found = words("four five");
        for word in &mut found {
            word.start_ms = word.start_ms + 1_200;
            word.end_ms = word.end_ms + 1_200;
        }
        insert(&mut said, found.clone());
        assert_eq!(text(&said), "one two three four five");
        insert(&mut said, found);
        assert_eq!(text(&said), "one two three four five");
    }

    proptest! {
        #[test]
        fn what_is_left_was_said_in_that_order(picks in prop::collection::vec(0_usize..3, 0..60)) {
            let text = picks.iter().map(|&pick| ["aye", "the", "motion"][pick]).collect::<Vec<_>>().join(" ");
            let all = words(&text);
            let kept = without_loops(all.clone());
            let mut rest = all.iter();
            prop_assert!(kept.iter().all(|word| rest.any(|said| said == word)));
            prop_assert_eq!(kept.len() < all.len(), loops(&all));
        }
    }
}
