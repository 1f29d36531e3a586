//! The recording on disk: segment files, and the journal that tells of them.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Seek, Write},
    path::{Path, PathBuf},
};

use crate::{
    entry::Entry,
    journal::{self, Line, Rendition, is_media_file_name},
    record::RecordError,
    timeline::Timeline,
};

/// Takes entries in their order. What it has taken survives the death of the process.
pub(crate) struct Shelf {
    dir: PathBuf,
    /// Locked for as long as the shelf lives.
    journal: File,
    journal_bytes: u64,
    /// What the journal says.
    timeline: Timeline,
    open: [Option<OpenSegment>; Rendition::ALL.len()],
}

struct OpenSegment {
    file: File,
    name: String,
    bytes: u64,
}

impl Shelf {
    /// Takes hold of the recording in `dir` and mends what a killed recorder left behind: a torn last line
    /// of the journal and bytes that no line tells of are cut.
    pub(crate) fn open(dir: &Path) -> Result<Self, RecordError> {
        let failed = |source| RecordError::write(dir, source);
        fs::create_dir_all(dir).map_err(failed)?;
        let path = dir.join(journal::FILE_NAME);
        let mut journal =
            OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(failed)?;
        match journal.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RecordError::Busy { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // A journal whose very first line is torn is none yet.
        let mut timeline = Timeline::open(dir)?;
        mend(&journal, &mut timeline).map_err(failed)?;
        journal.seek(io::SeekFrom::End(0)).map_err(failed)?;
        let journal_bytes = timeline.journal_bytes();
        Ok(Self { dir: dir.to_owned(), journal, journal_bytes, timeline, open: Default::default() })
    }

    /// What is on the shelf.
    pub(crate) const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Writes an entry, its bytes first. After an error both files are as they were, and the same entry may
    /// be tried again; one that is there already changes nothing.
    pub(crate) fn put(&mut self, entry: &Entry) -> Result<(), RecordError> {
        let line = &entry.head.line;
        // A killed recorder may have written it before it could take it off its list.
        if self.timeline.holds(line) {
            return Ok(());
        }
        let result = match line {
            Line::Run { starts_over, .. } => self.begin(line, *starts_over),
            Line::Init { rendition, file, .. } => self.init(line, *rendition, file, &entry.bytes),
            Line::Chunk { rendition, file, offset, .. } => {
                self.chunk(line, *rendition, file, *offset, &entry.bytes)
            }
            Line::Journal { .. } => Ok(()),
            Line::Stopped { .. } | Line::End => self.close(line),
        };
        if result.is_err() {
            // Opened anew, they are cut to what the journal tells of.
            self.open = Default::default();
        }
        result
    }

    fn begin(&mut self, line: &Line, starts_over: bool) -> Result<(), RecordError> {
        self.append(line)?;
        if starts_over {
            self.sync()?;
            self.remove_earlier_runs();
        }
        Ok(())
    }

    fn init(
        &mut self,
        line: &Line,
        rendition: Rendition,
        file: &str,
        bytes: &[u8],
    ) -> Result<(), RecordError> {
        self.open[rendition.index()] = None;
        let folder = self.dir.join(rendition.folder());
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(file), bytes))
            .map_err(|source| RecordError::write(&self.dir, source))?;
        self.append(line)
    }

    fn chunk(
        &mut self,
        line: &Line,
        rendition: Rendition,
        name: &str,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), RecordError> {
        let dir = self.dir.clone();
        let failed = |source| RecordError::write(&dir, source);
        let open = &mut self.open[rendition.index()];
        let done = open.take_if(|open| open.name != name || open.bytes != offset);
        if let Some(done) = &done {
            done.file.sync_data().map_err(failed)?;
        }
        let open = match open {
            Some(open) => open,
            None => {
                let path = dir.join(rendition.folder()).join(name);
                let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
                file.set_len(offset).map_err(failed)?;
                open.insert(OpenSegment { file, name: name.to_owned(), bytes: offset })
            }
        };
        if let Err(source) = open.file.write_all(bytes) {
            // What cannot be cut now is cut when it is next opened.
            let _ = open.file.set_len(offset);
            return Err(failed(source));
        }
        open.bytes += bytes.len() as u64;
        self.append(line)?;
        if done.is_some() {
            self.sync()?;
        }
        Ok(())
    }

    /// Ends a run, or the recording: what is open is whole.
    fn close(&mut self, line: &Line) -> Result<(), RecordError> {
        for open in self.open.iter_mut().filter_map(Option::take) {
            open.file.sync_data().map_err(|source| RecordError::write(&self.dir, source))?;
        }
        self.append(line)?;
        self.sync()
    }

    fn append(&mut self, line: &Line) -> Result<(), RecordError> {
        let failed = |source| RecordError::write(&self.dir, source);
        let mut text = Vec::new();
        let first = (self.journal_bytes == 0).then_some(&Line::Journal { version: journal::VERSION });
        for line in first.into_iter().chain([line]) {
            serde_json::to_writer(&mut text, line).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        if let Err(source) = self.journal.write_all(&text) {
            let _ = self.journal.set_len(self.journal_bytes);
            return Err(failed(source));
        }
        self.journal_bytes += text.len() as u64;
        self.timeline.apply(line.clone());
        Ok(())
    }

    fn sync(&self) -> Result<(), RecordError> {
        self.journal.sync_data().map_err(|source| RecordError::write(&self.dir, source))
    }

    /// Nobody reads them any more; what cannot be removed only takes space.
    fn remove_earlier_runs(&self) {
        for rendition in Rendition::ALL {
            remove_files(&self.dir.join(rendition.folder()), |_| false);
        }
    }
}

/// Cuts what is torn, so that journal and segment files tell the same story again.
fn mend(journal: &File, timeline: &mut Timeline) -> io::Result<()> {
    if let Some(length) = end_of_what_is_there(timeline)? {
        tracing::warn!(dir = %timeline.dir().display(), "recorded bytes were lost, as after a power failure");
        journal.set_len(length)?;
        timeline.refresh().map_err(io::Error::other)?;
    }
    journal.set_len(timeline.journal_bytes())?;
    for rendition in Rendition::ALL {
        let segments = timeline.all_segments(rendition);
        let folder = timeline.dir().join(rendition.folder());
        if let Some(last) = segments.last() {
            OpenOptions::new().write(true).open(folder.join(&last.file))?.set_len(last.bytes)?;
        }
        remove_files(&folder, |name| segments.iter().any(|s| s.file == name || s.init == name));
    }
    Ok(())
}

/// The length to which the journal must be cut because segment files are shorter than it says. Only the last
/// segments can be: all others were synced before the journal told of their successors.
fn end_of_what_is_there(timeline: &Timeline) -> io::Result<Option<u64>> {
    let mut short = Vec::new();
    for rendition in Rendition::ALL {
        let Some(last) = timeline.all_segments(rendition).last() else { continue };
        let length = match fs::metadata(timeline.dir().join(rendition.folder()).join(&last.file)) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if length < last.bytes {
            short.push((rendition, last.file.clone(), length));
        }
    }
    if short.is_empty() {
        return Ok(None);
    }
    let bytes = fs::read(timeline.journal_path())?;
    let mut position = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Ok(Line::Chunk { rendition, file, offset, length, .. }) = serde_json::from_slice(line)
            && short.iter().any(|(r, name, there)| {
                *r == rendition && *name == file && offset.saturating_add(length) > *there
            })
        {
            return Ok(Some(position));
        }
        position += line.len() as u64;
    }
    Ok(None)
}

fn remove_files(folder: &Path, keep: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if let Some(name) = name.to_str()
            && is_media_file_name(name)
            && !keep(name)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(file = %entry.path().display(), %error, "an old segment file cannot be removed");
        }
    }
}
