//! WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format").

use std::fmt::Write as _;

use super::{Cue, Dialect, ReadCaptions};

/// Reads captions out of a WebVTT file; styles, regions, notes, settings and tags are passed over.
pub fn read(bytes: &[u8]) -> ReadCaptions {
    super::read(bytes, Dialect::WebVtt)
}

/// Whether the file says that it is WebVTT.
pub fn is_vtt(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).starts_with(b"WEBVTT")
        || bytes.starts_with(b"\xFF\xFEW\0E\0B\0V\0")
        || bytes.starts_with(b"\xFE\xFF\0W\0E\0B\0V")
}

/// A whole file. `note` becomes a comment at its top: where the captions are from, how they were made.
pub fn write<'a>(note: Option<&str>, cues: impl IntoIterator<Item = Cue<'a>>) -> String {
    let mut file = String::from("WEBVTT\n");
    if let Some(note) = note {
        file.push_str("\nNOTE\n");
        // A comment ends at a blank line and must not hold the arrow.
        for line in note.lines().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(file, "{}", line.replace("-->", "→"));
        }
    }
    for cue in cues {
        write_cue(&mut file, &cue);
    }
    file
}

/// Appends one cue with the blank line before it; one without text is left out.
///
/// The speaker is named in a voice tag; a change to somebody unnamed is written `>>`. A language that the cue
/// names is told in a language tag (section 3.2.2).
pub fn write_cue(file: &mut String, cue: &Cue<'_>) {
    let mut lines = cue.lines().peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(file, "\n{} --> {}", cue.start_ms, cue.end());
    match cue.speaker {
        Some(name) => {
            file.push_str("<v ");
            escape(file, &name.split_whitespace().collect::<Vec<_>>().join(" "));
            file.push('>');
        }
        None if cue.new_turn => file.push_str("&gt;&gt; "),
        None => {}
    }
    if let Some(language) = cue.language {
        file.push_str("<lang ");
        escape(file, language);
        file.push('>');
    }
    while let Some(line) = lines.next() {
        escape(file, line);
        if cue.language.is_some() && lines.peek().is_none() {
            file.push_str("</lang>");
        }
        file.push('\n');
    }
}

fn escape(file: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => file.push_str("&amp;"),
            '<' => file.push_str("&lt;"),
            '>' => file.push_str("&gt;"),
            _ => file.push(character),
        }
    }
}
