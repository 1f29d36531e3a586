//! Logs that were kept of a meeting: when each item was taken, who spoke, and whose microphone was on.

use std::path::Path;

use chrono::{DateTime, FixedOffset};
use csv::{ReaderBuilder, StringRecord, Trim};
use moothall_core::{
    MediaTime, MediaTimeError,
    formats::{Warning, decode},
};

use crate::{AgendaError, input::read_file};

/// What a log says, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log<T> {
    pub rows: Vec<T>,
    /// One for each row that was left out.
    pub warnings: Vec<Warning>,
}

/// An item was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemEntry {
    pub time_ms: MediaTime,
    /// As printed in the agenda: "6a".
    pub number: String,
}

/// Somebody began to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakerEntry {
    pub time_ms: MediaTime,
    pub name: String,
    pub role: Option<String>,
}

/// A microphone was switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicrophoneEntry {
    pub time: MicrophoneTime,
    /// The number of a seat.
    pub microphone: String,
    pub is_on: bool,
    /// Empty where the log does not say who sits there.
    pub name: String,
}

/// Conference systems write the time of the clock; whoever makes a log from a recording, media time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MicrophoneTime {
    Clock(DateTime<FixedOffset>),
    Media(MediaTime),
}

/// Reads a CSV file with the columns `time` and `number`.
///
/// # Errors
/// Where the file cannot be read, or its header lacks a column.
pub fn read_item_log(path: &Path) -> Result<Log<ItemEntry>, AgendaError> {
    let mut log = rows(path, &["time", "number"], &[], |cells| {
        // A clerk may write the dot that stands in the agenda.
        let number = cells.required(1)?.trim_end_matches('.').to_owned();
        Ok(ItemEntry { time_ms: cells.time()?, number })
    })?;
    log.rows.sort_by_key(|entry| entry.time_ms);
    Ok(log)
}

/// Reads a CSV file with the columns `time` and `name`, and `role` if there is one.
///
/// # Errors
/// Where the file cannot be read, or its header lacks a column.
pub fn read_speaker_log(path: &Path) -> Result<Log<SpeakerEntry>, AgendaError> {
    let mut log = rows(path, &["time", "name"], &["role"], |cells| {
        let (name, role) = (cells.required(1)?.to_owned(), cells.get(2).map(str::to_owned));
        Ok(SpeakerEntry { time_ms: cells.time()?, name, role })
    })?;
    log.rows.sort_by_key(|entry| entry.time_ms);
    Ok(log)
}

/// Reads a CSV file with the columns `time`, `microphone` and `state`, and `name` if there is one. The state is `on`
/// or `off` (or 1 or 0); the time is media time, or a time of the clock with its offset (RFC 3339).
///
/// # Errors
/// Where the file cannot be read, or its header lacks a column.
pub fn read_microphone_log(path: &Path) -> Result<Log<MicrophoneEntry>, AgendaError> {
    rows(path, &["time", "microphone", "state"], &["name"], |cells| {
        let time = cells.required(0)?;
        let time = match DateTime::parse_from_rfc3339(time) {
            Ok(time) => MicrophoneTime::Clock(time),
            Err(_) => MicrophoneTime::Media(cells.time()?),
        };
        let is_on = match cells.required(2)?.to_lowercase().as_str() {
            "on" | "1" => true,
            "off" | "0" => false,
            other => return Err(format!("{other:?} is no state of a microphone: write on or off")),
        };
        let (microphone, name) = (cells.required(1)?.to_owned(), cells.get(3).unwrap_or_default().to_owned());
        Ok(MicrophoneEntry { time, microphone, is_on, name })
    })
}

/// The cells of one row, in the order in which the columns were asked for.
struct Cells<'a> {
    record: &'a StringRecord,
    columns: &'a [(&'static str, Option<usize>)],
}

impl<'a> Cells<'a> {
    fn get(&self, column: usize) -> Option<&'a str> {
        self.record.get(self.columns[column].1?).filter(|cell| !cell.is_empty())
    }

    fn required(&self, column: usize) -> Result<&'a str, String> {
        self.get(column).ok_or_else(|| format!("the {} is missing", self.columns[column].0))
    }

    /// The first column is media time.
    fn time(&self) -> Result<MediaTime, String> {
        self.required(0)?.parse().map_err(|error: MediaTimeError| error.to_string())
    }
}

/// Reads the rows of a table whose columns may stand in any order. Empty rows are passed over.
fn rows<T>(
    path: &Path,
    required: &[&'static str],
    optional: &[&'static str],
    row: impl Fn(&Cells) -> Result<T, String>,
) -> Result<Log<T>, AgendaError> {
    let text = decode(&read_file(path)?).text;
    let header = text.lines().next().unwrap_or_default();
    // Spreadsheets write semicolons where the comma is the decimal sign.
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let names = reader.headers().cloned().unwrap_or_default();
    let position = |name: &str| names.iter().position(|found| found.eq_ignore_ascii_case(name));
    let columns: Vec<(&str, Option<usize>)> =
        required.iter().chain(optional).map(|name| (*name, position(name))).collect();
    if columns[..required.len()].iter().any(|(_, position)| position.is_none()) {
        let found = header.chars().take(80).collect();
        let expected = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",");
        return Err(AgendaError::BadHeader { path: path.to_owned(), found, expected });
    }

    let mut log = Log { rows: Vec::new(), warnings: Vec::new() };
    let mut record = StringRecord::new();
    loop {
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(1, csv::Position::line) as usize;
        let row = match read {
            Ok(false) => return Ok(log),
            Ok(true) if record.iter().all(str::is_empty) => continue,
            Ok(true) => row(&Cells { record: &record, columns: &columns }),
            Err(error) => Err(error.to_string()),
        };
        match row {
            Ok(row) => log.rows.push(row),
            Err(message) => log.warnings.push(Warning { line, message }),
        }
    }
}
