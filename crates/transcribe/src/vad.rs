//! Where somebody speaks: Silero's voice activity model, run by tract.

use std::{path::Path, sync::Arc, thread};

use tract_onnx::prelude::*;

/// The model hears 512 new samples (32 ms) at a time, after the last 64 of those before.
pub const FRAME_SAMPLES: usize = 512;
pub const FRAME_MS: i64 = 32;
const CONTEXT_SAMPLES: usize = 64;
/// About two seconds, after which the state hardly remembers how it began.
const WARM_UP_FRAMES: usize = 64;
/// About half a minute: less is not worth a thread.
const SHORTEST_PART_FRAMES: usize = 1_000;
/// Shape of the state that goes from frame to frame.
const STATE_SHAPE: [usize; 3] = [2, 1, 128];

/// The file passed its checksum but cannot be run: a fault of this program's build.
#[derive(Debug, thiserror::Error)]
#[error("the voice activity model cannot be run: {0}")]
pub struct VoiceActivityError(String);

impl From<TractError> for VoiceActivityError {
    fn from(error: TractError) -> Self {
        Self(format!("{error:#}"))
    }
}

/// The loaded model. Cheap to share; each recording needs a [`Listener`] of its own.
#[derive(Debug, Clone)]
pub struct VoiceActivity {
    model: Arc<TypedRunnableModel>,
}

impl VoiceActivity {
    /// `path` is Silero's 16 kHz model for OpenVINO (version 6), the one of its exports without branches.
    pub fn load(path: &Path) -> Result<Self, VoiceActivityError> {
        let model = tract_onnx::onnx()
            .model_for_path(path)?
            .with_input_fact(0, f32::fact([1, CONTEXT_SAMPLES + FRAME_SAMPLES]).into())?
            .with_input_fact(1, f32::fact(STATE_SHAPE).into())?
            .into_optimized()?
            .into_runnable()?;
        Ok(Self { model })
    }

    pub fn listener(&self) -> Result<Listener, VoiceActivityError> {
        let state = Tensor::zero::<f32>(&STATE_SHAPE)?;
        Ok(Listener { model: Arc::clone(&self.model), state, heard: [0.0; CONTEXT_SAMPLES + FRAME_SAMPLES] })
    }

    /// The probability of a voice, from 0 to 1, for each frame of [`FRAME_MS`]. The last frame is filled up
    /// with silence. The sound is shared out among so many threads; each hears a little of what comes before
    /// its part, so that its state is the one it would have come to.
    pub fn probabilities(&self, samples: &[f32], threads: usize) -> Result<Vec<f32>, VoiceActivityError> {
        let frames = samples.len().div_ceil(FRAME_SAMPLES);
        let part = frames.div_ceil(threads.max(1)).max(SHORTEST_PART_FRAMES);
        let parts: Vec<Result<Vec<f32>, VoiceActivityError>> = thread::scope(|scope| {
            let hear = |first: usize| scope.spawn(move || self.part(samples, first, part));
            let running: Vec<_> = (0..frames).step_by(part).map(hear).collect();
            let stopped = |_| Err(VoiceActivityError("a thread stopped unexpectedly".to_owned()));
            running.into_iter().map(|part| part.join().unwrap_or_else(stopped)).collect()
        });
        Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn part(&self, samples: &[f32], first: usize, count: usize) -> Result<Vec<f32>, VoiceActivityError> {
        let mut listener = self.listener()?;
        let warm_up = first.min(WARM_UP_FRAMES);
        let frames = samples.chunks(FRAME_SAMPLES).skip(first - warm_up).take(warm_up + count);
        let mut heard = frames.map(|frame| listener.hear(frame)).collect::<Result<Vec<f32>, _>>()?;
        Ok(heard.split_off(warm_up))
    }
}

/// Hears one recording from its start, in constant memory.
#[derive(Debug)]
pub struct Listener {
    model: Arc<TypedRunnableModel>,
    state: Tensor,
    heard: [f32; CONTEXT_SAMPLES + FRAME_SAMPLES],
}

impl Listener {
    /// The probability of a voice in the next frame, which has at most [`FRAME_SAMPLES`] samples.
    pub fn hear(&mut self, frame: &[f32]) -> Result<f32, VoiceActivityError> {
        let length = frame.len().min(FRAME_SAMPLES);
        self.heard.copy_within(FRAME_SAMPLES.., 0);
        self.heard[CONTEXT_SAMPLES..].fill(0.0);
        self.heard[CONTEXT_SAMPLES..CONTEXT_SAMPLES + length].copy_from_slice(&frame[..length]);
        let input = Tensor::from_shape(&[1, self.heard.len()], &self.heard)?;
        let state = std::mem::take(&mut self.state);
        let mut output = self.model.run(tvec!(input.into(), state.into()))?;
        self.state = output.remove(1).into_tensor();
        let probability = output[0].to_plain_array_view::<f32>()?.iter().next().copied();
        // What is not a number, as from samples that are none, counts as no voice.
        Ok(probability.filter(|probability| probability.is_finite()).unwrap_or(0.0))
    }
}
