//! The media origin: playlists made from the journals of recordings, and segment files in large blocks.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use moothall_core::MeetingId;
use moothall_ingest::{PlaylistError, Rendition, Timeline, TimelineError, master_playlist, media_playlist};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use crate::{
    failure::{Failure, Result},
    headers::IMMUTABLE,
    state::AppState,
};

/// Serving reads of 256 kB costs a quarter less than reads of 64 kB; larger ones gain nothing more.
const BLOCK_BYTES: usize = 256 * 1024;
/// How many recordings are kept in memory; a long one takes some megabytes.
const MOST_TIMELINES: usize = 100;
const PLAYLIST_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// A segment lasts two seconds: a playlist that is older may lack one.
const PLAYLIST_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// Recordings whose journals were read; each request reads on from where the last one stopped.
#[derive(Debug)]
pub struct Recordings {
    media_dir: PathBuf,
    timelines: Mutex<HashMap<MeetingId, Arc<Mutex<Timeline>>>>,
}

/// A panic while one was held leaves nothing half done: what is read is only ever added.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recordings {
    pub fn new(media_dir: PathBuf) -> Self {
        Self { media_dir, timelines: Mutex::default() }
    }

    /// Makes something of the recording as it is now. Blocks.
    pub fn read<T>(&self, meeting: MeetingId, make: impl FnOnce(&Timeline) -> T) -> Result<T, TimelineError> {
        let timeline = self.timeline(meeting)?;
        let mut timeline = lock(&timeline);
        timeline.refresh()?;
        Ok(make(&timeline))
    }

    fn timeline(&self, meeting: MeetingId) -> Result<Arc<Mutex<Timeline>>, TimelineError> {
        if let Some(timeline) = lock(&self.timelines).get(&meeting) {
            return Ok(Arc::clone(timeline));
        }
        let timeline = Arc::new(Mutex::new(Timeline::open(&self.media_dir.join(meeting.to_string()))?));
        let mut timelines = lock(&self.timelines);
        if timelines.len() >= MOST_TIMELINES {
            // Whichever goes is read again when it is asked for.
            let any = timelines.keys().next().copied();
            any.and_then(|any| timelines.remove(&any));
        }
        Ok(Arc::clone(timelines.entry(meeting).or_insert(timeline)))
    }
}

/// The meeting, if the public may watch it.
async fn watchable(state: &AppState, meeting: &str) -> Result<MeetingId> {
    let id: MeetingId = meeting.parse().map_err(|_| Failure::NotFound)?;
    let meeting = state.db.meeting(id).await?.ok_or(Failure::NotFound)?;
    if meeting.state.is_public() { Ok(id) } else { Err(Failure::NotFound) }
}

/// `/media/{meeting id}/master.m3u8`
pub async fn master(State(state): State<AppState>, Path(meeting): Path<String>) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    written(state, id, master_playlist).await
}

/// `/media/{meeting id}/{v|a}/index.m3u8`
pub async fn playlist(
    State(state): State<AppState>,
    Path((meeting, folder)): Path<(String, String)>,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    let rendition = Rendition::from_folder(&folder).ok_or(Failure::NotFound)?;
    written(state, id, move |timeline| media_playlist(timeline, rendition)).await
}

async fn written(
    state: AppState,
    id: MeetingId,
    write: impl FnOnce(&Timeline) -> Result<String, PlaylistError> + Send + 'static,
) -> Result<Response> {
    let playlist = tokio::task::spawn_blocking(move || state.recordings.read(id, write)).await??;
    // Nothing is recorded yet, or nothing of that kind.
    let playlist = playlist.map_err(|_| Failure::NotFound)?;
    let headers = [(header::CONTENT_TYPE, PLAYLIST_TYPE), (header::CACHE_CONTROL, PLAYLIST_CACHE)];
    Ok((headers, playlist).into_response())
}

/// `/media/{meeting id}/{v|a}/{file}`
pub async fn segment(
    State(state): State<AppState>,
    Path((meeting, folder, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    let rendition = Rendition::from_folder(&folder).ok_or(Failure::NotFound)?;
    let path = tokio::task::spawn_blocking(move || -> Result<PathBuf> {
        let timeline = state.recordings.timeline(id)?;
        lock(&timeline).file(rendition, &name).map_err(|_| Failure::NotFound)
    })
    .await??;
    let file = match File::open(&path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Failure::NotFound),
        Err(error) => return Err(error.into()),
    };
    let media_type = match rendition {
        Rendition::Video => "video/mp4",
        Rendition::Audio => "audio/mp4",
    };
    let length = file.metadata().await?.len();
    let range = match headers.get(header::RANGE).and_then(|range| range.to_str().ok()) {
        Some(range) => Range::read(range, length)?,
        None => None,
    };
    send(file, length, range, HeaderValue::from_static(media_type)).await
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

async fn send(
    mut file: File,
    length: u64,
    range: Option<Range>,
    media_type: HeaderValue,
) -> Result<Response> {
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, IMMUTABLE)
        .header(header::ACCEPT_RANGES, "bytes");
    let mut count = length;
    if let Some(Range { first, last }) = range {
        file.seek(std::io::SeekFrom::Start(first)).await?;
        count = last - first + 1;
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}"));
    }
    Ok(response.header(header::CONTENT_LENGTH, count).body(blocks(file, count))?)
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
