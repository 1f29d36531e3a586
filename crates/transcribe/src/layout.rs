//! Words into captions that can be read: where to break them, and for how long they stand.
//!
//! The limits are those of broadcasters' guidelines (BBC Subtitle Guidelines; Netflix Timed Text Style Guide):
//! two lines of 42 characters, 1 to 7 s.

use moothall_core::{Caption, MediaTime, Word};

pub const LINE_CHARACTERS: usize = 42;
pub const SHORTEST_MS: i64 = 1_000;
pub const LONGEST_MS: i64 = 7_000;
/// A caption does not stand over a longer silence.
pub const LONGEST_SILENCE_MS: i64 = 2_000;

/// The costs of a break, found by reading captions. Only their relation matters.
mod cost {
    /// Of every caption, so that few full ones are preferred to many short ones.
    pub const CAPTION: i64 = 10;
    pub const AFTER_SENTENCE: i64 = 0;
    pub const AFTER_CLAUSE: i64 = 5;
    pub const BEFORE_CONJUNCTION: i64 = 8;
    pub const ELSEWHERE: i64 = 14;
    /// After a word that belongs to the next, such as an article.
    pub const AFTER_BINDING: i64 = 24;
    /// A pause that can be heard is a good place.
    pub const PAUSE_GAIN: i64 = 4;
    /// Less than [`super::SHORTEST_MS`] until the next one must stand.
    pub const TOO_SHORT: i64 = 60;
    /// A sentence that ends and another that begins in one caption.
    pub const SENTENCE_WITHIN: i64 = 3;
}

const AUDIBLE_PAUSE_MS: i64 = 350;

/// Words that open a clause: a break before them is natural.
const CONJUNCTIONS: [&str; 18] = [
    "and", "but", "or", "so", "because", "that", "which", "who", "when", "where", "if", "while", "although",
    "as", "to", "for", "with", "from",
];
/// Words that belong to the one after them.
const BINDING: [&str; 24] = [
    "a",
    "an",
    "the",
    "of",
    "to",
    "in",
    "on",
    "at",
    "by",
    "for",
    "with",
    "from",
    "my",
    "your",
    "our",
    "their",
    "his",
    "her",
    "its",
    "this",
    "mr",
    "mrs",
    "ms",
    "councillor",
];

/// From when on which language is spoken, as in ISO 639-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage<'a> {
    pub from: MediaTime,
    pub language: &'a str,
}

/// Cuts words into captions. No word is lost or moved.
///
/// `words` are in order of time. `breaks` are moments at which the speaker changes, and each of `passages`, in
/// order of time, begins another language: no caption goes across one, and a word belongs to the side on which
/// its middle is. Before the first passage, captions have no language. A caption is longer than two lines only where a
/// single word is, and stands shorter than [`SHORTEST_MS`] only where the next one follows at once or where the
/// sound is over, at `end`.
pub fn captions(
    words: &[Word],
    breaks: &[MediaTime],
    passages: &[Passage<'_>],
    end: MediaTime,
) -> Vec<Caption> {
    let mut captions: Vec<Caption> = Vec::new();
    let mut from = 0;
    for to in 1..=words.len() {
        let ends = to == words.len()
            || apart(&words[to - 1], &words[to], breaks)
            || language(&words[to - 1], passages) != language(&words[to], passages);
        if ends {
            let next = words.get(to).map(|word| word.start_ms);
            let language = language(&words[from], passages).map(str::to_owned);
            let run = cut_run(&words[from..to], next, end);
            captions.extend(run.into_iter().map(|caption| Caption { language: language.clone(), ..caption }));
            from = to;
        }
    }
    captions
}

fn middle_ms(word: &Word) -> i64 {
    (word.start_ms.ms() + word.end_ms.ms()) / 2
}

fn language<'a>(word: &Word, passages: &[Passage<'a>]) -> Option<&'a str> {
    let begun = passages.partition_point(|passage| passage.from.ms() <= middle_ms(word));
    passages[..begun].last().map(|passage| passage.language)
}

/// Whether `next` may not stand in one caption with `last`.
fn apart(last: &Word, next: &Word, breaks: &[MediaTime]) -> bool {
    let changes = |at: &MediaTime| middle_ms(last) < at.ms() && at.ms() <= middle_ms(next);
    next.start_ms - last.end_ms > LONGEST_SILENCE_MS || breaks.iter().any(changes)
}

/// Cuts words that belong together at the places that cost least in sum.
/// `next` is when the first word after them begins, `sound_end` where no sound is left.
fn cut_run(words: &[Word], next: Option<MediaTime>, sound_end: MediaTime) -> Vec<Caption> {
    // best[i]: the least cost of cutting the first i words, and where the last of those captions begins.
    let mut best: Vec<(i64, usize)> = vec![(0, 0)];
    for end in 1..=words.len() {
        let begins = words.get(end).map(|word| word.start_ms).or(next);
        let mut least = (i64::MAX, end - 1);
        for start in (0..end).rev() {
            let inside = &words[start..end];
            if inside.len() > 1 && !fits(inside) {
                break;
            }
            let cost = best[start].0 + caption_cost(inside, words.get(end), begins);
            if cost < least.0 {
                least = (cost, start);
            }
        }
        best.push(least);
    }
    let mut cuts = vec![words.len()];
    while let Some(&end) = cuts.last().filter(|&&end| end > 0) {
        cuts.push(best[end].1);
    }
    cuts.reverse();
    cuts.windows(2)
        .map(|cut| {
            let begins = words.get(cut[1]).map(|word| word.start_ms).or(next);
            caption(&words[cut[0]..cut[1]], begins, sound_end)
        })
        .collect()
}

fn fits(words: &[Word]) -> bool {
    words[words.len() - 1].end_ms - words[0].start_ms <= LONGEST_MS && lines(words).is_some()
}

/// What it costs to make one caption of `words`, before the word `next` and the moment `begins`.
fn caption_cost(words: &[Word], next: Option<&Word>, begins: Option<MediaTime>) -> i64 {
    let last = &words[words.len() - 1];
    let within = words[..words.len() - 1].iter().filter(|word| ends_sentence(word)).count() as i64;
    let room_ms = begins.map_or(i64::MAX, |begins| begins - words[0].start_ms);
    let mut sum = cost::CAPTION + within * cost::SENTENCE_WITHIN + break_cost(last, next);
    if room_ms < SHORTEST_MS {
        sum += cost::TOO_SHORT;
    }
    sum
}

/// What it costs to break between two words, in a line or between captions.
fn break_cost(last: &Word, next: Option<&Word>) -> i64 {
    let Some(next) = next else { return 0 };
    let cost = if ends_sentence(last) {
        cost::AFTER_SENTENCE
    } else if last.text.ends_with([',', ';', ':', '–', '—']) {
        cost::AFTER_CLAUSE
    } else if is_one_of(last, &BINDING) {
        cost::AFTER_BINDING
    } else if is_one_of(next, &CONJUNCTIONS) {
        cost::BEFORE_CONJUNCTION
    } else {
        cost::ELSEWHERE
    };
    if next.start_ms - last.end_ms >= AUDIBLE_PAUSE_MS { cost - cost::PAUSE_GAIN } else { cost }
}

fn ends_sentence(word: &Word) -> bool {
    let text = word.text.trim_end_matches(['"', '\'', '”', '’', ')']);
    text.ends_with(['.', '?', '!', '…']) && !is_one_of(word, &BINDING)
}

fn is_one_of(word: &Word, list: &[&str]) -> bool {
    let text = word.text.trim_end_matches('.');
    list.iter().any(|entry| entry.eq_ignore_ascii_case(text))
}

/// The text in one line, or in two of about the same length; `None` where it does not fit.
fn lines(words: &[Word]) -> Option<String> {
    let text = join(words);
    let characters = text.chars().count();
    if characters <= LINE_CHARACTERS {
        return Some(text);
    }
    let mut best: Option<(i64, usize)> = None;
    let mut above = 0;
    for (index, pair) in words.windows(2).enumerate() {
        above += pair[0].text.chars().count() + usize::from(index > 0);
        let below = characters - above - 1;
        if above <= LINE_CHARACTERS && below <= LINE_CHARACTERS {
            let cost = above.abs_diff(below) as i64 + break_cost(&pair[0], Some(&pair[1]));
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, index + 1));
            }
        }
    }
    best.map(|(_, index)| format!("{}\n{}", join(&words[..index]), join(&words[index..])))
}

fn join(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// `next` is when the first word after this caption begins, `sound_end` where no sound is left.
fn caption(words: &[Word], next: Option<MediaTime>, sound_end: MediaTime) -> Caption {
    let (start_ms, said_ms) = (words[0].start_ms, words[words.len() - 1].end_ms);
    let latest_ms = next.unwrap_or(MediaTime::MAX).min(start_ms + LONGEST_MS);
    let end_ms = said_ms.max((start_ms + SHORTEST_MS).min(sound_end)).min(latest_ms);
    let confidence = words.iter().map(|word| word.confidence).sum::<f32>() / words.len() as f32;
    Caption {
        start_ms,
        end_ms,
        text: lines(words).unwrap_or_else(|| join(words)),
        confidence: Some(confidence),
        speaker: None,
        language: None,
        words: words.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words of 300 ms each, every 330 ms; `|` is a silence of three seconds, `/` one of half a second.
    fn words(text: &str) -> Vec<Word> {
        let mut at_ms = 0;
        let mut words = Vec::new();
        for text in text.split_whitespace() {
            match text {
                "|" => at_ms += 3_000,
                "/" => at_ms += 500,
                _ => {
                    words.push(Word {
                        start_ms: MediaTime::from_ms(at_ms),
                        end_ms: MediaTime::from_ms(at_ms + 300),
                        text: text.to_owned(),
                        confidence: 0.8,
                    });
                    at_ms += 330;
                }
            }
        }
        words
    }

    fn texts(captions: &[Caption]) -> Vec<&str> {
        captions.iter().map(|caption| caption.text.as_str()).collect()
    }

    #[test]
    fn breaks_at_sentences_and_clauses() {
        let text = "Good evening and welcome to the planning committee. The first item is the minutes of the last \
                    meeting, which were sent to members on Friday with the rest of the papers. Are they agreed?";
        insta::assert_snapshot!(texts(&captions(&words(text), &[], &[], MediaTime::MAX)).join("\n---\n"), @r"
        Good evening and welcome
        to the planning committee.
        ---
        The first item is the minutes
        of the last meeting,
        ---
        which were sent to members on Friday with
        the rest of the papers. Are they agreed?
        ");
    }

    #[test]
    fn a_caption_keeps_to_one_speaker_and_to_one_side_of_a_silence() {
        let said = words("Is that agreed? Agreed. Thank you. | Item two.");
        let change = said[3].start_ms;
        let cut = captions(&said, &[change, change + 330], &[], MediaTime::MAX);
        assert_eq!(texts(&cut), ["Is that agreed?", "Agreed.", "Thank you.", "Item two."]);
        // There is no room for a second of "Agreed.", but there is for one after the last words.
        assert_eq!(cut[1].end_ms, cut[2].start_ms);
        assert_eq!(cut[2].end_ms - cut[2].start_ms, SHORTEST_MS);
    }

    #[test]
    fn a_caption_keeps_to_one_language() {
        let said = words("The motion is carried. La séance est levée. Thank you.");
        let passages = [("en", 0), ("fr", 4), ("en", 8)]
            .map(|(language, word): (_, usize)| Passage { from: said[word].start_ms, language });
        let cut = captions(&said, &[], &passages, MediaTime::MAX);
        assert_eq!(texts(&cut), ["The motion is carried.", "La séance est levée.", "Thank you."]);
        let languages: Vec<_> = cut.iter().map(|caption| caption.language.as_deref()).collect();
        assert_eq!(languages, [Some("en"), Some("fr"), Some("en")]);
        // Two passages of one language are read as one; before the first, nobody knows.
        let late = [4, 8].map(|word: usize| Passage { from: said[word].start_ms, language: "en" });
        let languages = |passages| {
            let cut = captions(&said, &[], passages, MediaTime::MAX);
            cut.into_iter().map(|caption| caption.language).collect::<Vec<_>>()
        };
        assert_eq!(languages(&late), [None, Some("en".to_owned())]);
        assert_eq!(languages(&[]), [None]);
    }

    #[test]
    fn one_endless_word_stands_alone() {
        let long = "a".repeat(60);
        let cut = captions(&words(&format!("So {long} indeed")), &[], &[], MediaTime::MAX);
        assert_eq!(texts(&cut), ["So", long.as_str(), "indeed"]);
    }

    #[test]
    fn no_caption_stands_after_the_sound_is_over() {
        let said = words("Thank you.");
        let end = said[1].end_ms + 50;
        assert_eq!(captions(&said, &[], &[], end)[0].end_ms, end);
        assert_eq!(
            captions(&said, &[], &[], said[1].start_ms)[0].end_ms,
            said[1].end_ms,
            "but while it is said"
        );
    }

    fn any_words() -> impl Strategy<Value = Vec<Word>> {
        let word = (
            "[A-Za-z']{1,14}[,.?]{0,1}",
            40_i64..900,
            prop_oneof![4 => 0_i64..200, 1 => 0_i64..5_000],
            0.0_f32..1.0,
        );
        prop::collection::vec(word, 0..120).prop_map(|words| {
            let mut at_ms = 0;
            let timed = |(text, length_ms, pause_ms, confidence)| {
                at_ms += pause_ms;
                let start_ms = MediaTime::from_ms(at_ms);
                at_ms += length_ms;
                Word { start_ms, end_ms: MediaTime::from_ms(at_ms), text, confidence }
            };
            words.into_iter().map(timed).collect()
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_all_limits_hold(
            words in any_words(),
            breaks in prop::collection::vec(0_i64..60_000, 0..8),
            changes in prop::collection::btree_set(0_i64..60_000, 0..4),
            silence_ms in 0_i64..3_000,
        ) {
            let breaks: Vec<MediaTime> = breaks.into_iter().map(MediaTime::from_ms).collect();
            let end = words.last().map_or(MediaTime::ZERO, |word| word.end_ms) + silence_ms;
            let passages: Vec<Passage> = changes
                .iter()
                .zip(["cy", "en"].iter().cycle())
                .map(|(&at_ms, language)| Passage { from: MediaTime::from_ms(at_ms), language })
                .collect();
            let captions = captions(&words, &breaks, &passages, end);
            let kept: Vec<Word> = captions.iter().flat_map(|caption| caption.words.clone()).collect();
            prop_assert_eq!(&kept, &words);
            for (index, caption) in captions.iter().enumerate() {
                let lines: Vec<&str> = caption.text.lines().collect();
                prop_assert!(lines.len() <= 2);
                prop_assert!(lines.iter().all(|line| line.chars().count() <= LINE_CHARACTERS));
                let flat = caption.text.replace('\n', " ");
                prop_assert_eq!(flat, join(&caption.words));
                let length_ms = caption.end_ms - caption.start_ms;
                prop_assert!(0 < length_ms && length_ms <= LONGEST_MS);
                let next = captions.get(index + 1);
                let cut_short_at = next.map_or(end, |next| next.start_ms);
                prop_assert!(length_ms >= SHORTEST_MS || caption.end_ms == cut_short_at);
                prop_assert!(caption.end_ms <= end);
                prop_assert!(next.is_none_or(|next| caption.end_ms <= next.start_ms));
                let in_it = |word| language(word, &passages) == caption.language.as_deref();
                prop_assert!(caption.words.iter().all(in_it));
                for pair in caption.words.windows(2) {
                    prop_assert!(pair[1].start_ms - pair[0].end_ms <= LONGEST_SILENCE_MS);
                    for at in &breaks {
                        prop_assert!(!(middle_ms(&pair[0]) < at.ms() && at.ms() <= middle_ms(&pair[1])));
                    }
                }
            }
        }
    }
}
