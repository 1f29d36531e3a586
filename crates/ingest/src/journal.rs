//! The journal: what was recorded, one JSON object a line, appended and never changed.
//!
//! Its first line is [`Line::Journal`]. Every connection to a source is a *run*. A chunk's bytes are in its
//! segment file before its line is in the journal, so whatever the journal says can be read.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(crate) const FILE_NAME: &str = "journal.jsonl";
/// Changes whenever a reader of the former version would misread a line.
pub(crate) const VERSION: u32 = 1;

/// One of the streams of a recording, each with its own folder and playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rendition {
    /// The picture as it came, or at least in its size.
    #[serde(rename = "v")]
    Video,
    /// The same smaller, 720 and 360 lines high, where that was asked for.
    #[serde(rename = "v720")]
    Video720,
    #[serde(rename = "v360")]
    Video360,
    #[serde(rename = "a")]
    Audio,
}

impl Rendition {
    pub const ALL: [Self; 4] = [Self::Video, Self::Video720, Self::Video360, Self::Audio];
    /// What a source brings; the others are made from it.
    pub const ORIGINAL: [Self; 2] = [Self::Video, Self::Audio];

    /// The folder below the recording, as in addresses: `v`, `v720`, `v360` or `a`.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Video => "v",
            Self::Video720 => "v720",
            Self::Video360 => "v360",
            Self::Audio => "a",
        }
    }

    pub const fn is_picture(self) -> bool {
        !matches!(self, Self::Audio)
    }

    pub(crate) const fn is_original(self) -> bool {
        matches!(self, Self::Video | Self::Audio)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub fn from_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rendition| rendition.folder() == folder)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub(crate) enum Line {
    Journal {
        version: u32,
    },
    /// A connection that brought media begins.
    Run {
        /// Counts up from 1 and is never used twice in a recording.
        run: u32,
        /// Media time zero.
        epoch: DateTime<Utc>,
        /// Media time minus the decode time that stands in the run's segment files (`tfdt`).
        offset_us: i64,
        /// All earlier runs are void: a file was recorded afresh.
        starts_over: bool,
    },
    Init {
        rendition: Rendition,
        file: String,
        /// As in RFC 6381, such as `avc1.64001f`.
        codec: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u32>,
    },
    Chunk {
        rendition: Rendition,
        file: String,
        /// Bytes of the file before this chunk.
        offset: u64,
        /// Bytes of this chunk.
        length: u64,
        /// Media time.
        start_us: i64,
        duration_us: i64,
        init: String,
        /// It begins with a key frame.
        independent: bool,
        /// It does not continue what the rendition had before.
        discontinuity: bool,
    },
    /// The run ended in order: its last segment files are whole.
    Stopped {
        run: u32,
    },
    /// The recording is over.
    End,
}

/// Whether a name from a journal or an address is one that the recorder gives: `1-23.m4s`, `init-1-0.mp4`.
pub(crate) fn is_media_file_name(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let stem = stem.strip_prefix("init-").unwrap_or(stem);
    matches!(extension, "m4s" | "mp4")
        && (1..=32).contains(&stem.len())
        && stem.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_names() {
        for good in ["1-0.m4s", "12-3456.m4s", "init-1-0.mp4"] {
            assert!(is_media_file_name(good), "{good}");
        }
        for bad in [
            "",
            "../1-0.m4s",
            "/etc/passwd",
            "1-0.m4s/..",
            ".m4s",
            "a-0.m4s",
            "1-0",
            "1-0.m4s\0",
            "journal.jsonl",
        ] {
            assert!(!is_media_file_name(bad), "{bad}");
        }
    }
}
