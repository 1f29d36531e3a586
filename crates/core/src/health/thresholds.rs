use serde::{Deserialize, Serialize};

/// From when on something is called wrong. The defaults suit a council chamber with a mixing desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// A channel whose mean is below this is silent. A chamber in which nobody speaks is above it as long as a
    /// microphone is open.
    pub silence_dbfs: f64,
    /// How long sound, or one channel of it, may be silent or absent.
    pub silence_s: i64,
    /// How many seconds in which somebody speaks may be distorted.
    pub clipping_s: i64,
    pub black_s: i64,
    /// Slides stand still, people do not: long enough for most slides.
    pub frozen_s: i64,
    /// How long the source may bring nothing.
    pub no_source_s: i64,
    /// How long the network or the encoder may be worse than the next three say.
    pub link_s: i64,
    pub low_bitrate_kbps: f64,
    /// Of a hundred packets. SRT mends what is below this without anybody's noticing.
    pub lost_percent: f64,
    /// The recorder begins a new connection at ten seconds.
    pub drift_ms: i64,
    /// Some hours of a picture of good quality.
    pub disk_left_gib: f64,
    /// What may wait to be copied to the object store: of a picture of good quality, a quarter of an hour.
    pub backlog_gib: f64,
    /// How long something must be well again before it counts as over.
    pub over_s: i64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            silence_dbfs: -60.0,
            silence_s: 30,
            clipping_s: 5,
            black_s: 15,
            frozen_s: 120,
            no_source_s: 15,
            link_s: 20,
            low_bitrate_kbps: 100.0,
            lost_percent: 2.0,
            drift_ms: 2_000,
            disk_left_gib: 5.0,
            backlog_gib: 0.5,
            over_s: 10,
        }
    }
}
