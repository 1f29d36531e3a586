//! Models and recordings that are not part of the repository: `MOOTHALL_MODELS` is a directory with the models,
//! `MOOTHALL_SHARED` holds recordings with references. A test is skipped, with the reason, where they are absent.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use moothall_transcribe::{Models, SAMPLE_RATE_HZ};

pub fn models() -> Option<Models> {
    let dir = std::env::var_os("MOOTHALL_MODELS");
    if dir.is_none() {
        eprintln!("skipped: MOOTHALL_MODELS names no directory with models");
    }
    dir.map(Models::new)
}

pub fn shared(file: &str) -> Option<PathBuf> {
    let default = Path::new("../../../shared");
    let path = std::env::var_os("MOOTHALL_SHARED")
        .map_or(default.into(), PathBuf::from)
        .join("data/audio")
        .join(file);
    if !path.exists() {
        eprintln!("skipped: {} is absent (MOOTHALL_SHARED)", path.display());
    }
    path.exists().then_some(path)
}

pub fn samples(path: &Path) -> Vec<f32> {
    let rate = SAMPLE_RATE_HZ.to_string();
    let output = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-i"])
        .arg(path)
        .args(["-f", "f32le", "-ar", &rate, "-ac", "1", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.as_chunks().0.iter().map(|&sample| f32::from_le_bytes(sample)).collect()
}
