//! Plain text for reading and printing.

use std::fmt::Write as _;

use super::{Cue, cue::changes_speaker};
use crate::MediaTime;

/// A silence after which a paragraph that is long enough ends.
const PAUSE_MS: i64 = 2_000;
/// Characters from which a paragraph may end at a pause.
const LONG_PARAGRAPH: usize = 400;
/// Characters from which a paragraph ends with its sentence.
const LONGEST_PARAGRAPH: usize = 1_000;

/// One paragraph per turn, headed by who speaks and when; very long turns are cut where they pause.
///
/// ```text
/// Jennie Robinson (1:02:03)
/// We will call this meeting to order.
/// ```
pub fn write<'a>(cues: impl IntoIterator<Item = Cue<'a>>) -> String {
    let mut file = String::new();
    let mut before = None;
    let mut end = MediaTime::ZERO;
    let mut length = 0;
    for cue in cues {
        let mut lines = cue.lines().peekable();
        if lines.peek().is_none() {
            continue;
        }
        let rested = length > LONG_PARAGRAPH && cue.start_ms - end >= PAUSE_MS;
        let full = length > LONGEST_PARAGRAPH && file.ends_with(['.', '?', '!']);
        if file.is_empty() || rested || full || changes_speaker(&cue, before) {
            if !file.is_empty() {
                file.push_str("\n\n");
            }
            match cue.speaker {
                Some(name) => {
                    let _ = writeln!(file, "{name} ({})", cue.start_ms.clock());
                }
                None => {
                    let _ = writeln!(file, "({})", cue.start_ms.clock());
                }
            }
            length = 0;
        }
        for line in lines {
            if length > 0 {
                file.push(' ');
            }
            file.push_str(line);
            length += line.len() + 1;
        }
        before = cue.speaker;
        end = cue.end_ms;
    }
    if !file.is_empty() {
        file.push('\n');
    }
    file
}
