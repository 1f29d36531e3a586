//! What is close to now: the segment that is being written, and the parts of the latest ones.

use std::path::PathBuf;

use super::{Segment, Timeline, TimelineError};
use crate::journal::Rendition;

/// A piece of a segment file that can be played before the segment is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its place in the segment file, in bytes.
    pub offset: u64,
    pub bytes: u64,
    pub duration_us: i64,
    /// It begins with a key frame.
    pub independent: bool,
}

/// What a name in a playlist stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This file, which may be missing.
    Whole(PathBuf),
    /// A part, or a segment that is close to now: these pieces, one after the other.
    Pieces(Vec<Piece>),
    /// What a playlist promises to come next.
    Coming,
    Nothing,
}

/// So much of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub path: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// The name of the segment file that follows in the same run.
pub(crate) fn next_file(file: &str) -> String {
    let numbers = file.trim_end_matches(".m4s").split_once('-');
    let next = numbers.and_then(|(run, number)| Some((run, number.parse::<u64>().ok()?.checked_add(1)?)));
    next.map(|(run, number)| format!("{run}-{number}.m4s")).unwrap_or_default()
}

impl Timeline {
    /// The parts of a segment by its place among all, the one that is being written included; none of those
    /// that are too old to be asked for.
    pub fn parts(&self, rendition: Rendition, segment: usize) -> &[Part] {
        let track = self.track(rendition);
        let known_from = track.segments.len() - track.parts.len();
        segment.checked_sub(known_from).and_then(|index| track.parts.get(index)).map_or(&[], Vec::as_slice)
    }

    /// The segment to which something is still added.
    pub(crate) fn open_segment(&self, rendition: Rendition) -> Option<&Segment> {
        self.all_segments(rendition).get(self.segments(rendition).len())
    }

    /// The longest part that was ever recorded.
    pub(crate) fn longest_part_us(&self, rendition: Rendition) -> i64 {
        self.track(rendition).longest_part_us
    }

    /// The file of a part by the part's own name, `1-23-4.m4s`: segment file and place among its parts.
    pub(crate) fn part_name(segment: &Segment, part: usize) -> String {
        format!("{}-{part}.m4s", segment.file.trim_end_matches(".m4s"))
    }

    /// What a name in a playlist stands for.
    ///
    /// # Errors
    /// [`TimelineError::FileName`] for a name that no playlist has, such as one with a slash.
    pub fn find(&self, rendition: Rendition, name: &str) -> Result<Found, TimelineError> {
        let path = self.file(rendition, name)?;
        let stem = name.strip_suffix(".m4s").unwrap_or_default();
        if name.starts_with("init-") {
            return Ok(Found::Whole(path));
        }
        let all = self.all_segments(rendition);
        if let [run, segment, part] = stem.split('-').collect::<Vec<_>>()[..] {
            let file = format!("{run}-{segment}.m4s");
            let Ok(part) = part.parse::<usize>() else { return Ok(Found::Nothing) };
            let Some(index) = all.iter().rposition(|segment| segment.file == file) else {
                // The first part of what follows the last segment may be asked for beforehand.
                let follows = all.last().is_some_and(|last| part == 0 && file == next_file(&last.file));
                return Ok(if follows { Found::Coming } else { Found::Nothing });
            };
            let parts = self.parts(rendition, index);
            let is_open = self.segments(rendition).len() == index;
            return Ok(match parts.get(part) {
                Some(part) => Found::Pieces(vec![Piece {
                    path: self.file(rendition, &file)?,
                    offset: part.offset,
                    bytes: part.bytes,
                }]),
                None if is_open && part == parts.len() => Found::Coming,
                None => Found::Nothing,
            });
        }
        let Some(index) = all.iter().rposition(|segment| segment.file == name) else {
            return Ok(Found::Nothing);
        };
        // A segment that still grows must not be taken for the whole.
        Ok(if index >= self.segments(rendition).len() {
            Found::Nothing
        } else if self.is_finished() || self.parts(rendition, index).is_empty() {
            Found::Whole(path)
        } else {
            Found::Pieces(vec![Piece { path, offset: 0, bytes: all[index].bytes }])
        })
    }
}
