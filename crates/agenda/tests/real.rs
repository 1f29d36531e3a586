//! Real agendas, captions and logs, which are no part of the repository.

use std::path::PathBuf;

use moothall_agenda::{
    AgendaError, read, read_captions, read_item_log,
    suggest::{Line, Planned, suggest},
};
use moothall_core::formats::is_upper_case;

/// A file of the shared data, or None with the reason printed.
fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var("MOOTHALL_SHARED").unwrap_or_else(|_| "../../../shared".to_owned());
    let file = PathBuf::from(root).join("data").join(path);
    if !file.exists() {
        eprintln!("skipped: {} is absent; set MOOTHALL_SHARED", file.display());
        return None;
    }
    Some(file)
}

#[test]
fn a_city_council_s_agenda_has_every_item_that_was_taken() {
    let Some(pdf) = shared("agendas/huntsville-2026-07-23-city-council-meeting.pdf") else { return };
    let Some(log) = shared("transcripts/huntsville-2026-07-23.items.csv") else { return };
    let agenda = read(&pdf).expect("an agenda");
    let numbers: Vec<_> = agenda.items.iter().map(|item| item.number.as_str()).collect();
    let log = read_item_log(&log).expect("a log");
    assert_eq!((log.rows.len(), log.warnings), (36, vec![]));
    for entry in &log.rows {
        assert!(numbers.contains(&entry.number.as_str()), "{} is not among {numbers:?}", entry.number);
    }
    let top: Vec<String> =
        agenda.items.iter().filter(|item| item.level == 0).map(|item| item.number.clone()).collect();
    assert_eq!(top, (1..=23).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(agenda.items.len(), 23 + 61);
    assert_eq!(agenda.title.as_deref(), Some("REGULAR MEETING OF THE CITY COUNCIL"));
    assert_eq!(agenda.warnings, Vec::<String>::new());

    let title = |number: &str| {
        let item = agenda.items.iter().find(|item| item.number == number).expect(number);
        (item.title.as_str(), item.page)
    };
    assert_eq!(title("1"), ("INVOCATION", Some(1)));
    assert_eq!(title("7a"), ("Update on Northern Bypass Project.", Some(2)));
    assert_eq!(
        title("4b"),
        (
            "Minutes of the Work Session of the City Council held on July 10, 2026. (Minutes Received)",
            Some(1)
        )
    );
    assert_eq!(
        title("6a"),
        (
            "Resolution honoring the 10th Cavalry Hill Buffalo Soldiers American Legion Post 351 for over 60 years \
             of Service to the Huntsville Community.",
            Some(1)
        )
    );
    assert_eq!(
        title("20f"),
        (
            "Resolution authorizing the Mayor to enter into an Agreement for Election Custodial Services between \
             the City of Huntsville and Madison County, Alabama.",
            Some(8)
        )
    );
    assert_eq!(
        title("20ac"),
        (
            "Resolution authorizing the Mayor to execute a Special Employee Agreement renewal between the City of \
             Huntsville and Columbus Johnson Jr. as a Fire Supply Clerk",
            Some(12)
        )
    );
    assert!(title("21f").0.ends_with("in connection with the north Huntsville Target Shopping Center."));
    assert_eq!(title("23"), ("ADJOURNMENT", Some(13)));
    for item in &agenda.items {
        assert!(
            !["Sponsors:", "Attachments:", "Ordinance No", "Page "].iter().any(|word| {
                item.title.contains(word) && !item.title.contains("amend") && !item.title.contains("amending")
            }),
            "{}",
            item.title
        );
    }
}

#[test]
fn another_agenda_of_the_same_council() {
    let Some(pdf) = shared("agendas/huntsville-2026-06-11-city-council-meeting.pdf") else { return };
    let agenda = read(&pdf).expect("an agenda");
    let top = agenda.items.iter().filter(|item| item.level == 0).count();
    assert_eq!((top, agenda.items.len()), (23, 23 + 52));
    let cut = agenda.items.iter().find(|item| item.title.ends_with(" No."));
    assert_eq!(cut.map(|item| &item.title), None);
    assert_eq!(agenda.warnings, Vec::<String>::new());
}

#[test]
fn a_scanned_package_is_told() {
    let Some(pdf) = shared("agendas/nipissing-2024-04-02.pdf") else { return };
    assert!(matches!(read(&pdf), Err(AgendaError::Scanned { .. })));
}

#[test]
fn a_meeting_of_an_english_city() {
    let Some(feed) = shared("feeds/moderngov-meeting.xml") else { return };
    let agenda = read(&feed).expect("an agenda");
    let items: Vec<_> = agenda.items.iter().map(|item| (item.number.as_str(), item.title.as_str())).collect();
    assert_eq!(items, [("1", "Minutes"), ("9", "Work Programme")]);
    assert_eq!(agenda.items[1].documents[0].title, "DRAFT WP FEBRUARY 2026");
    assert_eq!(
        agenda.items[1].documents[0].url,
        "https://democracy.manchester.gov.uk/mgConvert2PDF.aspx?ID=60909"
    );
    assert_eq!(agenda.attendees[0].party.as_deref(), Some("LAB"));
    let Some(list) = shared("feeds/moderngov-meetings.xml") else { return };
    assert!(read(&list).expect_err("a list of meetings").to_string().contains("<getmeetings>"));
}

#[test]
fn captions_of_a_city() {
    for (file, captions) in [
        ("transcripts/huntsville-2026-07-23-city-council-meeting.captions.vtt", 2_000),
        ("transcripts/huntsville-2026-07-23-city-council-meeting.whisper-medium.srt", 1_000),
    ] {
        let Some(file) = shared(file) else { return };
        let read = read_captions(&file).expect("captions");
        assert!(read.captions.len() > captions, "{}", read.captions.len());
    }
}

#[test]
fn a_hundred_meetings_captioned_live() {
    let Some(archive) = shared("transcripts/minneapolis-100.tar.xz") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unpacked =
        std::process::Command::new("tar").arg("-xJf").arg(&archive).arg("-C").arg(folder.path()).status();
    assert!(unpacked.expect("tar runs").success());
    let (mut captions, mut turns, mut upper_case, mut warnings) = (0, 0, 0, 0);
    for entry in std::fs::read_dir(folder.path().join("minneapolis")).expect("the unpacked folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "vtt") {
            continue;
        }
        let read = read_captions(&path).expect("captions");
        captions += read.captions.len();
        turns += read.captions.iter().filter(|caption| caption.new_turn).count();
        warnings += read.warnings.len();
        let texts = read.captions.iter().map(|caption| caption.text.as_str());
        upper_case += usize::from(is_upper_case(texts));
    }
    assert_eq!(upper_case, 92);
    println!("{captions} captions, {turns} turns, {warnings} warnings");
    assert!(captions >= 217_000 && turns >= 13_000 && warnings < 100);
}

/// What was taken as well, though the log leaves it out: minutes and seconds of the captions, and the number.
const NOT_LOGGED: [(i64, i64, &str); 25] = [
    (1, 52, "2"),
    (5, 28, "4a"),
    (5, 41, "4b"),
    (5, 57, "6"),
    (18, 46, "7"),
    (75, 19, "14a"),
    (75, 41, "14b"),
    (77, 50, "15a"),
    (78, 42, "15b"),
    (79, 10, "15c"),
    (79, 29, "15d"),
    (79, 43, "15e"),
    (81, 18, "19"),
    (85, 57, "20f"),
    (87, 26, "20g"),
    (88, 33, "20j"),
    (90, 31, "20l"),
    (94, 33, "20m"),
    (96, 15, "20x"),
    (99, 22, "21a"),
    (99, 29, "21b"),
    (99, 37, "21c"),
    (99, 44, "21d"),
    (99, 54, "21e"),
    (100, 5, "21f"),
];

#[test]
fn items_are_found_where_they_were_taken() {
    let Some(pdf) = shared("agendas/huntsville-2026-07-23-city-council-meeting.pdf") else { return };
    let Some(log) = shared("transcripts/huntsville-2026-07-23.items.csv") else { return };
    let agenda = read(&pdf).expect("an agenda");
    let log = read_item_log(&log).expect("a log");
    let logged: Vec<_> = log.rows.iter().map(|row| (row.time_ms.ms(), row.number.as_str())).collect();
    let unlogged = NOT_LOGGED.map(|(minutes, seconds, number)| (1_000 * (60 * minutes + seconds), number));
    let items: Vec<_> = agenda
        .items
        .iter()
        .map(|item| Planned { number: &item.number, title: &item.title, level: item.level.into() })
        .collect();
    for file in ["captions.vtt", "whisper-medium.srt"] {
        let Some(file) = shared(&format!("transcripts/huntsville-2026-07-23-city-council-meeting.{file}"))
        else {
            return;
        };
        let captions = read_captions(&file).expect("captions").captions;
        let lines: Vec<_> = captions
            .iter()
            .map(|caption| Line { start_ms: caption.start_ms, end_ms: caption.end_ms, text: &caption.text })
            .collect();
        let found: Vec<_> = suggest(&items, &lines)
            .iter()
            .map(|suggestion| (suggestion.start_ms.ms(), items[suggestion.item].number))
            .collect();
        // As near as a viewer who jumps to an item needs it.
        let is_in = |list: &[(i64, &str)], (time, number): (i64, &str)| {
            list.iter().any(|(other, name)| *name == number && (other - time).abs() <= 20_000)
        };
        let right = logged.iter().filter(|row| is_in(&found, **row)).count();
        let wrong = found.iter().filter(|row| !is_in(&logged, **row) && !is_in(&unlogged, **row)).count();
        println!("{right} of {} found, {wrong} of {} wrong", logged.len(), found.len());
        assert!(100 * right >= 85 * logged.len(), "{right} of {}", logged.len());
        assert!(10 * wrong <= found.len(), "{wrong} of {}", found.len());
    }
}
