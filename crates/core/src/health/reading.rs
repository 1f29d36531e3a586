use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Stands for everything that is quieter, digital silence included.
pub const SILENT_DBFS: f64 = -120.0;

/// What was measured of a meeting's sound, picture and connection over a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// By channel, the left one first; empty where no sound was measured.
    pub sound: Vec<Level>,
    /// Only now and then: see [`Look`].
    pub picture: Option<Look>,
    /// Kilobits per second of the coded sound; nought where none came.
    pub sound_kbps: f64,
    pub picture_kbps: f64,
    /// Only of sources that tell of it (SRT).
    pub link: Option<Link>,
    /// Milliseconds by which the source's times have run ahead of the clock since it connected; less than
    /// nought where they fell behind.
    pub drift_ms: Option<i64>,
    /// Room for recordings.
    pub disk_left_bytes: Option<i64>,
    /// Of all recordings, what waits to be copied to the object store.
    #[serde(default)]
    pub backlog_bytes: Option<i64>,
    /// Pieces that came while the measurement was busy with others.
    pub missed: i64,
    /// What the source sends, in words: `H.264 (main), 1280 × 720`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_format: Option<String>,
}

/// How loud one channel was, in decibels below full scale, from [`SILENT_DBFS`] to a little above nought.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    pub peak_dbfs: f64,
    pub rms_dbfs: f64,
    /// Of a thousand samples so many stood at full scale.
    pub clipped_per_mille: f64,
}

/// What a key frame looked like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Mean luma from 0 to 255; black is 16 (ITU-R BT.709).
    pub luma: f64,
    /// By how much the part of the picture that changed most has changed since the last look, in luma; none at
    /// the first one.
    pub change: Option<f64>,
}

/// How packets came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub received_packets: i64,
    /// Those that did not come when they should have; most of them come when they are asked for again.
    pub lost_packets: i64,
    pub round_trip_ms: f64,
}

impl Link {
    /// Of a hundred packets so many were lost.
    pub fn lost_percent(&self) -> f64 {
        let all = self.received_packets + self.lost_packets;
        if all > 0 { self.lost_packets as f64 * 100.0 / all as f64 } else { 0.0 }
    }
}

impl Reading {
    /// Of a stretch in which nothing came.
    pub fn empty(from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self {
            from,
            until,
            sound: Vec::new(),
            picture: None,
            sound_kbps: 0.0,
            picture_kbps: 0.0,
            link: None,
            drift_ms: None,
            disk_left_bytes: None,
            backlog_bytes: None,
            missed: 0,
            sound_format: None,
            picture_format: None,
        }
    }

    pub fn over_ms(&self) -> i64 {
        (self.until - self.from).num_milliseconds().max(0)
    }

    /// Several readings, earliest first, as one: the highest peaks, the mean of what is a rate, and the last of
    /// what is a state. None of none.
    pub fn merged(readings: &[Self]) -> Option<Self> {
        let (first, last) = (readings.first()?, readings.last()?);
        let mean = |of: fn(&Self) -> f64| {
            let over_ms: i64 = readings.iter().map(Self::over_ms).sum();
            let sum: f64 = readings.iter().map(|reading| of(reading) * reading.over_ms() as f64).sum();
            if over_ms > 0 { sum / over_ms as f64 } else { of(last) }
        };
        Some(Self {
            from: first.from,
            until: last.until,
            sound: merged_sound(readings),
            picture: merged_picture(readings),
            sound_kbps: mean(|reading| reading.sound_kbps),
            picture_kbps: mean(|reading| reading.picture_kbps),
            link: merged_link(readings),
            drift_ms: readings.iter().filter_map(|reading| reading.drift_ms).max_by_key(|drift| drift.abs()),
            disk_left_bytes: readings.iter().rev().find_map(|reading| reading.disk_left_bytes),
            backlog_bytes: readings.iter().rev().find_map(|reading| reading.backlog_bytes),
            missed: readings.iter().map(|reading| reading.missed).sum(),
            sound_format: last.sound_format.clone(),
            picture_format: last.picture_format.clone(),
        })
    }
}

fn merged_sound(readings: &[Reading]) -> Vec<Level> {
    let channels = readings.iter().map(|reading| reading.sound.len()).max().unwrap_or(0);
    let of_channel = |channel: usize| {
        let levels: Vec<&Level> = readings.iter().filter_map(|reading| reading.sound.get(channel)).collect();
        let greatest = |of: fn(&Level) -> f64| levels.iter().map(|level| of(level)).fold(f64::MIN, f64::max);
        let powers = levels.iter().map(|level| 10_f64.powf(level.rms_dbfs / 10.0));
        let power = powers.sum::<f64>() / levels.len() as f64;
        Level {
            peak_dbfs: greatest(|level| level.peak_dbfs),
            rms_dbfs: (10.0 * power.log10()).max(SILENT_DBFS),
            clipped_per_mille: greatest(|level| level.clipped_per_mille),
        }
    };
    (0..channels).map(of_channel).collect()
}

fn merged_picture(readings: &[Reading]) -> Option<Look> {
    let looks = || readings.iter().filter_map(|reading| reading.picture);
    let last = looks().next_back()?;
    let change = looks().filter_map(|look| look.change).reduce(f64::max);
    Some(Look { change, ..last })
}

fn merged_link(readings: &[Reading]) -> Option<Link> {
    let links = || readings.iter().filter_map(|reading| reading.link);
    let last = links().next_back()?;
    Some(Link {
        received_packets: links().map(|link| link.received_packets).sum(),
        lost_packets: links().map(|link| link.lost_packets).sum(),
        ..last
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn reading()(second in 0_i64..100, levels in prop::collection::vec((-120.0..0.0, 0.0..20.0), 0..3), lost in 0_i64..50)
            -> Reading {
            let from = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
            let level = |(rms_dbfs, above): (f64, f64)| {
                Level { peak_dbfs: rms_dbfs + above, rms_dbfs, clipped_per_mille: above }
            };
            let link = Link { received_packets: 100, lost_packets: lost, round_trip_ms: 3.0 };
            Reading {
                sound: levels.into_iter().map(level).collect(),
                link: Some(link),
                sound_kbps: lost as f64,
                ..Reading::empty(from, from + TimeDelta::seconds(1))
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_merged_lies_within_what_it_is_made_of(readings in prop::collection::vec(reading(), 1..12)) {
            let merged = Reading::merged(&readings).unwrap();
            for (channel, level) in merged.sound.iter().enumerate() {
                let of = |of: fn(&Level) -> f64| -> Vec<f64> {
                    readings.iter().filter_map(|reading| reading.sound.get(channel)).map(of).collect()
                };
                let (peaks, means) = (of(|level| level.peak_dbfs), of(|level| level.rms_dbfs));
                prop_assert!(peaks.contains(&level.peak_dbfs));
                prop_assert!(means.iter().any(|mean| *mean <= level.rms_dbfs + 1e-6));
                prop_assert!(means.iter().any(|mean| *mean >= level.rms_dbfs - 1e-6));
            }
            let lost: i64 = readings.iter().filter_map(|reading| reading.link).map(|link| link.lost_packets).sum();
            prop_assert_eq!(merged.link.unwrap().lost_packets, lost);
            prop_assert!((merged.sound_kbps - lost as f64 / readings.len() as f64).abs() < 1e-6);
        }
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(Reading::merged(&[]), None);
        let nothing = Reading::empty(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
        assert_eq!(Reading::merged(std::slice::from_ref(&nothing)), Some(nothing));
    }
}
