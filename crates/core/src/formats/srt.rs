//! SubRip: numbered cues with a comma before the milliseconds. It has no standard; this is what players
//! read.

use std::fmt::Write as _;

use super::{Cue, Dialect, ReadCaptions, cue::changes_speaker};

/// Reads captions out of a SubRip file; numbers may be missing, and times may have comma or dot.
pub fn read(bytes: &[u8]) -> ReadCaptions {
    super::read(bytes, Dialect::SubRip)
}

/// A whole file. Where the speaker changes the text begins with `>> Name:`, or `>>` for somebody unnamed.
pub fn write<'a>(cues: impl IntoIterator<Item = Cue<'a>>) -> String {
    let mut file = String::new();
    let mut before = None;
    let mut number = 0;
    for cue in cues {
        let mut lines = cue.lines().peekable();
        if lines.peek().is_none() {
            continue;
        }
        number += 1;
        let start = cue.start_ms.to_string().replace('.', ",");
        let end = cue.end().to_string().replace('.', ",");
        let _ = writeln!(file, "{number}\n{start} --> {end}");
        if changes_speaker(&cue, before) {
            file.push_str(">> ");
            if let Some(name) = cue.speaker {
                let _ = write!(file, "{name}: ");
            }
        }
        for line in lines {
            let _ = writeln!(file, "{line}");
        }
        file.push('\n');
        before = cue.speaker;
    }
    file
}
