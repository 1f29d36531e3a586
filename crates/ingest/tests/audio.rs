//! Sound out: what transcription gets to hear.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::fs;

use common::*;
use moothall_core::MediaTime;
use moothall_ingest::*;

/// Where clicks stand, in ms: the first sample of each burst above half of the loudest.
fn clicks(start: MediaTime, samples: &[f32]) -> Vec<i64> {
    let loudest = samples.iter().fold(0_f32, |loudest, sample| loudest.max(sample.abs()));
    let mut found: Vec<i64> = Vec::new();
    for (position, sample) in samples.iter().enumerate() {
        let at = start.ms() + position as i64 * 1_000 / i64::from(SAMPLE_RATE);
        if sample.abs() > loudest / 2.0 && found.last().is_none_or(|last| at - last > 100) {
            found.push(at);
        }
    }
    found
}

/// A click (10 ms of tone) every second from 0.5 s on, as WAV.
fn clicking(dir: &std::path::Path, seconds: usize) -> std::path::PathBuf {
    let rate = 48_000;
    let samples: Vec<u8> = (0..seconds * rate)
        .map(|position| {
            let phase = (position + rate / 2) % rate;
            let tone = (phase as f32 * 0.15).sin() * 25_000.0;
            if phase < rate / 100 && position > 0 { tone as i16 } else { 0 }
        })
        .flat_map(i16::to_le_bytes)
        .collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + samples.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend((rate as u32).to_le_bytes());
    wav.extend((2 * rate as u32).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((samples.len() as u32).to_le_bytes());
    wav.extend(samples);
    let path = dir.join("clicks.wav");
    fs::write(&path, wav).unwrap();
    path
}

fn assert_on_the_half_second(found: &[i64], count: usize) {
    assert_eq!(found.len(), count, "{found:?}");
    for at in found {
        assert!((at.rem_euclid(1_000) - 500).abs() <= 20, "a click at {at} ms of {found:?}");
    }
}

#[test]
fn recorded_sound_stands_where_it_stood() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let timeline = recorded(&clicking(temp.path(), 12), &temp.path().join("recording"));
    let pieces = read_audio(&timeline, MediaTime::ZERO, 60_000).unwrap();
    assert_eq!(pieces.len(), 1);
    assert_on_the_half_second(&clicks(pieces[0].start, &pieces[0].samples), 12);

    // Read in parts from anywhere it is the same sound, without a gap.
    let mut cursor = MediaTime::from_ms(3_217);
    let mut found = Vec::new();
    loop {
        let pieces = read_audio(&timeline, cursor, 2_500).unwrap();
        let Some(piece) = pieces.first() else { break };
        assert_eq!((pieces.len(), piece.start), (1, cursor));
        assert!(piece.samples.len() <= 2_500 * 16);
        found.extend(clicks(piece.start, &piece.samples));
        assert!(piece.end() > cursor);
        cursor = piece.end();
    }
    assert_on_the_half_second(&found, 9);
    assert!((cursor.ms() - 12_000).abs() < 60, "{cursor}");
}

#[test]
fn sound_that_was_aac_already_stands_where_it_stood() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let wav = clicking(temp.path(), 6);
    let file = temp.path().join("in.mp4");
    ffmpeg(&["-i", wav.to_str().unwrap(), "-c:a", "aac"], &file);
    let timeline = recorded(&file, &temp.path().join("recording"));
    let pieces = read_audio(&timeline, MediaTime::ZERO, 60_000).unwrap();
    assert_on_the_half_second(&clicks(pieces[0].start, &pieces[0].samples), 6);
}

#[test]
fn nothing_comes_after_the_end() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let empty = Timeline::open(&temp.path().join("none")).unwrap();
    assert_eq!(read_audio(&empty, MediaTime::ZERO, 1_000).unwrap(), []);
    let timeline = recorded(&clicking(temp.path(), 3), &temp.path().join("recording"));
    assert_eq!(read_audio(&timeline, MediaTime::from_ms(9_000), 1_000).unwrap(), []);
    assert_eq!(read_audio(&timeline, MediaTime::ZERO, 0).unwrap(), []);
}

#[test]
fn a_damaged_segment_does_not_take_the_rest_down() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let timeline = recorded(&clicking(temp.path(), 8), &temp.path().join("recording"));
    let segment = &timeline.segments(Rendition::Audio)[1];
    let path = timeline.file(Rendition::Audio, &segment.file).unwrap();
    fs::write(&path, vec![0x17; segment.bytes as usize]).unwrap();
    let pieces = read_audio(&timeline, MediaTime::ZERO, 60_000).unwrap();
    assert!(!pieces.is_empty(), "the first segment is whole");
}

#[test]
fn any_media_file_gives_its_sound() {
    init().unwrap();
    let temp = tempfile::tempdir().unwrap();
    for (name, description, mux) in [("in.mp4", H264_AAC, "mp4mux"), ("in.webm", VP8_OPUS, "webmmux")] {
        let mut file = AudioFile::open(&make(temp.path(), name, description, mux, 4)).unwrap();
        assert!((file.duration_ms().unwrap() - 4_000).abs() < 100, "{name}");
        let samples: usize = file.by_ref().map(|block| block.samples.len()).sum();
        assert!((samples as i64 - 64_000).abs() < 1_600, "{name}: {samples}");
        assert_eq!(file.warning(), None);
    }
    let silent = make(temp.path(), "silent.mp4", H264, "mp4mux", 2);
    let refused = AudioFile::open(&silent).err();
    assert!(matches!(refused, Some(AudioError::NoAudio { .. })), "{refused:?}");
    let mut found = AudioFile::open(&clicking(temp.path(), 3)).unwrap();
    let samples: Vec<f32> = found.by_ref().flat_map(|block| block.samples).collect();
    assert_on_the_half_second(&clicks(MediaTime::ZERO, &samples), 3);
}

#[test]
fn a_real_meeting_keeps_its_length() {
    let Some(path) = shared_data("audio/meeting-7min.flac") else { return };
    init().unwrap();
    let mut file = AudioFile::open(&path).unwrap();
    let whole: usize = file.by_ref().map(|block| block.samples.len()).sum();
    let whole_ms = whole as i64 / 16;
    assert!((file.duration_ms().unwrap() - whole_ms).abs() < 50);

    let temp = tempfile::tempdir().unwrap();
    let timeline = recorded(&path, temp.path());
    assert!((timeline.duration().ms() - whole_ms).abs() < 50, "{} of {whole_ms}", timeline.duration().ms());
    let (mut cursor, mut heard) = (MediaTime::ZERO, 0);
    while let Some(piece) = read_audio(&timeline, cursor, 30_000).unwrap().pop() {
        heard += piece.samples.len();
        cursor = piece.end();
    }
    assert!((heard as i64 / 16 - whole_ms).abs() < 50, "{} of {whole_ms}", heard / 16);
}
