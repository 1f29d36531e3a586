//! A room with two encoders: the second is recorded while the first brings nothing.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use common::*;
use moothall_core::Clock;
use moothall_ingest::*;

const OTHER_PICTURE: &str = "testsrc=size=640x360:rate=25";

/// By which of the two it was seen.
fn widths(timeline: &Timeline) -> Vec<u32> {
    let playlist = media_playlist(timeline, Rendition::Video).unwrap();
    let inits = playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""));
    let width = |init: &str| {
        let path = timeline.file(Rendition::Video, init.trim_end_matches('"')).unwrap();
        // The width stands in the sample entry: 8 bytes of head, then 24 that are of no interest here.
        let bytes = std::fs::read(path).unwrap();
        let entry = bytes.windows(4).position(|name| name == b"avc1").unwrap();
        u32::from(u16::from_be_bytes([bytes[entry + 28], bytes[entry + 29]]))
    };
    inits.map(width).collect()
}

#[test]
fn the_backup_takes_over_and_hands_back_without_a_hole() {
    let temp = tempfile::tempdir().unwrap();
    init().unwrap();
    let recording = Arc::new(Recording::open(temp.path(), &Clock::System, None).unwrap());
    let ports = [free_port(), free_port()];
    let [main, backup] = [Rank::Main, Rank::Backup].map(|rank| {
        let source = format!("srt://127.0.0.1:{}?mode=listener", ports[rank as usize]);
        let options = RecordOptions { rank, ..options() };
        Recorder::start_on(Ok(Arc::clone(&recording)), &source, options)
    });
    main.wait_until_listening();
    backup.wait_until_listening();
    let call = |rank: Rank, picture| {
        push(&format!("srt://127.0.0.1:{}", ports[rank as usize]), 120, &[picture, TONE])
    };
    let first = call(Rank::Main, PICTURE);
    main.wait_until_recorded(1_000);
    let _second = call(Rank::Backup, OTHER_PICTURE);
    backup.wait_for("standing by", |progress| (progress == Progress::StandingBy).then_some(()));
    main.wait_until_recorded(6_000);

    // The first one's cable is out.
    drop(first);
    assert_eq!(main.end().unwrap().ending, Ending::SourceEnded);
    backup.wait_until_recorded(12_000);
    // It is back, and trusted again after a while.
    let source = format!("srt://127.0.0.1:{}?mode=listener", ports[0]);
    let main = Recorder::start_on(Ok(Arc::clone(&recording)), &source, options());
    main.wait_until_listening();
    let _first = call(Rank::Main, PICTURE);
    main.wait_for("standing by", |progress| (progress == Progress::StandingBy).then_some(()));
    main.wait_until_recorded(15_000);
    backup.wait_for("standing by again", |progress| (progress == Progress::StandingBy).then_some(()));
    let end_ms = main.stop().end.ms();
    // Nobody leads any more but the one that is left.
    backup.wait_until_recorded(end_ms + 1_000);
    backup.stop();
    drop(recording);

    let timeline = assert_recorded(temp.path(), 4);
    assert_eq!(widths(&timeline), [320, 640, 320, 640]);
    for rendition in Rendition::ORIGINAL {
        for pair in timeline.segments(rendition).windows(2) {
            let gap_ms = pair[1].start().ms() - pair[0].end().ms();
            // Segments are two seconds; the muxers of the one that ended may have held some more.
            assert!((0..3_000).contains(&gap_ms), "{rendition:?}: a gap of {gap_ms} ms: {pair:?}");
        }
    }
}
