//! What the embedding model hears: the logarithms of 80 Mel filters every 10 ms, as Kaldi computes them
//! (`feature-fbank.cc`, `mel-computations.cc`), with the settings that the model was trained with.

use std::{f32::consts::TAU, fmt, sync::Arc};

use rustfft::{Fft, FftPlanner, num_complex::Complex};

use crate::SAMPLE_RATE_HZ;

pub(super) const FILTERS: usize = 80;
/// 25 ms, every 10 ms.
const FRAME_SAMPLES: usize = 400;
const STEP_SAMPLES: usize = 160;
const FFT_SAMPLES: usize = 512;
const LOWEST_HZ: f32 = 20.0;
const PRE_EMPHASIS: f32 = 0.97;
/// The model was trained on samples of 16 bits.
const FULL_SCALE: f32 = 32_768.0;

/// How many frames lie whole within so many samples.
pub(super) const fn frames(samples: usize) -> usize {
    if samples < FRAME_SAMPLES { 0 } else { (samples - FRAME_SAMPLES) / STEP_SAMPLES + 1 }
}

/// One triangle: the first bin of the spectrum that it weighs, and the weights from there on.
struct Filter {
    first: usize,
    weights: Vec<f32>,
}

pub(super) struct FilterBank {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    filters: Vec<Filter>,
}

impl fmt::Debug for FilterBank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterBank").field("filters", &self.filters.len()).finish_non_exhaustive()
    }
}

fn mel(frequency_hz: f32) -> f32 {
    1_127.0 * (1.0 + frequency_hz / 700.0).ln()
}

impl FilterBank {
    pub(super) fn new() -> Self {
        // Hamming's window.
        let angle = |sample: usize| TAU * sample as f32 / (FRAME_SAMPLES - 1) as f32;
        let window = (0..FRAME_SAMPLES).map(|sample| 0.54 - 0.46 * angle(sample).cos()).collect();
        let (lowest, highest) = (mel(LOWEST_HZ), mel(SAMPLE_RATE_HZ as f32 / 2.0));
        let step = (highest - lowest) / (FILTERS + 1) as f32;
        let filters = (0..FILTERS).map(|index| filter(lowest + index as f32 * step, step)).collect();
        Self { fft: FftPlanner::new().plan_fft_forward(FFT_SAMPLES), window, filters }
    }

    /// The features of each frame, one frame after the other, each less its filter's mean over all frames.
    pub(super) fn features(&self, samples: &[f32]) -> Vec<f32> {
        let count = frames(samples.len());
        let mut features = Vec::with_capacity(count * FILTERS);
        let mut spectrum = vec![Complex::default(); FFT_SAMPLES];
        let mut scratch = vec![Complex::default(); self.fft.get_inplace_scratch_len()];
        for frame in 0..count {
            let start = frame * STEP_SAMPLES;
            self.take(&samples[start..start + FRAME_SAMPLES], &mut spectrum);
            self.fft.process_with_scratch(&mut spectrum, &mut scratch);
            features.extend(self.filters.iter().map(|filter| {
                let bins = spectrum[filter.first..].iter().zip(&filter.weights);
                let energy: f32 = bins.map(|(bin, weight)| bin.norm_sqr() * weight).sum();
                energy.max(f32::EPSILON).ln()
            }));
        }
        centre(&mut features);
        features
    }

    /// One frame, ready to be transformed: without its mean, high tones emphasised, faded at both ends.
    fn take(&self, samples: &[f32], spectrum: &mut [Complex<f32>]) {
        let mean = samples.iter().sum::<f32>() / samples.len() as f32;
        spectrum.fill(Complex::default());
        // Kaldi takes the first sample as its own predecessor.
        let mut before = samples[0] - mean;
        for ((bin, sample), weight) in spectrum.iter_mut().zip(samples).zip(&self.window) {
            let now = sample - mean;
            bin.re = (now - PRE_EMPHASIS * before) * FULL_SCALE * weight;
            before = now;
        }
    }
}

fn filter(left: f32, step: f32) -> Filter {
    let weight = |bin: usize| {
        let at = mel(bin as f32 * SAMPLE_RATE_HZ as f32 / FFT_SAMPLES as f32);
        let (rising, falling) = ((at - left) / step, (left + 2.0 * step - at) / step);
        rising.min(falling).max(0.0)
    };
    let weights: Vec<f32> = (0..FFT_SAMPLES / 2).map(weight).collect();
    let first = weights.iter().position(|&weight| weight > 0.0).unwrap_or(0);
    let inside = weights[first..].iter().take_while(|&&weight| weight > 0.0).copied().collect();
    Filter { first, weights: inside }
}

fn centre(features: &mut [f32]) {
    let count = (features.len() / FILTERS).max(1) as f32;
    let mut means = [0.0; FILTERS];
    for frame in features.chunks_exact(FILTERS) {
        for (mean, feature) in means.iter_mut().zip(frame) {
            *mean += feature / count;
        }
    }
    for frame in features.chunks_exact_mut(FILTERS) {
        for (feature, mean) in frame.iter_mut().zip(&means) {
            *feature -= mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_heard_in_its_filter() {
        let tone = |sample: usize| 0.5 * (TAU * 1_000.0 * sample as f32 / SAMPLE_RATE_HZ as f32).sin();
        // A tone for half of the time, so that it is above its mean there.
        let samples: Vec<f32> =
            (0..16_000).map(|sample| if sample < 8_000 { tone(sample) } else { 0.0 }).collect();
        let features = FilterBank::new().features(&samples);
        assert_eq!(features.len(), frames(16_000) * FILTERS);
        let (loudest, _) =
            features[..FILTERS].iter().enumerate().max_by(|one, two| one.1.total_cmp(two.1)).unwrap();
        // The filter whose middle is nearest to 1000 Hz on Mel's scale.
        let step = (mel(8_000.0) - mel(LOWEST_HZ)) / (FILTERS + 1) as f32;
        assert_eq!(loudest, ((mel(1_000.0) - mel(LOWEST_HZ)) / step).round() as usize - 1);
    }

    #[test]
    fn loudness_makes_no_difference() {
        let noise = |sample: usize| ((sample * 7_919) % 1_009) as f32 / 2_018.0 - 0.25;
        let loud: Vec<f32> = (0..4_000).map(noise).collect();
        let quiet: Vec<f32> = loud.iter().map(|sample| sample / 10.0).collect();
        let bank = FilterBank::new();
        for (one, two) in bank.features(&loud).iter().zip(bank.features(&quiet)) {
            assert!((one - two).abs() < 0.02, "{one} {two}");
        }
        assert!(bank.features(&[0.0; FRAME_SAMPLES - 1]).is_empty());
    }
}
