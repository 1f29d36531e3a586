//! What of a recording can be copied away: files to which nothing is added any more, and the part of the
//! journal that tells of them.

use std::{collections::HashSet, io};

use super::{Segment, Timeline};
use crate::journal::{Line, Rendition};

/// A file of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaFile {
    /// Below the folder of the recording, such as `a/1-0.m4s`.
    pub path: String,
    /// How much of the file was recorded; none of an init file, which is all of it.
    pub bytes: Option<u64>,
    /// Media time in microseconds; of an init file, of the first segment that needs it.
    pub start_us: i64,
}

impl Timeline {
    /// Every closed segment file in the order of media time, and before the first that needs it the init
    /// file. Nothing of them changes any more.
    pub fn whole_files(&self) -> Vec<MediaFile> {
        self.files(|rendition| self.segments(rendition))
    }

    /// As [`Timeline::whole_files`], with those to which something may still be added.
    pub fn all_files(&self) -> Vec<MediaFile> {
        self.files(|rendition| self.all_segments(rendition))
    }

    /// Whether the journal is in the folder of the recording.
    pub fn is_on_disk(&self) -> bool {
        self.journal_path().exists()
    }

    /// Whether a rendition has a segment or init file of this name.
    pub fn tells_of(&self, rendition: Rendition, name: &str) -> bool {
        self.all_segments(rendition).iter().any(|segment| segment.file == name || segment.init == name)
    }

    fn files<'a>(&'a self, segments: impl Fn(Rendition) -> &'a [Segment]) -> Vec<MediaFile> {
        let mut files = Vec::new();
        for rendition in Rendition::ALL {
            let path = |name: &str| format!("{}/{name}", rendition.folder());
            let mut inits = HashSet::new();
            for segment in segments(rendition) {
                let start_us = segment.start_us;
                if inits.insert(segment.init.as_str()) {
                    files.push(MediaFile { path: path(&segment.init), bytes: None, start_us });
                }
                files.push(MediaFile { path: path(&segment.file), bytes: Some(segment.bytes), start_us });
            }
        }
        files.sort_by_key(|file| file.start_us);
        files
    }

    /// The journal up to the first line that tells of a segment file that is not copied: what can be told
    /// where only these copies are. Lines of runs that are void are told.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn journal_of(&self, is_copied: impl Fn(&str) -> bool) -> io::Result<Vec<u8>> {
        let mut journal = std::fs::read(self.journal_path())?;
        journal.truncate(usize::try_from(self.journal_bytes()).unwrap_or(usize::MAX));
        let missing: HashSet<String> =
            self.all_files().into_iter().map(|file| file.path).filter(|path| !is_copied(path)).collect();
        let mut length = 0;
        for line in journal.split_inclusive(|byte| *byte == b'\n') {
            if let Ok(Line::Chunk { rendition, file, .. }) = serde_json::from_slice(line)
                && missing.contains(&format!("{}/{file}", rendition.folder()))
            {
                break;
            }
            length += line.len();
        }
        journal.truncate(length);
        Ok(journal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(rendition: &str, file: &str, offset: u64) -> String {
        format!(
            "{{\"line\":\"chunk\",\"rendition\":\"{rendition}\",\"file\":\"{file}\",\"offset\":{offset},\
             \"length\":10,\"start_us\":{},\"duration_us\":1000000,\"init\":\"init-1-0.mp4\",\
             \"independent\":true,\"discontinuity\":false}}\n",
            offset * 100_000
        )
    }

    #[test]
    fn the_journal_is_told_as_far_as_its_files_are_copied() {
        let head = "{\"line\":\"journal\",\"version\":1}\n\
            {\"line\":\"run\",\"run\":1,\"epoch\":\"2026-07-23T17:30:00Z\",\"offset_us\":0,\"starts_over\":false}\n\
            {\"line\":\"init\",\"rendition\":\"v\",\"file\":\"init-1-0.mp4\",\"codec\":\"avc1.64001f\"}\n\
            {\"line\":\"init\",\"rendition\":\"a\",\"file\":\"init-1-0.mp4\",\"codec\":\"mp4a.40.2\"}\n";
        let chunks = [
            line("v", "1-0.m4s", 0),
            line("a", "1-0.m4s", 0),
            line("v", "1-0.m4s", 10),
            line("v", "1-1.m4s", 20),
            line("a", "1-1.m4s", 20),
        ];
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("journal.jsonl"), format!("{head}{}", chunks.concat())).unwrap();
        let timeline = Timeline::open(temp.path()).unwrap();

        let paths = |files: Vec<MediaFile>| files.into_iter().map(|file| file.path).collect::<Vec<_>>();
        let whole = ["v/init-1-0.mp4", "v/1-0.m4s", "a/init-1-0.mp4", "a/1-0.m4s"];
        assert_eq!(paths(timeline.whole_files()), whole);
        assert_eq!(timeline.whole_files()[1].bytes, Some(20));
        assert_eq!(timeline.all_files().len(), 6);

        let told = |copied: &[&str]| {
            let journal = timeline.journal_of(|path| copied.contains(&path)).unwrap();
            journal.iter().filter(|byte| **byte == b'\n').count()
        };
        assert_eq!(told(&[]), 4);
        assert_eq!(told(&["a/1-0.m4s"]), 4);
        assert_eq!(told(&["v/1-0.m4s"]), 5);
        assert_eq!(told(&whole), 7);
        assert_eq!(told(&["v/1-0.m4s", "a/1-0.m4s", "v/1-1.m4s", "a/1-1.m4s"]), 9);
    }
}
