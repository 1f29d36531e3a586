mod edge;
mod elsewhere;
#[cfg(test)]
mod tests;
mod whole;

use std::{
    collections::VecDeque,
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::MediaTime;

pub(crate) use self::{edge::next_file, elsewhere::MediaFolder};
pub use self::{
    edge::{Found, Part, Piece},
    elsewhere::Elsewhere,
    whole::MediaFile,
};
use crate::journal::{self, Line, Rendition, is_media_file_name};

/// A recording as its journal tells it. [`Timeline::refresh`] reads what a recorder has added since.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    dir: PathBuf,
    elsewhere: Option<Elsewhere>,
    /// Bytes and lines of the journal that have been taken in.
    journal_bytes: u64,
    journal_lines: u64,
    epoch: Option<DateTime<Utc>>,
    first_run: u32,
    run: u32,
    offset_us: i64,
    stopped: bool,
    finished: bool,
    tracks: [Track; Rendition::ALL.len()],
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Track {
    format: Option<Format>,
    segments: Vec<Segment>,
    /// Of the last [`SEGMENTS_WITH_PARTS`] segments, the open one included; the latest last.
    parts: VecDeque<Vec<Part>>,
    longest_part_us: i64,
}

/// Players that are close to what happens ask for parts of no older segments (RFC 8216bis, 4.4.4.9: three
/// target durations).
const SEGMENTS_WITH_PARTS: usize = 5;

/// What a rendition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// As in RFC 6381, such as `avc1.64001f` or `mp4a.40.2`.
    pub codec: String,
    /// Width and height in pixels; only of video.
    pub resolution: Option<(u32, u32)>,
}

/// One segment file and its place in media time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// In the rendition's folder.
    pub file: String,
    /// The init file that it needs, in the same folder.
    pub init: String,
    pub bytes: u64,
    /// Which connection it comes from, counted from 1.
    pub run: u32,
    /// It does not continue the segment before it.
    pub discontinuity: bool,
    /// The same in both renditions for what was recorded at the same time.
    pub discontinuity_sequence: u32,
    /// Media time in microseconds; never negative.
    pub start_us: i64,
    pub duration_us: i64,
    /// Media time minus the decode time in the file (`tfdt`).
    pub offset_us: i64,
}

impl Segment {
    pub fn start(&self) -> MediaTime {
        MediaTime::from_ms(self.start_us / 1_000)
    }

    pub fn end(&self) -> MediaTime {
        MediaTime::from_ms(self.end_us() / 1_000)
    }

    pub fn duration_ms(&self) -> f64 {
        self.duration_us as f64 / 1_000.0
    }

    pub(crate) const fn end_us(&self) -> i64 {
        self.start_us.saturating_add(self.duration_us)
    }
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TimelineError {
    #[error("cannot read the journal {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not the journal of a recording: its first line does not say so", path.display())]
    NotAJournal { path: PathBuf },
    #[error(
        "the journal {} has format version {version}, this program reads version {}: use a newer moothall",
        path.display(), journal::VERSION
    )]
    Version { path: PathBuf, version: u32 },
    #[error("{name:?} is no media file of a recording")]
    FileName { name: String },
}

impl Timeline {
    /// Reads the recording in `dir`. One that has not begun, or whose directory is not there yet, is empty.
    ///
    /// # Errors
    /// As [`Timeline::refresh`].
    pub fn open(dir: &Path) -> Result<Self, TimelineError> {
        let mut timeline = Self::empty(dir);
        timeline.refresh()?;
        Ok(timeline)
    }

    /// A recording of which nothing is known yet.
    pub fn empty(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            elsewhere: None,
            journal_bytes: 0,
            journal_lines: 0,
            epoch: None,
            first_run: 1,
            run: 0,
            offset_us: 0,
            stopped: false,
            finished: false,
            tracks: Default::default(),
        }
    }

    /// Takes in the lines that were added to the journal. A line that is still being written waits for the
    /// next time; one that cannot be read is passed over with a warning.
    ///
    /// # Errors
    /// If the journal cannot be read, is no journal, or is of a later version.
    pub fn refresh(&mut self) -> Result<(), TimelineError> {
        let path = self.journal_path();
        let bytes = self.new_bytes().map_err(|source| TimelineError::Read { path, source })?;
        self.read_on(&bytes)
    }

    fn new_bytes(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = match File::open(self.journal_path()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // After a power failure a recorder cuts lines whose bytes were lost; then all is read anew.
        if file.metadata()?.len() < self.journal_bytes {
            *self = Self { elsewhere: self.elsewhere.take(), ..Self::empty(&self.dir) };
        }
        file.seek(SeekFrom::Start(self.journal_bytes))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Takes in what follows in the journal, wherever it was read. A line without its end is not taken in.
    ///
    /// # Errors
    /// If it is no journal, or is of a later version.
    pub fn read_on(&mut self, bytes: &[u8]) -> Result<(), TimelineError> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let parsed = serde_json::from_slice(line);
            let path = || self.journal_path();
            match parsed {
                Ok(Line::Journal { version }) if version != journal::VERSION => {
                    return Err(TimelineError::Version { path: path(), version });
                }
                Ok(Line::Journal { .. }) => {}
                _ if self.journal_lines == 0 => return Err(TimelineError::NotAJournal { path: path() }),
                Ok(line) => self.apply(line),
                Err(error) => tracing::warn!(
                    journal = %path().display(), line = self.journal_lines + 1, %error,
                    "a line of the journal cannot be read and is passed over"
                ),
            }
            self.journal_bytes += line.len() as u64;
            self.journal_lines += 1;
        }
        Ok(())
    }

    /// Whether a run or a chunk is known; of other lines nobody can say, and they may be taken in twice.
    pub(crate) fn holds(&self, line: &Line) -> bool {
        match line {
            Line::Run { run, .. } => *run <= self.run,
            Line::Chunk { rendition, file, offset, length, .. } => {
                let end = offset.saturating_add(*length);
                let segments = self.all_segments(*rendition);
                segments.iter().rev().any(|segment| segment.file == *file && segment.bytes >= end)
            }
            _ => false,
        }
    }

    /// Takes in a line that will be in the journal.
    pub(crate) fn foresee(&mut self, line: &Line) {
        if self.holds(line) {
            return;
        }
        self.journal_bytes += serde_json::to_vec(line).map_or(0, |text| text.len() as u64 + 1);
        self.journal_lines += 1;
        self.apply(line.clone());
    }

    pub(crate) fn apply(&mut self, line: Line) {
        match line {
            Line::Journal { .. } => {}
            Line::Run { run, epoch, offset_us, starts_over } => {
                if starts_over || self.epoch.is_none() {
                    self.epoch = Some(epoch);
                    self.first_run = run;
                    self.tracks = Default::default();
                }
                (self.run, self.offset_us, self.stopped, self.finished) = (run, offset_us, false, false);
            }
            Line::Init { rendition, codec, width, height, .. } => {
                self.track_mut(rendition).format = Some(Format { codec, resolution: width.zip(height) });
            }
            Line::Chunk {
                rendition,
                file,
                offset,
                length,
                start_us,
                duration_us,
                init,
                independent,
                discontinuity,
            } => {
                let chunk = Segment {
                    file,
                    init,
                    bytes: offset.saturating_add(length),
                    run: self.run,
                    discontinuity,
                    discontinuity_sequence: self.run.saturating_sub(self.first_run),
                    start_us: start_us.max(0),
                    duration_us: duration_us.max(0),
                    offset_us: self.offset_us,
                };
                let part = Part { offset, bytes: length, duration_us: duration_us.max(0), independent };
                self.track_mut(rendition).add(chunk, part);
            }
            Line::Stopped { run } => self.stopped = run == self.run,
            Line::End => self.finished = true,
        }
    }

    fn track(&self, rendition: Rendition) -> &Track {
        &self.tracks[rendition.index()]
    }

    fn track_mut(&mut self, rendition: Rendition) -> &mut Track {
        &mut self.tracks[rendition.index()]
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        self.dir.join(journal::FILE_NAME)
    }

    /// Bytes of the journal that have been taken in: its length without a torn last line.
    pub const fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    pub(crate) const fn run(&self) -> u32 {
        self.run
    }

    /// The renditions of which something is recorded, video first.
    pub fn renditions(&self) -> Vec<Rendition> {
        Rendition::ALL.into_iter().filter(|rendition| self.format(*rendition).is_some()).collect()
    }

    /// What the rendition holds; of the latest connection, should they differ.
    pub fn format(&self, rendition: Rendition) -> Option<&Format> {
        self.track(rendition).format.as_ref()
    }

    /// Media time zero; none before anything is recorded.
    pub fn epoch(&self) -> Option<DateTime<Utc>> {
        self.epoch
    }

    /// The end of the last closed segment of any rendition, from media time zero.
    pub fn duration(&self) -> MediaTime {
        let ends = Rendition::ALL.into_iter().filter_map(|rendition| self.segments(rendition).last());
        ends.map(Segment::end).max().unwrap_or(MediaTime::ZERO)
    }

    /// The end of the sound that is there, with the segment that is being written.
    pub fn sound_end(&self) -> MediaTime {
        self.all_segments(Rendition::Audio).last().map_or(MediaTime::ZERO, Segment::end)
    }

    /// The end of all that is recorded, in microseconds of media time; nought where nothing is.
    pub(crate) fn end_us(&self) -> i64 {
        let ends = Rendition::ALL.into_iter().filter_map(|rendition| self.all_segments(rendition).last());
        ends.map(Segment::end_us).max().unwrap_or(0)
    }

    /// Whether the recording is over.
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the latest run has ended in order.
    pub(crate) const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The closed segments in order: those to which nothing will be added. The last one of a recorder that
    /// died is closed as soon as the next one opens the recording.
    pub fn segments(&self, rendition: Rendition) -> &[Segment] {
        let all = self.all_segments(rendition);
        let open = all.last().is_some_and(|last| !self.finished && !self.stopped && last.run == self.run);
        &all[..all.len() - usize::from(open)]
    }

    /// With the one that is being written.
    pub(crate) fn all_segments(&self, rendition: Rendition) -> &[Segment] {
        &self.track(rendition).segments
    }

    /// The wall-clock time of a media time in microseconds.
    pub(crate) fn wall_clock(&self, media_us: i64) -> Option<DateTime<Utc>> {
        self.epoch?.checked_add_signed(TimeDelta::microseconds(media_us))
    }

    /// Where a media file of a rendition is, for names that come from an address. It need not exist.
    ///
    /// # Errors
    /// [`TimelineError::FileName`] for a name that no recorder gives, such as one with a slash.
    pub fn file(&self, rendition: Rendition, name: &str) -> Result<PathBuf, TimelineError> {
        if !is_media_file_name(name) {
            return Err(TimelineError::FileName { name: name.to_owned() });
        }
        Ok(self.dir.join(rendition.folder()).join(name))
    }
}

impl Track {
    fn add(&mut self, chunk: Segment, part: Part) {
        if !is_media_file_name(&chunk.file) || !is_media_file_name(&chunk.init) {
            tracing::warn!(file = %chunk.file, init = %chunk.init, "the journal names a file that is not ours");
            return;
        }
        match self.segments.last_mut() {
            Some(segment) if segment.file == chunk.file => {
                segment.duration_us =
                    chunk.end_us().saturating_sub(segment.start_us).max(segment.duration_us);
                segment.bytes = segment.bytes.max(chunk.bytes);
            }
            _ => {
                self.segments.push(chunk);
                self.parts.push_back(Vec::new());
                if self.parts.len() > SEGMENTS_WITH_PARTS {
                    self.parts.pop_front();
                }
            }
        }
        self.longest_part_us = self.longest_part_us.max(part.duration_us);
        if let Some(parts) = self.parts.back_mut() {
            parts.push(part);
        }
    }
}
