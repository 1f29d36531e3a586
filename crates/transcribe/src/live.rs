//! Words within seconds of their being said.
//!
//! The last seconds are decoded again whenever another second has come, and the words on which two decodings in a
//! row agree are settled: LocalAgreement-2 of Liu, Spanakis and Niehues ("Low-latency sequence-to-sequence speech
//! recognition", 2020), with Whisper as in Macháček, Dabre and Bojar ("Turning Whisper into a real-time
//! transcription system", 2023). What was settled never changes.

use moothall_core::{MediaTime, Word};

use crate::{
    SAMPLES_PER_MS, TranscribeError, Transcriber,
    decode::Search,
    repair, samples_between,
    windows::{self, Span},
};

/// How much more sound there is before it is decoded again. More often takes a core, and settles little sooner.
const STEP_MS: i64 = 1_000;
/// From here on sound whose words are settled is let go.
const LONG_MS: i64 = 8_000;
/// So much of it is kept, since words are heard better after those before.
const CONTEXT_MS: i64 = 3_000;
/// If two decodings agree on nothing for so long, the words are taken as they are.
const LONGEST_MS: i64 = 12_000;
/// Then at least these last of them are still open.
const UNSURE_MS: i64 = 2_000;
/// The end of a word that is just being said changes what it is taken for.
const FRESH_MS: i64 = 400;
/// So many words may be heard differently before others that agree.
const MOST_DIFFERENT: usize = 3;
/// So many must agree then.
const ENOUGH_ALIKE: usize = 3;
/// Behind the voice, after which nothing more belongs to what was said.
const SILENCE_MS: i64 = 700;
/// Sound kept before a voice that may begin with the next samples, and around one that was found.
const MARGIN_MS: i64 = 300;
/// From this length on it is known which language is spoken.
const ENOUGH_TO_TELL_MS: i64 = 5_000;
/// As [`crate::windows::Packing::shortest_silence_ms`] of the fast mode.
const SHORTEST_SILENCE_MS: i64 = 300;
/// Two decodings place a word that is the same no further apart.
const JITTER_MS: i64 = 1_000;
/// So many words before a seam are compared with those that are settled, and so much each of them counts.
const MOST_KNOWN: usize = 4;
const KNOWN_WORD_MS: i64 = 400;
/// So many words are remembered, to know them again where the sound was cut behind them.
const TAIL_WORDS: usize = 8;

/// Listens to what is being said. It takes sound as it comes and gives each word once.
#[derive(Debug)]
pub struct Live {
    /// When the first sample of `sound` was heard.
    start: MediaTime,
    sound: Vec<f32>,
    /// Length of `sound` when it was decoded last.
    heard_ms: i64,
    /// What the last decoding heard behind what is settled.
    guess: Vec<Word>,
    /// The last words that are settled.
    tail: Vec<Word>,
    language: Option<&'static str>,
}

impl Live {
    /// Of sound whose first sample was heard at `start`.
    pub fn begin(start: MediaTime) -> Self {
        Self { start, sound: Vec::new(), heard_ms: 0, guess: Vec::new(), tail: Vec::new(), language: None }
    }

    /// Up to where every word is settled: who starts again there hears the rest.
    pub fn position(&self) -> MediaTime {
        self.tail.last().map_or(self.start, |word| word.end_ms.max(self.start))
    }

    /// When the next sample is heard.
    pub fn end_of_sound(&self) -> MediaTime {
        self.start + self.length_ms()
    }

    /// The language that was asked for or found out; `None` until somebody has spoken.
    pub const fn language(&self) -> Option<&'static str> {
        self.language
    }

    fn length_ms(&self) -> i64 {
        (self.sound.len() / SAMPLES_PER_MS) as i64
    }

    /// Takes sound that follows what was pushed before, and gives the words that are settled now.
    ///
    /// # Errors
    /// If a model fails.
    pub fn push(&mut self, transcriber: &Transcriber, samples: &[f32]) -> Result<Vec<Word>, TranscribeError> {
        self.sound.extend_from_slice(samples);
        if self.length_ms() - self.heard_ms < STEP_MS {
            return Ok(Vec::new());
        }
        self.hear(transcriber, false)
    }

    /// Gives the words that are left: the sound ends here.
    ///
    /// # Errors
    /// If a model fails.
    pub fn end(mut self, transcriber: &Transcriber) -> Result<Vec<Word>, TranscribeError> {
        self.hear(transcriber, true)
    }

    fn hear(&mut self, transcriber: &Transcriber, is_end: bool) -> Result<Vec<Word>, TranscribeError> {
        let length_ms = self.length_ms();
        self.heard_ms = length_ms;
        let probabilities = transcriber.voice.probabilities(&self.sound, 1)?;
        let speech = windows::speech(&probabilities, SHORTEST_SILENCE_MS);
        let (Some(first), Some(last)) = (speech.first(), speech.last()) else {
            self.let_go(length_ms - 2 * MARGIN_MS);
            self.guess.clear();
            return Ok(Vec::new());
        };
        let is_over = is_end || last.end_ms + SILENCE_MS <= length_ms;
        let span = Span::new(
            (first.start_ms - MARGIN_MS).max(0),
            if is_over { (last.end_ms + MARGIN_MS).min(length_ms) } else { length_ms },
        );
        let words = self.decode(transcriber, span, &speech)?;
        let words = self.news(words);
        let agreed = if is_over {
            words.len()
        } else if length_ms > LONGEST_MS {
            words.partition_point(|word| word.end_ms < self.start + (length_ms - UNSURE_MS))
        } else {
            let fresh = words.partition_point(|word| word.end_ms < self.start + (length_ms - FRESH_MS));
            agreement(&self.guess, &words).min(fresh)
        };
        let mut settled = words;
        self.guess = settled.split_off(agreed);
        self.tail.extend_from_slice(&settled);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_WORDS));
        if is_over {
            self.let_go(last.end_ms + MARGIN_MS);
        } else if length_ms > LONG_MS {
            self.let_go(self.position() - self.start - CONTEXT_MS);
        }
        Ok(settled)
    }

    fn decode(
        &mut self,
        transcriber: &Transcriber,
        span: Span,
        speech: &[Span],
    ) -> Result<Vec<Word>, TranscribeError> {
        let sound = samples_between(&self.sound, span.start_ms, span.end_ms);
        let language = match self.language.or(transcriber.language) {
            Some(language) => language,
            None => transcriber.whisper.detect_language(sound)?,
        };
        // A word or two do not tell for sure.
        self.language = self.language.or((span.length_ms() >= ENOUGH_TO_TELL_MS).then_some(language));
        let (words, _) =
            transcriber.whisper.decode(sound, self.start + span.start_ms, Search::Once, language, &[])?;
        let words = repair::within_speech(repair::without_notes(words), speech, self.start);
        Ok(repair::without_loops(words))
    }

    /// The words behind what is settled: where those before are the settled ones, and the time is about right.
    fn news(&self, mut words: Vec<Word>) -> Vec<Word> {
        let Some(last) = self.tail.last() else { return words };
        let known = |seam: usize| {
            let pairs = words[..seam].iter().rev().zip(self.tail.iter().rev());
            pairs
                .take(MOST_KNOWN)
                .take_while(|(word, known)| repair::plain(word) == repair::plain(known))
                .count()
        };
        // When a word begins is known better than when it ends, above all before a silence.
        let distance_ms = |seam: usize| match (known(seam), words.get(seam)) {
            (1.., _) => (words[seam - 1].start_ms - last.start_ms).abs(),
            (0, Some(word)) => (word.start_ms - last.end_ms).abs(),
            (0, None) => words.last().map_or(0, |word| (word.end_ms - last.end_ms).abs()),
        };
        let score = |seam: &usize| known(*seam) as i64 * KNOWN_WORD_MS - distance_ms(*seam);
        let seam = (0..=words.len()).filter(|seam| distance_ms(*seam) <= JITTER_MS).max_by_key(score);
        let seam = seam.unwrap_or_else(|| words.partition_point(|word| word.start_ms < last.end_ms));
        words.drain(..seam);
        words
    }

    /// Lets the sound before a moment go.
    fn let_go(&mut self, until_ms: i64) {
        let until_ms = until_ms.clamp(0, self.length_ms());
        self.sound.drain(..until_ms as usize * SAMPLES_PER_MS);
        self.start = self.start + until_ms;
        self.heard_ms -= until_ms;
    }
}

/// How many of the words heard now are settled by those heard before.
fn agreement(before: &[Word], now: &[Word]) -> usize {
    // Where the first words are heard differently each time, those behind them must agree the more.
    let starts =
        (0..=2 * MOST_DIFFERENT).flat_map(|sum| (0..=sum).map(move |skipped| (skipped, sum - skipped)));
    let starts = starts.filter(|&(left, right)| left.max(right) <= MOST_DIFFERENT);
    for (left, right) in starts {
        let (before, after) = (before.get(left..).unwrap_or_default(), now.get(right..).unwrap_or_default());
        let count = alike(before, after);
        if count >= if left + right == 0 { 1 } else { ENOUGH_ALIKE } {
            return right + count;
        }
    }
    0
}

/// With how many words both begin.
fn alike(left: &[Word], right: &[Word]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| repair::plain(left) == repair::plain(right)).count()
}
