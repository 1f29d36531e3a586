use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Seek, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use crate::{
    journal::{self, Line, Rendition, is_media_file_name},
    record::RecordError,
    timeline::{Format, Timeline},
};

/// How the running time of a pipeline becomes media time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimeBase {
    /// Of a file: both are the same, and the recording starts over.
    File { epoch: DateTime<Utc> },
    /// Of a live source: the first sample came at this wall-clock time with this running time.
    Live { wall: DateTime<Utc>, running_us: i64 },
}

/// A piece of a segment file as it comes from the muxer.
pub(crate) struct Chunk<'a> {
    pub running_us: i64,
    pub duration_us: i64,
    /// The muxer began a segment with it.
    pub starts_segment: bool,
    pub bytes: &'a [u8],
}

/// Writes one run of a recording: segment files, and the journal that tells of them.
pub(crate) struct Writer {
    dir: PathBuf,
    /// Locked for as long as the writer lives.
    journal: File,
    journal_bytes: u64,
    before: Timeline,
    run: Option<Run>,
    tracks: [Track; 2],
}

#[derive(Clone, Copy)]
struct Run {
    number: u32,
    offset_us: i64,
}

#[derive(Default)]
struct Track {
    init: Option<String>,
    inits: u32,
    segments: u32,
    open: Option<OpenSegment>,
    /// Media time of the end of what is recorded, over all runs.
    end_us: i64,
    discontinuity: bool,
}

struct OpenSegment {
    file: File,
    name: String,
    bytes: u64,
}

impl Writer {
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
        let mut before = Timeline::open(dir)?;
        mend(&journal, &mut before).map_err(failed)?;
        journal.seek(io::SeekFrom::End(0)).map_err(failed)?;
        let tracks = Rendition::ALL.map(|rendition| Track {
            end_us: before.all_segments(rendition).last().map_or(0, |last| last.end_us()),
            ..Track::default()
        });
        Ok(Self {
            dir: dir.to_owned(),
            journal,
            journal_bytes: before.journal_bytes(),
            before,
            run: None,
            tracks,
        })
    }

    /// Whether a run has begun.
    pub(crate) const fn has_begun(&self) -> bool {
        self.run.is_some()
    }

    /// Begins a run, once something is there to be recorded.
    pub(crate) fn begin(&mut self, base: TimeBase) -> Result<(), RecordError> {
        let recorded_until_us = self.end_us();
        let (epoch, offset_us, starts_over) = match base {
            TimeBase::File { epoch } => (epoch, 0, true),
            TimeBase::Live { wall, running_us } => {
                let epoch = self.before.epoch().unwrap_or(wall);
                let since_epoch = wall.signed_duration_since(epoch).num_microseconds().unwrap_or(0);
                // A clock that was set back must not make media time run twice.
                (epoch, since_epoch.max(recorded_until_us).saturating_sub(running_us), false)
            }
        };
        let number = self.before.run().saturating_add(1);
        for (rendition, track) in Rendition::ALL.into_iter().zip(&mut self.tracks) {
            fs::create_dir_all(self.dir.join(rendition.folder()))
                .map_err(|source| RecordError::write(&self.dir, source))?;
            let continues = !starts_over && self.before.run() > 0;
            (track.discontinuity, track.end_us) = (continues, if continues { track.end_us } else { 0 });
        }
        if self.journal_bytes == 0 {
            self.append(&Line::Journal { version: journal::VERSION })?;
        }
        self.append(&Line::Run { run: number, epoch, offset_us, starts_over })?;
        self.run = Some(Run { number, offset_us });
        if starts_over {
            self.sync()?;
            self.remove_earlier_runs();
        }
        Ok(())
    }

    /// Media time of the end of what is recorded, in microseconds.
    pub(crate) fn end_us(&self) -> i64 {
        self.tracks.iter().map(|track| track.end_us).max().unwrap_or(0)
    }

    pub(crate) fn init(
        &mut self,
        rendition: Rendition,
        bytes: &[u8],
        format: Format,
    ) -> Result<(), RecordError> {
        let run = self.run.ok_or(RecordError::NotBegun)?;
        let track = &mut self.tracks[index(rendition)];
        let file = format!("init-{}-{}.mp4", run.number, track.inits);
        track.discontinuity |= track.inits > 0;
        track.inits += 1;
        track.open = None;
        track.init = Some(file.clone());
        fs::write(self.dir.join(rendition.folder()).join(&file), bytes)
            .map_err(|source| RecordError::write(&self.dir, source))?;
        let (width, height) = format.resolution.unzip();
        self.append(&Line::Init { rendition, file, codec: format.codec, width, height })
    }

    /// Appends the bytes to the segment file and then the line to the journal; gives the media time of the
    /// end in microseconds. If either fails both files are cut back to where they were.
    pub(crate) fn chunk(&mut self, rendition: Rendition, chunk: &Chunk<'_>) -> Result<i64, RecordError> {
        let run = self.run.ok_or(RecordError::NotBegun)?;
        let dir = self.dir.clone();
        let failed = |source| RecordError::write(&dir, source);
        let track = &mut self.tracks[index(rendition)];
        let init = track.init.clone().ok_or(RecordError::NotBegun)?;
        let mut closed_one = false;
        if chunk.starts_segment
            && let Some(done) = track.open.take()
        {
            done.file.sync_data().map_err(failed)?;
            closed_one = true;
        }
        let mut open = match track.open.take() {
            Some(open) => open,
            None => {
                let name = format!("{}-{}.m4s", run.number, track.segments);
                let file = File::create(dir.join(rendition.folder()).join(&name)).map_err(failed)?;
                track.segments += 1;
                OpenSegment { file, name, bytes: 0 }
            }
        };
        if let Err(source) = open.file.write_all(chunk.bytes) {
            // What cannot be cut now is cut when the recording is next opened.
            let _ = open.file.set_len(open.bytes);
            return Err(failed(source));
        }
        let start_us = chunk.running_us.saturating_add(run.offset_us).max(track.end_us);
        let line = Line::Chunk {
            rendition,
            file: open.name.clone(),
            offset: open.bytes,
            length: chunk.bytes.len() as u64,
            start_us,
            duration_us: chunk.duration_us,
            init,
            independent: chunk.starts_segment,
            discontinuity: chunk.starts_segment && track.discontinuity,
        };
        track.discontinuity &= !chunk.starts_segment;
        open.bytes += chunk.bytes.len() as u64;
        track.end_us = start_us.saturating_add(chunk.duration_us);
        let end_us = track.end_us;
        track.open = Some(open);
        self.append(&line)?;
        if closed_one {
            self.sync()?;
        }
        Ok(end_us)
    }

    /// Ends the run in order.
    pub(crate) fn stop(&mut self) -> Result<(), RecordError> {
        let Some(run) = self.run.take() else { return Ok(()) };
        for track in &mut self.tracks {
            if let Some(open) = track.open.take() {
                open.file.sync_data().map_err(|source| RecordError::write(&self.dir, source))?;
            }
        }
        self.append(&Line::Stopped { run: run.number })?;
        self.sync()
    }

    /// Ends the recording; one that has no journal yet gets one.
    pub(crate) fn finish(&mut self) -> Result<(), RecordError> {
        if self.before.is_finished() {
            return Ok(());
        }
        if self.journal_bytes == 0 {
            self.append(&Line::Journal { version: journal::VERSION })?;
        }
        self.append(&Line::End)?;
        self.sync()
    }

    fn append(&mut self, line: &Line) -> Result<(), RecordError> {
        let failed = |source| RecordError::write(&self.dir, source);
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        if let Err(source) = self.journal.write_all(&text) {
            let _ = self.journal.set_len(self.journal_bytes);
            return Err(failed(source));
        }
        self.journal_bytes += text.len() as u64;
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

const fn index(rendition: Rendition) -> usize {
    match rendition {
        Rendition::Video => 0,
        Rendition::Audio => 1,
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
