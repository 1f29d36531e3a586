//! Whether a room is ready for its next meeting, from what can honestly be known beforehand.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Level, Reading, Thresholds, finding::gibibytes};

/// What is known of a room.
#[derive(Debug, Clone)]
pub struct Facts {
    pub now: DateTime<Utc>,
    /// The room's address without its key, or why it cannot be used.
    pub source: Result<String, String>,
    /// When the room's next meeting begins, or the running one began.
    pub next_meeting: Option<DateTime<Utc>>,
    pub arrival: Arrival,
    /// What was measured last.
    pub reading: Option<Reading>,
    /// Bytes that are left for recordings, or why nobody can say.
    pub disk_left: Result<i64, String>,
    /// How long the meeting may last.
    pub planned: TimeDelta,
    pub clock: ClockSource,
    /// The speech model, or what is wrong with it.
    pub model: Result<String, String>,
    pub thresholds: Thresholds,
}

/// What comes from the room's encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The recorder does not listen: no meeting is near.
    NotAwaited,
    Awaited,
    /// With what is to be told beside it, such as that it comes from the backup; empty where nothing is.
    Comes(String),
    /// Why the encoder was refused, or could not be reached.
    Refused(String),
}

/// Where this machine's clock is set from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockSource {
    Network,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Ok,
    Warning,
    Problem,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub verdict: Verdict,
    pub about: &'static str,
    /// What is so; if it is not well, also what to do.
    pub says: String,
}

/// A reading that is older says nothing of now.
const FRESH: TimeDelta = TimeDelta::seconds(15);
/// Of a room that has not sent yet: a good picture of 1080 lines with sound.
const LIKELY_KBPS: f64 = 6_000.0;
/// How long before a meeting its recorder begins to listen, in words.
const LISTENS: &str = "the recorder listens from 30 minutes before a meeting's planned start";
/// Speech that is recorded well has its peaks between these.
const FAINT_PEAK_DBFS: f64 = -30.0;

/// Looks at everything that a meeting needs, in the order in which one would mend it.
pub fn preflight(facts: &Facts) -> Vec<Check> {
    let reading = facts.reading.as_ref().filter(|reading| facts.now - reading.until <= FRESH);
    let mut checks = vec![source(facts), meeting(facts), arrival(facts)];
    if let Some(reading) = reading.filter(|_| matches!(facts.arrival, Arrival::Comes(_))) {
        checks.extend([format(reading), sound(reading, &facts.thresholds), picture(reading)]);
        checks.extend(link(reading, &facts.thresholds));
    }
    checks.extend([disk(facts, reading), clock(facts, reading), model(facts)]);
    checks
}

fn check(verdict: Verdict, about: &'static str, says: impl Into<String>) -> Check {
    Check { verdict, about, says: says.into() }
}

fn source(facts: &Facts) -> Check {
    match &facts.source {
        Ok(address) => check(Verdict::Ok, "source", format!("the room's source is {address}")),
        Err(error) => check(Verdict::Problem, "source", error),
    }
}

fn meeting(facts: &Facts) -> Check {
    let about = "meeting";
    match facts.next_meeting {
        Some(start) if start <= facts.now => check(Verdict::Ok, about, "a meeting is due now"),
        Some(start) => {
            let start = start.format("%Y-%m-%d %H:%M UTC");
            check(Verdict::Ok, about, format!("the next meeting here begins at {start}"))
        }
        None => check(
            Verdict::Warning,
            about,
            "no meeting is announced in this room: announce one with `moothall import meeting --room`",
        ),
    }
}

fn arrival(facts: &Facts) -> Check {
    let about = "encoder";
    match &facts.arrival {
        Arrival::Comes(note) if note.is_empty() => {
            check(Verdict::Ok, about, "the encoder is connected and sends")
        }
        Arrival::Comes(note) => check(Verdict::Warning, about, note),
        Arrival::Awaited => check(
            Verdict::Problem,
            about,
            "nothing comes from the encoder: switch it on, start its stream, and check the address and key in it",
        ),
        Arrival::Refused(why) if why.is_empty() => {
            check(Verdict::Problem, about, "nothing can be recorded: see the program's log")
        }
        Arrival::Refused(why) => check(Verdict::Problem, about, why),
        Arrival::NotAwaited => check(
            Verdict::Warning,
            about,
            format!("nobody can say yet whether the encoder gets through: {LISTENS}; check again then"),
        ),
    }
}

fn format(reading: &Reading) -> Check {
    let formats: Vec<&str> = [&reading.picture_format, &reading.sound_format]
        .into_iter()
        .filter_map(|format| format.as_deref())
        .collect();
    check(Verdict::Ok, "format", formats.join("; "))
}

fn sound(reading: &Reading, limits: &Thresholds) -> Check {
    let about = "sound";
    let is_silent = |level: &Level| level.rms_dbfs < limits.silence_dbfs;
    let peak = reading.sound.iter().map(|level| level.peak_dbfs).fold(f64::MIN, f64::max);
    let silent = reading.sound.iter().filter(|level| is_silent(level)).count();
    if reading.sound_kbps <= 0.0 {
        let says = "no sound comes: switch on the encoder's audio input, and set it to AAC";
        return check(Verdict::Problem, about, says);
    }
    match reading.sound.as_slice() {
        [] => {
            check(Verdict::Warning, about, "sound comes, and could not be measured: look again in a moment")
        }
        levels if silent == levels.len() => check(
            Verdict::Problem,
            about,
            "the sound is silent: have somebody speak into a microphone; if it stays so, check the cable from the mixing desk",
        ),
        [left, _] if silent == 1 => {
            let side = if is_silent(left) { "left" } else { "right" };
            let says = format!("the {side} channel is silent: check the cable from the mixing desk");
            check(Verdict::Problem, about, says)
        }
        levels if levels.iter().any(|level| level.clipped_per_mille >= 1.0) => check(
            Verdict::Problem,
            about,
            "the sound is too loud and distorted: turn down the mixing desk's output by about 6 dB",
        ),
        _ if peak < FAINT_PEAK_DBFS => check(
            Verdict::Warning,
            about,
            format!(
                "the sound is faint (peaks at {peak:.0} dBFS): if somebody is speaking, turn the mixing desk's output up"
            ),
        ),
        levels => {
            let channels = if levels.len() == 1 { "channel" } else { "channels" };
            check(Verdict::Ok, about, format!("{} {channels}, peaks at {peak:.0} dBFS", levels.len()))
        }
    }
}

fn picture(reading: &Reading) -> Check {
    let about = "picture";
    if reading.picture_kbps <= 0.0 {
        let says = "there is no picture: if that is not meant, check the camera's cable to the encoder";
        return check(Verdict::Warning, about, says);
    }
    match reading.picture {
        Some(look) if look.luma < 20.0 => check(
            Verdict::Problem,
            about,
            "the picture is black: check that the camera is on, that its lens is uncovered, and its cable",
        ),
        _ => check(Verdict::Ok, about, format!("the picture comes with {:.0} kbit/s", reading.picture_kbps)),
    }
}

fn link(reading: &Reading, limits: &Thresholds) -> Option<Check> {
    let link = reading.link?;
    let (percent, about) = (link.lost_percent(), "network");
    let figures = format!("{percent:.1} % of packets are lost, {:.0} ms there and back", link.round_trip_ms);
    Some(if percent >= limits.lost_percent {
        let says = format!("{figures}: connect the encoder by cable, or raise its SRT latency");
        check(Verdict::Warning, about, says)
    } else {
        check(Verdict::Ok, about, figures)
    })
}

fn disk(facts: &Facts, reading: Option<&Reading>) -> Check {
    let about = "disk";
    let left = match &facts.disk_left {
        Ok(left) => *left,
        Err(error) => return check(Verdict::Problem, about, error),
    };
    let kbps = reading.map_or(0.0, |reading| reading.sound_kbps + reading.picture_kbps);
    let kbps = if kbps > 0.0 { kbps } else { LIKELY_KBPS };
    let needed = (kbps * 125.0 * facts.planned.num_seconds() as f64) as i64;
    let (hours, shown) = (facts.planned.num_minutes() as f64 / 60.0, gibibytes(left));
    let needs = format!("{shown} are left; {hours} hours at {kbps:.0} kbit/s need {}", gibibytes(needed));
    if left < needed {
        check(Verdict::Problem, about, format!("{needs}: make room before the meeting"))
    } else if (left as f64) < facts.thresholds.disk_left_gib * f64::from(1_u32 << 30) {
        check(Verdict::Warning, about, format!("{needs}: make room soon"))
    } else {
        check(Verdict::Ok, about, needs)
    }
}

fn clock(facts: &Facts, reading: Option<&Reading>) -> Check {
    let about = "clock";
    let drift_ms = reading.and_then(|reading| reading.drift_ms).unwrap_or(0);
    if drift_ms.abs() >= facts.thresholds.drift_ms {
        let says =
            format!("the encoder's clock has run {drift_ms} ms away from ours: set it from the network");
        return check(Verdict::Warning, about, says);
    }
    match facts.clock {
        ClockSource::Network => check(Verdict::Ok, about, "this machine's clock is set from the network"),
        ClockSource::Unknown => check(
            Verdict::Warning,
            about,
            "nobody can say whether this machine's clock is set from the network: see `timedatectl` or `chronyc tracking`",
        ),
    }
}

fn model(facts: &Facts) -> Check {
    match &facts.model {
        Ok(model) => check(Verdict::Ok, "model", model),
        Err(error) => check(Verdict::Problem, "model", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let now = DateTime::UNIX_EPOCH;
        let level = Level { peak_dbfs: -9.0, rms_dbfs: -24.0, clipped_per_mille: 0.0 };
        let reading = Reading {
            sound: vec![level; 2],
            sound_kbps: 128.0,
            picture_kbps: 2_500.0,
            ..Reading::empty(now - TimeDelta::seconds(2), now - TimeDelta::seconds(1))
        };
        Facts {
            now,
            source: Ok("srt://0.0.0.0:9710".to_owned()),
            next_meeting: Some(now + TimeDelta::minutes(20)),
            arrival: Arrival::Comes(String::new()),
            reading: Some(reading),
            disk_left: Ok(100 << 30),
            planned: TimeDelta::hours(4),
            clock: ClockSource::Network,
            model: Ok("base is there".to_owned()),
            thresholds: Thresholds::default(),
        }
    }

    /// What is not well, as `about: verdict`.
    fn bad(facts: &Facts) -> Vec<(&'static str, Verdict)> {
        let checks = preflight(facts).into_iter().filter(|check| check.verdict != Verdict::Ok);
        checks.map(|check| (check.about, check.verdict)).collect()
    }

    #[test]
    fn a_room_in_which_all_is_well_is_ready() {
        assert_eq!(bad(&facts()), []);
    }

    #[test]
    fn each_trouble_is_told_by_itself() {
        use Verdict::{Problem, Warning};
        let awaited = Facts { arrival: Arrival::Awaited, reading: None, ..facts() };
        assert_eq!(bad(&awaited), [("encoder", Problem)]);
        let far_off = Facts { arrival: Arrival::NotAwaited, reading: None, next_meeting: None, ..facts() };
        assert_eq!(bad(&far_off), [("meeting", Warning), ("encoder", Warning)]);
        // Four hours of 2,628 kbit/s are 4.4 GiB.
        assert_eq!(bad(&Facts { disk_left: Ok(4 << 30), ..facts() }), [("disk", Problem)]);
        assert_eq!(bad(&Facts { disk_left: Ok(9 << 29), ..facts() }), [("disk", Warning)]);
        let mut one_sided = facts();
        one_sided.reading.as_mut().unwrap().sound[0].rms_dbfs = -90.0;
        assert_eq!(bad(&one_sided), [("sound", Problem)]);
        let mut stale = one_sided;
        stale.now += TimeDelta::minutes(1);
        assert_eq!(bad(&stale), [], "nothing is said of a second that is long over");
        assert_eq!(bad(&Facts { model: Err("fetch it".to_owned()), ..facts() }), [("model", Problem)]);
    }
}
