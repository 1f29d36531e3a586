use serde::Serialize;

use crate::{Caption, MediaTime};

/// A caption made elsewhere, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceCaption {
    pub start_ms: MediaTime,
    /// Not before `start_ms`.
    pub end_ms: MediaTime,
    /// Lines are separated by `\n`; never empty. Marks of speakers are taken out, letters are as they were.
    pub text: String,
    /// Whether the file says that another speaker begins here (`>>`, or another voice).
    pub new_turn: bool,
    /// Who speaks, where the file says so: `<v Name>`, or `>> NAME:` for the whole of that turn.
    pub speaker: Option<String>,
}

/// What a caption file is written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cue<'a> {
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    pub text: &'a str,
    /// Another speaker begins here. A change of `speaker` says it as well.
    pub new_turn: bool,
    pub speaker: Option<&'a str>,
    /// Which language it is in (BCP 47), where that is to be said: see [`Cue::in_file_of`].
    pub language: Option<&'a str>,
}

impl<'a> From<&'a Caption> for Cue<'a> {
    fn from(caption: &'a Caption) -> Self {
        Self {
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            text: &caption.text,
            new_turn: false,
            speaker: caption.speaker.as_deref(),
            language: caption.language.as_deref(),
        }
    }
}

impl<'a> From<&'a SourceCaption> for Cue<'a> {
    fn from(caption: &'a SourceCaption) -> Self {
        Self {
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            text: &caption.text,
            new_turn: caption.new_turn,
            speaker: caption.speaker.as_deref(),
            language: None,
        }
    }
}

impl<'a> Cue<'a> {
    /// The same for a file whose main language is `main`: only another one needs to be said.
    pub fn in_file_of(self, main: Option<&str>) -> Self {
        Self { language: self.language.filter(|language| Some(*language) != main), ..self }
    }

    /// The lines that say something: an empty one would end a cue in a file.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// A cue in a file lasts at least a millisecond (WebVTT, section 6.4: the end is after the start).
    pub(super) fn end(&self) -> MediaTime {
        self.end_ms.max(self.start_ms + 1)
    }
}

/// Whether another speaker begins with `cue`, after somebody (`before`) or nobody was named.
pub(super) fn changes_speaker(cue: &Cue<'_>, before: Option<&str>) -> bool {
    cue.new_turn || cue.speaker != before
}
