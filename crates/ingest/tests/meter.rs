//! What is measured of real encoders' sound and pictures, and what it costs.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use common::*;
use moothall_core::health::Reading;
use moothall_ingest::{Meter, RecordOptions};

/// The readings of an encoder that pushes for so many seconds, without those in which nothing came.
fn measured(seconds: u32, streams: &[&str]) -> Vec<Reading> {
    let temp = tempfile::tempdir().unwrap();
    let (meter, readings) = Meter::new(moothall_core::Clock::System);
    let source = format!("srt://127.0.0.1:{}?mode=listener", free_port());
    let options =
        RecordOptions { meter: Some(meter.clone()), no_stream_after: Duration::from_secs(4), ..options() };
    let recorder = Recorder::start(&source, &temp.path().join("recording"), options);
    recorder.wait_until_listening();
    let reading = std::thread::spawn(move || readings.collect::<Vec<_>>());
    let _encoder = push(&source.replace("listener", "caller"), seconds, streams);
    recorder.end().unwrap();
    meter.close();
    let mut readings = reading.join().unwrap();
    readings.retain(|reading| reading.sound_kbps + reading.picture_kbps > 0.0);
    // The first and the last second are cut.
    assert!(readings.len() > 4, "{readings:#?}");
    readings[1..readings.len() - 1].to_vec()
}

#[test]
fn a_measurement_that_stalls_costs_the_recording_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let (meter, mut readings) = Meter::new(moothall_core::Clock::System);
    let source = format!("srt://127.0.0.1:{}?mode=listener", free_port());
    let options = RecordOptions { meter: Some(meter), ..options() };
    let recorder = Recorder::start(&source, &temp.path().join("recording"), options);
    recorder.wait_until_listening();
    let _encoder = push(&source.replace("listener", "caller"), 60, &[PICTURE, TONE]);
    // More than there is room for, and nobody looks.
    recorder.wait_until_recorded(14_000);
    recorder.stop();
    assert_recorded(&temp.path().join("recording"), 1);
    let reading = readings.next().unwrap();
    assert!(reading.missed > 0 && !reading.sound.is_empty(), "{reading:?}");
}

fn mean(readings: &[Reading], of: impl Fn(&Reading) -> f64) -> f64 {
    readings.iter().map(of).sum::<f64>() / readings.len() as f64
}

#[test]
fn a_silent_channel_and_a_moving_picture() {
    let left_silent = "sine=frequency=440:sample_rate=48000,volume=12dB,pan=stereo|c0=0*c0|c1=c0";
    let readings = measured(14, &[PICTURE, left_silent]);
    for reading in &readings {
        let [left, right] = reading.sound.as_slice() else { panic!("{reading:?}") };
        assert!(left.rms_dbfs < -80.0 && left.peak_dbfs < -60.0, "{reading:?}");
        // ffmpeg's sine has an amplitude of an eighth, 18 dB below full scale, and its mean is 3 dB lower.
        assert!((right.peak_dbfs - -6.0).abs() < 1.0 && (right.rms_dbfs - -9.0).abs() < 1.0, "{reading:?}");
        assert!(right.clipped_per_mille == 0.0 && reading.missed == 0, "{reading:?}");
    }
    let looks: Vec<_> = readings.iter().filter_map(|reading| reading.picture).collect();
    assert!((2..=3).contains(&looks.len()), "one every five seconds: {looks:?}");
    assert!(looks.iter().all(|look| (60.0..200.0).contains(&look.luma)), "{looks:?}");
    assert!(looks.iter().any(|look| look.change.is_some_and(|change| change > 5.0)), "{looks:?}");
    let last = readings.last().unwrap();
    assert_eq!(last.sound_format.as_deref(), Some("AAC, 48 kHz, 2 channels"));
    assert!(last.picture_format.as_deref().unwrap().ends_with("320 × 180"), "{last:?}");
    assert!((50.0..2_000.0).contains(&mean(&readings, |reading| reading.picture_kbps)), "{last:?}");
    assert!((10.0..200.0).contains(&mean(&readings, |reading| reading.sound_kbps)), "{last:?}");
    let link = Reading::merged(&readings).unwrap().link.unwrap();
    assert!(link.received_packets > 100 && link.lost_packets == 0 && link.round_trip_ms < 100.0, "{link:?}");
    assert!(readings.iter().all(|reading| reading.drift_ms.unwrap().abs() < 1_000), "{readings:?}");
}

#[test]
fn distorted_sound_and_a_black_picture() {
    let readings = measured(
        12,
        &["color=black:size=320x180:rate=25", "sine=frequency=440:sample_rate=48000,volume=40dB"],
    );
    for reading in &readings {
        let [level] = reading.sound.as_slice() else { panic!("{reading:?}") };
        assert!(level.clipped_per_mille > 10.0 && level.rms_dbfs > -6.0, "{reading:?}");
    }
    let looks: Vec<_> = readings.iter().filter_map(|reading| reading.picture).collect();
    assert!(!looks.is_empty() && looks.iter().all(|look| look.luma < 18.0), "{looks:?}");
}

#[test]
fn a_picture_that_stands_still_and_no_sound() {
    let frozen = "testsrc=size=320x180:rate=25,loop=loop=-1:size=1";
    let readings = measured(16, &[frozen]);
    assert!(readings.iter().all(|reading| reading.sound.is_empty() && reading.sound_kbps == 0.0));
    let changes: Vec<f64> = readings.iter().filter_map(|reading| reading.picture?.change).collect();
    assert!(!changes.is_empty() && changes.iter().all(|change| *change < 1.5), "{changes:?}");
}
