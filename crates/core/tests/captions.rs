//! Caption files through the door that other crates use.

use moothall_core::{
    MediaTime,
    formats::{Cue, SourceCaption, is_upper_case, srt, txt, vtt},
};
use proptest::prelude::*;

fn caption(start: i64, end: i64, text: &str, new_turn: bool, speaker: Option<&str>) -> SourceCaption {
    SourceCaption {
        start_ms: MediaTime::from_ms(start),
        end_ms: MediaTime::from_ms(end),
        text: text.to_owned(),
        new_turn,
        speaker: speaker.map(str::to_owned),
    }
}

fn cues(captions: &[SourceCaption]) -> impl Iterator<Item = Cue<'_>> {
    captions.iter().map(Cue::from)
}

#[test]
fn everything_that_webvtt_allows_is_read() {
    let file = "\u{FEFF}WEBVTT - a title\r\nKind: captions\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\nREGION\r\nid:a\r\n\r\n\
        NOTE made by hand\r\nover two lines\r\n\r\nan identifier\r\n00:01.000 --> 00:02.500 align:start position:0%\r\n\
        <v.loud Ann O&apos;Lee>Good <i.x>evening</i>, <00:01.200>R&amp;D &lt;3</v>\r\nsecond line\r\n\r\n\
        1:00:00.000 --> 1:00:01.000\r\n<v Ben>No.\r\n";
    let read = vtt::read(file.as_bytes());
    assert_eq!(read.warnings, []);
    assert_eq!(
        read.captions,
        [
            caption(1_000, 1_967, "Good evening, R&D <3", true, Some("Ann O'Lee")),
            caption(1_967, 2_500, "second line", false, None),
            caption(3_600_000, 3_601_000, "No.", true, Some("Ben")),
        ]
    );
}

#[test]
fn marks_of_speakers_cut_a_cue_and_share_its_time() {
    let file = "WEBVTT\n\n00:00.000 --> 00:01.000\nWHO? &gt;&gt; I AM\n\n00:01.000 --> 00:02.000\nHERE. &gt;&gt;\n\n\
        00:02.000 --> 00:03.000\nTHANK YOU.\n\n00:03.000 --> 00:04.000\n&gt;&gt;&gt; KATIE CASHMAN: PRESENT.\n\n\
        00:04.000 --> 00:05.000\nI AM LATE.\n\n00:05.000 --> 00:06.000\n>> QUESTION: WHO ELSE?\n";
    let read = vtt::read(file.as_bytes());
    assert_eq!(read.warnings, []);
    assert_eq!(
        read.captions,
        [
            caption(0, 500, "WHO?", false, None),
            caption(500, 1_000, "I AM", true, None),
            caption(1_000, 2_000, "HERE.", false, None),
            caption(2_000, 3_000, "THANK YOU.", true, None),
            caption(3_000, 4_000, "PRESENT.", true, Some("KATIE CASHMAN")),
            caption(4_000, 5_000, "I AM LATE.", false, Some("KATIE CASHMAN")),
            caption(5_000, 6_000, "QUESTION: WHO ELSE?", true, None),
        ]
    );
}

#[test]
fn broken_cues_are_named_and_the_rest_is_kept() {
    let file = "1\n00:00:01,000 --> 00:00:02.000\n{\\an8}<i>one</i> < two & three\n00:00:02,000 --> 00:00:03,000\nno blank line\n3\n\
        00:00:03,000 --> 00:00:04,000\ntext\n\n4\n00:00:xx,000 --> 00:00:05,000\nlost\n\nno times at all\n\n\
        6\n00:00:09,000 --> 00:00:20,000\nlate\n\n00:00:08,000 --> 00:00:10,000\nearly\n";
    let read = srt::read(file.as_bytes());
    let texts: Vec<_> = read.captions.iter().map(|caption| caption.text.as_str()).collect();
    assert_eq!(texts, ["one < two & three", "no blank line", "text", "early", "late"]);
    let lines: Vec<_> = read.warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(lines, [11, 14, 20, 20], "{:?}", read.warnings);
    assert!(read.warnings[0].to_string().starts_with("line 11: \"00:00:xx,000 --> 00:00:05,000\" is not"));
}

#[test]
fn a_file_in_latin_1_is_read() {
    let read = srt::read(b"1\r\n00:00:01,000 --> 00:00:02,000\r\nCaf\xE9\r\n");
    assert_eq!(read.captions, [caption(1_000, 2_000, "Café", false, None)]);
    assert_eq!(read.warnings.len(), 1);
    assert_eq!(vtt::read(b"").captions, []);
}

#[test]
fn plain_text_has_a_paragraph_per_turn() {
    let captions = [
        caption(0, 1_000, "Welcome\neveryone.", true, Some("Ann Lee")),
        caption(1_000, 2_000, "Item one.", false, Some("Ann Lee")),
        caption(3_723_000, 3_724_000, "Thank you.", true, None),
    ];
    let expected = "Ann Lee (0:00)\nWelcome everyone. Item one.\n\n(1:02:03)\nThank you.\n";
    assert_eq!(txt::write(cues(&captions)), expected);
    assert_eq!(txt::write([]), "");
}

#[test]
fn another_language_than_the_files_is_told() {
    let said = [
        caption(0, 1_000, "Item one.", false, None),
        caption(1_000, 2_000, "La séance\nest levée.", true, Some("Ann Lee")),
    ];
    let languages = ["en", "fr"];
    let cues = said
        .iter()
        .zip(languages)
        .map(|(caption, language)| Cue { language: Some(language), ..Cue::from(caption) });
    let file = vtt::write(None, cues.map(|cue| cue.in_file_of(Some("en"))));
    let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nItem one.\n\n00:00:01.000 --> 00:00:02.000\n\
                    <v Ann Lee><lang fr>La séance\nest levée.</lang>\n";
    assert_eq!(file, expected);
    assert_eq!(vtt::read(file.as_bytes()).captions, said);
    let unknown = Cue { language: Some("fr"), ..Cue::from(&said[0]) };
    assert_eq!(unknown.in_file_of(None).language, Some("fr"));
}

#[test]
fn a_note_cannot_break_the_file() {
    let captions = [caption(0, 0, "a --> b", false, None)];
    let file = vtt::write(Some("made by --> hand\n\n00:00.000 --> 00:01.000\nfalse"), cues(&captions));
    assert_eq!(vtt::read(file.as_bytes()).captions, [caption(0, 1, "a --> b", false, None)]);
}

/// Captions as a reader gives them: in order, trimmed, a turn wherever the speaker changes by name.
fn some_captions(text: &'static str) -> impl Strategy<Value = Vec<SourceCaption>> {
    let speaker = prop_oneof![Just(None), Just(Some("Ann Lee")), Just(Some("Cllr Ben O'Neil-Dee"))];
    proptest::collection::vec((0_i64..5_000, 1_i64..5_000, text, any::<bool>(), speaker), 0..12).prop_map(
        |parts| {
            let mut captions: Vec<SourceCaption> = Vec::new();
            let (mut time, mut before) = (0, None);
            for (gap, length, text, mark, speaker) in parts {
                let new_turn = if speaker.is_some() { speaker != before } else { mark || before.is_some() };
                captions.push(caption(time + gap, time + gap + length, text.trim(), new_turn, speaker));
                time += gap + length;
                before = speaker;
            }
            captions
        },
    )
}

proptest! {
    #[test]
    fn written_webvtt_is_read_back(
        captions in some_captions("[A-Za-z0-9é&<;{}\\[\\].,'-]{1,9}( |\n|-->|&amp;|<i>)[a-z<&.]{0,9}[a-z]")
    ) {
        let read = vtt::read(vtt::write(Some("a note"), cues(&captions)).as_bytes());
        prop_assert_eq!(read.warnings, []);
        prop_assert_eq!(read.captions, captions);
    }

    #[test]
    fn written_subrip_is_read_back(captions in some_captions("[A-Za-z0-9é&;\\[\\].,'-]{1,9}[ \n][a-z.]{0,9}[a-z]")) {
        let read = srt::read(srt::write(cues(&captions)).as_bytes());
        prop_assert_eq!(read.warnings, []);
        prop_assert_eq!(read.captions, captions);
    }

    #[test]
    fn any_file_gives_captions_in_order(
        file in "(WEBVTT\n\n)?([0-9]{1,2}\n|00:0[0-9][:.,]000 --> 00:0[0-9].500\n|<v [A-Z]>|>>|\n|NOTE|&gt;|<|\\{|[a-z ]{1,5}:?){0,60}"
    ) {
        for read in [vtt::read(file.as_bytes()), srt::read(file.as_bytes())] {
            prop_assert!(read.captions.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms));
            for caption in &read.captions {
                prop_assert!(caption.start_ms <= caption.end_ms && !caption.text.trim().is_empty());
            }
            txt::write(cues(&read.captions));
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        vtt::read(&bytes);
        srt::read(&bytes);
        is_upper_case([String::from_utf8_lossy(&bytes).as_ref()]);
    }
}
