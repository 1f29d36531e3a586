//! One picture that stands for a recording.

use moothall_core::MediaTime;

use crate::{
    frames::FramesError,
    journal::Rendition,
    key_frames::{Picture, Size, jpeg, key_frames},
    timeline::{Segment, Timeline},
};

/// Fills the player on a telephone, and is still small enough to stand in lists.
const SIZE: Size = Size { width: 640, height: 360 };
/// Encoders are often switched on before the camera shows anything, or behind a title.
const SKIPPED_MS: i64 = 10_000;
/// So many moments are compared, spread over the first half: towards the end rooms empty.
const CANDIDATES: usize = 8;

/// A picture of the recording as JPEG: of a few moments the one with the most to see, so that it is neither
/// black nor blank where any of them is not. None of a recording that is sound alone.
///
/// # Errors
/// If a segment file cannot be read. Pictures that cannot be decoded are passed over.
pub fn poster(timeline: &Timeline) -> Result<Option<Vec<u8>>, FramesError> {
    let pictures = key_frames(timeline, &candidates(timeline.segments(Rendition::Video)), SIZE)?;
    let best = pictures.iter().map(|(_, picture)| picture).max_by(|a, b| contrast(a).total_cmp(&contrast(b)));
    best.map(jpeg).transpose()
}

fn candidates(segments: &[Segment]) -> Vec<Segment> {
    let late = segments.partition_point(|segment| segment.start() < MediaTime::from_ms(SKIPPED_MS));
    // A recording that is shorter than that has to do with what there is.
    let from = if late < segments.len() { late } else { 0 };
    let half = &segments[from..from + (segments.len() - from).div_ceil(2)];
    half.iter().step_by(half.len().div_ceil(CANDIDATES).max(1)).cloned().collect()
}

/// The standard deviation of its brightness: nought where all is black, or all is white.
fn contrast(picture: &Picture) -> f64 {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    // The weights of ITU-R BT.601.
    let luma = |[r, g, b]: &[u8; 3]| 0.299 * f64::from(*r) + 0.587 * f64::from(*g) + 0.114 * f64::from(*b);
    let count = pixels.len().max(1) as f64;
    let mean = pixels.iter().map(luma).sum::<f64>() / count;
    (pixels.iter().map(|pixel| (luma(pixel) - mean).powi(2)).sum::<f64>() / count).sqrt()
}
