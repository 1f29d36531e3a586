//! Logs of items and speakers, and captions, as files.

use std::{io::Write as _, path::Path};

use moothall_agenda::{AgendaError, read_captions, read_item_log, read_speaker_log};
use proptest::prelude::*;
use tempfile::NamedTempFile;

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(content).expect("the file is written");
    file
}

#[test]
fn good_rows_are_kept_and_bad_ones_named() {
    let log = file(
        "\u{FEFF}Time, Number\r\n00:00:10.5,2.\r\n\r\n5,1\r\nsoon,3\r\n,4\r\n7,\r\n00:01:00,\"6a\""
            .as_bytes(),
    );
    let log = read_item_log(log.path()).expect("a log");
    let rows: Vec<_> = log.rows.iter().map(|row| (row.time_ms.ms(), row.number.as_str())).collect();
    assert_eq!(rows, [(5_000, "1"), (10_500, "2"), (60_000, "6a")]);
    let warnings: Vec<_> = log.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 3);
    assert!(warnings[0].starts_with("line 5: \"soon\" is not a time"), "{warnings:?}");
    assert_eq!(warnings[1..], ["line 6: the time is missing", "line 7: the number is missing"]);
}

#[test]
fn speakers_with_and_without_roles() {
    let with = file("time;name;role\n0:05;Ann Lee;Chair\n0:09;Ben;\n".as_bytes());
    let rows = read_speaker_log(with.path()).expect("a log").rows;
    assert_eq!((rows[0].name.as_str(), rows[0].role.as_deref()), ("Ann Lee", Some("Chair")));
    assert_eq!(rows[1].role, None);
    let without = file(b"time,name\n5,Andr\xE9\n");
    assert_eq!(read_speaker_log(without.path()).expect("a log").rows[0].name, "André");
}

#[test]
fn a_wrong_header_is_an_error() {
    let log = file(b"when,what\n1,2\n");
    let error = read_item_log(log.path()).expect_err("a wrong header").to_string();
    assert!(error.ends_with("line 1: the header is \"when,what\"; write time,number"), "{error}");
    assert!(matches!(read_speaker_log(Path::new("/none.csv")), Err(AgendaError::Io { .. })));
}

#[test]
fn captions_are_told_apart_by_content() {
    let vtt = file(b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>R&amp;D\n");
    let srt = file(b"1\n00:00:01,000 --> 00:00:02,000\nR&amp;D\n");
    assert_eq!(read_captions(vtt.path()).expect("captions").captions[0].text, "R&D");
    assert_eq!(read_captions(srt.path()).expect("captions").captions[0].text, "R&amp;D");
    assert!(matches!(read_captions(file(b"WEBVTT\n").path()), Err(AgendaError::NoCaptions { .. })));
}

proptest! {
    #[test]
    fn any_log_is_read_or_refused(rest in "([0-9:.]{1,6}|,|;|\n|\"|[a-zé]{1,3}){0,40}") {
        let log = file(format!("time,number\n{rest}").as_bytes());
        let _ = read_item_log(log.path());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let log = file(&bytes);
        let _ = (read_item_log(log.path()), read_speaker_log(log.path()), read_captions(log.path()));
    }
}
