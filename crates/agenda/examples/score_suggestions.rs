//! How well items are found in a meeting: `score_suggestions AGENDA CAPTIONS LOG`.
//!
//! The log has the columns `time,number`. A suggestion is right if the log has the item within 20 s.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use moothall_agenda::{
    AgendaError, read, read_captions, read_item_log,
    suggest::{Line, Planned, suggest},
};

/// As near as a viewer who jumps to an item needs it, in ms.
const NEAR_MS: i64 = 20_000;

fn main() -> ExitCode {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [agenda, captions, log] = &files[..] else {
        eprintln!("usage: score_suggestions AGENDA CAPTIONS LOG");
        return ExitCode::FAILURE;
    };
    match score(agenda, captions, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn score(agenda: &Path, captions: &Path, log: &Path) -> Result<(), AgendaError> {
    let (agenda, captions, log) = (read(agenda)?, read_captions(captions)?, read_item_log(log)?);
    let items: Vec<_> = agenda
        .items
        .iter()
        .map(|item| Planned { number: &item.number, title: &item.title, level: item.level.into() })
        .collect();
    let lines: Vec<_> = captions
        .captions
        .iter()
        .map(|caption| Line { start_ms: caption.start_ms, end_ms: caption.end_ms, text: &caption.text })
        .collect();
    let begun = std::time::Instant::now();
    let suggestions = suggest(&items, &lines);
    let took = begun.elapsed();
    let mut right = 0;
    for suggestion in &suggestions {
        let number = items[suggestion.item].number;
        let mut logged = log.rows.iter().filter(|row| row.number == number);
        let is_logged = logged.clone().next().is_some();
        let is_near = logged.any(|row| near(row.time_ms.ms(), suggestion.start_ms.ms()));
        let verdict = match (is_logged, is_near) {
            (false, _) => "not in the log",
            (true, true) => "right",
            (true, false) => "wrong",
        };
        right += usize::from(verdict == "right");
        println!("{:>8} {number:5} {:.2} {verdict}", suggestion.start_ms.clock(), suggestion.confidence);
    }
    for row in &log.rows {
        let found = suggestions.iter().any(|suggestion| {
            items[suggestion.item].number == row.number && near(row.time_ms.ms(), suggestion.start_ms.ms())
        });
        if !found {
            println!("{:>8} {:5}      missed", row.time_ms.clock(), row.number);
        }
    }
    let share = |all: usize| 100.0 * right as f64 / all.max(1) as f64;
    println!(
        "{right} right of {} suggested ({:.1} %) and of {} in the log ({:.1} %), in {took:.1?}",
        suggestions.len(),
        share(suggestions.len()),
        log.rows.len(),
        share(log.rows.len()),
    );
    Ok(())
}

fn near(left: i64, right: i64) -> bool {
    (left - right).abs() <= NEAR_MS
}
