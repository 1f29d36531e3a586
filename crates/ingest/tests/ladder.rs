//! The same picture in smaller sizes, for telephones and slow lines.

mod common;

use common::*;
use moothall_ingest::*;

#[test]
fn the_picture_is_recorded_in_smaller_sizes_as_well() {
    let temp = tempfile::tempdir().unwrap();
    let port = free_port();
    let options = RecordOptions { ladder: true, ..options() };
    let recorder = Recorder::start(&format!("srt://127.0.0.1:{port}?mode=listener"), temp.path(), options);
    recorder.wait_until_listening();
    let picture = "testsrc=size=960x540:rate=25";
    let _encoder = push(&format!("srt://127.0.0.1:{port}"), 60, &[picture, TONE]);
    recorder.wait_until_recorded(8_000);
    recorder.stop();

    let timeline = assert_recorded(temp.path(), 1);
    // Nothing is made larger than it came.
    assert_eq!(timeline.renditions(), [Rendition::Video, Rendition::Video360, Rendition::Audio]);
    assert_eq!(timeline.format(Rendition::Video360).unwrap().resolution, Some((640, 360)));
    let [large, small] =
        [Rendition::Video, Rendition::Video360].map(|rendition| timeline.segments(rendition));
    assert_continuous(small);
    let ends_ms = [large, small].map(|segments| segments.last().unwrap().end().ms());
    assert!(ends_ms[0].abs_diff(ends_ms[1]) < 500, "{ends_ms:?}");
    // Players change from one to the other: the same moment has the same time in both.
    assert!(small[0].start().ms() - large[0].start().ms() < 2_000, "{small:?}");
    let master = master_playlist(&timeline).unwrap();
    let small = "RESOLUTION=640x360,AUDIO=\"sound\",SUBTITLES=\"captions\"\nv360/index.m3u8";
    assert!(master.contains(small) && !master.contains("v720"), "{master}");
}
