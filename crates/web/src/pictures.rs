//! `/media/{meeting id}/poster.jpg`, `storyboard.vtt` and `storyboard-{n}.jpg`: pictures of a recording, as a
//! job made them beside it.

use std::{io::ErrorKind, time::Duration};

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use moothall_archive::Archive;
use moothall_core::MeetingId;
use moothall_store::Meeting;
use tokio::time::timeout;

use crate::{
    failure::{Failure, Result},
    state::AppState,
};

/// A recording that is withheld, or recorded afresh, should not be seen for long.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// For a picture from the object store.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address of the poster, where the public may see one.
pub fn poster(meeting: &Meeting) -> Option<String> {
    address(meeting, "poster.jpg")
}

/// The address of the storyboard's WebVTT, where the public may see one.
pub fn storyboard(meeting: &Meeting) -> Option<String> {
    address(meeting, "storyboard.vtt")
}

fn address(meeting: &Meeting, name: &str) -> Option<String> {
    are_shown(meeting).then(|| format!("/media/{}/{name}", meeting.id))
}

const fn are_shown(meeting: &Meeting) -> bool {
    meeting.state.is_public() && meeting.has_poster
}

pub async fn show(
    State(state): State<AppState>,
    Path((meeting, name)): Path<(String, String)>,
) -> Result<Response> {
    let media_type = media_type(&name).ok_or(Failure::NotFound)?;
    let id: MeetingId = meeting.parse().map_err(|_| Failure::NotFound)?;
    let meeting = state.db.meeting(id).await?;
    meeting.filter(are_shown).ok_or(Failure::NotFound)?;
    let path = state.media_dir.join(id.to_string()).join("preview").join(&name);
    let bytes = match tokio::fs::read(&path).await {
        Ok(bytes) => bytes.into(),
        Err(error) if error.kind() == ErrorKind::NotFound => archived(&state, id, &name).await?,
        Err(error) => return Err(error.into()),
    };
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), (header::CACHE_CONTROL, CACHE)];
    Ok((headers, bytes).into_response())
}

/// Past the blocks in memory: a picture that is made anew has the same name.
async fn archived(state: &AppState, id: MeetingId, name: &str) -> Result<Bytes> {
    let archive = state.archive.as_ref().ok_or(Failure::NotFound)?;
    let name = Archive::name(id, &format!("preview/{name}"));
    let read = timeout(PATIENCE, archive.get(&name)).await.map_err(|_| Failure::Away)?;
    read?.ok_or(Failure::NotFound)
}

/// Of the names that a picture may have, and of no others.
fn media_type(name: &str) -> Option<&'static str> {
    let sheet = |name: &str| {
        let number = name.strip_prefix("storyboard-")?.strip_suffix(".jpg")?;
        (1..=6).contains(&number.len()).then(|| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match name {
        "poster.jpg" => Some("image/jpeg"),
        "storyboard.vtt" => Some("text/vtt; charset=utf-8"),
        _ if sheet(name) == Some(true) => Some("image/jpeg"),
        _ => None,
    }
}
