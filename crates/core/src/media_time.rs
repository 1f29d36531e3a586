use std::{fmt, ops, str::FromStr};

use serde::{Deserialize, Serialize};

/// Milliseconds since the recording of a meeting began, as wall-clock time.
///
/// It never shifts: a cut, a private session or a lost connection leaves a gap, so that a link to a
/// second keeps its meaning for ever. Never negative; at most [`MediaTime::MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(transparent)]
pub struct MediaTime(i64);

/// A text that is no media time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a time: write hours:minutes:seconds as in 01:02:03.456, or seconds as in 83.2")]
pub struct MediaTimeError {
    pub text: String,
}

impl MediaTime {
    pub const ZERO: Self = Self(0);
    /// A thousand hours: no meeting is longer, and sums of two never overflow.
    pub const MAX: Self = Self(1_000 * 3_600_000);

    /// Clamped to `0..=MAX`.
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(0, Self::MAX.0))
    }

    /// Rounded to the millisecond and clamped; what is not a number becomes zero.
    pub fn from_seconds(seconds: f64) -> Self {
        Self::from_ms((seconds * 1_000.0).round() as i64)
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// As in URLs: seconds with three decimals, `83.200`.
    pub fn query(self) -> String {
        format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }

    /// For people: `1:02:03`, or `2:03` below an hour.
    pub fn clock(self) -> String {
        let seconds = self.0 / 1_000;
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            format!("{hours}:{minutes:02}:{seconds:02}")
        } else {
            format!("{minutes}:{seconds:02}")
        }
    }
}

/// `01:02:03.456`, as in WebVTT.
impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        write!(f, "{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
    }
}

/// Reads `01:02:03.456`, `02:03`, `83.2` and the comma of SubRip; at most three decimals count.
impl FromStr for MediaTime {
    type Err = MediaTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim()).ok_or_else(|| MediaTimeError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<MediaTime> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(fraction) {
        return None;
    }
    let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let parts: Vec<&str> = whole.split(':').collect();
    if parts.len() > 3 || !parts.iter().all(|part| all_digits(part) && part.len() <= 9) {
        return None;
    }
    let mut seconds = 0_i64;
    for (position, part) in parts.iter().enumerate() {
        let value: i64 = part.parse().ok()?;
        // Minutes and seconds stay below sixty once a larger unit stands before them.
        if position > 0 && value > 59 {
            return None;
        }
        seconds = seconds * 60 + value;
    }
    let ms = seconds.checked_mul(1_000)?.checked_add(thousandths)?;
    (ms <= MediaTime::MAX.0).then_some(MediaTime(ms))
}

/// Saturates at [`MediaTime::MAX`].
impl ops::Add<i64> for MediaTime {
    type Output = Self;

    fn add(self, ms: i64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }
}

/// The distance in milliseconds; negative where `other` is later.
impl ops::Sub for MediaTime {
    type Output = i64;

    fn sub(self, other: Self) -> i64 {
        self.0 - other.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_way_of_writing_a_time() {
        let ms = |text: &str| text.parse::<MediaTime>().map(MediaTime::ms).ok();
        assert_eq!(ms("01:02:03.456"), Some(3_723_456));
        assert_eq!(ms("00:00:01,5"), Some(1_500));
        assert_eq!(ms("2:03"), Some(123_000));
        assert_eq!(ms("83.2"), Some(83_200));
        assert_eq!(ms("83.20049"), Some(83_200));
        for bad in ["", "1:60", "1:2:3:4", "-1", "1.", ".5", "1e3", "9999999999", "99999:00:00", "١:٢"] {
            assert_eq!(ms(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..=MediaTime::MAX.ms()) {
            let time = MediaTime::from_ms(ms);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(time.query().parse(), Ok(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _: Result<MediaTime, _> = text.parse();
        }
    }
}
