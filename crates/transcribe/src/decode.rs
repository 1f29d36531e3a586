//! Whisper: one window of sound in, its words out.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use moothall_core::{MediaTime, Word};
use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext,
    WhisperContextParameters, WhisperError, WhisperState,
};

use crate::{SAMPLE_RATE_HZ, languages::Odds};

/// Whisper refuses shorter sound: it is filled up with silence.
const SHORTEST_SAMPLES: usize = SAMPLE_RATE_HZ * 11 / 10;
/// Positions of the encoder: 50 a second, 1500 for the 30 s it was trained on.
const POSITIONS_PER_SECOND: usize = 50;
const MOST_POSITIONS: usize = 1_500;
/// Fewer positions than the sound needs, or none after its end, lose words.
const SPARE_POSITIONS: usize = 64;
/// Nobody speaks faster: keeps words apart that alignment put at the same moment.
const SHORTEST_WORD_MS: i64 = 20;
/// More than are said in a window; whisper.cpp gives up at 220.
const MOST_TOKENS: i32 = 210;
/// Memory for one alignment; what is not used is never touched.
const ALIGNMENT_BYTES: usize = 128 << 20;

/// How hard to look for the best text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Once, whatever comes of it: what is heard again a second later needs no second try.
    Once,
    Greedy,
    Beam,
}

/// The loaded weights, and one decoder for each thread.
#[derive(Debug)]
pub struct Whisper {
    name: String,
    context: WhisperContext,
    /// Making one takes longer than decoding a window, so they are kept.
    idle: Mutex<Vec<WhisperState>>,
    decoders: usize,
}

impl Whisper {
    /// `name` is the model's name in the manifest: alignment differs from model to model.
    pub fn load(path: &Path, name: &str, decoders: usize) -> Result<Self, WhisperError> {
        whisper_rs::install_logging_hooks();
        let mut parameters = WhisperContextParameters::default();
        let mode =
            alignment(name).map_or(DtwMode::None, |model_preset| DtwMode::ModelPreset { model_preset });
        // Flash attention is slower on a CPU, and alignment needs the attention that it does not keep.
        parameters.use_gpu(false).flash_attn(false);
        parameters.dtw_parameters(DtwParameters { mode, dtw_mem_size: ALIGNMENT_BYTES });
        let context = WhisperContext::new_with_params(path, parameters)?;
        let states = (0..decoders).map(|_| context.create_state()).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), context, idle: Mutex::new(states), decoders })
    }

    /// Of the model, in the manifest.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub const fn decoders(&self) -> usize {
        self.decoders
    }

    pub fn is_multilingual(&self) -> bool {
        self.context.is_multilingual()
    }

    /// Which language is spoken, as in ISO 639-1. Takes about as long as decoding 30 s.
    pub fn detect_language(&self, samples: &[f32]) -> Result<&'static str, WhisperError> {
        self.with_state(|state| {
            state.pcm_to_mel(&filled_up(samples), 1)?;
            let (id, _) = state.lang_detect(0, 1)?;
            Ok(whisper_rs::get_lang_str(id).unwrap_or("en"))
        })
    }

    /// How likely each language is. Takes about half as long as decoding the sound.
    pub fn languages(&self, samples: &[f32]) -> Result<Odds, WhisperError> {
        let mut parameters = parameters(SamplingStrategy::Greedy { best_of: 1 }, samples.len());
        // The encoder is what is needed, and it comes with the text. The first token is a time, so that nothing
        // is left to align.
        parameters.set_max_tokens(1);
        parameters.set_temperature_inc(0.0);
        self.with_state(|state| {
            state.full(parameters, &filled_up(samples))?;
            self.odds(state)
        })
    }

    /// Of the sound that `state` has just decoded: one more step of the decoder, which does not depend on the
    /// language that was decoded.
    fn odds(&self, state: &mut WhisperState) -> Result<Odds, WhisperError> {
        if !self.is_multilingual() {
            return Ok(Odds::default());
        }
        state.decode(&[self.context.token_sot()], 0, 1)?;
        // The languages stand between these two. Their number differs from model to model.
        let (from, to) = (self.context.token_sot() + 1, self.context.token_translate());
        let logits = state.get_logits()?.get(from as usize..to as usize).unwrap_or_default();
        Ok(Odds::from_logits(logits))
    }

    /// A prompt that makes its words likelier, as tokens.
    pub fn tokens(&self, prompt: &str) -> Result<Vec<i32>, WhisperError> {
        // A token stands for at least one byte; whisper.cpp's strings end at a zero.
        let text = prompt.replace('\0', " ");
        self.context.tokenize(&text, text.len() + 1)
    }

    /// The words of `samples`, of which the first was heard at `start`, and how likely each language is. Times
    /// increase strictly and stay within the sound.
    pub fn decode(
        &self,
        samples: &[f32],
        start: MediaTime,
        search: Search,
        language: &str,
        prompt: &[i32],
    ) -> Result<(Vec<Word>, Odds), WhisperError> {
        let strategy = match search {
            Search::Once | Search::Greedy => SamplingStrategy::Greedy { best_of: 1 },
            Search::Beam => SamplingStrategy::BeamSearch { beam_size: 5, patience: -1.0 },
        };
        let mut parameters = parameters(strategy, samples.len());
        parameters.set_language(Some(language));
        parameters.set_max_tokens(MOST_TOKENS);
        if search == Search::Once {
            parameters.set_temperature_inc(0.0);
        }
        if search == Search::Beam {
            // Stricter than whisper.cpp's 2.4 and -1: a second try pays when time does not matter.
            parameters.set_entropy_thold(2.8);
            parameters.set_logprob_thold(-0.7);
        }
        if !prompt.is_empty() {
            parameters.set_tokens(prompt);
        }
        self.with_state(|state| {
            state.full(parameters, &filled_up(samples))?;
            let duration_ms = (samples.len() * 1_000 / SAMPLE_RATE_HZ) as i64;
            let words = timed(gather(state, self.context.token_eot()), start, duration_ms);
            Ok((words, self.odds(state)?))
        })
    }

    fn with_state<T>(
        &self,
        work: impl FnOnce(&mut WhisperState) -> Result<T, WhisperError>,
    ) -> Result<T, WhisperError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut state = match idle {
            Some(state) => state,
            None => self.context.create_state()?,
        };
        let result = work(&mut state);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.decoders {
            idle.push(state);
        }
        result
    }
}

/// Which attention heads follow the sound was found out for each model of OpenAI's.
fn alignment(name: &str) -> Option<DtwModelPreset> {
    Some(match name {
        "tiny" => DtwModelPreset::Tiny,
        "tiny.en" => DtwModelPreset::TinyEn,
        "base" => DtwModelPreset::Base,
        "small" => DtwModelPreset::Small,
        "medium" => DtwModelPreset::Medium,
        "large-v3-turbo" => DtwModelPreset::LargeV3Turbo,
        _ => return None,
    })
}

/// What all decodings have in common; `max_tokens` has to be set.
fn parameters<'a, 'b>(strategy: SamplingStrategy, samples: usize) -> FullParams<'a, 'b> {
    let mut parameters = FullParams::new(strategy);
    parameters.set_n_threads(1);
    parameters.set_no_context(true);
    parameters.set_print_progress(false);
    parameters.set_print_timestamps(false);
    parameters.set_audio_ctx(positions(samples) as i32);
    // Without this and a limit of tokens, whisper.cpp may be left with less than 160 ms of the window to align,
    // and then ends the whole process with an assertion.
    parameters.set_single_segment(true);
    parameters
}

fn positions(samples: usize) -> usize {
    let needed = samples * POSITIONS_PER_SECOND / SAMPLE_RATE_HZ + SPARE_POSITIONS;
    needed.next_multiple_of(64).min(MOST_POSITIONS)
}

fn filled_up(samples: &[f32]) -> std::borrow::Cow<'_, [f32]> {
    if samples.len() >= SHORTEST_SAMPLES {
        return samples.into();
    }
    let mut longer = samples.to_vec();
    longer.resize(SHORTEST_SAMPLES, 0.0);
    longer.into()
}

/// A word put together from tokens.
#[derive(Debug, Default)]
struct Raw {
    bytes: Vec<u8>,
    /// Of its first token, since the start of the window; absent where alignment gave none.
    onset_ms: Option<i64>,
    /// Of the line that it is in.
    line_ms: (i64, i64),
    probability_sum: f32,
    tokens: u16,
}

fn gather(state: &WhisperState, first_special: i32) -> Vec<Raw> {
    let mut words: Vec<Raw> = Vec::new();
    for line in state.as_iter() {
        // whisper.cpp counts in hundredths of a second.
        let line_ms = (line.start_timestamp() * 10, line.end_timestamp() * 10);
        let mut starts_word = true;
        for token in (0..line.n_tokens()).filter_map(|index| line.get_token(index)) {
            if token.token_id() >= first_special {
                continue;
            }
            let Ok(bytes) = token.to_bytes() else { continue };
            let data = token.token_data();
            if starts_word || bytes.starts_with(b" ") {
                let onset_ms = (data.t_dtw >= 0).then_some(data.t_dtw * 10);
                words.push(Raw { onset_ms, line_ms, ..Raw::default() });
                starts_word = false;
            }
            if let Some(word) = words.last_mut() {
                word.bytes.extend_from_slice(bytes);
                word.probability_sum += data.p;
                word.tokens += 1;
            }
        }
    }
    words.retain(|word| !word.bytes.trim_ascii().is_empty());
    words
}

/// Gives words their times: from their onset to the next, but not longer than they take to say.
fn timed(words: Vec<Raw>, start: MediaTime, duration_ms: i64) -> Vec<Word> {
    let step_ms = SHORTEST_WORD_MS.min(duration_ms / (words.len() as i64 + 1));
    let mut onsets_ms: Vec<i64> = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        // Without alignment, words are spread evenly over their line.
        let same_line = |other: &&Raw| other.line_ms == word.line_ms;
        let before = words[..index].iter().rev().take_while(same_line).count() as i64;
        let onset_ms = word.onset_ms.unwrap_or_else(|| {
            let all = before + words[index..].iter().take_while(same_line).count() as i64;
            word.line_ms.0 + (word.line_ms.1 - word.line_ms.0) * before / all
        });
        let earliest_ms = onsets_ms.last().map_or(0, |last| last + step_ms);
        let latest_ms = duration_ms - step_ms * (words.len() - index) as i64;
        onsets_ms.push(onset_ms.max(earliest_ms).min(latest_ms));
    }
    let finished = |(index, word): (usize, Raw)| {
        let text = String::from_utf8_lossy(&word.bytes).trim().to_owned();
        let said_by_ms = onsets_ms[index] + 250 + 100 * text.chars().count() as i64;
        let end_ms = onsets_ms.get(index + 1).copied().unwrap_or(duration_ms).min(said_by_ms);
        Word {
            start_ms: start + onsets_ms[index],
            end_ms: start + end_ms,
            text,
            confidence: (word.probability_sum / f32::from(word.tokens.max(1))).clamp(0.0, 1.0),
        }
    };
    words.into_iter().enumerate().map(finished).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_encoder_has_room_for_the_sound_and_more() {
        assert_eq!(positions(SAMPLE_RATE_HZ), 128);
        assert_eq!(positions(15 * SAMPLE_RATE_HZ), 832);
        assert_eq!(positions(30 * SAMPLE_RATE_HZ), 1_500);
    }

    proptest! {
        #[test]
        fn times_increase_and_stay_in_the_window(
            onsets in prop::collection::vec(prop::option::of(0_i64..40_000), 0..60),
            duration_ms in 1_100_i64..30_000,
        ) {
            let raw = |onset_ms: &Option<i64>| Raw {
                bytes: b" word".to_vec(), onset_ms: *onset_ms, line_ms: (0, duration_ms), probability_sum: 0.5, tokens: 1,
            };
            let start = MediaTime::from_ms(5_000);
            let words = timed(onsets.iter().map(raw).collect(), start, duration_ms);
            prop_assert_eq!(words.len(), onsets.len());
            for word in &words {
                prop_assert!(start <= word.start_ms && word.start_ms < word.end_ms);
                prop_assert!(word.end_ms <= start + duration_ms);
            }
            for pair in words.windows(2) {
                prop_assert!(pair[0].end_ms <= pair[1].start_ms);
            }
        }
    }
}
