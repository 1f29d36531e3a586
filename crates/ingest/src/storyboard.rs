//! Small pictures of a whole recording on a few sheets, for whoever looks for a moment.

use std::fmt::Write as _;

use moothall_core::MediaTime;

use crate::{
    frames::FramesError,
    journal::Rendition,
    key_frames::{Picture, Size, jpeg, key_frames},
    timeline::{Segment, Timeline},
};

const TILE: Size = Size { width: 160, height: 90 };
/// One tile shows so much of the recording.
const TILE_MS: i64 = 10_000;
const COLUMNS: usize = 10;
/// Ten minutes on a sheet: about 150 kB.
const TILES_PER_SHEET: usize = 60;

/// The sheets, and the text that says which part of which of them shows which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storyboard {
    /// JPEG files, ten tiles of 160 by 90 pixels in a row.
    pub sheets: Vec<Vec<u8>>,
    /// WebVTT whose cues are addresses: `storyboard-0.jpg#xywh=160,0,160,90` (Media Fragments URI 1.0), as
    /// players read them. Gaps in the recording have no cue.
    pub vtt: String,
}

/// A tile for every ten seconds in which something was recorded. None of a recording that is sound alone.
///
/// # Errors
/// If a segment file cannot be read. Pictures that cannot be decoded are passed over.
pub fn storyboard(timeline: &Timeline) -> Result<Option<Storyboard>, FramesError> {
    let (starts_ms, segments) = tiles(timeline.segments(Rendition::Video));
    let pictures = key_frames(timeline, &segments, TILE)?;
    if pictures.is_empty() {
        return Ok(None);
    }
    let mut board = Storyboard { sheets: Vec::new(), vtt: String::from("WEBVTT\n") };
    for sheet in pictures.chunks(TILES_PER_SHEET) {
        for (place, (position, _)) in sheet.iter().enumerate() {
            let (start, (x, y)) = (MediaTime::from_ms(starts_ms[*position]), corner(place));
            // Writing to a string cannot fail.
            let _ = write!(
                board.vtt,
                "\n{start} --> {}\nstoryboard-{}.jpg#xywh={x},{y},{},{}\n",
                start + TILE_MS,
                board.sheets.len(),
                TILE.width,
                TILE.height
            );
        }
        board.sheets.push(jpeg(&lay_out(sheet))?);
    }
    Ok(Some(board))
}

/// The beginning of each stretch of time that a tile stands for, and the segment that its picture is from.
fn tiles(segments: &[Segment]) -> (Vec<i64>, Vec<Segment>) {
    let mut tiles: Vec<(i64, &Segment)> = Vec::new();
    let mut next_ms = 0;
    for segment in segments {
        // A segment may be longer than a tile's time: then it gives the picture of the first.
        if segment.end().ms() <= next_ms {
            continue;
        }
        let start_ms = segment.start().ms().max(next_ms) / TILE_MS * TILE_MS;
        tiles.push((start_ms, segment));
        next_ms = start_ms + TILE_MS;
    }
    tiles.into_iter().map(|(start_ms, segment)| (start_ms, segment.clone())).unzip()
}

/// Where a tile stands on its sheet, in pixels from the left and from the top.
const fn corner(place: usize) -> (usize, usize) {
    (place % COLUMNS * TILE.width, place / COLUMNS * TILE.height)
}

fn lay_out(tiles: &[(usize, Picture)]) -> Picture {
    let rows = tiles.len().div_ceil(COLUMNS);
    let size = Size { width: COLUMNS * TILE.width, height: rows * TILE.height };
    let mut rgb = vec![0; 3 * size.width * size.height];
    for (place, (_, tile)) in tiles.iter().enumerate() {
        let (x, y) = corner(place);
        for (row, line) in tile.rgb.chunks_exact(3 * TILE.width).take(TILE.height).enumerate() {
            let at = 3 * ((y + row) * size.width + x);
            rgb[at..at + line.len()].copy_from_slice(line);
        }
    }
    Picture { size, rgb }
}
