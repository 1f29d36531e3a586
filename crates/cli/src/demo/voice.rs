use std::{io, process::Command};

use super::{
    DemoError,
    script::{Script, Speaker},
};

/// Samples a second of the finished track, which is mono: what cameras and encoders use.
pub const RATE: u32 = 48_000;

// Silences before a line. Between items people look for their papers.
// The live demo plays twice what it had read when its listener answered, so no word may be in that.
const LEAD_IN_MS: u32 = 3_000;
const SAME_SPEAKER_MS: u32 = 450;
const NEXT_SPEAKER_MS: u32 = 800;
const NEXT_ITEM_MS: u32 = 2_200;
const LEAD_OUT_MS: u32 = 2_000;

/// Loudness of every line: root mean square against full scale, about −20 dB as in broadcast speech.
const TARGET_RMS: f32 = 0.1;
/// No sample is louder, so that the encoder never clips.
const PEAK: f32 = 0.89;

/// When a line is spoken.
#[derive(Debug, Clone)]
pub struct Cue {
    pub start_ms: u32,
    /// Index into the script's items.
    pub item: usize,
    pub speaker: Speaker,
}

/// The whole debate as sound.
#[derive(Debug, Clone)]
pub struct Track {
    /// At [`RATE`], between −1 and 1.
    pub samples: Vec<f32>,
    /// In the order of time.
    pub cues: Vec<Cue>,
}

impl Track {
    pub fn duration_ms(&self) -> u32 {
        milliseconds(self.samples.len())
    }
}

/// Speaks every line of the script; `progress` gets the finished share, 0 to 1.
pub fn speak(script: &Script, mut progress: impl FnMut(f64)) -> Result<Track, DemoError> {
    let count: usize = script.items.iter().map(|item| item.lines.len()).sum();
    let mut track = Track { samples: Vec::new(), cues: Vec::with_capacity(count) };
    let mut before: Option<(usize, &str)> = None;
    for (index, item) in script.items.iter().enumerate() {
        for line in &item.lines {
            let speaker = script.speaker(&line.by)?;
            let usual_ms = match before {
                None => LEAD_IN_MS,
                Some((last_item, _)) if last_item != index => NEXT_ITEM_MS,
                Some((_, last_speaker)) if last_speaker == line.by => SAME_SPEAKER_MS,
                Some(_) => NEXT_SPEAKER_MS,
            };
            before = Some((index, &line.by));
            track.silence(line.wait_ms.unwrap_or(usual_ms));
            let start_ms = track.duration_ms();
            track.samples.extend(say(speaker, &line.says)?);
            track.cues.push(Cue { start_ms, item: index, speaker: speaker.clone() });
            progress(track.cues.len() as f64 / count as f64);
        }
    }
    track.silence(LEAD_OUT_MS);
    Ok(track)
}

impl Track {
    fn silence(&mut self, ms: u32) {
        let length = self.samples.len() + ms as usize * RATE as usize / 1_000;
        self.samples.resize(length, 0.0);
    }
}

fn milliseconds(samples: usize) -> u32 {
    (samples as u64 * 1_000 / u64::from(RATE)) as u32
}

/// One line as sound at [`RATE`].
///
/// flite's best voices have a fixed pitch. So they speak slower by the factor by which playing them faster
/// raises the pitch, which leaves the pace and changes the voice as another throat would.
fn say(speaker: &Speaker, text: &str) -> Result<Vec<f32>, DemoError> {
    let output = Command::new("flite")
        .args(["-voice", &speaker.voice, "--setf", &format!("duration_stretch={}", speaker.pitch)])
        .args(["-t", text, "-o", "/dev/stdout"])
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DemoError::FliteMissing,
            _ => DemoError::Flite(error.to_string()),
        })?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(DemoError::Flite(format!("{}: {reason}", output.status)));
    }
    let (rate, spoken) =
        read_wav(&output.stdout).ok_or_else(|| DemoError::Flite("it wrote no sound".to_owned()))?;
    let step = f64::from(rate) * speaker.pitch / f64::from(RATE);
    Ok(level(resample(&spoken, step)))
}

/// Sample rate and samples of a mono RIFF WAVE file of 16-bit PCM, which is what flite writes.
fn read_wav(bytes: &[u8]) -> Option<(u32, Vec<i16>)> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let mut rate = None;
    loop {
        let (id, after) = rest.split_first_chunk::<4>()?;
        let (length, body) = after.split_first_chunk::<4>()?;
        let body = body.get(..u32::from_le_bytes(*length) as usize)?;
        match id {
            b"fmt " => rate = Some(u32::from_le_bytes(body.get(4..8)?.try_into().ok()?)),
            b"data" => {
                let samples = body.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
                return rate.map(|rate| (rate, samples));
            }
            _ => {}
        }
        rest = &after[4 + body.len()..];
    }
}

/// Reads `samples` at every `step`-th place, `step` being at most 1, by band-limited interpolation: a sinc of
/// [`REACH`] zero crossings to either side under a Welch window squared.
fn resample(samples: &[i16], step: f64) -> Vec<f32> {
    use std::f64::consts::PI;
    /// Enough to keep images of the voice 60 dB down.
    const REACH: i64 = 16;
    let length = (samples.len() as f64 / step) as usize;
    let at = |index: i64| usize::try_from(index).ok().and_then(|index| samples.get(index)).copied();
    (0..length)
        .map(|out| {
            let place = out as f64 * step;
            let base = place.floor();
            let fraction = place - base;
            let base = base as i64;
            // sin(π(place − n)) only changes its sign from one n to the next.
            let sine = (PI * fraction).sin() / PI;
            let sum: f64 = (1 - REACH..=REACH)
                .filter_map(|tap| {
                    let sample = f64::from(at(base + tap)?);
                    let distance = fraction - tap as f64;
                    let sinc = match distance.abs() < 1e-9 {
                        true => 1.0,
                        false => sine * if tap % 2 == 0 { 1.0 } else { -1.0 } / distance,
                    };
                    let window = 1.0 - (distance / REACH as f64).powi(2);
                    Some(sample * sinc * window * window)
                })
                .sum();
            (sum / f64::from(i16::MAX)) as f32
        })
        .collect()
}

/// Brings a line to [`TARGET_RMS`], or as near as [`PEAK`] allows.
fn level(mut samples: Vec<f32>) -> Vec<f32> {
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let rms = root_mean_square(&samples);
    if peak > 0.0 && rms > 0.0 {
        let gain = (TARGET_RMS / rms).min(PEAK / peak);
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
    samples
}

/// 0 for no samples.
pub fn root_mean_square(samples: &[f32]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| sample * sample).sum();
    (sum / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn resampling_keeps_a_tone_a_tone() {
        // 440 Hz at 16 kHz becomes 440 Hz at 48 kHz.
        let tone =
            |index: usize, rate: f64| (index as f64 * 440.0 * std::f64::consts::TAU / rate).sin() * 0.5;
        let input: Vec<i16> = (0..16_000).map(|index| (tone(index, 16_000.0) * 32_767.0) as i16).collect();
        let output = resample(&input, 16_000.0 / 48_000.0);
        assert_eq!(output.len(), 48_000);
        for (index, sample) in output.iter().enumerate().skip(200).take(47_000) {
            assert!((f64::from(*sample) - tone(index, 48_000.0)).abs() < 0.002, "{index}");
        }
    }

    #[test]
    fn a_quiet_line_is_raised_and_never_clips() {
        let raised = level(vec![0.01, -0.01, 0.01, -0.01]);
        assert!((root_mean_square(&raised) - TARGET_RMS).abs() < 1e-4);
        let mut spiky = vec![0.001; 1_000];
        spiky[0] = 0.5;
        assert!(level(spiky).iter().all(|sample| sample.abs() <= PEAK + 1e-4));
        assert_eq!(level(vec![0.0; 3]), vec![0.0; 3]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let wav = [b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".as_slice(), &bytes].concat();
            let _: Option<(u32, Vec<i16>)> = read_wav(&wav);
            prop_assert_eq!(read_wav(&bytes), None);
        }
    }
}
