//! Logs that somebody kept of a meeting: when each item was taken, and who spoke.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use moothall_core::{
    MediaTime,
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

/// Reads a CSV file with the columns `time` and `number`.
///
/// # Errors
/// Where the file cannot be read, or its header lacks a column.
pub fn read_item_log(path: &Path) -> Result<Log<ItemEntry>, AgendaError> {
    let mut log = rows(path, ["time", "number"], "time,number", |time_ms, number, _| ItemEntry {
        time_ms,
        // A clerk may write the dot that stands in the agenda.
        number: number.trim_end_matches('.').to_owned(),
    })?;
    log.rows.sort_by_key(|entry| entry.time_ms);
    Ok(log)
}

/// Reads a CSV file with the columns `time` and `name`, and `role` if there is one.
///
/// # Errors
/// Where the file cannot be read, or its header lacks a column.
pub fn read_speaker_log(path: &Path) -> Result<Log<SpeakerEntry>, AgendaError> {
    let mut log = rows(path, ["time", "name"], "time,name,role", |time_ms, name, role| SpeakerEntry {
        time_ms,
        name: name.to_owned(),
        role: role.map(str::to_owned),
    })?;
    log.rows.sort_by_key(|entry| entry.time_ms);
    Ok(log)
}

/// Reads rows of a time, a text and perhaps a role; columns may stand in any order.
fn rows<T>(
    path: &Path,
    columns: [&str; 2],
    expected: &'static str,
    row: impl Fn(MediaTime, &str, Option<&str>) -> T,
) -> Result<Log<T>, AgendaError> {
    let text = decode(&read_file(path)?).text;
    let header = text.lines().next().unwrap_or_default();
    // Spreadsheets write semicolons where the comma is the decimal sign.
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let names = reader.headers().cloned().unwrap_or_default();
    let position = |name: &str| names.iter().position(|found| found.eq_ignore_ascii_case(name));
    let (Some(time), Some(what)) = (position(columns[0]), position(columns[1])) else {
        let found = header.chars().take(80).collect();
        return Err(AgendaError::BadHeader { path: path.to_owned(), found, expected });
    };
    let role = position("role");

    let mut log = Log { rows: Vec::new(), warnings: Vec::new() };
    let mut record = StringRecord::new();
    loop {
        let read = reader.read_record(&mut record);
        let line = record.position().map_or(1, csv::Position::line) as usize;
        let mut warn = |message| log.warnings.push(Warning { line, message });
        match read {
            Ok(false) => return Ok(log),
            Ok(true) => {}
            Err(error) => {
                warn(error.to_string());
                continue;
            }
        }
        let cell = |column: usize| record.get(column).filter(|cell| !cell.is_empty());
        match (cell(time).map(str::parse), cell(what)) {
            (Some(Ok(time_ms)), Some(what)) => log.rows.push(row(time_ms, what, role.and_then(cell))),
            (Some(Err(error)), _) => {
                let error: moothall_core::MediaTimeError = error;
                warn(error.to_string());
            }
            (None, None) => {}
            (None, _) => warn("the time is missing".to_owned()),
            (_, None) => warn(format!("the {} is missing", columns[1])),
        }
    }
}
