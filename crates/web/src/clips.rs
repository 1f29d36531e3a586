//! `/meetings/{slug}/clip.mp4?t=83.2&to=95` and `clip.mp3`: a stretch of a recording to take away.

use std::{fs::File, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use moothall_archive::Loan;
use moothall_core::MediaTime;
use moothall_ingest::{ClipError, ClipKind, clip};
use tokio::{
    io::AsyncReadExt,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use crate::{
    api::transcript::public_meeting,
    downloads::cues,
    failure::{Failure, Result},
    query::Pairs,
    record::Record,
    state::AppState,
    views::sentence,
};

/// A clip lies on the disk, half a gigabyte at most, until its last byte is sent.
const MOST_AT_ONCE: usize = 8;
/// How long a visitor waits for one of the others to be done.
const QUEUEING: Duration = Duration::from_secs(10);
/// After this a download that somebody paused holds up nobody else.
const LONGEST_DOWNLOAD: Duration = Duration::from_secs(30 * 60);
const BLOCK_BYTES: usize = 256 * 1024;
/// A clip may begin with a key frame before the time asked for, and a caption may have begun before that.
const CAPTIONS_BEFORE_MS: i64 = 30_000;

/// Who may have a clip made.
#[derive(Debug, Clone)]
pub struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_AT_ONCE)))
    }
}

impl Places {
    async fn take(&self) -> Result<OwnedSemaphorePermit> {
        match timeout(QUEUEING, Arc::clone(&self.0).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Failure::Busy),
        }
    }
}

pub const fn ending(kind: ClipKind) -> &'static str {
    match kind {
        ClipKind::Mp4 => "mp4",
        ClipKind::Mp3 => "mp3",
    }
}

const fn media_type(kind: ClipKind) -> HeaderValue {
    HeaderValue::from_static(match kind {
        ClipKind::Mp4 => "video/mp4",
        ClipKind::Mp3 => "audio/mpeg",
    })
}

pub async fn download(
    kind: ClipKind,
    State(state): State<AppState>,
    Path(slug): Path<String>,
    pairs: Pairs,
) -> Result<Response> {
    let meeting = public_meeting(&state, &slug).await?;
    let (from, to) = (time(&pairs, "t")?, time(&pairs, "to")?);
    let captions_from = MediaTime::from_ms(from.ms() - CAPTIONS_BEFORE_MS);
    let record = Record::load(&state.db, &meeting, captions_from).await?;
    let place = state.clips.take().await?;
    let timeline = state.recordings.timeline(meeting.id).await?;
    let (timeline, loan) = match &state.archive {
        Some(archive) => archive.lend(timeline, meeting.id),
        None => (timeline, Loan::default()),
    };
    let language = meeting.language.clone();
    let (file, place) = tokio::task::spawn_blocking(move || -> Result<_> {
        let folder = tempfile::Builder::new().prefix("moothall-clip-").tempdir()?;
        let path = folder.path().join("clip");
        let made = clip(&timeline, from, to, kind, cues(&record, language.as_deref()), &path);
        // It would tell of a gap that the recording does not have.
        if loan.is_lacking() {
            return Err(Failure::Away);
        }
        made?;
        // Open, it can be read to its end although it goes with its folder.
        Ok((File::open(path)?, place))
    })
    .await??;
    let length = file.metadata()?.len();
    let name = format!("attachment; filename=\"{slug}-{}.{}\"", in_a_name(from), ending(kind));
    let headers = [
        (header::CONTENT_TYPE, media_type(kind)),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(axum::http::Error::from)?),
    ];
    Ok((headers, body(file, place)).into_response())
}

/// A time as a visitor writes it.
fn time(pairs: &Pairs, name: &str) -> Result<MediaTime> {
    let Some(text) = pairs.first(name) else {
        return Err(Failure::BadRequest(
            "Say where the clip begins and where it ends, for instance from 0:01:23 to 0:02:00.".to_owned(),
        ));
    };
    text.parse().map_err(|_| {
        Failure::BadRequest(format!(
            "“{text}” is not a time: write hours, minutes and seconds as 0:01:23, or seconds as 83.2."
        ))
    })
}

/// `1h02m03s`: no file name may hold a colon everywhere.
fn in_a_name(time: MediaTime) -> String {
    let seconds = time.ms() / 1_000;
    format!("{}h{:02}m{:02}s", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Sends the file, and gives the place back when all of it is sent, or nobody wants it any more.
fn body(file: File, place: OwnedSemaphorePermit) -> Body {
    let (being_sent, over) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _ = timeout(LONGEST_DOWNLOAD, over).await;
        drop(place);
    });
    let file = tokio::fs::File::from_std(file);
    Body::from_stream(stream::try_unfold((file, being_sent), async |(mut file, being_sent)| {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block).await?;
        let more = (!block.is_empty()).then(|| (Bytes::from(block), (file, being_sent)));
        Ok::<_, std::io::Error>(more)
    }))
}

impl From<ClipError> for Failure {
    fn from(error: ClipError) -> Self {
        if !error.is_about_range() {
            return Self::internal(&error);
        }
        Self::BadRequest(sentence(&error.to_string()))
    }
}
