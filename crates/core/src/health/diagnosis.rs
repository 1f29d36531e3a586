#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Finding, Level, Look, Reading, Side, Thresholds};

/// What came between two readings that are further apart than this is not known, and does not count.
const LONGEST_MS: i64 = 5_000;
/// A look at the picture holds until the next one, but not for longer: key frames may be seconds apart.
const LOOK_HOLDS: TimeDelta = TimeDelta::seconds(25);
/// Mean luma of a black picture is 16; dark rooms have more than this.
const BLACK_LUMA: f64 = 20.0;
/// What an encoder makes of one and the same picture differs by less; where somebody moves it is more.
const FROZEN_CHANGE: f64 = 1.5;
/// Undistorted speech hardly ever stands at full scale; one sample in a thousand there is heard.
const CLIPPED_PER_MILLE: f64 = 1.0;
/// Speech has peaks some 15 dB above its mean: one with a mean like this had them cut off before its encoder
/// turned it down.
const LOUD_RMS_DBFS: f64 = -9.0;
/// Below this nobody speaks, and whether speech is distorted cannot be told.
const SPEECH_PEAK_DBFS: f64 = -20.0;

/// Tells from reading to reading what is wrong. A finding begins when what speaks for it outweighs what speaks
/// against it by so many seconds, and ends when it is the other way round: a crackle in a dead channel, or a
/// pause in a loud speech, changes nothing.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    thresholds: Thresholds,
    doubts: BTreeMap<&'static str, Doubt>,
    /// Names of findings that are open from before, as after a restart.
    open: Vec<String>,
    looked: Option<(DateTime<Utc>, Look)>,
}

/// What became of a finding.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It has been so since then.
    Began { finding: Finding, since: DateTime<Utc> },
    /// [`Finding::name`] of what is over.
    Ended { name: &'static str },
}

/// How long what is seen has spoken against what is believed.
#[derive(Debug, Clone, Copy, Default)]
struct Doubt {
    is_wrong: bool,
    against_ms: i64,
}

/// What one reading says of a finding.
#[derive(Clone, Copy)]
enum Sign {
    Wrong,
    Right,
    /// Nothing either way.
    Unknown,
}

impl Sign {
    const fn of(wrong: bool) -> Self {
        if wrong { Self::Wrong } else { Self::Right }
    }
}

impl Doubt {
    /// Says whether belief changed.
    fn weigh(&mut self, sign: Sign, over_ms: i64, begin_after_ms: i64, end_after_ms: i64) -> bool {
        let against = match sign {
            Sign::Unknown => return false,
            Sign::Wrong => !self.is_wrong,
            Sign::Right => self.is_wrong,
        };
        self.against_ms =
            if against { self.against_ms + over_ms } else { (self.against_ms - over_ms).max(0) };
        let enough_ms = if self.is_wrong { end_after_ms } else { begin_after_ms };
        let changed = against && self.against_ms >= enough_ms;
        if changed {
            *self = Self { is_wrong: !self.is_wrong, against_ms: 0 };
        }
        changed
    }
}

impl Diagnosis {
    /// `open` are the names of the findings that were open when the last one ended.
    pub fn new(thresholds: Thresholds, open: Vec<String>) -> Self {
        Self { thresholds, doubts: BTreeMap::new(), open, looked: None }
    }

    /// Takes a reading in; readings come in the order of time. Before a meeting begins no source `is_expected`.
    pub fn read(&mut self, reading: &Reading, is_expected: bool) -> Vec<Change> {
        if let Some(look) = reading.picture {
            self.looked = Some((reading.until, look));
        }
        let over_ms = reading.over_ms().min(LONGEST_MS);
        let end_after_ms = self.thresholds.over_s * 1_000;
        let mut changes = Vec::new();
        for (finding, sign, begin_after_s) in self.signs(reading, is_expected) {
            let name = finding.name();
            let open = &self.open;
            let doubt = self
                .doubts
                .entry(name)
                .or_insert_with(|| Doubt { is_wrong: open.iter().any(|open| open == name), against_ms: 0 });
            if !doubt.weigh(sign, over_ms, begin_after_s * 1_000, end_after_ms) {
                continue;
            }
            changes.push(if doubt.is_wrong {
                let since = reading.until - TimeDelta::seconds(begin_after_s);
                Change::Began { finding, since }
            } else {
                Change::Ended { name }
            });
        }
        changes
    }

    /// What the reading says of each finding, and how many seconds it must last.
    fn signs(&self, reading: &Reading, is_expected: bool) -> Vec<(Finding, Sign, i64)> {
        let limits = &self.thresholds;
        let comes = reading.sound_kbps + reading.picture_kbps > 0.0;
        let no_sound = match (reading.sound_kbps > 0.0, reading.picture_kbps > 0.0) {
            (true, _) => Sign::Right,
            (false, true) => Sign::Wrong,
            (false, false) => Sign::Unknown,
        };
        let no_source = if comes || is_expected { Sign::of(!comes) } else { Sign::Unknown };
        let look = self.looked.filter(|(at, _)| comes && reading.until - *at <= LOOK_HOLDS);
        let look = look.map(|(_, look)| look);
        let is_black = look.map(|look| look.luma < BLACK_LUMA);
        // A black picture does not change either, and is not frozen as well.
        let is_frozen = look.and_then(|look| Some(look.change? < FROZEN_CHANGE && look.luma >= BLACK_LUMA));
        let stands_still = is_black == Some(true) || is_frozen == Some(true);
        let low_bitrate = if reading.picture_kbps > 0.0 && !stands_still {
            Sign::of(reading.picture_kbps < limits.low_bitrate_kbps)
        } else {
            Sign::Unknown
        };
        let known = |wrong: Option<bool>| wrong.map_or(Sign::Unknown, Sign::of);
        let percent = reading.link.map(|link| link.lost_percent());
        let least_bytes = (limits.disk_left_gib * f64::from(1_u32 << 30)) as i64;
        let most_bytes = (limits.backlog_gib * f64::from(1_u32 << 30)) as i64;
        let waiting_bytes = reading.backlog_bytes.unwrap_or(0);
        let kbps = reading.picture_kbps as i64;
        let (ms, left_bytes) = (reading.drift_ms.unwrap_or(0), reading.disk_left_bytes.unwrap_or(0));
        vec![
            (Finding::NoSource, no_source, limits.no_source_s),
            (Finding::NoSound, no_sound, limits.silence_s),
            (Finding::Silence, self.silence(&reading.sound), limits.silence_s),
            (one_sided(Side::Left), self.one_sided(&reading.sound, Side::Left), limits.silence_s),
            (one_sided(Side::Right), self.one_sided(&reading.sound, Side::Right), limits.silence_s),
            (Finding::Clipping, clipping(&reading.sound), limits.clipping_s),
            (Finding::BlackPicture, known(is_black), limits.black_s),
            (Finding::FrozenPicture, known(is_frozen), limits.frozen_s),
            (Finding::LowBitrate { kbps }, low_bitrate, limits.link_s),
            (
                Finding::LostPackets { percent: percent.unwrap_or(0.0) },
                known(percent.map(|percent| percent >= limits.lost_percent)),
                limits.link_s,
            ),
            (
                Finding::Drift { ms },
                known(reading.drift_ms.map(|ms| ms.abs() >= limits.drift_ms)),
                limits.link_s,
            ),
            (
                Finding::DiskLow { left_bytes },
                known(reading.disk_left_bytes.map(|left| left < least_bytes)),
                limits.link_s,
            ),
            (
                Finding::UploadBacklog { waiting_bytes },
                known(reading.backlog_bytes.map(|waiting| waiting > most_bytes)),
                limits.link_s,
            ),
        ]
    }

    fn silence(&self, sound: &[Level]) -> Sign {
        if sound.is_empty() {
            return Sign::Unknown;
        }
        Sign::of(sound.iter().all(|level| self.is_silent(level)))
    }

    /// While nobody speaks at all, neither channel says anything of the other.
    fn one_sided(&self, sound: &[Level], side: Side) -> Sign {
        let [left, right] = sound else { return Sign::Unknown };
        let (this, other) = if side == Side::Left { (left, right) } else { (right, left) };
        match (self.is_silent(this), self.is_silent(other)) {
            (true, true) => Sign::Unknown,
            (is_silent, _) => Sign::of(is_silent),
        }
    }

    fn is_silent(&self, level: &Level) -> bool {
        level.rms_dbfs < self.thresholds.silence_dbfs
    }
}

const fn one_sided(silent: Side) -> Finding {
    Finding::OneSided { silent }
}

fn clipping(sound: &[Level]) -> Sign {
    let loudest = sound.iter().map(|level| level.peak_dbfs).fold(f64::MIN, f64::max);
    if loudest < SPEECH_PEAK_DBFS {
        return Sign::Unknown;
    }
    let is_clipped =
        |level: &Level| level.clipped_per_mille >= CLIPPED_PER_MILLE || level.rms_dbfs >= LOUD_RMS_DBFS;
    Sign::of(sound.iter().any(is_clipped))
}
