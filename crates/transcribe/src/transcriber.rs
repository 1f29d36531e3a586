use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use moothall_core::{Caption, MediaTime, Word};
use whisper_rs::WhisperError;

use crate::{
    ModelError, Models,
    decode::{Search, Whisper},
    languages::Odds,
    models::VOICE_ACTIVITY,
    repair, samples_between,
    vad::{VoiceActivity, VoiceActivityError},
    windows::{Packing, Span, Window},
};

/// Words at the edge of a stretch without text are heard better with some sound around them.
const SECOND_TRY_MARGIN_MS: i64 = 300;
/// So that hopeless sound costs no more than about as much again.
const SECOND_TRIES_PER_WINDOW: usize = 2;

#[derive(Debug, thiserror::Error)]
pub enum TranscribeError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    VoiceActivity(#[from] VoiceActivityError),
    #[error("the speech model failed: {0}; where memory is short, choose a smaller model")]
    Whisper(#[from] WhisperError),
    #[error("{0:?} is not a language that the model knows: give a code such as en, cy or fr")]
    Language(String),
    #[error("model {model} knows only English, not {language:?}: choose base or a larger one")]
    EnglishOnly { model: String, language: String },
    #[error("a decoder stopped unexpectedly")]
    Panicked,
}

/// What to spend time on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Some forty times as fast as speech on two quiet cores.
    #[default]
    Fast,
    /// Longer windows and a wider search: fewer errors, two to three times as long.
    Accurate,
}

impl Mode {
    pub(crate) const fn packing(self) -> Packing {
        match self {
            Self::Fast => Packing { longest_ms: 16_500, padding_ms: 200, shortest_silence_ms: 300 },
            Self::Accurate => Packing { longest_ms: 28_000, padding_ms: 400, shortest_silence_ms: 600 },
        }
    }

    const fn search(self) -> Search {
        match self {
            Self::Fast => Search::Greedy,
            Self::Accurate => Search::Beam,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    pub mode: Mode,
    /// A code of ISO 639-1 such as `en`. `None`: found out, and each passage keeps its own.
    pub language: Option<String>,
    /// `None`: as many as the machine has cores. Each needs 100 to 200 MB with the model base.
    pub threads: Option<NonZero<usize>>,
}

/// What [`Transcriber::transcribe`] heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// A code of ISO 639-1, of the language most spoken; absent where nobody spoke.
    pub language: Option<String>,
    pub captions: Vec<Caption>,
}

/// The models, loaded. Can be used from several threads at once; clones share them.
#[derive(Debug, Clone)]
pub struct Transcriber {
    pub(crate) whisper: Arc<Whisper>,
    pub(crate) voice: VoiceActivity,
    pub(crate) mode: Mode,
    /// Known beforehand: asked for, or the only one of the model.
    pub(crate) language: Option<&'static str>,
}

impl Transcriber {
    /// Loads an installed model by its name and the voice activity model. Checks both files first.
    pub fn load(models: &Models, name: &str, options: &Options) -> Result<Self, TranscribeError> {
        let voice = VoiceActivity::load(&models.path(VOICE_ACTIVITY)?)?;
        let threads = options.threads.or_else(|| thread::available_parallelism().ok());
        let whisper = Arc::new(Whisper::load(&models.path(name)?, name, threads.map_or(1, NonZero::get))?);
        Self { whisper, voice, mode: options.mode, language: None }.in_language(options.language.as_deref())
    }

    /// The same models for a language (ISO 639-1), or for whatever is spoken.
    pub fn in_language(&self, language: Option<&str>) -> Result<Self, TranscribeError> {
        let is_multilingual = self.whisper.is_multilingual();
        let language = match language {
            Some(code) => Some(known_language(code)?),
            None => (!is_multilingual).then_some("en"),
        };
        if !is_multilingual && language != Some("en") {
            let language = language.unwrap_or_default().to_owned();
            return Err(TranscribeError::EnglishOnly { model: self.whisper.name().to_owned(), language });
        }
        Ok(Self { language, ..self.clone() })
    }

    /// Transcribes sound that is in memory as a whole. [`Stream`](crate::Stream) does the same for sound of any length.
    ///
    /// `offset` is when the first sample was heard, `prompt` holds names and words to expect, at `breaks` the
    /// speaker changes; `progress` hears how many milliseconds of `samples` are done.
    pub fn transcribe(
        &self,
        samples: &[f32],
        offset: MediaTime,
        prompt: Option<&str>,
        breaks: &[MediaTime],
        progress: &mut dyn FnMut(i64),
    ) -> Result<Transcript, TranscribeError> {
        let mut stream = self
            .stream(offset)
            .with_breaks(breaks.to_vec())
            .with_progress(Box::new(|at: MediaTime| progress(at - offset)));
        if let Some(prompt) = prompt {
            stream = stream.with_prompt(prompt)?;
        }
        let mut captions = stream.push(samples)?;
        captions.extend(stream.flush()?);
        Ok(Transcript { language: stream.language().map(str::to_owned), captions })
    }

    /// Does the work for each of the windows, by its index, on all threads, and gives what came of it in their
    /// order. `done` is told of each window when it is ready, in any order.
    pub(crate) fn for_each<T: Send>(
        &self,
        windows: &[Window],
        work: impl Fn(usize) -> Result<T, TranscribeError> + Sync,
        done: &mut dyn FnMut(&Window),
    ) -> Result<Vec<T>, TranscribeError> {
        // The longest first, so that all threads end at about the same time.
        let mut order: Vec<usize> = (0..windows.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(windows[index].sound.length_ms()));
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let mut results: Vec<Option<T>> = windows.iter().map(|_| None).collect();
        thread::scope(|scope| {
            for _ in 0..self.whisper.decoders().min(windows.len()) {
                let (sender, next, order, work) = (sender.clone(), &next, &order, &work);
                scope.spawn(move || {
                    while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // The receiver is gone once another window failed: nothing is left to do.
                        if sender.send((index, work(index))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for (index, result) in receiver {
                results[index] = Some(result?);
                done(&windows[index]);
            }
            Ok::<_, TranscribeError>(())
        })?;
        results.into_iter().collect::<Option<Vec<T>>>().ok_or(TranscribeError::Panicked)
    }

    /// One window of `samples`, of which the first was heard at `origin`, with second tries where the first went
    /// wrong. Says how likely each language is, too.
    pub(crate) fn decode_window(
        &self,
        samples: &[f32],
        origin: MediaTime,
        window: &Window,
        language: &str,
        prompt: &[i32],
    ) -> Result<(Vec<Word>, Odds), TranscribeError> {
        let attempt = |span: Span, search: Search, prompt: &[i32]| {
            let sound = samples_between(samples, span.start_ms, span.end_ms);
            let (words, odds) =
                self.whisper.decode(sound, origin + span.start_ms, search, language, prompt)?;
            let words = repair::without_notes(words);
            Ok::<_, WhisperError>((repair::within_speech(words, &window.speech, origin), odds))
        };
        let (mut words, odds) = attempt(window.sound, self.mode.search(), prompt)?;
        if repair::loops(&words) {
            tracing::debug!(at = %origin, "a window looped");
            // A prompt can be what is repeated.
            words = repair::without_loops(attempt(window.sound, Search::Beam, &[])?.0);
        }
        for span in
            repair::uncovered(&words, &window.speech, origin).into_iter().take(SECOND_TRIES_PER_WINDOW)
        {
            let wider = Span::new(
                (span.start_ms - SECOND_TRY_MARGIN_MS).max(window.sound.start_ms),
                (span.end_ms + SECOND_TRY_MARGIN_MS).min(window.sound.end_ms),
            );
            let (mut found, _) = attempt(wider, Search::Beam, &[])?;
            found.retain(|word| span.overlap_ms(Span::new(word.start_ms - origin, word.end_ms - origin)) > 0);
            tracing::debug!(at = %(origin + span.start_ms), words = found.len(), "tried speech without text again");
            if !repair::loops(&found) {
                repair::insert(&mut words, found);
            }
        }
        Ok((words, odds))
    }
}

pub(crate) fn known_language(code: &str) -> Result<&'static str, TranscribeError> {
    let unknown = || TranscribeError::Language(code.to_owned());
    if !code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(unknown());
    }
    let id = whisper_rs::get_lang_id(&code.to_ascii_lowercase()).ok_or_else(unknown)?;
    whisper_rs::get_lang_str(id).ok_or_else(unknown)
}
