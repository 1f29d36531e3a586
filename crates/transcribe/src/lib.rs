//! Audio in, timed words out.
//!
//! Sound is 16 kHz mono `f32` throughout, from -1 to 1. [`Transcriber`] holds the models; a [`Stream`] takes
//! sound as it comes and gives captions back. On the way: voice activity ([`vad`]), windows of speech
//! ([`windows`]), Whisper ([`decode`]), repair of its known failures ([`repair`]), captions cut for reading
//! ([`layout`]). Beside it, [`voices`] tells who speaks when.
//!
//! Architecture invariant: nothing is decoded where no voice was found, so that silence, hum and music yield
//! no text; and no file is opened but the models'.

pub mod decode;
mod fetch;
mod follow;
pub mod languages;
pub mod layout;
mod live;
pub mod models;
pub mod repair;
mod stream;
mod transcriber;
pub mod vad;
pub mod voices;
pub mod windows;

pub use live::Live;
pub use models::{Listed, ModelError, Models};
pub use stream::Stream;
pub use transcriber::{Mode, Options, TranscribeError, Transcriber, Transcript};

/// What every function of this crate expects, and what Whisper and Silero were trained on.
pub const SAMPLE_RATE_HZ: usize = 16_000;
const SAMPLES_PER_MS: usize = SAMPLE_RATE_HZ / 1_000;

/// The samples between two points in milliseconds, cut off where the sound ends.
fn samples_between(samples: &[f32], start_ms: i64, end_ms: i64) -> &[f32] {
    let index = |ms: i64| usize::try_from(ms).unwrap_or(0).saturating_mul(SAMPLES_PER_MS).min(samples.len());
    let start = index(start_ms);
    &samples[start..index(end_ms).max(start)]
}
