//! What is measured in a room, and what is wrong there: the parts of its page that change while one looks.

use askama::Template;
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use moothall_core::{
    MeetingId,
    health::{Level, Reading},
};
use moothall_store::{FindingRow, Meeting};

use crate::{failure::Result, state::AppState, views::When};

/// What is older is not shown as if it were now.
const FRESH: TimeDelta = TimeDelta::seconds(5);
/// Findings that are over are shown up to so many.
const MOST_OVER: usize = 50;
/// The lower end of the meters.
const FAINT_DBFS: f64 = -60.0;

#[derive(Debug, Template)]
#[template(path = "clerk/meters.html")]
pub struct Meters {
    /// None while nothing is measured.
    pub now: Option<Now>,
    pub is_private: bool,
}

#[derive(Debug)]
pub struct Now {
    pub channels: Vec<Channel>,
    /// Names and values of everything else.
    pub figures: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct Channel {
    pub name: &'static str,
    /// From -60 to 0.
    pub meter: String,
    pub text: String,
}

#[derive(Debug, Template)]
#[template(path = "clerk/findings.html")]
pub struct Findings {
    pub open: Vec<FindingView>,
    pub over: Vec<FindingView>,
}

#[derive(Debug)]
pub struct FindingView {
    pub title: &'static str,
    pub sentence: String,
    pub since: When,
    pub until: Option<When>,
}

impl Meters {
    /// Of a room in which no meeting was ever recorded there are none.
    pub async fn of(state: &AppState, meeting: Option<MeetingId>) -> Result<Self> {
        let Some(meeting) = meeting else { return Ok(Self { now: None, is_private: false }) };
        let reading = state.db.health_now(meeting).await?;
        let reading = reading.filter(|reading| state.clock.now() - reading.until <= FRESH);
        let is_private = reading.is_none() && state.db.private_session(meeting).await?.is_some();
        Ok(Self { now: reading.map(Now::from), is_private })
    }
}

impl From<Reading> for Now {
    fn from(reading: Reading) -> Self {
        let names: &[&'static str] = match reading.sound.len() {
            1 => &["Sound"],
            2 => &["Left", "Right"],
            _ => &["Left", "Right", "Centre", "Low", "Left behind", "Right behind"],
        };
        let channels =
            reading.sound.iter().zip(names).map(|(level, name)| Channel::new(name, level)).collect();
        let rate = |kbps: f64| if kbps > 0.0 { format!("{kbps:.0} kbit/s") } else { "none".to_owned() };
        let mut figures = vec![("Picture", rate(reading.picture_kbps)), ("Sound", rate(reading.sound_kbps))];
        if let Some(link) = reading.link {
            figures.push(("Packets lost", format!("{:.1} %", link.lost_percent())));
            figures.push(("There and back", format!("{:.0} ms", link.round_trip_ms)));
        }
        if let Some(drift_ms) = reading.drift_ms {
            figures.push(("Drift", format!("{drift_ms:+} ms")));
        }
        if let Some(left) = reading.disk_left_bytes {
            figures.push(("Disk left", format!("{:.1} GiB", left as f64 / f64::from(1_u32 << 30))));
        }
        if let Some(waiting) = reading.backlog_bytes.filter(|waiting| *waiting > 0) {
            figures.push(("To be copied", format!("{:.2} GiB", waiting as f64 / f64::from(1_u32 << 30))));
        }
        let formats = [("Picture format", reading.picture_format), ("Sound format", reading.sound_format)];
        figures.extend(formats.into_iter().filter_map(|(name, format)| Some((name, format?))));
        Self { channels, figures }
    }
}

impl Channel {
    fn new(name: &'static str, level: &Level) -> Self {
        let text = if level.peak_dbfs < FAINT_DBFS {
            "silent".to_owned()
        } else if level.clipped_per_mille >= 1.0 {
            "too loud".to_owned()
        } else {
            // Adding nought makes nought of minus nought.
            format!("{:.0} dBFS", level.peak_dbfs.round() + 0.0)
        };
        Self { name, meter: format!("{:.1}", level.peak_dbfs.clamp(FAINT_DBFS, 0.0)), text }
    }
}

impl Findings {
    pub async fn of(state: &AppState, meeting: Option<&Meeting>) -> Result<Self> {
        let Some(meeting) = meeting else { return Ok(Self { open: Vec::new(), over: Vec::new() }) };
        let rows = state.db.findings_of(meeting.id).await?;
        let offset = *meeting.local_start().offset();
        let now = state.clock.now();
        let (open, over): (Vec<FindingRow>, Vec<FindingRow>) =
            rows.into_iter().partition(|row| row.ended_at.is_none());
        let view = |row: &FindingRow| FindingView::new(row, offset, now);
        Ok(Self {
            open: open.iter().map(view).collect(),
            over: over.iter().take(MOST_OVER).map(view).collect(),
        })
    }
}

impl FindingView {
    fn new(row: &FindingRow, offset: FixedOffset, now: DateTime<Utc>) -> Self {
        let until = row.ended_at.unwrap_or(now);
        let local = |time: DateTime<Utc>| When(time.with_timezone(&offset));
        Self {
            title: row.finding.title(),
            sentence: row.finding.sentence((until - row.since_at).num_seconds()),
            since: local(row.since_at),
            until: row.ended_at.map(local),
        }
    }
}
