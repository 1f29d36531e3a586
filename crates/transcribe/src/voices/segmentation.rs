//! How many people speak in ten seconds of sound, and when each of them does: pyannote's segmentation model
//! (`speaker-diarization-community-1`), run by tract.

use std::{path::Path, sync::Arc};

use tract_onnx::prelude::*;

use super::{VoicesError, WINDOW_SAMPLES};

/// The model tells at most so many people apart in one window.
pub(super) const PEOPLE: usize = 3;
pub(super) const FRAMES: usize = 589;
/// From one frame to the next, and from the start of the window to the middle of the first (its receptive
/// field is 991 samples wide).
const STEP_SAMPLES: usize = 270;
const FIRST_MIDDLE_SAMPLES: usize = 495;

/// Who speaks in each frame of a window: bit n is set while person n of this window does.
pub(super) type Activity = [u8; FRAMES];

#[derive(Debug)]
pub(super) struct Segmentation {
    model: Arc<TypedRunnableModel>,
}

impl Segmentation {
    pub(super) fn load(path: &Path) -> Result<Self, VoicesError> {
        let model = tract_onnx::onnx()
            .model_for_path(path)?
            .with_input_fact(0, f32::fact([1, 1, WINDOW_SAMPLES]).into())?
            .with_output_fact(0, InferenceFact::default())?
            .into_optimized()?
            .into_runnable()?;
        Ok(Self { model })
    }

    /// `window` has [`WINDOW_SAMPLES`] samples.
    pub(super) fn activity(&self, window: &[f32]) -> Result<Activity, VoicesError> {
        let input = Tensor::from_shape(&[1, 1, window.len()], window)?;
        let output = self.model.run(tvec!(input.into()))?;
        let speaks = output[0].to_plain_array_view::<f32>()?;
        let mut activity = [0; FRAMES];
        for (frame, people) in activity.iter_mut().zip(speaks.rows()) {
            for (person, &speaks) in people.iter().take(PEOPLE).enumerate() {
                *frame |= u8::from(speaks > 0.5) << person;
            }
        }
        Ok(activity)
    }
}

/// The samples of the window that a frame stands for: those nearer to its middle than to any other's.
pub(super) const fn starts_at(frame: usize) -> usize {
    if frame == 0 { 0 } else { FIRST_MIDDLE_SAMPLES + frame * STEP_SAMPLES - STEP_SAMPLES / 2 }
}

/// The frame that stands for a sample of the window.
pub(super) fn frame_at(sample: usize) -> usize {
    ((sample + STEP_SAMPLES / 2).saturating_sub(FIRST_MIDDLE_SAMPLES) / STEP_SAMPLES).min(FRAMES - 1)
}

pub(super) const fn samples(frames: usize) -> usize {
    frames * STEP_SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_has_its_frame() {
        for frame in 0..FRAMES {
            assert_eq!(frame_at(starts_at(frame)), frame);
            assert!(frame == 0 || frame_at(starts_at(frame) - 1) == frame - 1);
        }
        assert_eq!(frame_at(WINDOW_SAMPLES), FRAMES - 1);
    }
}
