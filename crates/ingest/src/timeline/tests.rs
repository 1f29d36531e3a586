use proptest::prelude::*;

use super::*;

const JOURNAL: &str = r#"{"line":"journal","version":1}
{"line":"run","run":1,"epoch":"2026-07-23T17:30:00Z","offset_us":0,"starts_over":false}
{"line":"init","rendition":"a","file":"init-1-0.mp4","codec":"mp4a.40.2"}
{"line":"chunk","rendition":"a","file":"1-0.m4s","offset":0,"length":100,"start_us":0,"duration_us":500000,"init":"init-1-0.mp4","independent":true,"discontinuity":false}
{"line":"chunk","rendition":"a","file":"1-0.m4s","offset":100,"length":50,"start_us":500000,"duration_us":500000,"init":"init-1-0.mp4","independent":false,"discontinuity":false}
{"line":"chunk","rendition":"a","file":"1-1.m4s","offset":0,"length":70,"start_us":1000000,"duration_us":500000,"init":"init-1-0.mp4","independent":true,"discontinuity":false}
{"line":"run","run":2,"epoch":"2026-07-23T17:30:00Z","offset_us":9000000,"starts_over":false}
{"line":"init","rendition":"a","file":"init-2-0.mp4","codec":"mp4a.40.2"}
{"line":"chunk","rendition":"a","file":"2-0.m4s","offset":0,"length":10,"start_us":9000000,"duration_us":500000,"init":"init-2-0.mp4","independent":true,"discontinuity":true}
{"line":"end"}
"#;

fn read(bytes: &[u8]) -> Result<Timeline, TimelineError> {
    let mut timeline = Timeline::empty(Path::new("recording"));
    timeline.read_on(bytes).map(|()| timeline)
}

#[test]
fn chunks_become_segments() {
    let timeline = read(JOURNAL.as_bytes()).unwrap();
    let segments = timeline.segments(Rendition::Audio);
    let told: Vec<_> = segments
        .iter()
        .map(|s| (s.file.as_str(), s.start().ms(), s.duration_us, s.bytes, s.discontinuity_sequence))
        .collect();
    assert_eq!(
        told,
        [
            ("1-0.m4s", 0, 1_000_000, 150, 0),
            ("1-1.m4s", 1_000, 500_000, 70, 0),
            ("2-0.m4s", 9_000, 500_000, 10, 1)
        ]
    );
    assert_eq!(timeline.duration().ms(), 9_500);
    assert!(timeline.is_finished());
    assert_eq!(timeline.renditions(), [Rendition::Audio]);
}

#[test]
fn the_tail_of_a_dead_run_is_closed_by_the_next_run() {
    let lines: Vec<&str> = JOURNAL.split_inclusive('\n').collect();
    let closed =
        |count: usize| read(lines[..count].concat().as_bytes()).unwrap().segments(Rendition::Audio).len();
    assert_eq!(closed(5), 0, "the only segment is open");
    assert_eq!(closed(6), 1);
    assert_eq!(closed(7), 2, "a later run closes it");
    assert_eq!(closed(9), 2);
    assert_eq!(closed(10), 3, "the end closes all");
}

#[test]
fn refuses_what_is_no_journal_of_ours() {
    assert!(matches!(read(b"hello\n"), Err(TimelineError::NotAJournal { .. })));
    let later = br#"{"line":"journal","version":99}"#;
    assert!(matches!(read(&[later, &b"\n"[..]].concat()), Err(TimelineError::Version { version: 99, .. })));
}

#[test]
fn passes_over_foreign_file_names_and_broken_lines() {
    let bad = JOURNAL.replace("2-0.m4s", "../../secret").replace(r#""offset":100"#, r#""offset":-1"#);
    let timeline = read(bad.as_bytes()).unwrap();
    let files: Vec<_> = timeline.segments(Rendition::Audio).iter().map(|s| s.file.as_str()).collect();
    assert_eq!(files, ["1-0.m4s", "1-1.m4s"]);
    assert!(timeline.file(Rendition::Audio, "../journal.jsonl").is_err());
}

proptest! {
    #[test]
    fn any_cut_reads_as_a_prefix(cut in 0..=JOURNAL.len()) {
        let whole = read(JOURNAL.as_bytes()).unwrap();
        let part = read(&JOURNAL.as_bytes()[..cut]).unwrap();
        let (all, some) = (whole.segments(Rendition::Audio), part.segments(Rendition::Audio));
        prop_assert_eq!(some, &all[..some.len()]);
        // And reading on from there comes to the same as reading at once.
        let mut grown = part;
        let from = grown.journal_bytes as usize;
        grown.read_on(&JOURNAL.as_bytes()[from..]).unwrap();
        prop_assert_eq!(grown, whole);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_numbers_are_borne(start in any::<i64>(), duration in any::<i64>(), offset in any::<u64>()) {
        let line = format!(
            "{{\"line\":\"chunk\",\"rendition\":\"v\",\"file\":\"1-0.m4s\",\"offset\":{offset},\"length\":9,\
             \"start_us\":{start},\"duration_us\":{duration},\"init\":\"init-1-0.mp4\",\"independent\":true,\
             \"discontinuity\":false}}\n"
        );
        let timeline = read(format!("{JOURNAL}{line}{line}").as_bytes()).unwrap();
        prop_assert!(timeline.duration() <= MediaTime::MAX);
    }
}
