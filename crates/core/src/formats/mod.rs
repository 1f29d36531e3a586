//! Captions as files: WebVTT, SubRip and plain text, read and written; upper case shown as sentences.
//!
//! Reading never fails: what is broken is mended or left out with a [`Warning`] that names its line.
//! Whether a file without any caption is an error is for the caller to say.

mod cue;
mod decode;
mod mend;
mod ordinary_words;
mod scan;
mod sentence_case;
pub mod srt;
mod turns;
pub mod txt;
pub mod vtt;

pub use cue::{Cue, SourceCaption};
pub use decode::{Decoded, decode, decode_entities};
pub use sentence_case::{SentenceCase, is_upper_case};

/// Something in a file that was mended or left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// The first line of the file is line 1.
    pub line: usize,
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// What a caption file held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadCaptions {
    /// In order of time; none begins before its predecessor ends.
    pub captions: Vec<SourceCaption>,
    /// In order of lines.
    pub warnings: Vec<Warning>,
}

/// Which of the two a file with times is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    WebVtt,
    SubRip,
}

fn read(bytes: &[u8], dialect: Dialect) -> ReadCaptions {
    let decoded = decode(bytes);
    let mut warnings = Vec::new();
    if let Some(line) = decoded.first_line_not_utf8 {
        let message = "not UTF-8 text; read as Windows-1252".to_owned();
        warnings.push(Warning { line, message });
    }
    let cues = scan::scan(&decoded.text, dialect, &mut warnings);
    let cues = mend::mend(cues, &mut warnings);
    let captions = turns::captions(cues, dialect);
    warnings.sort_by_key(|warning| warning.line);
    ReadCaptions { captions, warnings }
}
