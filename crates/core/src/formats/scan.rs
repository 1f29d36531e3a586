//! Finds the cues of a caption file: times and text, with nothing of the text looked into yet.

use super::{Dialect, Warning};
use crate::MediaTime;

/// One cue as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawCue {
    /// The line of its times, from 1.
    pub line: usize,
    pub start: MediaTime,
    pub end: MediaTime,
    /// Its lines, trimmed and joined by `\n`; never empty.
    pub text: String,
}

/// Reads both formats by the same rules, which are WebVTT's (W3C, "WebVTT: The Web Video Text Tracks
/// Format", section 6.1) made tolerant: SubRip differs by having no header and no blocks of its own.
pub(super) fn scan(text: &str, dialect: Dialect, warnings: &mut Vec<Warning>) -> Vec<RawCue> {
    let lines: Vec<&str> = text.split('\n').map(str::trim).collect();
    let mut cues = Vec::new();
    let mut at = match dialect {
        Dialect::WebVtt => after_header(&lines, warnings),
        Dialect::SubRip => 0,
    };
    while let Some(line) = lines.get(at) {
        if line.is_empty() {
            at += 1;
        } else if is_time_line(line) {
            let end = payload_end(&lines, at + 1);
            match times(line) {
                Some((start, end_ms)) => {
                    let text = payload(&lines[at + 1..end]);
                    if !text.is_empty() {
                        cues.push(RawCue { line: at + 1, start, end: end_ms, text });
                    }
                }
                None => warnings.push(Warning {
                    line: at + 1,
                    message: format!("{line:?} is not a pair of times; the caption is left out"),
                }),
            }
            at = end;
        } else if dialect == Dialect::WebVtt && is_block(line) {
            at = blank_from(&lines, at);
        } else if lines.get(at + 1).is_some_and(|next| is_time_line(next)) || is_number(line) {
            // The identifier of the cue that follows.
            at += 1;
        } else {
            warnings.push(Warning {
                line: at + 1,
                message: format!("{:?} has no times; it is left out", shortened(line)),
            });
            at = payload_end(&lines, at + 1);
        }
    }
    cues
}

/// The header ends at a blank line; whatever stands in it (`X-TIMESTAMP-MAP`, `Kind`) is not ours.
fn after_header(lines: &[&str], warnings: &mut Vec<Warning>) -> usize {
    if !lines.first().is_some_and(|line| line.starts_with("WEBVTT")) {
        warnings.push(Warning { line: 1, message: "the header WEBVTT is missing".to_owned() });
        return 0;
    }
    lines.iter().position(|line| line.is_empty() || is_time_line(line)).unwrap_or(lines.len())
}

fn is_block(line: &str) -> bool {
    ["NOTE", "STYLE", "REGION"].iter().any(|keyword| {
        line.strip_prefix(keyword).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', ':']))
    })
}

/// Whether the line means to be a line of times, even if it fails at it.
fn is_time_line(line: &str) -> bool {
    line.contains("-->") && line.starts_with(|first: char| first.is_ascii_digit() || first == '-')
}

fn times(line: &str) -> Option<(MediaTime, MediaTime)> {
    let (start, rest) = line.split_once("-->")?;
    // What follows the end are settings of position, which are not kept.
    let end = rest.split_whitespace().next()?;
    Some((start.parse().ok()?, end.parse().ok()?))
}

fn is_number(line: &str) -> bool {
    line.bytes().all(|byte| byte.is_ascii_digit())
}

fn blank_from(lines: &[&str], at: usize) -> usize {
    at + lines[at..].iter().position(|line| line.is_empty()).unwrap_or(lines.len() - at)
}

/// Where the text that begins at `at` ends: at a blank line, or where the next cue begins without one.
fn payload_end(lines: &[&str], at: usize) -> usize {
    let length = lines[at..].iter().position(|line| line.is_empty() || is_time_line(line));
    let end = at + length.unwrap_or(lines.len() - at);
    let next_cue_begins = lines.get(end).is_some_and(|line| !line.is_empty());
    if next_cue_begins && end > at && is_number(lines[end - 1]) { end - 1 } else { end }
}

fn payload(lines: &[&str]) -> String {
    lines.join("\n")
}

fn shortened(line: &str) -> String {
    line.chars().take(40).collect()
}
