use super::{
    script::Script,
    voice::{Cue, RATE, Track, root_mean_square},
};

pub const WIDTH: usize = 960;
pub const HEIGHT: usize = 540;
/// Frames a second: enough for bars that follow the voice.
pub const FRAME_RATE: u32 = 12;

const CHAMBER: Colour = [24, 52, 58];
const PLATE: Colour = [13, 33, 38];
const BRASS: Colour = [176, 137, 60];
const PLATE_TOP: usize = 386;
const DISC: (f32, f32, f32) = (112.0, 463.0, 46.0);

const BARS: usize = 28;
const BARS_LEFT: usize = 684;
const BAR_STEP: usize = 8;
const BAR_MAX: f32 = 44.0;

/// Red, green, blue.
type Colour = [u8; 3];

/// A piece of text with a fixed place that changes with the lines of the debate.
pub struct Text {
    pub font: &'static str,
    /// Left edge, or the centre where `centred`, in pixels from the left.
    pub x: i32,
    /// Upper edge in pixels from the top.
    pub y: i32,
    pub centred: bool,
    /// Opaque, as 0xAARRGGBB.
    pub argb: u32,
    pub of: fn(&Script, &Cue) -> String,
}

/// Every text of the picture.
pub const TEXTS: [Text; 7] = [
    text("Sans Bold 15", 64, 44, 0xffff_ffff, |script, _| script.council.clone()),
    text("Sans 13", 64, 74, 0xffb9_ccce, |script, _| script.committee.clone()),
    text("Sans Bold 14", 64, 176, 0xffd9_b867, |script, cue| {
        format!("Item {}", script.items[cue.item].number)
    }),
    text("Sans Bold 23", 64, 206, 0xffff_ffff, |script, cue| script.items[cue.item].title.clone()),
    text("Sans Bold 20", 184, 428, 0xffff_ffff, |_, cue| cue.speaker.name.clone()),
    text("Sans 14", 184, 468, 0xffb9_ccce, |_, cue| cue.speaker.role.clone()),
    Text {
        font: "Sans Bold 24",
        x: DISC.0 as i32,
        y: 443,
        centred: true,
        argb: 0xffff_ffff,
        of: |_, cue| cue.speaker.initials(),
    },
];

const fn text(font: &'static str, x: i32, y: i32, argb: u32, of: fn(&Script, &Cue) -> String) -> Text {
    Text { font, x, y, centred: false, argb, of }
}

/// Draws everything but the text: the chamber, the plate with the speaker's disc, and bars that follow the voice.
pub struct Painter {
    background: Vec<u8>,
    cues: Vec<Cue>,
    /// One per frame, 0 to 1.
    levels: Vec<f32>,
}

impl Painter {
    pub fn new(track: &Track) -> Self {
        let mut canvas = Canvas { pixels: vec![0; WIDTH * HEIGHT * 4] };
        canvas.rectangle((0, 0), (WIDTH, HEIGHT), CHAMBER);
        canvas.rectangle((64, 112), (72, 3), BRASS);
        canvas.rectangle((0, PLATE_TOP), (WIDTH, HEIGHT - PLATE_TOP), PLATE);
        canvas.rectangle((0, PLATE_TOP), (WIDTH, 3), BRASS);
        let levels =
            track.samples.chunks((RATE / FRAME_RATE) as usize).map(|chunk| loudness(root_mean_square(chunk)));
        Self { background: canvas.pixels, cues: track.cues.clone(), levels: levels.collect() }
    }

    /// As many as cover the sound.
    pub fn frame_count(&self) -> usize {
        self.levels.len()
    }

    /// Frame `index` as [`WIDTH`] × [`HEIGHT`] pixels of blue, green, red and an unused byte.
    pub fn frame(&self, index: usize) -> Vec<u8> {
        let mut canvas = Canvas { pixels: self.background.clone() };
        let time_ms = index as u64 * 1_000 / u64::from(FRAME_RATE);
        if let Some(cue) = self.cues.get(cue_index(&self.cues, time_ms)) {
            canvas.disc(DISC, cue.speaker.colour);
        }
        for bar in 0..BARS {
            // The bar on the right is now, each to the left one frame earlier.
            let level = (index + bar + 1).checked_sub(BARS).and_then(|frame| self.levels.get(frame));
            let half = (level.copied().unwrap_or(0.0) * BAR_MAX) as usize + 1;
            let top = DISC.1 as usize - half;
            canvas.rectangle((BARS_LEFT + bar * BAR_STEP, top), (4, half * 2), BRASS);
        }
        canvas.pixels
    }
}

/// Index of the line that is shown at a time: the one being spoken, else the last before, else the first.
pub fn cue_index(cues: &[Cue], time_ms: u64) -> usize {
    let started = cues.partition_point(|cue| u64::from(cue.start_ms) <= time_ms);
    started.saturating_sub(1)
}

/// Root mean square as height: from −45 dB, which shows nothing, to −10 dB.
fn loudness(rms: f32) -> f32 {
    ((20.0 * rms.max(1e-6).log10() + 45.0) / 35.0).clamp(0.0, 1.0)
}

struct Canvas {
    /// Four bytes each: blue, green, red, unused.
    pixels: Vec<u8>,
}

impl Canvas {
    /// `at` is the left upper corner; all of it must lie within the picture.
    fn rectangle(&mut self, at: (usize, usize), size: (usize, usize), [red, green, blue]: Colour) {
        for row in self.pixels.chunks_exact_mut(WIDTH * 4).skip(at.1).take(size.1) {
            for pixel in row[at.0 * 4..(at.0 + size.0) * 4].chunks_exact_mut(4) {
                pixel.copy_from_slice(&[blue, green, red, 0]);
            }
        }
    }

    /// Centre and radius in pixels; the edge is blended over one pixel.
    fn disc(&mut self, (x, y, radius): (f32, f32, f32), [red, green, blue]: Colour) {
        for (row, line) in self.pixels.chunks_exact_mut(WIDTH * 4).enumerate() {
            let dy = row as f32 + 0.5 - y;
            if dy.abs() > radius + 1.0 {
                continue;
            }
            for (column, pixel) in line.chunks_exact_mut(4).enumerate() {
                let cover = (radius + 0.5 - (column as f32 + 0.5 - x).hypot(dy)).clamp(0.0, 1.0);
                for (old, new) in pixel.iter_mut().zip([blue, green, red]) {
                    *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * cover) as u8;
                }
            }
        }
    }
}
