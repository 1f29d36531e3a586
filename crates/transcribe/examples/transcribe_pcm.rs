//! Transcribes 16 kHz mono 32-bit float samples from the standard input, for `scripts/bench-speech`:
//! `transcribe_pcm MODELS_DIR MODEL fast|accurate LANGUAGE|auto`. Prints
//! `{load_seconds, seconds, language, captions}`.

use std::{
    io::{Read, stdin},
    time::Instant,
};

use moothall_core::MediaTime;
use moothall_transcribe::{Mode, Models, Options, Transcriber};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, model, mode, language] = arguments.as_slice() else {
        return Err("usage: transcribe_pcm MODELS_DIR MODEL fast|accurate LANGUAGE|auto < samples".into());
    };
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes)?;
    let samples: Vec<f32> = bytes.as_chunks().0.iter().map(|&sample| f32::from_le_bytes(sample)).collect();
    drop(bytes);

    let loading = Instant::now();
    let options = Options {
        mode: if mode == "accurate" { Mode::Accurate } else { Mode::Fast },
        language: (language != "auto").then(|| language.clone()),
        threads: None,
    };
    let transcriber = Transcriber::load(&Models::new(dir), model, &options)?;
    let load_seconds = loading.elapsed().as_secs_f64();
    let started = Instant::now();
    let transcript = transcriber.transcribe(&samples, MediaTime::ZERO, None, &[], &mut |_| {})?;
    let result = serde_json::json!({
        "load_seconds": load_seconds,
        "seconds": started.elapsed().as_secs_f64(),
        "language": transcript.language,
        "captions": transcript.captions,
    });
    println!("{result}");
    Ok(())
}
