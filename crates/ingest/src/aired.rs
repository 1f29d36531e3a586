//! A recording as viewers have it: what the disk has taken and, while it takes nothing more, what was aired
//! from memory after that.

use std::{
    fs,
    io::Seek,
    path::{Path, PathBuf},
};

use crate::{
    entry::Head,
    journal::{Line, Rendition},
    spool::aired_files,
    timeline::{Found, Piece, Timeline, TimelineError},
};

#[derive(Debug)]
pub struct Aired {
    disk: Timeline,
    waiting_dir: Option<PathBuf>,
    memory: Option<InMemory>,
}

/// What the disk has not taken.
#[derive(Debug)]
struct InMemory {
    files: Vec<EntryFile>,
    /// Bytes of the journal from which `whole` was made.
    journal_bytes: u64,
    /// The disk's, with these after it.
    whole: Timeline,
}

#[derive(Debug, Clone)]
struct EntryFile {
    inode: u64,
    path: PathBuf,
    line: Line,
    /// Where its bytes begin, and where they end.
    from: u64,
    to: u64,
}

impl Aired {
    /// The recording in `dir`, and what waits in the folder that [`crate::WaitingFolders`] tells.
    ///
    /// # Errors
    /// As [`Timeline::refresh`].
    pub fn open(dir: &Path, waiting_dir: Option<PathBuf>) -> Result<Self, TimelineError> {
        let mut aired = Self { disk: Timeline::empty(dir), waiting_dir, memory: None };
        aired.refresh()?;
        Ok(aired)
    }

    /// What may be watched, from the disk and from memory.
    pub fn timeline(&self) -> &Timeline {
        self.memory.as_ref().map_or(&self.disk, |memory| &memory.whole)
    }

    /// Takes in what was aired since.
    ///
    /// # Errors
    /// As [`Timeline::refresh`].
    pub fn refresh(&mut self) -> Result<(), TimelineError> {
        // In this order: what the disk takes between the two is seen twice, and not missed.
        let found = self.waiting_dir.as_deref().map(aired_files).unwrap_or_default();
        self.disk.refresh()?;
        self.memory = if found.is_empty() { None } else { Some(self.in_memory(found)) };
        Ok(())
    }

    /// Takes in what follows in a journal that was read elsewhere.
    ///
    /// # Errors
    /// As [`Timeline::read_on`].
    pub fn read_on(&mut self, bytes: &[u8]) -> Result<(), TimelineError> {
        self.disk.read_on(bytes)
    }

    fn in_memory(&mut self, found: Vec<(u64, PathBuf)>) -> InMemory {
        let journal_bytes = self.disk.journal_bytes();
        let is_same = |known: &mut InMemory| {
            known.journal_bytes == journal_bytes
                && known.files.iter().map(|file| &file.path).eq(found.iter().map(|(_, path)| path))
        };
        if let Some(same) = self.memory.take_if(is_same) {
            return same;
        }
        let known = self.memory.take().map(|known| known.files).unwrap_or_default();
        let (mut files, mut whole) = (Vec::new(), self.disk.clone());
        for (inode, path) in found {
            let same = known.iter().find(|file| file.inode == inode && file.path == path).cloned();
            // Whatever cannot be read was taken by the disk meanwhile.
            let Some(file) = same.or_else(|| EntryFile::open(inode, path)) else { continue };
            whole.foresee(&file.line);
            files.push(file);
        }
        InMemory { files, journal_bytes, whole }
    }

    /// What a name in a playlist stands for.
    ///
    /// # Errors
    /// As [`Timeline::find`].
    pub fn find(&self, rendition: Rendition, name: &str) -> Result<Found, TimelineError> {
        let found = self.timeline().find(rendition, name)?;
        let Some(memory) = &self.memory else { return Ok(found) };
        Ok(match found {
            Found::Whole(path) => {
                if let Some(init) = memory.files.iter().find(|file| file.is_init(rendition, name)) {
                    return Ok(Found::Pieces(vec![init.piece()]));
                }
                let mut segments = memory.whole.all_segments(rendition).iter();
                let bytes = segments.find(|segment| segment.file == name).map_or(0, |segment| segment.bytes);
                let piece = Piece { path: path.clone(), offset: 0, bytes };
                let pieces = self.places(memory, rendition, &piece);
                if pieces.iter().all(|piece| piece.path == path) {
                    Found::Whole(path)
                } else {
                    Found::Pieces(pieces)
                }
            }
            Found::Pieces(pieces) => {
                Found::Pieces(pieces.iter().flat_map(|piece| self.places(memory, rendition, piece)).collect())
            }
            found => found,
        })
    }

    /// Where the bytes of a piece of a segment file are: at first on the disk, then in memory. No chunk is
    /// in both.
    fn places(&self, memory: &InMemory, rendition: Rendition, piece: &Piece) -> Vec<Piece> {
        let name = piece.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let segments = self.disk.all_segments(rendition);
        let same = segments.iter().rev().find(|segment| segment.file == name);
        let disk_ends = same.map_or(0, |segment| segment.bytes);
        let ends = piece.offset.saturating_add(piece.bytes);
        let bytes = disk_ends.min(ends).saturating_sub(piece.offset);
        let on_disk = (bytes > 0).then(|| Piece { bytes, ..piece.clone() });
        let in_memory = memory.files.iter().filter(|file| {
            matches!(&file.line, Line::Chunk { rendition: own, file, offset, .. }
                if *own == rendition && file == name
                    && (piece.offset.max(disk_ends)..ends).contains(offset))
        });
        on_disk.into_iter().chain(in_memory.map(EntryFile::piece)).collect()
    }
}

impl EntryFile {
    fn open(inode: u64, path: PathBuf) -> Option<Self> {
        let (head, mut file) = Head::open(&path).ok()?;
        let from = file.stream_position().ok()?;
        let to = fs::metadata(&path).ok()?.len();
        Some(Self { inode, path, line: head.line, from, to })
    }

    fn is_init(&self, rendition: Rendition, name: &str) -> bool {
        matches!(&self.line, Line::Init { rendition: own, file, .. } if *own == rendition && file == name)
    }

    fn piece(&self) -> Piece {
        Piece { path: self.path.clone(), offset: self.from, bytes: self.to.saturating_sub(self.from) }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{
        entry::Entry,
        shelf::Shelf,
        spool::{self, Spool},
    };

    fn entries() -> Vec<Entry> {
        let at = DateTime::UNIX_EPOCH;
        let (rendition, init) = (Rendition::Audio, "init-1-0.mp4".to_owned());
        let chunk = |file: &str, offset: u64, second: i64| Line::Chunk {
            rendition,
            file: file.to_owned(),
            offset,
            length: 4,
            start_us: second * 1_000_000,
            duration_us: 1_000_000,
            init: init.clone(),
            independent: true,
            discontinuity: false,
        };
        let lines = [
            (Line::Run { run: 1, epoch: at, offset_us: 0, starts_over: false }, ""),
            (
                Line::Init {
                    rendition,
                    file: init.clone(),
                    codec: "mp4a.40.2".to_owned(),
                    width: None,
                    height: None,
                },
                "init",
            ),
            (chunk("1-0.m4s", 0, 0), "good"),
            (chunk("1-0.m4s", 4, 1), "even"),
            (chunk("1-1.m4s", 0, 2), "ing,"),
            (chunk("1-1.m4s", 4, 3), "town"),
            (Line::Stopped { run: 1 }, ""),
        ];
        let entry = |(line, bytes): (Line, &str)| Entry {
            head: Head { captured_at: at, connected_at: at, line },
            bytes: bytes.as_bytes().to_vec(),
        };
        lines.into_iter().map(entry).collect()
    }

    fn read(aired: &Aired, name: &str) -> String {
        match aired.find(Rendition::Audio, name).unwrap() {
            Found::Whole(path) => fs::read_to_string(path).unwrap(),
            Found::Pieces(pieces) => pieces
                .iter()
                .map(|piece| {
                    let file = fs::read(&piece.path).unwrap();
                    let (from, bytes) = (piece.offset as usize, piece.bytes as usize);
                    String::from_utf8(file[from..from + bytes].to_vec()).unwrap()
                })
                .collect(),
            found => panic!("{name}: {found:?}"),
        }
    }

    /// However much the disk took, and whatever it takes afterwards, viewers have the same.
    #[test]
    fn what_the_disk_does_not_take_is_seen_after_what_it_took() {
        for taken in 0..=entries().len() {
            let temp = tempfile::tempdir().unwrap();
            let (dir, waiting) = (temp.path().join("recording"), temp.path().join("ours/waiting"));
            let mut shelf = Shelf::open(&dir).unwrap();
            let (mut spool, _) = Spool::open(Some(&waiting));
            let mut kept = Vec::new();
            for (index, entry) in entries().iter().enumerate() {
                if index < taken {
                    shelf.put(entry).unwrap();
                } else {
                    kept.push((spool::air(&spool.keep(entry).unwrap()).unwrap(), entry.clone()));
                }
            }
            let mut aired = Aired::open(&dir, Some(waiting)).unwrap();
            let seen = |aired: &Aired| {
                let segments = aired.timeline().segments(Rendition::Audio).to_vec();
                let names = ["init-1-0.mp4", "1-0.m4s", "1-1.m4s", "1-0-1.m4s", "1-1-0.m4s"];
                (segments, names.map(|name| read(aired, name)))
            };
            let before = seen(&aired);
            assert_eq!(before.1, ["init", "goodeven", "ing,town", "even", "ing,"], "{taken}");
            let version = aired.timeline().journal_bytes();
            for (path, entry) in kept {
                shelf.put(&entry).unwrap();
                // Before its file is removed it is in both.
                aired.refresh().unwrap();
                assert_eq!(seen(&aired), before, "{taken}");
                fs::remove_file(path).unwrap();
                aired.refresh().unwrap();
                assert_eq!(seen(&aired), before, "{taken}");
            }
            assert!(aired.memory.is_none() && aired.timeline().journal_bytes() >= version, "{taken}");
        }
    }
}
