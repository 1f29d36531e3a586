//! HLS playlists (RFC 8216bis), made from the journal whenever they are asked for.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use crate::{
    journal::Rendition,
    timeline::{Segment, Timeline},
};

/// The least target duration in seconds. It may not change while a playlist grows, so it leaves room for
/// encoders whose key frames do not fit our two seconds well.
const MIN_TARGET_DURATION_S: i64 = 3;

/// A playlist that cannot be made yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    #[error("nothing is recorded yet")]
    Empty,
    #[error("the recording has no rendition {0:?}")]
    NoRendition(Rendition),
}

/// The playlist of playlists: picture with sound, and sound alone. Its addresses are relative to itself:
/// `v/index.m3u8` and `a/index.m3u8`.
///
/// # Errors
/// [`PlaylistError::Empty`] as long as no segment is closed.
pub fn master_playlist(timeline: &Timeline) -> Result<String, PlaylistError> {
    let variant = |rendition| {
        let format = timeline.format(rendition)?;
        let rate = BitRate::of(timeline.segments(rendition))?;
        Some((format, rate))
    };
    let (video, audio) = (variant(Rendition::Video), variant(Rendition::Audio));
    if video.is_none() && audio.is_none() {
        return Err(PlaylistError::Empty);
    }
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if audio.is_some() && video.is_some() {
        text.push_str(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Original\",DEFAULT=YES,AUTOSELECT=YES,\
             URI=\"a/index.m3u8\"\n",
        );
    }
    let group = if audio.is_some() && video.is_some() { ",AUDIO=\"sound\"" } else { "" };
    if let Some((format, mut rate)) = video {
        let mut codecs = format.codec.clone();
        if let Some((sound, sound_rate)) = &audio {
            codecs = format!("{codecs},{}", sound.codec);
            rate = BitRate { peak: rate.peak + sound_rate.peak, average: rate.average + sound_rate.average };
        }
        let resolution = format
            .resolution
            .map(|(width, height)| format!(",RESOLUTION={width}x{height}"))
            .unwrap_or_default();
        text.push_str(&stream(&rate, &codecs, &format!("{resolution}{group}"), Rendition::Video));
    }
    if let Some((format, rate)) = audio {
        text.push_str(&stream(&rate, &format.codec, group, Rendition::Audio));
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

/// The playlist of one rendition: every closed segment from the start. It is an EVENT playlist while the
/// recording goes on and a VOD playlist once it is over. Addresses are relative to it, in the rendition's
/// own folder.
///
/// # Errors
/// [`PlaylistError::NoRendition`] if nothing of that kind is recorded.
pub fn media_playlist(timeline: &Timeline, rendition: Rendition) -> Result<String, PlaylistError> {
    if timeline.format(rendition).is_none() {
        return Err(PlaylistError::NoRendition(rendition));
    }
    let segments = timeline.segments(rendition);
    // RFC 8216bis, 4.4.3.1: every EXTINF, rounded to the nearest second, is at most this.
    let longest_us = segments.iter().map(|segment| segment.duration_us).max().unwrap_or(0);
    let target_s = longest_us.saturating_add(500_000).div_euclid(1_000_000).max(MIN_TARGET_DURATION_S);
    let kind = if timeline.is_finished() { "VOD" } else { "EVENT" };
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:{target_s}\n\
         #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}\n"
    );
    if let Some(first) = segments.first().filter(|first| first.discontinuity_sequence > 0) {
        let _ = writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", first.discontinuity_sequence);
    }
    let mut before: Option<&Segment> = None;
    for segment in segments {
        text.push_str(&entry(timeline, segment, before));
        before = Some(segment);
    }
    if timeline.is_finished() {
        text.push_str("#EXT-X-ENDLIST\n");
    }
    Ok(text)
}

fn entry(timeline: &Timeline, segment: &Segment, before: Option<&Segment>) -> String {
    let mut text = String::new();
    if let Some(before) = before {
        // One for each run between, so that players count the same in both renditions even where one of
        // them has nothing of a run.
        let runs = segment.discontinuity_sequence.saturating_sub(before.discontinuity_sequence);
        // No meeting reconnects more often than the bound; a broken journal may say so.
        let count = runs.max(u32::from(segment.discontinuity || segment.init != before.init)).min(1_000);
        for _ in 0..count {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
    }
    if before.is_none_or(|before| before.init != segment.init) {
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", segment.init);
    }
    if let Some(wall) = timeline.wall_clock(segment.start_us) {
        let _ =
            writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", wall.to_rfc3339_opts(SecondsFormat::Millis, true));
    }
    let _ = writeln!(text, "#EXTINF:{:.6},\n{}", segment.duration_us as f64 / 1e6, segment.file);
    text
}
