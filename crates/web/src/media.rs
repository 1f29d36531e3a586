//! The media origin: playlists and what is close to now from memory, older segment files in large blocks.

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, response},
    response::Response,
};
use futures_util::stream;
use moothall_core::MeetingId;
use moothall_ingest::Rendition;
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use crate::{
    failure::{Failure, Result},
    headers::IMMUTABLE,
    recordings::{Awaited, Media, Playlist},
    state::AppState,
};

/// Serving reads of 256 kB costs a quarter less than reads of 64 kB; larger ones gain nothing more.
const BLOCK_BYTES: usize = 256 * 1024;
const PLAYLIST_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// A segment lasts two seconds: a playlist that is older may lack one.
const PLAYLIST_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// The meeting, if the public may watch it.
async fn watchable(state: &AppState, meeting: &str) -> Result<MeetingId> {
    let id: MeetingId = meeting.parse().map_err(|_| Failure::NotFound)?;
    let meeting = state.db.meeting(id).await?.ok_or(Failure::NotFound)?;
    if meeting.state.is_public() { Ok(id) } else { Err(Failure::NotFound) }
}

/// `/media/{meeting id}/master.m3u8`
pub async fn master(
    State(state): State<AppState>,
    Path(meeting): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    written(&state, id, Playlist::Master, None, &headers).await
}

/// What players ask for (RFC 8216bis, 6.2.5).
#[derive(Debug, Deserialize)]
pub struct Directives {
    #[serde(rename = "_HLS_msn")]
    segment: Option<usize>,
    #[serde(rename = "_HLS_part")]
    part: Option<usize>,
    #[serde(rename = "_HLS_skip")]
    skip: Option<String>,
}

/// `/media/{meeting id}/{v|a}/index.m3u8`
pub async fn playlist(
    State(state): State<AppState>,
    Path((meeting, folder)): Path<(String, String)>,
    Query(directives): Query<Directives>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    let rendition = Rendition::from_folder(&folder).ok_or(Failure::NotFound)?;
    let playlist = match directives.skip.as_deref() {
        Some("YES" | "v2") => Playlist::Delta(rendition),
        _ => Playlist::Media(rendition),
    };
    let awaited = directives.segment.map(|segment| Awaited { segment, part: directives.part });
    written(&state, id, playlist, awaited, &headers).await
}

async fn written(
    state: &AppState,
    id: MeetingId,
    playlist: Playlist,
    awaited: Option<Awaited>,
    asked: &HeaderMap,
) -> Result<Response> {
    // Nothing is recorded yet, or nothing of that kind.
    let written = state.recordings.playlist(id, playlist, awaited).await?.map_err(|_| Failure::NotFound)?;
    let mut answer = Response::builder()
        .header(header::CACHE_CONTROL, PLAYLIST_CACHE)
        .header(header::VARY, header::ACCEPT_ENCODING.as_str())
        .header(header::ETAG, &written.tag);
    let says = |name, text: &str| {
        asked.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(text))
    };
    if says(header::IF_NONE_MATCH, &written.tag) {
        return Ok(answer.status(StatusCode::NOT_MODIFIED).body(Body::empty())?);
    }
    answer = answer.header(header::CONTENT_TYPE, PLAYLIST_TYPE);
    if says(header::ACCEPT_ENCODING, "gzip") && !written.gzip.is_empty() {
        return Ok(answer.header(header::CONTENT_ENCODING, "gzip").body(written.gzip.into())?);
    }
    Ok(answer.body(written.plain.into())?)
}

/// `/media/{meeting id}/{v|a}/{file}`
pub async fn segment(
    State(state): State<AppState>,
    Path((meeting, folder, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    let rendition = Rendition::from_folder(&folder).ok_or(Failure::NotFound)?;
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let read_range = |length| range.map_or(Ok(None), |range| Range::read(range, length));
    let media_type = HeaderValue::from_static(match rendition {
        Rendition::Audio => "audio/mp4",
        Rendition::Video | Rendition::Video720 | Rendition::Video360 => "video/mp4",
    });
    match state.recordings.media(id, rendition, name).await? {
        Media::Nothing => Err(Failure::NotFound),
        Media::Memory(bytes) => {
            let length = bytes.len() as u64;
            let range = read_range(length)?;
            let part = range
                .map_or(bytes.clone(), |Range { first, last }| bytes.slice(first as usize..=last as usize));
            let answer = head(length, range, media_type);
            Ok(answer.body(part.into())?)
        }
        Media::File(path) => {
            let file = match File::open(&path).await {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Failure::NotFound),
                Err(error) => return Err(error.into()),
            };
            let length = file.metadata().await?.len();
            send(file, length, read_range(length)?, media_type).await
        }
    }
}

/// The bytes from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    last: u64,
}

impl Range {
    /// Of a file of `length` bytes (RFC 9110, section 14). Several ranges at once, and what is no range of
    /// bytes, are passed over, as the standard allows: then the whole file is the answer.
    ///
    /// # Errors
    /// [`Failure::RangeNotSatisfiable`] where no byte of the file is asked for.
    fn read(text: &str, length: u64) -> Result<Option<Self>> {
        let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Ok(None);
        };
        let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => {
                Self { first, last: last.min(length.saturating_sub(1)) }
            }
            (Ok(first), Err(_)) if last.trim().is_empty() => Self { first, last: length.saturating_sub(1) },
            (Err(_), Ok(count)) if first.trim().is_empty() && count > 0 => {
                Self { first: length.saturating_sub(count), last: length.saturating_sub(1) }
            }
            (Err(_), Ok(0)) if first.trim().is_empty() => return Err(Failure::RangeNotSatisfiable),
            _ => return Ok(None),
        };
        if range.first < length { Ok(Some(range)) } else { Err(Failure::RangeNotSatisfiable) }
    }
}

/// A name is never given twice, so that whatever has it may be kept for ever.
fn head(length: u64, range: Option<Range>, media_type: HeaderValue) -> response::Builder {
    let answer = Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, IMMUTABLE)
        .header(header::ACCEPT_RANGES, "bytes");
    match range {
        Some(Range { first, last }) => answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}"))
            .header(header::CONTENT_LENGTH, last - first + 1),
        None => answer.header(header::CONTENT_LENGTH, length),
    }
}

async fn send(
    mut file: File,
    length: u64,
    range: Option<Range>,
    media_type: HeaderValue,
) -> Result<Response> {
    let mut count = length;
    if let Some(Range { first, last }) = range {
        file.seek(std::io::SeekFrom::Start(first)).await?;
        count = last - first + 1;
    }
    Ok(head(length, range, media_type).body(blocks(file, count))?)
}

fn blocks(file: File, count: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, count), async |(mut file, left)| {
        if left == 0 {
            return Ok(None);
        }
        let size = left.min(BLOCK_BYTES as u64);
        let mut block = Vec::with_capacity(size as usize);
        (&mut file).take(size).read_to_end(&mut block).await?;
        if block.is_empty() {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        }
        let left = left - block.len() as u64;
        Ok(Some((Bytes::from(block), (file, left))))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let range = |first, last| Ok(Some(Range { first, last }));
        assert_eq!(Range::read("bytes=0-99", 1000), range(0, 99));
        assert_eq!(Range::read("bytes=900-", 1000), range(900, 999));
        assert_eq!(Range::read("bytes=900-5000", 1000), range(900, 999));
        assert_eq!(Range::read("bytes=-100", 1000), range(900, 999));
        assert_eq!(Range::read("bytes=-5000", 1000), range(0, 999));
        assert_eq!(Range::read("bytes=1000-", 1000), Err(Failure::RangeNotSatisfiable));
        assert_eq!(Range::read("bytes=-0", 1000), Err(Failure::RangeNotSatisfiable));
        assert_eq!(Range::read("bytes=0-", 0), Err(Failure::RangeNotSatisfiable));
        for whole in ["bytes=9-1", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=a-b"] {
            assert_eq!(Range::read(whole, 1000), Ok(None), "{whole}");
        }
    }

    proptest! {
        #[test]
        fn a_range_lies_within_the_file(first in any::<u64>(), last in any::<u64>(), length in 0..=u64::MAX) {
            for text in [format!("bytes={first}-{last}"), format!("bytes={first}-"), format!("bytes=-{last}")] {
                if let Ok(Some(range)) = Range::read(&text, length) {
                    prop_assert!(range.first <= range.last && range.last < length);
                }
            }
        }
    }
}
