//! HLS playlists (RFC 8216bis), made from the journal whenever they are asked for.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use crate::{
    journal::Rendition,
    timeline::{Segment, Timeline, next_file},
};

/// The least target duration in seconds. It may not change while a playlist grows, so it leaves room for
/// encoders whose key frames do not fit our two seconds well.
const MIN_TARGET_DURATION_S: i64 = 3;

/// Parts are four tenths of a second and what is left of the last picture.
const MIN_PART_TARGET_US: i64 = 450_000;
const HALF_A_PART_US: i64 = 200_000;
/// How far players stay behind what happens, at least, in parts (RFC 8216bis, 4.4.3.8: three are advised).
const HOLD_BACK_PARTS: f64 = 3.0;
/// Delta playlists hold so much, in target durations: the least that the standard allows.
const SKIP_UNTIL_TARGETS: i64 = 6;

/// How the names of caption files end, where those of segment files end in `.m4s`.
pub const CAPTIONS_END: &str = ".vtt";

/// A playlist that cannot be made yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    #[error("nothing is recorded yet")]
    Empty,
    #[error("the recording has no rendition {0:?}")]
    NoRendition(Rendition),
}

/// The playlist of playlists: picture with sound, the same smaller where that was recorded, and sound alone.
/// Its addresses are relative to itself: `v/index.m3u8`, `a/index.m3u8`.
///
/// # Errors
/// [`PlaylistError::Empty`] as long as no segment is closed.
pub fn master_playlist(timeline: &Timeline) -> Result<String, PlaylistError> {
    let variant = |rendition| {
        let format = timeline.format(rendition)?;
        let rate = BitRate::of(timeline.segments(rendition))?;
        Some((format, rate))
    };
    let audio = variant(Rendition::Audio);
    let pictures: Vec<_> = Rendition::ALL
        .into_iter()
        .filter(|rendition| rendition.is_picture())
        .filter_map(|rendition| Some((rendition, variant(rendition)?)))
        .collect();
    if pictures.is_empty() && audio.is_none() {
        return Err(PlaylistError::Empty);
    }
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if audio.is_some() {
        text.push_str(
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"captions\",NAME=\"Captions\",DEFAULT=NO,AUTOSELECT=YES,\
             CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog\",\
             URI=\"t/index.m3u8\"\n",
        );
    }
    if audio.is_some() && !pictures.is_empty() {
        text.push_str(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Original\",DEFAULT=YES,AUTOSELECT=YES,\
             URI=\"a/index.m3u8\"\n",
        );
    }
    let captions = if audio.is_some() { ",SUBTITLES=\"captions\"" } else { "" };
    let group = if audio.is_some() && !pictures.is_empty() {
        format!(",AUDIO=\"sound\"{captions}")
    } else {
        captions.to_owned()
    };
    for (rendition, (format, mut rate)) in pictures {
        let mut codecs = format.codec.clone();
        if let Some((sound, sound_rate)) = &audio {
            codecs = format!("{codecs},{}", sound.codec);
            rate = BitRate { peak: rate.peak + sound_rate.peak, average: rate.average + sound_rate.average };
        }
        let resolution = format
            .resolution
            .map(|(width, height)| format!(",RESOLUTION={width}x{height}"))
            .unwrap_or_default();
        text.push_str(&stream(&rate, &codecs, &format!("{resolution}{group}"), rendition));
    }
    if let Some((format, rate)) = audio {
        text.push_str(&stream(&rate, &format.codec, &group, Rendition::Audio));
    }
    Ok(text)
}

fn stream(rate: &BitRate, codecs: &str, more: &str, rendition: Rendition) -> String {
    format!(
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{codecs}\"{more}\n{}/index.m3u8\n",
        rate.peak,
        rate.average,
        rendition.folder()
    )
}

/// Bits per second.
struct BitRate {
    /// Of the segment with the highest rate.
    peak: u64,
    average: u64,
}

impl BitRate {
    /// None without any segment that lasts.
    fn of(segments: &[Segment]) -> Option<Self> {
        let rate = |bytes: u64, duration_us: i64| {
            // Bytes per microsecond times eight million.
            (bytes as f64 * 8e6 / duration_us as f64).ceil() as u64
        };
        let lasting = || segments.iter().filter(|segment| segment.duration_us > 0);
        // The scrap at the end of a run says little about its rate, unless there is nothing else.
        let whole = |segment: &&Segment| segment.duration_us >= 500_000;
        let peak = lasting()
            .filter(whole)
            .map(|segment| rate(segment.bytes, segment.duration_us))
            .max()
            .or_else(|| lasting().map(|segment| rate(segment.bytes, segment.duration_us)).max())?;
        let bytes = lasting().fold(0_u64, |sum, segment| sum.saturating_add(segment.bytes));
        let duration_us = lasting().fold(0_i64, |sum, segment| sum.saturating_add(segment.duration_us));
        Some(Self { peak, average: rate(bytes, duration_us) })
    }
}

/// The playlist of the captions: for every closed segment of the sound a file of the same stretch and the same
/// name, but for its end ([`CAPTIONS_END`]). What is in them is not the recorder's to say.
///
/// # Errors
/// [`PlaylistError::NoRendition`] without sound.
pub fn captions_playlist(timeline: &Timeline) -> Result<String, PlaylistError> {
    if timeline.format(Rendition::Audio).is_none() {
        return Err(PlaylistError::NoRendition(Rendition::Audio));
    }
    let live = !timeline.is_finished();
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{}\n",
        target_s(timeline, Rendition::Audio),
        if live { "EVENT" } else { "VOD" }
    );
    let mut before = None;
    for segment in timeline.segments(Rendition::Audio) {
        text.push_str(&discontinuities(segment, before));
        text.push_str(&date(timeline, segment));
        let name = segment.file.replace(".m4s", CAPTIONS_END);
        let _ = writeln!(text, "#EXTINF:{:.6},\n{name}", segment.duration_us as f64 / 1e6);
        before = Some(segment);
    }
    if !live {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    Ok(text)
}

/// The playlist of one rendition: every closed segment from the start, and while the recording goes on the
/// parts of what is close to now (RFC 8216bis, low latency). It is an EVENT playlist while the recording goes
/// on and a VOD playlist once it is over. Addresses are relative to it, in the rendition's own folder.
///
/// # Errors
/// [`PlaylistError::NoRendition`] if nothing of that kind is recorded.
pub fn media_playlist(timeline: &Timeline, rendition: Rendition) -> Result<String, PlaylistError> {
    write(timeline, rendition, 0)
}

/// As [`media_playlist`], but without the segments that a player has from an earlier playlist.
///
/// # Errors
/// As [`media_playlist`].
pub fn delta_playlist(timeline: &Timeline, rendition: Rendition) -> Result<String, PlaylistError> {
    let skipped = if timeline.is_finished() { 0 } else { skippable(timeline, rendition) };
    write(timeline, rendition, skipped)
}

/// Whether the playlist holds the segment of this number and, if asked for, this part of it: what a player
/// waits for with `_HLS_msn` and `_HLS_part`.
pub fn holds(timeline: &Timeline, rendition: Rendition, segment: usize, part: Option<usize>) -> bool {
    let closed = timeline.segments(rendition).len();
    closed > segment
        || part.is_some_and(|part| closed == segment && timeline.parts(rendition, segment).len() > part)
}

/// Whether nobody may wait for this segment or part yet: a player that asks for it has lost its way (RFC 8216bis,
/// 6.2.5.2). Once the recording is over there is nothing to wait for, and it gets the playlist.
pub fn is_too_far(timeline: &Timeline, rendition: Rendition, segment: usize, part: Option<usize>) -> bool {
    let closed = timeline.segments(rendition).len();
    let parts = timeline.parts(rendition, closed).len();
    // The part that is three seconds ahead of the last one.
    let ahead = usize::try_from(3_000_000 / part_target_us(timeline, rendition).clamp(1, 1_000_000));
    let last_part = parts.saturating_add(ahead.unwrap_or(3));
    !timeline.is_finished()
        && (segment > closed.saturating_add(1)
            || segment == closed && part.is_some_and(|part| part > last_part))
}

fn target_s(timeline: &Timeline, rendition: Rendition) -> i64 {
    // RFC 8216bis, 4.4.3.1: every EXTINF, rounded to the nearest second, is at most this.
    let longest_us =
        timeline.segments(rendition).iter().map(|segment| segment.duration_us).max().unwrap_or(0);
    longest_us.saturating_add(500_000).div_euclid(1_000_000).max(MIN_TARGET_DURATION_S)
}

/// How many segments are so old that a delta playlist may leave them out.
fn skippable(timeline: &Timeline, rendition: Rendition) -> usize {
    let segments = timeline.segments(rendition);
    let boundary_us = SKIP_UNTIL_TARGETS * target_s(timeline, rendition) * 1_000_000;
    let mut recent_us = 0_i64;
    let recent = segments.iter().rev().take_while(|segment| {
        recent_us = recent_us.saturating_add(segment.duration_us);
        recent_us <= boundary_us
    });
    segments.len() - recent.count()
}

fn write(timeline: &Timeline, rendition: Rendition, skipped: usize) -> Result<String, PlaylistError> {
    if timeline.format(rendition).is_none() {
        return Err(PlaylistError::NoRendition(rendition));
    }
    let segments = timeline.segments(rendition);
    let target_s = target_s(timeline, rendition);
    let live = !timeline.is_finished();
    let (version, kind) = if live { (9, "EVENT") } else { (7, "VOD") };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:{target_s}\n\
         #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}\n"
    );
    if live {
        let part_s = part_target_us(timeline, rendition) as f64 / 1e6;
        let (hold_back_s, skip_s) = (HOLD_BACK_PARTS * part_s, SKIP_UNTIL_TARGETS * target_s);
        let _ = writeln!(
            text,
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold_back_s:.3},CAN-SKIP-UNTIL={skip_s}.0\n\
             #EXT-X-PART-INF:PART-TARGET={part_s:.3}"
        );
    }
    if let Some(first) = segments.first().filter(|first| first.discontinuity_sequence > 0) {
        let _ = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", first.discontinuity_sequence);
    }
    if skipped > 0 {
        let _ = writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
    }
    let mut before = skipped.checked_sub(1).and_then(|last| segments.get(last));
    for (index, segment) in segments.iter().enumerate().skip(skipped) {
        text.push_str(&head(timeline, segment, before));
        if live {
            text.push_str(&parts(timeline, rendition, segment, index));
        }
        let _ = writeln!(text, "#EXTINF:{:.6},\n{}", segment.duration_us as f64 / 1e6, segment.file);
        before = Some(segment);
    }
    if live {
        text.push_str(&edge(timeline, rendition, before));
    } else {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    Ok(text)
}

/// What stands before a segment: what changes with it, and when it was.
fn head(timeline: &Timeline, segment: &Segment, before: Option<&Segment>) -> String {
    let mut text = discontinuities(segment, before);
    if before.is_none_or(|before| before.init != segment.init) {
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", segment.init);
    }
    text + &date(timeline, segment)
}

fn discontinuities(segment: &Segment, before: Option<&Segment>) -> String {
    let mut text = String::new();
    if let Some(before) = before {
        // One for each run between, and for nothing else, so that players count the same in both renditions:
        // even where one of them has nothing of a run, or another resolution from here on.
        let runs = segment.discontinuity_sequence.saturating_sub(before.discontinuity_sequence);
        // No meeting reconnects more often than the bound; a broken journal may say so.
        for _ in 0..runs.min(1_000) {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
    }
    text
}

fn date(timeline: &Timeline, segment: &Segment) -> String {
    timeline.wall_clock(segment.start_us).map_or_else(String::new, |wall| {
        format!("#EXT-X-PROGRAM-DATE-TIME:{}\n", wall.to_rfc3339_opts(SecondsFormat::Millis, true))
    })
}

/// Each part has an address of its own, so that every cache between here and the player can keep it.
fn parts(timeline: &Timeline, rendition: Rendition, segment: &Segment, index: usize) -> String {
    let mut text = String::new();
    for (number, part) in timeline.parts(rendition, index).iter().enumerate() {
        let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
        let (duration_s, name) = (part.duration_us as f64 / 1e6, Timeline::part_name(segment, number));
        let _ = writeln!(text, "#EXT-X-PART:DURATION={duration_s:.6},URI=\"{name}\"{independent}");
    }
    text
}

/// The segment that is being written, what comes next, and how far the other rendition is.
fn edge(timeline: &Timeline, rendition: Rendition, before: Option<&Segment>) -> String {
    let mut text = String::new();
    let index = timeline.segments(rendition).len();
    if let Some(open) = timeline.open_segment(rendition) {
        text.push_str(&head(timeline, open, before));
        text.push_str(&parts(timeline, rendition, open, index));
        // Segments are about equally long: then the next part begins another one.
        let is_full = before.is_some_and(|before| open.duration_us + HALF_A_PART_US > before.duration_us);
        let next = if is_full {
            next_file(&open.file).replace(".m4s", "-0.m4s")
        } else {
            Timeline::part_name(open, timeline.parts(rendition, index).len())
        };
        let _ = writeln!(text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{next}\"");
    }
    for other in timeline.renditions().into_iter().filter(|other| *other != rendition) {
        let closed = timeline.segments(other).len();
        let (segment, part) = match timeline.parts(other, closed).len() {
            0 => (closed.saturating_sub(1), timeline.parts(other, closed.saturating_sub(1)).len()),
            parts => (closed, parts),
        };
        let (folder, part) = (other.folder(), part.saturating_sub(1));
        let _ = writeln!(
            text,
            "#EXT-X-RENDITION-REPORT:URI=\"../{folder}/index.m3u8\",LAST-MSN={segment},LAST-PART={part}"
        );
    }
    text
}

/// No part is longer (RFC 8216bis, 4.4.3.7). It changes only if an encoder sends fewer pictures than any did
/// before.
fn part_target_us(timeline: &Timeline, rendition: Rendition) -> i64 {
    let longest_us = timeline.longest_part_us(rendition).clamp(MIN_PART_TARGET_US, 10_000_000);
    longest_us.saturating_add(9_999) / 10_000 * 10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sound in segments of two seconds, four parts each; half of the last one is written.
    fn live(segments: i64) -> (tempfile::TempDir, Timeline) {
        let mut journal = String::from(
            "{\"line\":\"journal\",\"version\":1}\n\
             {\"line\":\"run\",\"run\":1,\"epoch\":\"2026-07-23T17:30:00Z\",\"offset_us\":0,\"starts_over\":false}\n\
             {\"line\":\"init\",\"rendition\":\"a\",\"file\":\"init-1-0.mp4\",\"codec\":\"mp4a.40.2\"}\n",
        );
        for part in 0..segments * 4 - 2 {
            let line = serde_json::json!({
                "line": "chunk", "rendition": "a", "file": format!("1-{}.m4s", part / 4), "offset": part % 4 * 100,
                "length": 100, "start_us": part * 500_000, "duration_us": 500_000, "init": "init-1-0.mp4",
                "independent": part % 4 == 0, "discontinuity": false,
            });
            journal = format!("{journal}{line}\n");
        }
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("journal.jsonl"), journal).unwrap();
        let timeline = Timeline::open(temp.path()).unwrap();
        (temp, timeline)
    }

    #[test]
    fn captions_have_a_file_for_each_segment_of_the_sound() {
        let (_temp, timeline) = live(3);
        let playlist = captions_playlist(&timeline).unwrap();
        let wanted = "#EXT-X-PROGRAM-DATE-TIME:2026-07-23T17:30:02.000Z\n#EXTINF:2.000000,\n1-1.vtt\n";
        assert!(playlist.ends_with(wanted), "{playlist}");
        assert!(!playlist.contains("#EXT-X-MAP"), "{playlist}");
        let master = master_playlist(&timeline).unwrap();
        assert!(master.contains("TYPE=SUBTITLES") && master.contains("SUBTITLES=\"captions\""), "{master}");
    }

    #[test]
    fn what_is_close_to_now_is_told_in_parts() {
        let (_temp, timeline) = live(30);
        let playlist = media_playlist(&timeline, Rendition::Audio).unwrap();
        let (_, tail) = playlist.rsplit_once("1-28.m4s\n").unwrap();
        let wanted = "#EXT-X-PROGRAM-DATE-TIME:2026-07-23T17:30:58.000Z\n\
             #EXT-X-PART:DURATION=0.500000,URI=\"1-29-0.m4s\",INDEPENDENT=YES\n\
             #EXT-X-PART:DURATION=0.500000,URI=\"1-29-1.m4s\"\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1-29-2.m4s\"\n";
        assert_eq!(tail, wanted);
        assert_eq!(playlist.matches("#EXTINF").count(), 29);
        assert!(!playlist.contains("1-10-0.m4s"), "nobody asks for old parts");
        assert!(playlist.contains("PART-TARGET=0.500") && playlist.contains("PART-HOLD-BACK=1.500"));
    }

    #[test]
    fn a_delta_leaves_out_what_is_known() {
        let (_temp, timeline) = live(30);
        let playlist = delta_playlist(&timeline, Rendition::Audio).unwrap();
        // Six targets of three seconds are nine segments of two.
        assert!(playlist.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=20\n"), "{playlist}");
        assert_eq!(playlist.matches("#EXTINF").count(), 9);
        assert!(!playlist.contains("#EXT-X-MAP"), "the player has it");
    }

    #[test]
    fn a_player_waits_for_what_is_not_there_yet() {
        let (_temp, timeline) = live(30);
        let holds = |segment, part| holds(&timeline, Rendition::Audio, segment, part);
        assert!(holds(28, None) && holds(29, Some(1)));
        assert!(!holds(29, None) && !holds(29, Some(2)) && !holds(30, Some(0)));
    }
}
