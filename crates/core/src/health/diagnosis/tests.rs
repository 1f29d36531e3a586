use proptest::prelude::*;

use super::{super::Link, *};

fn level(rms_dbfs: f64) -> Level {
    Level { peak_dbfs: rms_dbfs + 12.0, rms_dbfs, clipped_per_mille: 0.0 }
}

/// A second of speech and a lively picture that came as they should.
fn well() -> Reading {
    let from = DateTime::UNIX_EPOCH;
    Reading {
        sound: vec![level(-24.0), level(-25.0)],
        sound_kbps: 128.0,
        picture_kbps: 2_500.0,
        picture: Some(Look { luma: 90.0, change: Some(12.0) }),
        drift_ms: Some(40),
        disk_left_bytes: Some(100 << 30),
        backlog_bytes: Some(1 << 20),
        ..Reading::empty(from, from + TimeDelta::seconds(1))
    }
}

/// What changes over so many seconds of each, as `second: name` and whether it began.
fn told(readings: &[(i64, Reading)]) -> Vec<(i64, &'static str, bool)> {
    let mut diagnosis = Diagnosis::new(Thresholds::default(), Vec::new());
    let mut told = Vec::new();
    let mut second = 0;
    for (seconds, reading) in readings {
        for _ in 0..*seconds {
            let from = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
            second += 1;
            let reading = Reading { from, until: from + TimeDelta::seconds(1), ..reading.clone() };
            told.extend(diagnosis.read(&reading, true).into_iter().map(|change| match change {
                Change::Began { finding, .. } => (second, finding.name(), true),
                Change::Ended { name } => (second, name, false),
            }));
        }
    }
    told
}

#[test]
fn nothing_is_wrong_with_what_is_well() {
    assert_eq!(told(&[(300, well())]), []);
}

#[test]
fn a_channel_that_is_silent_while_the_other_is_not_is_found_and_lost_again() {
    let left_silent = Reading { sound: vec![level(-90.0), level(-25.0)], ..well() };
    let nobody_speaks = Reading { sound: vec![level(-90.0), level(-65.0)], ..well() };
    let readings = [(10, left_silent.clone()), (20, nobody_speaks), (25, left_silent), (30, well())];
    assert_eq!(told(&readings), [(50, "left_silent", true), (65, "left_silent", false)]);
}

#[test]
fn silence_is_no_matter_of_one_side() {
    let silence = Reading { sound: vec![level(-90.0), level(-90.0)], ..well() };
    assert_eq!(told(&[(29, silence.clone()), (60, well())]), []);
    let crackles = (1, well());
    let readings = [(20, silence.clone()), crackles, (11, silence)];
    assert_eq!(told(&readings), [(32, "silence", true)], "a crackle is no sound");
}

#[test]
fn distortion_is_found_between_pauses() {
    let level = Level { peak_dbfs: 0.4, rms_dbfs: -6.0, clipped_per_mille: 20.0 };
    let distorted = Reading { sound: vec![level; 2], ..well() };
    let pause = Reading { sound: vec![self::level(-55.0); 2], ..well() };
    let syllable = [(1, distorted), (2, pause)];
    let readings: Vec<(i64, Reading)> = syllable.iter().cycle().take(10).cloned().collect();
    assert_eq!(told(&readings), [(13, "clipping", true)]);
}

#[test]
fn a_black_picture_is_not_frozen_as_well_and_a_frozen_one_may_be_small() {
    let black = Reading { picture: Some(Look { luma: 16.1, change: Some(0.0) }), ..well() };
    assert_eq!(told(&[(100, black)]), [(15, "black_picture", true)]);
    let frozen = Reading { picture: Some(Look { luma: 90.0, change: Some(0.2) }), ..well() };
    let unseen = Reading { picture: None, picture_kbps: 20.0, ..well() };
    let every_fifth: Vec<(i64, Reading)> =
        [(1, frozen), (4, unseen)].iter().cycle().take(60).cloned().collect();
    assert_eq!(told(&every_fifth), [(120, "frozen_picture", true)]);
}

#[test]
fn what_does_not_come_is_told_once_something_is_expected() {
    let mut nothing = well();
    (nothing.sound, nothing.picture) = (Vec::new(), None);
    (nothing.sound_kbps, nothing.picture_kbps) = (0.0, 0.0);
    let only_picture = Reading { sound_kbps: 0.0, sound: Vec::new(), ..well() };
    assert_eq!(told(&[(20, nothing.clone())]), [(15, "no_source", true)]);
    assert_eq!(told(&[(40, only_picture)]), [(30, "no_sound", true)]);
    let mut diagnosis = Diagnosis::new(Thresholds::default(), Vec::new());
    assert!((0..100).all(|_| diagnosis.read(&nothing, false).is_empty()));
}

#[test]
fn network_clock_disk_and_store_are_told_with_their_figures() {
    let bad = Reading {
        link: Some(Link { received_packets: 94, lost_packets: 6, round_trip_ms: 30.0 }),
        drift_ms: Some(-2_500),
        disk_left_bytes: Some(3 << 30),
        backlog_bytes: Some(2 << 30),
        picture_kbps: 60.0,
        ..well()
    };
    let mut diagnosis = Diagnosis::new(Thresholds::default(), Vec::new());
    let changes: Vec<Change> = (0..20).flat_map(|_| diagnosis.read(&bad, true)).collect();
    let findings: Vec<Finding> = changes
        .into_iter()
        .map(|change| match change {
            Change::Began { finding, .. } => finding,
            Change::Ended { name } => panic!("{name} ended"),
        })
        .collect();
    let expected = [
        Finding::LowBitrate { kbps: 60 },
        Finding::LostPackets { percent: 6.0 },
        Finding::Drift { ms: -2_500 },
        Finding::DiskLow { left_bytes: 3 << 30 },
        Finding::UploadBacklog { waiting_bytes: 2 << 30 },
    ];
    assert_eq!(findings, expected);
}

#[test]
fn what_was_open_before_a_restart_is_not_told_again_and_ends() {
    let mut diagnosis = Diagnosis::new(Thresholds::default(), vec!["silence".to_owned()]);
    let silence = Reading { sound: vec![level(-90.0)], ..well() };
    assert!((0..100).all(|_| diagnosis.read(&silence, true).is_empty()));
    let changes: Vec<Change> = (0..10).flat_map(|_| diagnosis.read(&well(), true)).collect();
    assert_eq!(changes, [Change::Ended { name: "silence" }]);
}

#[test]
fn what_was_not_watched_counts_for_little() {
    let mut diagnosis = Diagnosis::new(Thresholds::default(), Vec::new());
    let silence = Reading { sound: vec![level(-90.0)], ..well() };
    let gap = Reading { until: silence.from + TimeDelta::hours(1), ..silence };
    assert_eq!(diagnosis.read(&gap, true), []);
}

proptest! {
    /// However sound comes and goes, a finding begins after at least as many seconds of silence as it must
    /// last, and ends after at least as many of sound.
    #[test]
    fn a_finding_needs_time_both_ways(seconds in prop::collection::vec(any::<bool>(), 0..400)) {
        let limits = Thresholds::default();
        let mut diagnosis = Diagnosis::new(limits.clone(), Vec::new());
        let (mut is_open, mut for_change) = (false, 0);
        for is_silent in seconds {
            let rms_dbfs = if is_silent { -90.0 } else { -20.0 };
            let reading = Reading { sound: vec![level(rms_dbfs)], picture: None, ..well() };
            for_change += i64::from(is_silent != is_open);
            for change in diagnosis.read(&reading, true) {
                let begins = matches!(change, Change::Began { finding: Finding::Silence, .. });
                prop_assert_eq!(begins, !is_open);
                let least = if begins { limits.silence_s } else { limits.over_s };
                prop_assert!(for_change >= least);
                (is_open, for_change) = (begins, 0);
            }
        }
    }

    #[test]
    fn what_stays_silent_is_found_when_it_has_lasted_and_not_before(silence_s in 1_i64..120) {
        let limits = Thresholds { silence_s, ..Thresholds::default() };
        let mut diagnosis = Diagnosis::new(limits, Vec::new());
        let reading = Reading { sound: vec![level(-90.0)], ..well() };
        for second in 1..=silence_s {
            prop_assert_eq!(diagnosis.read(&reading, true).len(), usize::from(second == silence_s));
        }
    }
}
