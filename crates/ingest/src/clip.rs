//! A stretch of a recording as a file to take away: the frames as they were recorded, in a new file.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use moothall_core::{MediaTime, formats::Cue};

use crate::{
    clip_file::ClipFile,
    clip_plan::{Piece, plan},
    frames::{Extent, Frame, Frames, FramesError, ROUNDING_US, stretches},
    journal::Rendition,
    timeline::{Segment, Timeline},
};

/// An item of an agenda or an exchange fits into it. Whoever wants more has the recording itself, and a
/// visitor cannot make the server write for long.
pub const LONGEST_CLIP_MS: i64 = 15 * 60_000;
/// Fifteen minutes at 4.5 Mbit/s. What is written lies on the disk twice for a moment.
const MOST_BYTES: u64 = 512 << 20;
/// The longest clip takes seconds; this is for a disk that hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// What a clip becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipKind {
    /// Picture and sound as they were recorded, the captions as a track of text, the index in front.
    Mp4,
    /// The sound alone. It is encoded anew, since recordings hold AAC.
    Mp3,
}

/// What was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clip {
    /// Of an MP4 the last key frame at or before the time that was asked for.
    pub start: MediaTime,
    pub end: MediaTime,
    /// Without the gaps.
    pub duration_ms: i64,
}

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    #[error("the clip must end after it begins, at {}: give a later end", from.clock())]
    Inverted { from: MediaTime },
    #[error("a clip is at most {} minutes long: give an end before {}", LONGEST_CLIP_MS / 60_000, latest.clock())]
    TooLong { latest: MediaTime },
    #[error("a clip this long would be too large at the quality of this recording: choose a shorter one")]
    TooLarge,
    #[error("nothing is recorded between {} and {}: choose other times", from.clock(), to.clock())]
    Nothing { from: MediaTime, to: MediaTime },
    #[error("no sound is recorded between {} and {}: choose other times", from.clock(), to.clock())]
    NoSound { from: MediaTime, to: MediaTime },
    #[error(
        "the encoder was set up anew at {}, and one file cannot hold what came before and after: \
         end the clip there, or begin it there",
        at.clock()
    )]
    FormatChange { at: MediaTime },
    #[error("cannot write {}: it took longer than {} s", path.display(), DEADLINE.as_secs())]
    TooSlow { path: PathBuf },
    #[error(transparent)]
    Frames(#[from] FramesError),
}

impl ClipError {
    /// Whether other times would do; otherwise it is not the fault of whoever asked.
    pub const fn is_about_range(&self) -> bool {
        !matches!(self, Self::TooSlow { .. } | Self::Frames(_))
    }
}

impl From<gst::glib::BoolError> for ClipError {
    fn from(error: gst::glib::BoolError) -> Self {
        Self::Frames(error.into())
    }
}

/// Cuts what was recorded from `from` to `to` into the new file `out`; for a while another file lies beside it.
///
/// Nothing is encoded anew for [`ClipKind::Mp4`], so that it begins with the key frame at or before `from`, and
/// the sound with it. Gaps in the recording are left out: what comes after one follows at once. Of `captions`
/// only those within the clip are used.
///
/// # Errors
/// See [`ClipError`]; then there is no file.
pub fn clip<'a>(
    timeline: &Timeline,
    from: MediaTime,
    to: MediaTime,
    kind: ClipKind,
    captions: impl IntoIterator<Item = Cue<'a>>,
    out: &Path,
) -> Result<Clip, ClipError> {
    if to <= from {
        return Err(ClipError::Inverted { from });
    }
    if to - from > LONGEST_CLIP_MS {
        return Err(ClipError::TooLong { latest: from + LONGEST_CLIP_MS });
    }
    let (from_us, to_us) = (from.ms() * 1_000, to.ms() * 1_000);
    let video = wanted(timeline, Rendition::Video, from_us, to_us);
    let audio = wanted(timeline, Rendition::Audio, from_us, to_us);
    let video = if kind == ClipKind::Mp4 { video } else { &[] };
    let bytes = video.iter().chain(audio).fold(0_u64, |sum, segment| sum.saturating_add(segment.bytes));
    if bytes > MOST_BYTES {
        return Err(ClipError::TooLarge);
    }
    let lead = if video.is_empty() { Rendition::Audio } else { Rendition::Video };
    let pieces = plan(if video.is_empty() { audio } else { video }, from_us, to_us, |segments| match lead {
        Rendition::Audio => Ok(from_us),
        _ => key_frame_before(timeline, segments, from_us),
    })?;
    let Some((first, last)) = pieces.first().zip(pieces.last()) else {
        return Err(match kind {
            ClipKind::Mp4 => ClipError::Nothing { from, to },
            ClipKind::Mp3 => ClipError::NoSound { from, to },
        });
    };
    let clip = Clip {
        start: MediaTime::from_ms(first.start_us / 1_000),
        end: MediaTime::from_ms(last.end_us / 1_000),
        duration_ms: (last.place_us + last.end_us - last.start_us) / 1_000,
    };
    // The first key frame may lie before the range, and sound is wanted from there.
    let audio = wanted(timeline, Rendition::Audio, first.start_us, to_us);
    let renditions: Vec<Rendition> = [(Rendition::Video, video), (Rendition::Audio, audio)]
        .into_iter()
        .filter(|(_, segments)| !segments.is_empty())
        .map(|(rendition, _)| rendition)
        .collect();
    let mut file = ClipFile::create(out, kind, &renditions, Instant::now() + DEADLINE)?;
    if kind == ClipKind::Mp4 {
        file.captions(&pieces, captions)?;
    }
    for piece in &pieces {
        let mut tracks = renditions
            .iter()
            .map(|rendition| Ok((*rendition, Track::open(timeline, *rendition, piece)?.peekable())))
            .collect::<Result<Vec<_>, FramesError>>()?;
        // In the order of decoding over all tracks, as the muxer wants them.
        while let Some((rendition, frames)) = tracks
            .iter_mut()
            .filter_map(|(rendition, frames)| Some((frames.peek()?.dts_us, *rendition, frames)))
            .min_by_key(|(dts_us, ..)| *dts_us)
            .map(|(_, rendition, frames)| (rendition, frames))
        {
            if let Some(frame) = frames.next() {
                file.push(rendition, piece, frame)?;
            }
        }
    }
    file.finish()?;
    Ok(clip)
}

/// The segments that reach into the range.
fn wanted(timeline: &Timeline, rendition: Rendition, from_us: i64, to_us: i64) -> &[Segment] {
    let segments = timeline.segments(rendition);
    let first = segments.partition_point(|segment| segment.end_us() <= from_us);
    let last = segments.partition_point(|segment| segment.start_us < to_us);
    segments.get(first..last).unwrap_or_default()
}

/// The last key frame at or before a time, or the first one after it.
fn key_frame_before(timeline: &Timeline, segments: &[Segment], at_us: i64) -> Result<i64, FramesError> {
    let Some(first) = segments.first() else { return Ok(at_us) };
    let mut found_us = None;
    // A segment begins with a key frame: the one that holds the time is enough.
    for frame in Frames::open(timeline, Rendition::Video, std::slice::from_ref(first), Extent::Whole)? {
        if frame.is_key && (found_us.is_none() || frame.pts_us <= at_us) {
            found_us = Some(frame.pts_us);
        }
    }
    Ok(found_us.unwrap_or(first.start_us))
}

/// The frames of one rendition within a piece.
struct Track<'a> {
    timeline: &'a Timeline,
    rendition: Rendition,
    stretches: Vec<&'a [Segment]>,
    open: Option<Frames>,
    start_us: i64,
    end_us: i64,
    begun: bool,
}

impl<'a> Track<'a> {
    fn open(timeline: &'a Timeline, rendition: Rendition, piece: &Piece) -> Result<Self, FramesError> {
        let segments = wanted(timeline, rendition, piece.start_us, piece.end_us);
        let mut stretches: Vec<_> = stretches(segments).collect();
        stretches.reverse();
        let mut track = Self {
            timeline,
            rendition,
            stretches,
            open: None,
            start_us: piece.start_us,
            end_us: piece.end_us,
            begun: false,
        };
        track.open_next()?;
        Ok(track)
    }

    fn open_next(&mut self) -> Result<(), FramesError> {
        if let Some(error) = self.open.as_ref().and_then(Frames::error) {
            return Err(FramesError(error));
        }
        self.open = match self.stretches.pop() {
            Some(stretch) => Some(Frames::open(self.timeline, self.rendition, stretch, Extent::Whole)?),
            None => None,
        };
        Ok(())
    }
}

impl Iterator for Track<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        loop {
            match self.open.as_mut()?.next() {
                // What is decoded later is shown later, but for a frame or two.
                Some(frame) if frame.dts_us >= self.end_us => {
                    self.open = None;
                    return None;
                }
                Some(frame)
                    if frame.pts_us + ROUNDING_US < self.start_us || !(self.begun || frame.is_key) => {}
                Some(frame) => {
                    self.begun = true;
                    return Some(frame);
                }
                None => {
                    if let Err(error) = self.open_next() {
                        tracing::warn!(dir = %self.timeline.dir().display(), %error, "a clip lacks something");
                    }
                }
            }
        }
    }
}
