//! Sound that tells when it was sent, and its reader: media time is compared with the clock of the sender.
//!
//! The tenths of a second since 1970 are written with their last four digits, each as one of ten tones in a band
//! of its own, all four at once.

use std::{f64::consts::TAU, fs, process::Command};

use crate::{Server, media_playlist::Segment};

const DIGITS: usize = 4;
const TENTH_MS: i64 = 100;
/// After this the digits begin anew.
const PERIOD_MS: i64 = 10_i64.pow(DIGITS as u32) * TENTH_MS;
/// What an encoder reads of its input before it calls.
const LOOK_MS: i64 = 200;
const HZ: usize = 16_000;
const WINDOW: usize = HZ / 20;
const STEP: usize = HZ / 50;

/// A moment of the recording: when it happened by the playlist, and when it was sent by its own sound, which is
/// known to half a tenth of a second. Both are milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub playlist_ms: i64,
    pub sent_ms: i64,
}

impl Heard {
    /// How much later than it was sent the playlist has it.
    pub fn late_ms(self) -> i64 {
        self.playlist_ms - self.sent_ms
    }
}

fn hertz(band: usize, digit: usize) -> f64 {
    (1_000 * (band + 1) + 80 * digit) as f64
}

/// The sound as a source of ffmpeg's (lavfi): it looks at the clock for each sample.
pub(crate) fn source() -> String {
    let tone = |band: usize| {
        let (first, divisor) = (hertz(band, 0), 10_u32.pow(band as u32));
        format!("0.2*sin(2*PI*t*({first}+80*mod(floor(ld(0)/{divisor}),10)))")
    };
    let tones: Vec<String> = (0..DIGITS).map(tone).collect();
    format!("aevalsrc=exprs='st(0,floor(time(0)*10));{}':sample_rate=48000", tones.join("+"))
}

/// What is heard in a run of segments, in their order. A moment between two tenths is left out, and so is the
/// beginning: an encoder has a look at its input before it calls, and sends that first.
pub fn heard(server: &Server, folder: &str, run: &[Segment]) -> Vec<Heard> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut heard = Vec::new();
    for segment in run {
        let mut bytes = server.get(&format!("{folder}/{}", segment.init)).body;
        bytes.extend(server.get(&format!("{folder}/{}", segment.file)).body);
        fs::write(&file, bytes).unwrap();
        let samples = samples(file.path());
        for (number, window) in samples.windows(WINDOW).step_by(STEP).enumerate() {
            let middle = number * STEP + WINDOW / 2;
            let playlist_ms = segment.starts_ms + (middle * 1_000 / HZ) as i64;
            heard.extend(tenth(window).map(|tenth| {
                let within = (tenth * TENTH_MS + TENTH_MS / 2 - playlist_ms).rem_euclid(PERIOD_MS);
                let later = if within > PERIOD_MS / 2 { within - PERIOD_MS } else { within };
                Heard { playlist_ms, sent_ms: playlist_ms + later }
            }));
        }
    }
    let begins_ms = run.first().map_or(0, |first| first.starts_ms) + LOOK_MS;
    heard.retain(|heard| heard.playlist_ms > begins_ms);
    heard
}

/// Where nothing was recorded there is silence.
fn samples(file: &std::path::Path) -> Vec<f64> {
    let decoded = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(file)
        .args(["-af", "aresample=async=1", "-f", "s16le", "-ar", &HZ.to_string(), "-ac", "1", "-"])
        .output()
        .unwrap();
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    decoded.stdout.as_chunks().0.iter().map(|&sample| f64::from(i16::from_le_bytes(sample))).collect()
}

/// The number that a stretch of sound tells, if it lies within one tenth of a second.
fn tenth(window: &[f64]) -> Option<i64> {
    (0..DIGITS).rev().try_fold(0, |number, band| {
        let mut tones: Vec<(f64, i64)> =
            (0..10).map(|digit| (loudness(window, hertz(band, digit)), digit as i64)).collect();
        tones.sort_by(|a, b| b.0.total_cmp(&a.0));
        let [(loudest, digit), (second, _), ..] = tones[..] else { return None };
        (loudest > 300.0 && loudest > 3.0 * second).then_some(number * 10 + digit)
    })
}

/// The amplitude of one tone in it.
fn loudness(window: &[f64], hertz: f64) -> f64 {
    let sum = |of: fn(f64) -> f64| -> f64 {
        window.iter().enumerate().map(|(n, sample)| sample * of(TAU * hertz * n as f64 / HZ as f64)).sum()
    };
    sum(f64::sin).hypot(sum(f64::cos)) * 2.0 / window.len() as f64
}
