//! How text becomes words: what counts as one, and in which forms it is kept.
//!
//! A word is a run of letters and digits. Apostrophes and combining accents inside it vanish, so that
//! "mayor's" is `mayors` and a decomposed "café" is `cafe`. Everything else parts words, so that the planning
//! reference `24/01150/FULL` is three words in a row: typed whole or in part it is found as a phrase. Only the
//! letters of an initialism are one word with and without their stops: "N.H.S." is `nhs`.

use std::{ops::Range, str::CharIndices};

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, PreTokenizedString, RemoveLongFilter, Stemmer, TextAnalyzer,
    Token, TokenStream, Tokenizer, TokenizerManager,
};

/// Case and diacritics folded; what quoted phrases, prefixes and names are compared by.
pub const FOLDED: &str = "folded";
/// Folded, then stemmed by the English Snowball algorithm; what plain words are compared by.
pub const ENGLISH: &str = "english";

/// Longer "words" are data that nobody types.
const LONGEST_WORD_BYTES: usize = 80;

pub fn folded() -> TextAnalyzer {
    TextAnalyzer::builder(WordTokenizer::default())
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(RemoveLongFilter::limit(LONGEST_WORD_BYTES))
        .build()
}

pub fn english() -> TextAnalyzer {
    TextAnalyzer::builder(WordTokenizer::default())
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(RemoveLongFilter::limit(LONGEST_WORD_BYTES))
        .filter(Stemmer::new(Language::English))
        .build()
}

pub fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(FOLDED, folded());
    manager.register(ENGLISH, english());
    manager
}

/// The words of a text with the bytes they stand in.
pub fn words(analyzer: &mut TextAnalyzer, text: &str) -> Vec<(String, Range<usize>)> {
    let mut words = Vec::new();
    analyzer
        .token_stream(text)
        .process(&mut |token| words.push((token.text.clone(), token.offset_from..token.offset_to)));
    words
}

/// What the forms of a folded word have in common.
pub fn stem(word: &str) -> String {
    words(&mut english(), word).pop().map_or_else(String::new, |(stem, _)| stem)
}

/// The folded words of a text.
pub fn folded_words(text: &str) -> Vec<String> {
    words(&mut folded(), text).into_iter().map(|(word, _)| word).collect()
}

/// How a word of what is said after a passage is kept with it: by itself it finds nothing there, but a phrase
/// may end with it. No word holds the sign.
pub fn said_next(word: &str) -> String {
    format!("+{word}")
}

/// Whether it is such a word.
pub fn is_said_next(word: &str) -> bool {
    word.starts_with('+')
}

/// The words of a passage and of what is said next, in a row.
pub fn in_a_row(text: &str, next: &str) -> PreTokenizedString {
    let mut tokens: Vec<Token> = Vec::new();
    let mut folded = folded();
    folded.token_stream(text).process(&mut |token| tokens.push(token.clone()));
    let after = tokens.last().map_or(0, |last| last.position + 1);
    folded.token_stream(next).process(&mut |token| {
        tokens.push(Token {
            text: said_next(&token.text),
            position: after + token.position,
            ..token.clone()
        });
    });
    PreTokenizedString { text: String::new(), tokens }
}

/// An item's number however it is printed: "7a", "7(a)" and "7 A." are one, "1.1" and "11" are not.
pub fn item_number(text: &str) -> String {
    let mut number = String::with_capacity(text.len());
    let mut previous = None;
    for character in text.chars().flat_map(char::to_lowercase) {
        let kind = character.is_alphanumeric().then(|| character.is_numeric());
        if kind.is_some() {
            if kind != previous && !number.is_empty() {
                number.push(' ');
            }
            number.push(character);
        }
        previous = kind;
    }
    number
}

#[derive(Clone, Default)]
struct WordTokenizer {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    chars: CharIndices<'a>,
    token: &'a mut Token,
}

impl Tokenizer for WordTokenizer {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, chars: text.char_indices(), token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        self.token.text.clear();
        self.token.position = self.token.position.wrapping_add(1);
        let Some((start, first)) = self.chars.by_ref().find(|(_, character)| character.is_alphanumeric())
        else {
            return false;
        };
        self.token.offset_from = start;
        if let Some((letters, end)) = initialism(&self.text[start..]) {
            self.token.text = letters;
            self.token.offset_to = start + end;
            while self.chars.clone().next().is_some_and(|(offset, _)| offset < start + end) {
                self.chars.next();
            }
            return true;
        }
        self.token.text.push(first);
        self.token.offset_to = start + first.len_utf8();
        while let Some((offset, character)) = self.chars.clone().next() {
            if character.is_alphanumeric() {
                self.token.text.push(character);
            } else if !(is_combining(character) || self.is_inner_apostrophe(offset, character)) {
                break;
            }
            self.token.offset_to = offset + character.len_utf8();
            self.chars.next();
        }
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// The letters of an initialism that a text begins with, and the bytes from the first to the last of them.
fn initialism(text: &str) -> Option<(String, usize)> {
    let mut letters = String::new();
    let mut end = 0;
    let mut rest = Some(text);
    while let Some(letter) = rest.and_then(|rest| rest.chars().next()).filter(|letter| letter.is_alphabetic())
    {
        let after = &text[end + usize::from(end > 0) + letter.len_utf8()..];
        if after.starts_with(|next: char| next.is_alphanumeric() || is_combining(next)) {
            break;
        }
        letters.push(letter);
        end = text.len() - after.len();
        rest = after.strip_prefix('.');
    }
    (letters.chars().count() > 1).then_some((letters, end))
}

impl WordStream<'_> {
    fn is_inner_apostrophe(&self, offset: usize, character: char) -> bool {
        matches!(character, '\'' | '\u{2019}' | '\u{02bc}')
            && self.text[offset + character.len_utf8()..].chars().next().is_some_and(char::is_alphanumeric)
    }
}

/// Combining Diacritical Marks of Unicode.
fn is_combining(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_words() {
        assert_eq!(
            folded_words("Ref. 24/01150/FULL, the Mayor’s"),
            ["ref", "24", "01150", "full", "the", "mayors"]
        );
        assert_eq!(folded_words("Tŷ Gŵyr, cafe\u{301}s ‘quoted’ 5'"), ["ty", "gwyr", "cafes", "quoted", "5"]);
        assert_eq!(folded_words(&"x".repeat(500)), Vec::<String>::new());
    }

    #[test]
    fn an_initialism_is_one_word_with_and_without_stops() {
        for (text, expected) in [
            ("the N.H.S. and the NHS", &["the", "nhs", "and", "the", "nhs"][..]),
            ("S.E.N.D", &["send"]),
            ("J.R.Smith, J. Smith", &["jr", "smith", "j", "smith"]),
            ("plan B. A plan", &["plan", "b", "a", "plan"]),
            ("e.g.É.U. 7.a.b", &["egeu", "7", "ab"]),
            ("é.e\u{301}", &["e", "e"]),
            ("a.", &["a"]),
        ] {
            assert_eq!(folded_words(text), expected, "{text}");
        }
        assert_eq!(words(&mut folded(), "the N.H.S. is")[1], ("nhs".to_owned(), 4..9));
    }

    #[test]
    fn a_words_place_covers_its_marks() {
        let text = "a cafe\u{301}'s";
        assert_eq!(words(&mut english(), text)[1], ("cafe".to_owned(), 2..text.len()));
    }

    #[test]
    fn item_numbers_are_one_however_printed() {
        for printed in ["7a", "7A", "7(a)", "7 a.", " 7-A "] {
            assert_eq!(item_number(printed), "7 a", "{printed}");
        }
        assert_ne!(item_number("1.1"), item_number("11"));
        assert_eq!(item_number("…"), "");
    }
}
