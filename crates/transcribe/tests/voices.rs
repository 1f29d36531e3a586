//! Real voices through the real models speaker-segmentation and speaker-embedding.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{collections::HashMap, num::NonZero, path::Path};

use common::{models, samples, shared};
use moothall_core::MediaTime;
use moothall_transcribe::{
    SAMPLE_RATE_HZ,
    voices::{Change, Spoken, Voices, floor},
};

fn voices(threads: usize) -> Option<Voices> {
    models().map(|models| Voices::load(&models, NonZero::new(threads)).unwrap())
}

fn listen(voices: &Voices, samples: &[f32], piece: usize) -> Vec<Spoken> {
    let mut listener = voices.listener();
    let mut start = MediaTime::ZERO;
    for piece in samples.chunks(piece) {
        listener.push(start, piece).unwrap();
        start = start + (piece.len() * 1_000 / SAMPLE_RATE_HZ) as i64;
    }
    listener.finish().unwrap()
}

/// Who speaks from when to when in milliseconds, by a reference in the format RTTM.
fn reference(path: &Path) -> Vec<(i64, i64, String)> {
    let text = std::fs::read_to_string(path.with_extension("rttm")).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ms = |field: &str| (field.parse::<f64>().unwrap() * 1_000.0) as i64;
        (ms(fields[3]), ms(fields[3]) + ms(fields[4]), fields[7].to_owned())
    };
    text.lines().map(line).collect()
}

fn at(changes: &[Change], ms: i64) -> Option<usize> {
    changes.iter().rev().find(|change| change.at.ms() <= ms)?.voice
}

#[test]
fn six_readers_are_told_apart() {
    let (Some(voices), Some(path)) = (voices(2), shared("meeting-7min.flac")) else { return };
    let spoken = listen(&voices, &samples(&path), 60 * SAMPLE_RATE_HZ);
    assert_eq!(spoken.iter().map(|spoken| spoken.voice).max(), Some(5), "six voices");
    assert!(spoken.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms));

    let changes = floor(&spoken);
    let mut together: HashMap<(usize, &str), i64> = HashMap::new();
    let reference = reference(&path);
    let (mut known, mut all) = (0, 0);
    for (start_ms, end_ms, reader) in &reference {
        for ms in (*start_ms..*end_ms).step_by(10) {
            all += 1;
            if let Some(voice) = at(&changes, ms) {
                known += 1;
                *together.entry((voice, reader)).or_default() += 1;
            }
        }
    }
    let best = |voice: usize| {
        together.iter().filter(|((heard, _), _)| *heard == voice).map(|(_, count)| count).max().unwrap()
    };
    let right: i64 = (0..6).map(best).sum();
    assert!(known * 100 >= all * 97, "{known} of {all} have a voice");
    assert!((known - right) * 100 <= known * 2, "{right} of {known} are right");
}

#[test]
fn it_makes_no_difference_how_the_sound_comes() {
    let (Some(one), Some(two), Some(path)) = (voices(1), voices(2), shared("ami-dev00.flac")) else { return };
    let samples = samples(&path);
    let whole = listen(&two, &samples, samples.len());
    assert!(!whole.is_empty());
    assert_eq!(listen(&one, &samples, 7 * SAMPLE_RATE_HZ + 77), whole);
}

#[test]
fn where_nobody_speaks_there_is_no_voice() {
    let Some(voices) = voices(1) else { return };
    for samples in [vec![], vec![0.0; 100], vec![0.0; 23 * SAMPLE_RATE_HZ], vec![f32::NAN; SAMPLE_RATE_HZ]] {
        assert_eq!(listen(&voices, &samples, SAMPLE_RATE_HZ), []);
    }
    let (Some(path), silence_and_hum) = (shared("adjourn.flac"), 21_000..119_000) else { return };
    let spoken = listen(&voices, &samples(&path), 60 * SAMPLE_RATE_HZ);
    assert!(spoken.iter().all(|spoken| !silence_and_hum.contains(&spoken.start_ms.ms())), "{spoken:?}");
}

#[test]
fn a_gap_in_the_recording_is_kept() {
    let (Some(voices), Some(path)) = (voices(2), shared("jfk.flac")) else { return };
    let samples = samples(&path);
    let mut listener = voices.listener();
    let later = MediaTime::from_ms(3_600_000);
    listener.push(MediaTime::ZERO, &samples).unwrap();
    listener.push(later, &samples).unwrap();
    let spoken = listener.finish().unwrap();
    let length_ms = (samples.len() * 1_000 / SAMPLE_RATE_HZ) as i64;
    let (first, second): (Vec<Spoken>, Vec<Spoken>) =
        spoken.iter().partition(|spoken| spoken.start_ms < later);
    assert!(first.iter().all(|spoken| spoken.end_ms.ms() <= length_ms + 50), "{first:?}");
    let shifted = |spoken: &Spoken| Spoken {
        start_ms: later + spoken.start_ms.ms(),
        end_ms: later + spoken.end_ms.ms(),
        voice: spoken.voice,
    };
    assert_eq!(second, first.iter().map(shifted).collect::<Vec<_>>(), "the same voice at the same times");
}
