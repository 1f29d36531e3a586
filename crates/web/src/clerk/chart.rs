//! What was measured over a meeting, drawn as lines and written as a table.

use std::fmt::Write;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use moothall_core::health::Reading;

/// More points than this nobody sees on a screen.
const MOST_POINTS: usize = 300;
/// Rows of the table that stands for the drawing.
const MOST_ROWS: usize = 30;
/// The size of the drawing in its own units.
pub const WIDTH: f64 = 600.0;
pub const HEIGHT: f64 = 120.0;
/// Where nothing was measured for so long, as in a private session, the line has a gap.
const GAP: TimeDelta = TimeDelta::seconds(30);

/// One drawing.
#[derive(Debug)]
pub struct Chart {
    pub title: &'static str,
    pub unit: &'static str,
    pub lowest: f64,
    pub highest: f64,
    pub lines: Vec<Line>,
}

#[derive(Debug)]
pub struct Line {
    pub name: &'static str,
    /// The commands of an SVG path.
    pub path: String,
}

/// The drawings of a meeting and the table that says the same.
#[derive(Debug)]
pub struct Charts {
    pub from: String,
    pub until: String,
    pub charts: Vec<Chart>,
    pub rows: Vec<Row>,
}

#[derive(Debug)]
pub struct Row {
    pub time: String,
    pub levels: String,
    pub picture: String,
    pub sound: String,
    pub lost: String,
    pub drift: String,
}

impl Charts {
    /// Of readings in the order of time; none of fewer than two.
    pub fn of(readings: &[Reading], offset: FixedOffset) -> Option<Self> {
        let [first, .., last] = readings else { return None };
        let points = thinned(readings, MOST_POINTS);
        let span = Span { from: first.from, until: last.until };
        let clock = |time: DateTime<Utc>| time.with_timezone(&offset).format("%H:%M:%S").to_string();
        let channels = readings.iter().map(|reading| reading.sound.len()).max().unwrap_or(0);
        let levels = ["Left or only channel", "Right channel"].into_iter().take(channels).enumerate();
        let levels = levels.map(|(channel, name)| Line {
            name,
            path: span.path(&points, (-70.0, 0.0), |reading| {
                reading.sound.get(channel).map(|level| level.peak_dbfs)
            }),
        });
        let most =
            points.iter().map(|reading| reading.picture_kbps + reading.sound_kbps).fold(100.0, f64::max);
        let rate = span.path(&points, (0.0, most), |reading| Some(reading.picture_kbps + reading.sound_kbps));
        let charts = vec![
            Chart {
                title: "Sound level",
                unit: "dBFS",
                lowest: -70.0,
                highest: 0.0,
                lines: levels.collect(),
            },
            Chart {
                title: "Bitrate",
                unit: "kbit/s",
                lowest: 0.0,
                highest: most.round(),
                lines: vec![Line { name: "Picture and sound", path: rate }],
            },
        ];
        let few = thinned(readings, MOST_ROWS);
        let rows = few.iter().map(|reading| Row::new(reading, clock(reading.from))).collect();
        Some(Self { from: clock(first.from), until: clock(last.until), charts, rows })
    }
}

impl Row {
    fn new(reading: &Reading, time: String) -> Self {
        let levels: Vec<String> =
            reading.sound.iter().map(|level| format!("{:.0}", level.peak_dbfs)).collect();
        Self {
            time,
            levels: levels.join(" / "),
            picture: format!("{:.0}", reading.picture_kbps),
            sound: format!("{:.0}", reading.sound_kbps),
            lost: reading.link.map_or_else(String::new, |link| format!("{:.1}", link.lost_percent())),
            drift: reading.drift_ms.map_or_else(String::new, |drift_ms| drift_ms.to_string()),
        }
    }
}

struct Span {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Span {
    fn path(
        &self,
        readings: &[Reading],
        (lowest, highest): (f64, f64),
        value: impl Fn(&Reading) -> Option<f64>,
    ) -> String {
        let length_ms = (self.until - self.from).num_milliseconds().max(1) as f64;
        let mut path = String::new();
        let mut before: Option<DateTime<Utc>> = None;
        for reading in readings {
            let Some(value) = value(reading) else {
                before = None;
                continue;
            };
            let x = (reading.until - self.from).num_milliseconds() as f64 / length_ms * WIDTH;
            let y = (1.0 - (value.clamp(lowest, highest) - lowest) / (highest - lowest)) * HEIGHT;
            let follows = before.is_some_and(|before| reading.from - before < GAP);
            // Writing into a text never fails.
            let _ = write!(path, "{}{x:.1} {y:.1}", if follows { "L" } else { "M" });
            before = Some(reading.until);
        }
        path
    }
}

/// At most so many readings, each of which stands for as many in a row.
fn thinned(readings: &[Reading], most: usize) -> Vec<Reading> {
    readings.chunks(readings.len().div_ceil(most).max(1)).filter_map(Reading::merged).collect()
}

#[cfg(test)]
mod tests {
    use moothall_core::health::Level;

    use super::*;

    fn reading(second: i64, peak_dbfs: f64) -> Reading {
        let from = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
        let level = Level { peak_dbfs, rms_dbfs: peak_dbfs - 10.0, clipped_per_mille: 0.0 };
        Reading { sound: vec![level], ..Reading::empty(from, from + TimeDelta::seconds(10)) }
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_measured_and_stays_in_the_drawing() {
        let offset = FixedOffset::east_opt(3_600).unwrap();
        let readings = [reading(0, 0.0), reading(10, -70.0), reading(100, -200.0), reading(110, 3.0)];
        let charts = Charts::of(&readings, offset).unwrap();
        assert_eq!(charts.charts[0].lines[0].path, "M50.0 0.0L100.0 120.0M550.0 120.0L600.0 0.0");
        assert_eq!((charts.from.as_str(), charts.rows.len()), ("01:00:00", 4));
        assert!(Charts::of(&readings[..1], offset).is_none());
    }

    #[test]
    fn a_long_meeting_is_drawn_with_few_points_and_keeps_its_peaks() {
        let readings: Vec<Reading> = (0..3_000)
            .map(|number| reading(number * 10, if number == 1_234 { -1.0 } else { -40.0 }))
            .collect();
        let thin = thinned(&readings, MOST_POINTS);
        assert_eq!(thin.len(), MOST_POINTS);
        assert!(thin.iter().any(|reading| reading.sound[0].peak_dbfs == -1.0));
    }
}
