//! Captions 16 kHz mono 32-bit float samples from the standard input as if they came in real time, for
//! `scripts/bench-captions`: `live_pcm MODELS_DIR MODEL LANGUAGE|auto`. Prints `{sound_seconds, seconds, text,
//! latencies}`, of each word the seconds from its end to when it was settled, the time for decoding included.

use std::{
    io::{Read, stdin},
    num::NonZero,
    time::{Duration, Instant},
};

use moothall_core::{MediaTime, Word};
use moothall_transcribe::{Live, Models, Options, SAMPLE_RATE_HZ, Transcriber};

/// As sound comes from a recorder.
const PIECE_SAMPLES: usize = SAMPLE_RATE_HZ / 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, model, language] = arguments.as_slice() else {
        return Err("usage: live_pcm MODELS_DIR MODEL LANGUAGE|auto < samples".into());
    };
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes)?;
    let samples: Vec<f32> = bytes.as_chunks().0.iter().map(|&sample| f32::from_le_bytes(sample)).collect();
    let options = Options {
        language: (language != "auto").then(|| language.clone()),
        threads: NonZero::new(1),
        ..Options::default()
    };
    let transcriber = Transcriber::load(&Models::new(dir), model, &options)?;
    let mut live = Live::begin(MediaTime::ZERO);
    let (mut text, mut latencies) = (Vec::new(), Vec::new());
    let (mut clock, mut worked) = (Duration::ZERO, Duration::ZERO);
    let mut settle = |words: Vec<Word>, clock: Duration| {
        for word in words {
            latencies.push(clock.as_secs_f64() - word.end_ms.ms() as f64 / 1_000.0);
            text.push(word.text);
        }
    };
    let mut rest = samples.as_slice();
    while !rest.is_empty() {
        // Whatever has come by now, and at least one piece.
        let there = (clock.as_secs_f64() * SAMPLE_RATE_HZ as f64) as usize;
        let (piece, later) = rest
            .split_at(there.saturating_sub(samples.len() - rest.len()).max(PIECE_SAMPLES).min(rest.len()));
        rest = later;
        let heard = Duration::from_secs_f64((samples.len() - rest.len()) as f64 / SAMPLE_RATE_HZ as f64);
        let started = Instant::now();
        let words = live.push(&transcriber, piece)?;
        worked += started.elapsed();
        clock = clock.max(heard) + started.elapsed();
        settle(words, clock);
    }
    let started = Instant::now();
    let words = live.end(&transcriber)?;
    worked += started.elapsed();
    settle(words, clock + started.elapsed());
    let result = serde_json::json!({
        "sound_seconds": samples.len() as f64 / SAMPLE_RATE_HZ as f64,
        "seconds": worked.as_secs_f64(),
        "text": text.join(" "),
        "latencies": latencies,
    });
    println!("{result}");
    Ok(())
}
