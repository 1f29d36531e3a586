//! What a voice is like, as 256 numbers: the embedding model of WeSpeaker (ResNet34) that belongs to
//! pyannote's `speaker-diarization-community-1`, run by tract.
//!
//! The model hears a window and weighs it by who speaks. The weights come in only where it takes mean and
//! deviation over time, near its end. So the part before is run once for a window, and the rest for each person.

use std::{path::Path, sync::Arc};

use tract_onnx::{prelude::*, tract_core::knobs::KnobScope};

use super::{
    VoicesError, WINDOW_SAMPLES,
    clusters::{dot, normalised},
    filter_bank::{FILTERS, FilterBank, frames},
    segmentation::{Activity, FRAMES, frame_at},
};

/// Nodes of the model: the last before it pools, and the only one after it.
const TRUNK: &str = "/resnet/layer4/layer4.2/Relu_1";
const HEAD: &str = "/resnet/seg_1/Gemm";
/// Numbers for each moment of the trunk's output.
const CHANNELS: usize = 2_560;
/// As in the model.
const TINY: f32 = 1e-8;

#[derive(Debug)]
pub(super) struct Embedding {
    filter_bank: FilterBank,
    trunk: Arc<TypedRunnableModel>,
    /// For each number of the result: the weights of the means, then of the deviations.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// A window as the trunk hears it.
pub(super) struct Heard {
    /// By channel, then by moment.
    channels: Vec<f32>,
    moments: usize,
}

impl Embedding {
    pub(super) fn load(path: &Path) -> Result<Self, VoicesError> {
        let model = || tract_onnx::onnx().model_for_path(path);
        // On a quiet core, tract's direct convolution takes a third longer here than its product of matrices.
        let products = KnobScope::new([("TRACT_DISABLE_DIRECT_SPATIAL", "true")])?;
        let trunk = model()?
            .with_inputs_by_name(["fbank"])?
            .with_input_fact(0, f32::fact([1, frames(WINDOW_SAMPLES), FILTERS]).into())?
            .with_outputs_by_name([TRUNK])?
            .with_output_fact(0, InferenceFact::default())?;
        let trunk = products.enter(|| trunk.into_optimized()?.into_runnable())?;
        let (weights, bias) = head(model()?)?;
        let is_as_expected = !bias.is_empty() && weights.len() == bias.len() * 2 * CHANNELS;
        if !is_as_expected {
            return Err(VoicesError::Run(format!("{HEAD} has {} weights", weights.len())));
        }
        Ok(Self { filter_bank: FilterBank::new(), trunk, weights, bias })
    }

    /// `window` has at most [`WINDOW_SAMPLES`] samples.
    pub(super) fn hear(&self, window: &[f32]) -> Result<Heard, VoicesError> {
        let mut features = self.filter_bank.features(window);
        let shape = [1, frames(WINDOW_SAMPLES), FILTERS];
        features.resize(shape.iter().product(), 0.0);
        let input = Tensor::from_shape(&shape, &features)?;
        let output = self.trunk.run(tvec!(input.into()))?;
        let channels: Vec<f32> = output[0].to_plain_array_view::<f32>()?.iter().copied().collect();
        let moments = channels.len() / CHANNELS;
        Ok(Heard { channels, moments })
    }

    /// The voice heard in the frames in which `counts` says so, as a vector of length 1. Nothing if they are
    /// too few.
    pub(super) fn embed(
        &self,
        heard: &Heard,
        activity: &Activity,
        counts: impl Fn(u8) -> bool,
    ) -> Option<Vec<f32>> {
        let frame = |moment: usize| frame_at((2 * moment + 1) * WINDOW_SAMPLES / (2 * heard.moments));
        let weighed: Vec<usize> =
            (0..heard.moments).filter(|&moment| counts(activity[frame(moment).min(FRAMES - 1)])).collect();
        if weighed.len() < 2 {
            return None;
        }
        let count = weighed.len() as f32;
        let mut pooled = vec![0.0; 2 * CHANNELS];
        let (means, deviations) = pooled.split_at_mut(CHANNELS);
        let by_channel = heard.channels.chunks_exact(heard.moments).zip(means).zip(deviations);
        for ((values, mean), deviation) in by_channel {
            *mean = weighed.iter().map(|&moment| values[moment]).sum::<f32>() / count;
            let squares: f32 = weighed.iter().map(|&moment| (values[moment] - *mean).powi(2)).sum();
            *deviation = (squares / (count - 1.0 + TINY)).sqrt();
        }
        let rows = self.weights.chunks_exact(2 * CHANNELS).zip(&self.bias);
        let embedding: Vec<f32> = rows.map(|(weights, bias)| dot(weights, &pooled) + bias).collect();
        embedding.iter().all(|value| value.is_finite()).then(|| normalised(embedding))
    }
}

/// Weights and bias of the model's last layer, which the file may keep as integers with a scale.
fn head(model: InferenceModel) -> Result<(Vec<f32>, Vec<f32>), VoicesError> {
    let inputs = model.node_by_name(HEAD)?.inputs.clone();
    let constants = model
        .with_input_outlets(&[])?
        .with_output_outlets(inputs.get(1..).unwrap_or_default())?
        .into_optimized()?
        .into_runnable()?
        .run(tvec!())?;
    let values = |index: usize| -> Result<Vec<f32>, VoicesError> {
        let Some(tensor) = constants.get(index) else { return Ok(Vec::new()) };
        Ok(tensor.to_plain_array_view::<f32>()?.iter().copied().collect())
    };
    Ok((values(0)?, values(1)?))
}
