use moothall_core::{Caption, MediaTime};

use crate::{
    SAMPLES_PER_MS, TranscribeError, Transcriber,
    follow::{Heard, Sound},
    layout::{self, Passage},
    repair,
    transcriber::known_language,
    vad::FRAME_MS,
    windows::{self, LONGEST_GAP_MS, Window},
};

/// Sound taken at once by [`Stream::push`], for each decoder: enough windows that all have work to the end.
const CHUNK_MS_PER_DECODER: i64 = 120_000;
/// Sound kept before a voice that may begin with the next samples.
const KEPT_MS: i64 = 1_000;

/// Transcribes a recording piece by piece, in constant memory.
///
/// Sound is worked through up to a pause; what is behind it waits for more. All up to
/// [`position`](Self::position) is finished: whoever starts again there with a new stream, after a crash say,
/// gets the rest, and no word twice.
///
/// Where no language was asked for, each passage keeps the one that is spoken in it, as far as the speech that is
/// worked through at once tells: it takes four to five seconds of clear speech between two changes. What
/// is unclear is in the language of what surrounds it, [`last_language`](Self::last_language) included, which is
/// all that a stream knows of what it worked through before. So a new stream that is told it
/// ([`with_language_before`](Self::with_language_before)) and is pushed the same comes to the same languages; one
/// that is not told may differ until the first speech that is clear.
pub struct Stream<'a> {
    transcriber: &'a Transcriber,
    /// When the first of `pending` was heard.
    position: MediaTime,
    pending: Vec<f32>,
    last_language: Option<&'static str>,
    /// How long each language was spoken, in milliseconds.
    spoken: Vec<(&'static str, i64)>,
    prompt: Vec<i32>,
    breaks: Vec<MediaTime>,
    progress: Box<dyn FnMut(MediaTime) + 'a>,
}

impl Transcriber {
    /// A recording of which the first sample was heard at `offset`.
    pub fn stream(&self, offset: MediaTime) -> Stream<'_> {
        Stream {
            transcriber: self,
            position: offset,
            pending: Vec::new(),
            last_language: None,
            spoken: Vec::new(),
            prompt: Vec::new(),
            breaks: Vec::new(),
            progress: Box::new(|_| {}),
        }
    }
}

impl<'a> Stream<'a> {
    /// Names and words to expect, as a sentence or a list. Whisper uses about the last 200 words.
    pub fn with_prompt(mut self, prompt: &str) -> Result<Self, TranscribeError> {
        self.prompt = self.transcriber.whisper.tokens(prompt)?;
        Ok(self)
    }

    /// The language (ISO 639-1) that was spoken before the first sample, if that is known: what
    /// [`last_language`](Self::last_language) of an earlier stream was. Unclear speech is taken for it. Of no
    /// effect where a language was asked for; one that the model does not know is nothing known.
    pub fn with_language_before(mut self, language: Option<&str>) -> Self {
        self.last_language = language.and_then(|code| known_language(code).ok());
        self
    }

    /// Moments at which the speaker changes.
    pub fn with_breaks(mut self, breaks: Vec<MediaTime>) -> Self {
        self.breaks = breaks;
        self
    }

    /// Hears up to when the sound is worked through, several times a chunk.
    pub fn with_progress(mut self, progress: Box<dyn FnMut(MediaTime) + 'a>) -> Self {
        self.progress = progress;
        self
    }

    /// Up to where everything is transcribed.
    pub fn position(&self) -> MediaTime {
        self.position
    }

    /// The language that was asked for, or the one most spoken so far, by time with a voice; of equals the one
    /// that was spoken first. `None` until somebody has spoken.
    pub fn language(&self) -> Option<&'static str> {
        let most = self.spoken.iter().rev().max_by_key(|(_, voice_ms)| *voice_ms);
        self.transcriber.language.or(most.map(|(language, _)| *language))
    }

    /// The language up to [`position`](Self::position); `None` until somebody has spoken.
    pub fn last_language(&self) -> Option<&'static str> {
        self.transcriber.language.or(self.last_language)
    }

    /// Takes sound that follows what was pushed before, and gives the captions that became ready. It works
    /// whenever two minutes for each decoder have come together; [`advance`](Self::advance) works at once.
    pub fn push(&mut self, mut samples: &[f32]) -> Result<Vec<Caption>, TranscribeError> {
        let chunk_ms = CHUNK_MS_PER_DECODER * self.transcriber.whisper.decoders() as i64;
        let chunk_samples = chunk_ms as usize * SAMPLES_PER_MS;
        let mut captions = Vec::new();
        loop {
            let room = chunk_samples.saturating_sub(self.pending.len()).min(samples.len());
            let (now, later) = samples.split_at(room);
            self.pending.extend_from_slice(now);
            samples = later;
            if self.pending.len() < chunk_samples {
                return Ok(captions);
            }
            captions.extend(self.advance()?);
        }
    }

    /// Works through what was pushed, up to the last pause.
    pub fn advance(&mut self) -> Result<Vec<Caption>, TranscribeError> {
        self.work(false)
    }

    /// Works through all that was pushed: the sound ends here. What is pushed afterwards follows it in time.
    pub fn flush(&mut self) -> Result<Vec<Caption>, TranscribeError> {
        self.work(true)
    }

    fn work(&mut self, is_end: bool) -> Result<Vec<Caption>, TranscribeError> {
        let transcriber = self.transcriber;
        let duration_ms = (self.pending.len() / SAMPLES_PER_MS) as i64;
        let probabilities = transcriber.voice.probabilities(&self.pending, transcriber.whisper.decoders())?;
        let packing = transcriber.mode.packing();
        let mut speech = windows::speech(&probabilities, packing.shortest_silence_ms);
        // The last frame may reach past the end of the sound.
        if let Some(last) = speech.last_mut() {
            last.end_ms = last.end_ms.min(duration_ms);
        }
        let mut windows = windows::pack(&speech, &probabilities, packing, duration_ms);
        let finished_ms = if is_end { duration_ms } else { finished(&mut windows, duration_ms) };

        let heard =
            if windows.is_empty() { Vec::new() } else { self.hear(windows, &probabilities, finished_ms)? };
        for Heard { window, language, .. } in &heard {
            match self.spoken.iter_mut().find(|(known, _)| known == language) {
                Some((_, voice_ms)) => *voice_ms += window.voice_ms(),
                None => self.spoken.push((language, window.voice_ms())),
            }
            self.last_language = Some(language);
        }
        let passage = |heard: &Heard| Passage {
            from: self.position + heard.window.sound.start_ms,
            language: heard.language,
        };
        let passages: Vec<Passage<'_>> = heard.iter().map(passage).collect();
        let words = heard.into_iter().flat_map(|heard| heard.words).collect();
        let words = repair::without_loops(words);
        let sound_end = self.position + duration_ms;
        let finished_samples = (finished_ms as usize * SAMPLES_PER_MS).min(self.pending.len());
        self.pending.drain(..finished_samples);
        if is_end {
            self.pending.clear();
        }
        self.position = self.position + finished_ms;
        (self.progress)(self.position);
        Ok(layout::captions(&words, &self.breaks, &passages, sound_end))
    }

    fn hear(
        &mut self,
        windows: Vec<Window>,
        probabilities: &[f32],
        finished_ms: i64,
    ) -> Result<Vec<Heard>, TranscribeError> {
        let (origin, progress) = (self.position, &mut self.progress);
        let sound = Sound { samples: &self.pending, origin, probabilities, prompt: &self.prompt };
        let mut done_ms = 0;
        let mut done = |window: &Window| {
            done_ms += window.sound.length_ms();
            progress(origin + done_ms.min(finished_ms));
        };
        match self.transcriber.language {
            Some(language) => self.transcriber.hear_in(&sound, windows, language, &mut done),
            None => self.transcriber.hear(&sound, windows, self.last_language, &mut done),
        }
    }
}

/// Takes away the last window where more speech may belong to it, and says up to where the rest is finished.
fn finished(windows: &mut Vec<Window>, duration_ms: i64) -> i64 {
    let silent_from_ms = duration_ms - LONGEST_GAP_MS - FRAME_MS;
    let last_word_ms = windows.last().and_then(|window| window.speech.last()).map(|span| span.end_ms);
    if last_word_ms.is_some_and(|end_ms| end_ms > silent_from_ms)
        && let Some(open) = windows.pop()
    {
        return open.sound.start_ms;
    }
    let end_ms = windows.last().map_or(0, |window| window.sound.end_ms);
    (duration_ms - KEPT_MS).max(end_ms).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::Span;

    fn window(start_ms: i64, end_ms: i64) -> Window {
        Window { sound: Span::new(start_ms - 200, end_ms + 200), speech: vec![Span::new(start_ms, end_ms)] }
    }

    #[test]
    fn what_may_go_on_waits() {
        let mut windows = vec![window(1_000, 9_000), window(10_000, 19_000)];
        assert_eq!(finished(&mut windows, 20_000), 9_800);
        assert_eq!(windows.len(), 1);
    }

    #[test]
    fn what_ended_is_finished() {
        let mut windows = vec![window(1_000, 9_000)];
        assert_eq!(finished(&mut windows, 20_000), 19_000);
        assert_eq!(windows.len(), 1);
        assert_eq!(finished(&mut Vec::new(), 20_000), 19_000);
        assert_eq!(finished(&mut Vec::new(), 500), 0);
    }
}
