//! The media origin: playlists and what is close to now from memory, older segment files in large blocks.

use std::{
    fs,
    io::{self, ErrorKind, Read, SeekFrom},
    ops,
};

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

/// Of a file that is too large to be read at once. Serving reads of 256 kB costs a quarter less than reads of
/// 64 kB; larger ones gain nothing more.
const BLOCK_BYTES: usize = 256 * 1024;
/// Read at once, a segment costs half of what it does in blocks, and nearly every one is smaller than this.
const MOST_AT_ONCE: u64 = 4 << 20;
const PLAYLIST_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// A segment lasts two seconds: a playlist that is older may lack one.
pub const PLAYLIST_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// The meeting, if the public may watch it.
pub async fn watchable(state: &AppState, meeting: &str) -> Result<MeetingId> {
    let id: MeetingId = meeting.parse().map_err(|_| Failure::NotFound)?;
    if state.watchable.is_watchable(id).await? { Ok(id) } else { Err(Failure::NotFound) }
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

/// `/media/{meeting id}/t/index.m3u8`
pub async fn captions(
    State(state): State<AppState>,
    Path(meeting): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    written(&state, id, Playlist::Captions, None, &headers).await
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
    let awaited = match (directives.segment, directives.part) {
        (Some(segment), part) => Some(Awaited { segment, part }),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(Failure::BadRequest("A part has no number without that of its segment.".to_owned()));
        }
    };
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
    // While it was waited for, the meeting may have been withheld.
    if awaited.is_some() && !state.watchable.is_watchable(id).await? {
        return Err(Failure::NotFound);
    }
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
    let asked = Asked::new(rendition, &name, &headers);
    match state.recordings.media(id, rendition, name.clone()).await? {
        Media::Nothing => Err(Failure::NotFound),
        Media::Memory(bytes) => asked.answer(bytes),
        Media::File(path) => match tokio::task::spawn_blocking(move || read(&path)).await?? {
            OnDisk::Small(bytes) => {
                state.recordings.keep(id, rendition, name, bytes.clone());
                asked.answer(bytes)
            }
            OnDisk::Large(mut file, length) => {
                let (head, range) = asked.head(length)?;
                file.seek(SeekFrom::Start(range.start)).await?;
                Ok(head.body(blocks(file, range.end - range.start))?)
            }
            OnDisk::Nothing => {
                let object = state.recordings.archived(id, rendition, &name).await?;
                let object = object.ok_or(Failure::NotFound)?;
                let (head, range) = asked.head(object.length())?;
                Ok(head.body(Body::from_stream(object.read(range.start, range.end - range.start)))?)
            }
        },
    }
}

/// What is asked for of a file.
struct Asked {
    media_type: HeaderValue,
    name: String,
    range: Option<HeaderValue>,
    if_range: Option<HeaderValue>,
    if_none_match: Option<HeaderValue>,
}

impl Asked {
    fn new(rendition: Rendition, name: &str, headers: &HeaderMap) -> Self {
        let media_type = HeaderValue::from_static(match rendition {
            Rendition::Audio => "audio/mp4",
            Rendition::Video | Rendition::Video720 | Rendition::Video360 => "video/mp4",
        });
        let header = |name| headers.get(name).cloned();
        Self {
            media_type,
            name: name.to_owned(),
            range: header(header::RANGE),
            if_range: header(header::IF_RANGE),
            if_none_match: header(header::IF_NONE_MATCH),
        }
    }

    /// From the whole of the file.
    fn answer(&self, bytes: Bytes) -> Result<Response> {
        let (head, range) = self.head(bytes.len() as u64)?;
        Ok(head.body(bytes.slice(range.start as usize..range.end as usize).into())?)
    }

    /// The head of the answer, and which bytes of the file follow it. A name is never given twice, so that
    /// whatever has it may be kept for ever, and so that the name is a good tag.
    fn head(&self, length: u64) -> Result<(response::Builder, ops::Range<u64>)> {
        let tag = format!("\"{}-{length:x}\"", self.name);
        let names = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains(&tag));
        let answer =
            Response::builder().header(header::CACHE_CONTROL, IMMUTABLE).header(header::ETAG, tag.as_str());
        if self.if_none_match.as_ref().is_some_and(names) {
            return Ok((answer.status(StatusCode::NOT_MODIFIED), 0..0));
        }
        let answer = answer
            .header(header::CONTENT_TYPE, self.media_type.clone())
            .header(header::ACCEPT_RANGES, "bytes");
        // Of something else than the asker has a part of, a part would be of no use.
        let range = self.range.as_ref().filter(|_| self.if_range.as_ref().is_none_or(names));
        let range = range.and_then(|range| range.to_str().ok());
        match range.map_or(Ok(None), |range| Range::read(range, length))? {
            Some(Range { first, last }) => {
                let answer = answer
                    .status(StatusCode::PARTIAL_CONTENT)
                    .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}"))
                    .header(header::CONTENT_LENGTH, last - first + 1);
                Ok((answer, first..last + 1))
            }
            None => Ok((answer.header(header::CONTENT_LENGTH, length), 0..length)),
        }
    }
}

/// A file as it is found on this disk.
enum OnDisk {
    Small(Bytes),
    /// With its length.
    Large(File, u64),
    Nothing,
}

/// Blocks.
fn read(path: &std::path::Path) -> io::Result<OnDisk> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(OnDisk::Nothing),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    if length > MOST_AT_ONCE {
        return Ok(OnDisk::Large(File::from_std(file), length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.read_to_end(&mut bytes)?;
    Ok(OnDisk::Small(bytes.into()))
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
