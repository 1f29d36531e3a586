//! Decodes each passage in the language that is spoken in it.

use moothall_core::{MediaTime, Word};

use crate::{
    TranscribeError, Transcriber,
    languages::{self, Odds, Stretch},
    samples_between,
    windows::Window,
};

/// Sound, and what is known of it before it is decoded.
pub(crate) struct Sound<'a> {
    pub samples: &'a [f32],
    /// When the first of them was heard.
    pub origin: MediaTime,
    /// Of a voice, by frame.
    pub probabilities: &'a [f32],
    pub prompt: &'a [i32],
}

/// A window in one language.
pub(crate) struct Heard {
    pub window: Window,
    pub language: &'static str,
    pub words: Vec<Word>,
}

/// A window, or a piece of one that is looked at more closely.
struct Part {
    window: Window,
    odds: Odds,
}

impl Transcriber {
    /// The words of each window, all in one language.
    pub(crate) fn hear_in(
        &self,
        sound: &Sound<'_>,
        windows: Vec<Window>,
        language: &'static str,
        done: &mut dyn FnMut(&Window),
    ) -> Result<Vec<Heard>, TranscribeError> {
        let decoded = self.decode(sound, &windows, &|_| language, done)?;
        let heard = |(window, (words, _))| Heard { window, language, words };
        Ok(windows.into_iter().zip(decoded).map(heard).collect())
    }

    /// The words of each window in its own language; one with two languages becomes two windows. `before` is the
    /// language that was spoken before.
    ///
    /// All windows are decoded in the language that is expected, which tells for next to nothing how likely the
    /// others are. Those that turn out to be in another one are decoded again.
    pub(crate) fn hear(
        &self,
        sound: &Sound<'_>,
        windows: Vec<Window>,
        before: Option<&'static str>,
        done: &mut dyn FnMut(&Window),
    ) -> Result<Vec<Heard>, TranscribeError> {
        let expected = match before {
            Some(language) => language,
            None => self.guess(sound, &windows)?,
        };
        let before = before.and_then(number);
        let decoded = self.decode(sound, &windows, &|_| expected, done)?;
        let (words, odds): (Vec<Vec<Word>>, Vec<Odds>) = decoded.into_iter().unzip();
        let mut parts: Vec<Vec<Part>> =
            windows.into_iter().zip(odds).map(|(window, odds)| vec![Part { window, odds }]).collect();
        self.look_closer(sound, &mut parts, before)?;
        let mut heard = Vec::with_capacity(parts.len());
        let mut again = Vec::new();
        for ((parts, languages), words) in parts.iter().zip(follow(&parts, before)).zip(words) {
            let passages: Vec<(Window, &'static str)> = passages(parts, &languages);
            let is_done = matches!(passages.as_slice(), [(_, language)] if *language == expected);
            if !is_done {
                again.extend(heard.len()..heard.len() + passages.len());
            }
            let words = if is_done { words } else { Vec::new() };
            let passage = |(window, language)| Heard { window, language, words: words.clone() };
            heard.extend(passages.into_iter().map(passage));
        }
        self.hear_again(sound, &mut heard, &again)?;
        Ok(heard)
    }

    /// What is most likely spoken in the longest of the windows.
    fn guess(&self, sound: &Sound<'_>, windows: &[Window]) -> Result<&'static str, TranscribeError> {
        let longest = windows.iter().max_by_key(|window| window.sound.length_ms());
        let odds = longest.map(|window| self.odds(sound, window)).transpose()?;
        Ok(odds.and_then(|odds| odds.best()).map_or("en", |(language, _)| code(language)))
    }

    fn odds(&self, sound: &Sound<'_>, window: &Window) -> Result<Odds, TranscribeError> {
        let samples = samples_between(sound.samples, window.sound.start_ms, window.sound.end_ms);
        Ok(self.whisper.languages(samples)?)
    }

    fn decode(
        &self,
        sound: &Sound<'_>,
        windows: &[Window],
        language: &(dyn Fn(usize) -> &'static str + Sync),
        done: &mut dyn FnMut(&Window),
    ) -> Result<Vec<(Vec<Word>, Odds)>, TranscribeError> {
        let work = |index: usize| {
            self.decode_window(sound.samples, sound.origin, &windows[index], language(index), sound.prompt)
        };
        self.for_each(windows, work, done)
    }

    /// Takes windows to pieces that may hold two languages: those beside a change, and those that leave a doubt.
    fn look_closer(
        &self,
        sound: &Sound<'_>,
        parts: &mut [Vec<Part>],
        before: Option<usize>,
    ) -> Result<(), TranscribeError> {
        let languages = follow(parts, before).concat();
        let nearby: Vec<usize> = before.into_iter().chain(languages.iter().copied()).collect();
        let mut closer: Vec<(usize, Vec<Window>)> = Vec::new();
        for (index, part) in parts.iter().flatten().enumerate() {
            let language = languages[index];
            let last = if index == 0 { before } else { Some(languages[index - 1]) };
            let beside = [last, languages.get(index + 1).copied()];
            let is_beside_change = beside.into_iter().flatten().any(|other| other != language);
            if is_beside_change || part.odds.leaves_doubt(language, &nearby) {
                let pieces = part.window.pieces(sound.probabilities);
                closer.extend((pieces.len() > 1).then_some((index, pieces)));
            }
        }
        let pieces: Vec<Window> = closer.iter().flat_map(|(_, pieces)| pieces.clone()).collect();
        let mut odds =
            self.for_each(&pieces, |index| self.odds(sound, &pieces[index]), &mut |_| {})?.into_iter();
        for (index, pieces) in closer {
            parts[index] =
                pieces.into_iter().zip(odds.by_ref()).map(|(window, odds)| Part { window, odds }).collect();
        }
        Ok(())
    }

    /// Decodes some of the windows in the language that they turned out to be in.
    fn hear_again(
        &self,
        sound: &Sound<'_>,
        heard: &mut [Heard],
        which: &[usize],
    ) -> Result<(), TranscribeError> {
        let windows: Vec<Window> = which.iter().map(|&index| heard[index].window.clone()).collect();
        let decoded = self.decode(sound, &windows, &|index| heard[which[index]].language, &mut |_| {})?;
        for (&index, (words, _)) in which.iter().zip(decoded) {
            heard[index].words = words;
        }
        Ok(())
    }
}

/// The language of each part.
fn follow(parts: &[Vec<Part>], before: Option<usize>) -> Vec<Vec<usize>> {
    let parts_of_all = parts.iter().flatten();
    let stretches: Vec<Stretch<'_>> =
        parts_of_all.map(|part| Stretch { odds: &part.odds, voice_ms: part.window.voice_ms() }).collect();
    let mut languages = languages::follow(&stretches, before).into_iter();
    parts.iter().map(|parts| languages.by_ref().take(parts.len()).collect()).collect()
}

/// The parts of a window with those put together that are in the same language.
fn passages(parts: &[Part], languages: &[usize]) -> Vec<(Window, &'static str)> {
    let mut passages: Vec<(Window, usize)> = Vec::new();
    for (part, &language) in parts.iter().zip(languages) {
        match passages.last_mut() {
            Some((window, last)) if *last == language => window.append(&part.window),
            _ => passages.push((part.window.clone(), language)),
        }
    }
    passages.into_iter().map(|(window, language)| (window, code(language))).collect()
}

fn number(code: &str) -> Option<usize> {
    whisper_rs::get_lang_id(code).and_then(|id| id.try_into().ok())
}

fn code(number: usize) -> &'static str {
    i32::try_from(number).ok().and_then(whisper_rs::get_lang_str).unwrap_or("en")
}
