//! What is said and what is printed, as words that can be compared.

use std::collections::HashMap;

use frostem::{Algorithm, Stemmer};

use super::Line;

/// Ten hours of fast speech are 120,000 words; what goes on after thrice that is no meeting.
const MAX_WORDS: usize = 360_000;
/// In letters. A longer run is no word that anybody says, and is cut.
const MAX_LENGTH: usize = 40;
/// A silence before a line of that length, in ms, ends a sentence where captions have no full stops.
const PAUSE_MS: i64 = 1_500;
/// How many words make one [`Speech::blocks`]: about 20 s, as long as it takes to read a title out.
const BLOCK: usize = 50;
/// Sounds of somebody who thinks.
const FILLERS: [&str; 8] = ["uh", "um", "er", "erm", "ah", "uhm", "hmm", "mm"];

/// A word of speech.
#[derive(Debug, Clone)]
pub struct Word {
    /// Small letters and digits.
    pub text: String,
    pub at_ms: i64,
    /// A sentence begins with it.
    pub opens: bool,
}

/// All that was said, and where the words of titles are in it.
pub struct Speech {
    /// In order of time.
    pub words: Vec<Word>,
    /// For each term, the words at which it is said, ascending.
    pub places: Vec<Vec<usize>>,
    /// For each term, in how many blocks of the speech it is said.
    pub blocks_with: Vec<usize>,
    /// At least 1.
    pub blocks: usize,
}

/// The terms of all titles: stems, numbered as they come.
pub struct Terms {
    stemmer: Stemmer,
    stems: HashMap<String, usize>,
    /// Two terms that are also written as one word: "council member".
    joined: HashMap<String, [usize; 2]>,
}

impl Terms {
    pub fn new() -> Self {
        Self { stemmer: Stemmer::new(Algorithm::English), stems: HashMap::new(), joined: HashMap::new() }
    }

    pub fn len(&self) -> usize {
        self.stems.len()
    }

    /// The terms of a title, a term for each word.
    pub fn learn<'a>(&mut self, words: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let mut terms = Vec::new();
        let mut before: Option<(&str, usize)> = None;
        for word in words {
            let next = self.stems.len();
            let term = *self.stems.entry(self.stemmer.stem(word).into_owned()).or_insert(next);
            if let Some((first, first_term)) = before {
                self.joined
                    .insert(self.stemmer.stem(&format!("{first}{word}")).into_owned(), [first_term, term]);
            }
            before = Some((word, term));
            terms.push(term);
        }
        terms
    }

    /// Hears what is said.
    pub fn listen(&self, lines: &[Line<'_>]) -> Speech {
        let words = words_of(lines);
        let mut places = vec![Vec::new(); self.len()];
        // A word is stemmed once, however often it is said.
        let mut heard: HashMap<&str, (Option<usize>, Option<[usize; 2]>)> = HashMap::new();
        let mut join = String::new();
        for (place, word) in words.iter().enumerate() {
            let (single, both) = *heard.entry(word.text.as_str()).or_insert_with(|| {
                let stem = self.stemmer.stem(&word.text);
                (self.stems.get(stem.as_ref()).copied(), self.joined.get(stem.as_ref()).copied())
            });
            let mut add = |term: usize, place: usize| places[term].push(place);
            if let Some(term) = single {
                add(term, place);
            }
            if let Some([first, second]) = both {
                add(first, place);
                add(second, place);
            }
            if let Some(next) = words.get(place + 1) {
                join.clear();
                join.push_str(&word.text);
                join.push_str(&next.text);
                if join.len() <= MAX_LENGTH
                    && let Some(term) = self.stems.get(self.stemmer.stem(&join).as_ref())
                {
                    add(*term, place);
                }
            }
        }
        let blocks_with = places
            .iter_mut()
            .map(|places| {
                places.sort_unstable();
                places.dedup();
                places.chunk_by(|left, right| left / BLOCK == right / BLOCK).count()
            })
            .collect();
        Speech { blocks: words.len().div_ceil(BLOCK).max(1), words, places, blocks_with }
    }
}

fn words_of(lines: &[Line<'_>]) -> Vec<Word> {
    let mut order: Vec<&Line<'_>> = lines.iter().collect();
    order.sort_by_key(|line| line.start_ms);
    let mut words: Vec<Word> = Vec::new();
    let mut opens = true;
    let mut silent_from = 0;
    for (index, line) in order.iter().enumerate() {
        // Captions may overlap; their words are taken one after the other.
        let next = order.get(index + 1).map_or(line.end_ms, |next| next.start_ms);
        let (start, end) = (line.start_ms.ms(), line.end_ms.min(next).max(line.start_ms).ms());
        opens |= start - silent_from > PAUSE_MS || line.text.starts_with(['-', '>', '–']);
        silent_from = end;
        let first = words.len();
        for (text, after) in split(line.text) {
            if !FILLERS.contains(&text.as_str()) {
                words.push(Word { text, at_ms: start, opens });
                opens = false;
            }
            opens |= after;
        }
        let count = (words.len() - first) as i64;
        for (word, index) in words[first..].iter_mut().zip(0..) {
            word.at_ms = start + (end - start) * index / count;
        }
        if words.len() > MAX_WORDS {
            words.truncate(MAX_WORDS);
            break;
        }
    }
    words
}

/// The words of a text in small letters, each with whether a sentence ends after it.
///
/// Apostrophes are dropped, and a dot or comma between digits belongs to the number: "2.41", "5.1", "30,000".
pub fn split(text: &str) -> impl Iterator<Item = (String, bool)> + '_ {
    let mut letters = text.chars().peekable();
    std::iter::from_fn(move || {
        let mut word = String::new();
        let mut length = 0;
        let mut last = ' ';
        while let Some(letter) = letters.next() {
            let in_number = matches!(letter, '.' | ',')
                && last.is_ascii_digit()
                && letters.peek().is_some_and(char::is_ascii_digit);
            if letter.is_alphanumeric() || in_number {
                length += 1;
                if length <= MAX_LENGTH && letter != ',' {
                    word.extend(letter.to_lowercase());
                }
            } else if !matches!(letter, '\'' | '’') && length > 0 {
                return Some((word, ends(letter)));
            }
            last = letter;
        }
        (length > 0).then_some((word, false))
    })
}

fn ends(letter: char) -> bool {
    matches!(letter, '.' | '?' | '!' | ':' | ';')
}

#[cfg(test)]
mod tests {
    use moothall_core::MediaTime;

    use super::*;

    #[test]
    fn texts_are_split_into_words() {
        let words: Vec<_> = split("It's 2.41 acres, Mr. O’Neil: item 9A. $30,000").collect();
        let texts: Vec<_> = words.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(texts, ["its", "2.41", "acres", "mr", "oneil", "item", "9a", "30000"]);
        let ends: Vec<_> = words.iter().filter(|(_, ends)| *ends).map(|(word, _)| word.as_str()).collect();
        assert_eq!(ends, ["mr", "oneil", "9a"]);
        assert_eq!(split(&"x".repeat(100_000)).next().map(|(word, _)| word.len()), Some(MAX_LENGTH));
    }

    #[test]
    fn words_have_times_and_beginnings() {
        let line = |start: i64, text| Line {
            start_ms: MediaTime::from_ms(start),
            end_ms: MediaTime::from_ms(start + 1_000),
            text,
        };
        let words = words_of(&[line(1_000, "of the council."), line(0, "uh, we welcome"), line(9_000, "so")]);
        let read: Vec<_> = words.iter().map(|word| (word.text.as_str(), word.at_ms, word.opens)).collect();
        assert_eq!(
            read,
            [
                ("we", 0, true),
                ("welcome", 500, false),
                ("of", 1_000, false),
                ("the", 1_333, false),
                ("council", 1_666, false),
                ("so", 9_000, true)
            ]
        );
    }

    #[test]
    fn captions_that_overlap_are_taken_one_after_the_other() {
        let line = |start: i64, end: i64, text| Line {
            start_ms: MediaTime::from_ms(start),
            end_ms: MediaTime::from_ms(end),
            text,
        };
        let words = words_of(&[
            line(0, 9_000, "one two"),
            line(1_000, 500, "three four"),
            line(1_000, 2_000, "five"),
        ]);
        let times: Vec<_> = words.iter().map(|word| word.at_ms).collect();
        assert_eq!(times, [0, 500, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn a_word_written_as_two_or_one_is_the_same() {
        let mut terms = Terms::new();
        let one = terms.learn(["councilmember", "comments"].into_iter());
        let two = terms.learn(["cycle", "way"].into_iter());
        let speech = terms.listen(&[Line {
            start_ms: MediaTime::ZERO,
            end_ms: MediaTime::ZERO,
            text: "council member comment on the cycleway",
        }]);
        assert_eq!((&speech.places[one[0]][..], &speech.places[one[1]][..]), (&[0][..], &[2][..]));
        assert_eq!((&speech.places[two[0]][..], &speech.places[two[1]][..]), (&[5][..], &[5][..]));
    }
}
