//! What is on its way from the muxer to the disk.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::journal::{Line, is_media_file_name};

/// A line for the journal, and the bytes that it tells of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub head: Head,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// When it left the muxer, by the wall clock: nothing in it was captured later.
    pub captured_at: DateTime<Utc>,
    /// When the recorder began to listen to the connection that it comes from, less what such a source may
    /// have kept from before: nothing in it was captured earlier.
    pub connected_at: DateTime<Utc>,
    pub line: Line,
}

impl Entry {
    /// As a file: the head as a line of JSON, then the bytes.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut head = serde_json::to_vec(&self.head)?;
        head.push(b'\n');
        // Either the whole file is there after a crash or none.
        let unfinished = path.with_extension("unfinished");
        let written =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
        let written = written.and_then(|mut new| {
            new.write_all(&head)?;
            new.write_all(&self.bytes)
        });
        let written = written.and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            // Half of what may be exempt must not stay behind.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let (head, mut file) = Head::open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Self { head, bytes })
    }
}

impl Head {
    /// The head of an entry's file, and the file at its bytes.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, BufReader<File>)> {
        let mut file = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line)?;
        let head: Self = serde_json::from_slice(&line)?;
        let names: &[&String] = match &head.line {
            Line::Init { file, .. } => &[file],
            Line::Chunk { file, init, .. } => &[file, init],
            _ => &[],
        };
        if !names.iter().all(|name| is_media_file_name(name)) {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok((head, file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("1.entry");
        let now = "2026-07-23T22:30:00.5Z".parse().unwrap();
        let head = Head { captured_at: now, connected_at: now, line: Line::Stopped { run: 7 } };
        let entry = Entry { head, bytes: vec![0, b'\n', 255] };
        entry.write(&path).unwrap();
        assert_eq!(Entry::read(&path).unwrap(), entry);
        fs::write(&path, b"torn").unwrap();
        assert!(Entry::read(&path).is_err());
        let (rendition, codec) = (crate::journal::Rendition::Audio, "mp4a.40.2".to_owned());
        let line = Line::Init { rendition, file: "../../x.mp4".to_owned(), codec, width: None, height: None };
        Entry { head: Head { line, ..entry.head }, bytes: Vec::new() }.write(&path).unwrap();
        assert!(Entry::read(&path).is_err(), "a file outside of the recording");
    }
}
