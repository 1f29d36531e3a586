use std::io::Read;

use gst::prelude::*;
use moothall_core::MediaTime;

use crate::{
    decode::{AudioError, Decoder, SAMPLE_RATE},
    journal::Rendition,
    timeline::{MediaFolder, Segment, Timeline},
};

/// Sound that is further than this from where its piece would go on begins a new piece.
const GAP_US: i64 = 40_000;
/// One millisecond, below which a reader's cursor would not move on.
const MIN_SAMPLES: usize = SAMPLE_RATE as usize / 1_000;

/// Sound without a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioPiece {
    pub start: MediaTime,
    /// From -1 to 1, at [`SAMPLE_RATE`].
    pub samples: Vec<f32>,
}

impl AudioPiece {
    pub fn end(&self) -> MediaTime {
        self.start + us_of(self.samples.len()) / 1_000
    }
}

/// Decodes the recorded sound from `from` on, at most `max_ms` of it, gaps not counted. Where there is a gap
/// at `from`, or sound that cannot be decoded, it begins after that. Nothing comes back once there is no more
/// in closed segments; so reading on from the end of the last piece comes to everything.
///
/// # Errors
/// If a segment file cannot be read. One that cannot be decoded is passed over with a warning.
pub fn read_audio(timeline: &Timeline, from: MediaTime, max_ms: i64) -> Result<Vec<AudioPiece>, AudioError> {
    read_segments(timeline, timeline.segments(Rendition::Audio), from, max_ms)
}

/// As [`read_audio`], with what is there of the segment that is being written.
///
/// # Errors
/// As [`read_audio`].
pub fn read_live_audio(
    timeline: &Timeline,
    from: MediaTime,
    max_ms: i64,
) -> Result<Vec<AudioPiece>, AudioError> {
    read_segments(timeline, timeline.all_segments(Rendition::Audio), from, max_ms)
}

fn read_segments(
    timeline: &Timeline,
    segments: &[Segment],
    from: MediaTime,
    max_ms: i64,
) -> Result<Vec<AudioPiece>, AudioError> {
    let max_us = max_ms.clamp(0, MediaTime::MAX.ms()) * 1_000;
    let mut from_us = from.ms() * 1_000;
    loop {
        // Compared in whole milliseconds: less than one of them is no more sound.
        let first = segments.partition_point(|segment| segment.end().ms() * 1_000 <= from_us);
        let (last, until_us) = window(segments, first, from_us, max_us);
        let mut pieces = Vec::new();
        for group in segments[with_the_one_before(segments, first)..last].chunk_by(|a, b| a.init == b.init) {
            decode(timeline, group, from_us, until_us, &mut pieces)?;
        }
        pieces.retain(|piece| piece.samples.len() >= MIN_SAMPLES);
        if !pieces.is_empty() || last == first {
            return Ok(pieces);
        }
        from_us = until_us.max(from_us + 1_000);
    }
}

/// Up to which segment, and which media time, the sound wanted from the segment `first` on reaches.
fn window(segments: &[Segment], first: usize, from_us: i64, max_us: i64) -> (usize, i64) {
    let (mut last, mut until_us, mut wanted_us) = (first, from_us, max_us);
    while let Some(segment) = segments.get(last)
        && wanted_us > 0
    {
        let start_us = segment.start_us.max(from_us);
        let taken_us = (segment.end_us() - start_us).clamp(0, wanted_us);
        (wanted_us, until_us, last) = (wanted_us - taken_us, start_us + taken_us, last + 1);
    }
    (last, until_us)
}

/// A decoder needs the frame before the first; the segment before has it.
fn with_the_one_before(segments: &[Segment], first: usize) -> usize {
    match (first.checked_sub(1).and_then(|before| segments.get(before)), segments.get(first)) {
        (Some(before), Some(this)) if before.init == this.init => first - 1,
        _ => first,
    }
}

fn decode(
    timeline: &Timeline,
    group: &[Segment],
    from_us: i64,
    until_us: i64,
    pieces: &mut Vec<AudioPiece>,
) -> Result<(), AudioError> {
    let Some(first) = group.first() else { return Ok(()) };
    let folder = timeline.folder(Rendition::Audio);
    let mut bytes = read(&folder, &first.init, u64::MAX)?;
    for segment in group {
        bytes.extend(read(&folder, &segment.file, segment.bytes)?);
    }
    let input = gst_app::AppSrc::builder().format(gst::Format::Bytes).build();
    let decoder = Decoder::new(input.upcast_ref())?;
    decoder
        .pipeline
        .set_state(gst::State::Playing)
        .map_err(|error| AudioError::Pipeline(error.to_string()))?;
    input
        .push_buffer(gst::Buffer::from_slice(bytes))
        .and_then(|_| input.end_of_stream())
        .map_err(|error| AudioError::Pipeline(error.to_string()))?;
    // Of each run the first piece begins anew, so that none reaches over a lost connection.
    let mut continues = false;
    while let Some((decode_us, samples)) = decoder.next() {
        let start_us = decode_us + first.offset_us;
        let (start_us, samples) = cut(start_us, &samples, from_us, until_us);
        if samples.is_empty() {
            continue;
        }
        match pieces.last_mut().filter(|piece| {
            let end_us = piece.start.ms() * 1_000 + us_of(piece.samples.len());
            continues && (start_us - end_us).abs() < GAP_US
        }) {
            Some(piece) => piece.samples.extend_from_slice(samples),
            None => {
                pieces.push(AudioPiece {
                    start: MediaTime::from_ms((start_us + 500) / 1_000),
                    samples: samples.to_vec(),
                });
            }
        }
        continues = true;
    }
    if let Some(reason) = decoder.error() {
        tracing::warn!(dir = %timeline.dir().display(), segment = %first.file, %reason, "sound cannot be decoded");
    }
    Ok(())
}

/// At most so many bytes: what the journal does not tell of is not there.
fn read(folder: &MediaFolder, name: &str, bytes: u64) -> Result<Vec<u8>, AudioError> {
    let mut data = Vec::new();
    match folder.open(name).and_then(|file| file.take(bytes).read_to_end(&mut data)) {
        Ok(_) => Ok(data),
        Err(source) => Err(AudioError::Read { path: folder.path(name), source }),
    }
}

/// The part of the samples within `from_us..until_us`, and where it begins.
fn cut(start_us: i64, samples: &[f32], from_us: i64, until_us: i64) -> (i64, &[f32]) {
    let length = samples.len();
    let skipped = count_in(from_us - start_us).min(length);
    let kept = count_in(until_us - start_us).clamp(skipped, length);
    (start_us + us_of(skipped), &samples[skipped..kept])
}

fn us_of(samples: usize) -> i64 {
    samples as i64 * 1_000_000 / i64::from(SAMPLE_RATE)
}

fn count_in(us: i64) -> usize {
    usize::try_from(us.max(0) * i64::from(SAMPLE_RATE) / 1_000_000).unwrap_or(0)
}
