//! The files of uploads: how much has come, whose turn it is to write, and what they become.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{body::Body, http::StatusCode};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use moothall_core::{MeetingId, MeetingState, UploadId};
use moothall_store::{AuditEntry, JobKind, MediaObjection, Meeting, NewJob, Tx, Upload, UploadState};
use serde_json::json;
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncSeekExt, AsyncWriteExt, BufWriter},
    sync::{Notify, OwnedMutexGuard},
    time::timeout,
};

use crate::{
    failure::{Failure, Result},
    state::AppState,
};

/// A day and a half of a council's recording in good quality: 20 GiB.
pub const MOST_BYTES: u64 = 20 << 30;
/// Left free for what is recorded meanwhile.
const SPARE_BYTES: u64 = 1 << 30;
/// Larger writes gain nothing.
const BUFFER_BYTES: usize = 1 << 20;
/// A connection over which nothing comes for so long is given up; the browser makes another.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a connection waits for an earlier one to let go of the file.
const TAKING_OVER: Duration = Duration::from_secs(10);
/// After live meetings, with what else is new.
const PRIORITY: i64 = 10;

/// Why no file may become the recording of this meeting, for people; `None` if one may.
pub async fn objection(state: &AppState, meeting: &Meeting) -> Result<Option<String>> {
    let why = match meeting.state {
        MeetingState::Live | MeetingState::Adjourned => {
            "This meeting is being recorded live. Nothing can be uploaded for it."
        }
        MeetingState::Cancelled => "This meeting was cancelled.",
        _ if state.db.private_session(meeting.id).await?.is_some() => {
            "Press and public are excluded from this meeting. Reopen it before anything is uploaded for it."
        }
        _ => "",
    };
    if !why.is_empty() {
        return Ok(Some(why.to_owned()));
    }
    let mut tx = state.db.begin().await?;
    Ok(tx.objection_to_media(meeting.id).await?.map(|objection| match objection {
        MediaObjection::RecordedLive => {
            "This meeting was recorded live, and a file would replace that. Upload the file to a meeting of its own."
                .to_owned()
        }
        MediaObjection::Corrected { captions } => format!(
            "{captions} captions of the present recording have been corrected by hand, and another recording would \
             lose that."
        ),
    }))
}

/// Whose turn it is to write to which file. A browser that lost its connection comes back over a new one
/// while the old one still hangs: the latest wins.
#[derive(Debug, Clone, Default)]
pub struct Writers(Arc<Mutex<HashMap<UploadId, Arc<Writer>>>>);

#[derive(Debug, Default)]
struct Writer {
    turn: Arc<tokio::sync::Mutex<()>>,
    give_way: Notify,
}

/// The right to write to a file.
pub struct Turn {
    writer: Arc<Writer>,
    _held: OwnedMutexGuard<()>,
}

impl Writers {
    /// Takes the file from whoever has it.
    pub async fn take(&self, upload: UploadId) -> Result<Turn> {
        let writer = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, writer| Arc::strong_count(writer) > 1);
            Arc::clone(all.entry(upload).or_default())
        };
        writer.give_way.notify_waiters();
        match timeout(TAKING_OVER, Arc::clone(&writer.turn).lock_owned()).await {
            Ok(held) => Ok(Turn { writer, _held: held }),
            Err(_) => {
                let text =
                    "The file is still being written over an earlier connection. Try again in a moment.";
                Err(Failure::Refused(StatusCode::LOCKED, text.to_owned()))
            }
        }
    }
}

/// Whether there is room for a file and for the recording that is made of it.
pub fn has_room(media_dir: &Path, length: u64) -> Result<bool> {
    let disk = rustix::fs::statvfs(media_dir).map_err(std::io::Error::from)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize) > length.saturating_mul(2).saturating_add(SPARE_BYTES))
}

/// How many bytes have come.
pub async fn offset(state: &AppState, upload: &Upload) -> Result<u64> {
    match tokio::fs::metadata(upload.file(&state.media_dir)).await {
        Ok(file) => Ok(file.len()),
        // It is recorded and gone, or is just being made.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(match upload.state {
            UploadState::Received => upload.length.unsigned_abs(),
            UploadState::Receiving | UploadState::Refused => 0,
        }),
        Err(error) => Err(error.into()),
    }
}

/// Writes to the end of the file what comes, until it is whole; returns how much of it is there then.
///
/// # Errors
/// If `from` is not where the file ends, if more comes than was announced, if the connection breaks, or the
/// disk is full. What came before stays.
pub async fn append(state: &AppState, upload: &Upload, turn: &Turn, from: u64, body: Body) -> Result<u64> {
    let give_way = turn.writer.give_way.notified();
    tokio::pin!(give_way);
    let length = upload.length.unsigned_abs();
    let mut file = OpenOptions::new().write(true).open(upload.file(&state.media_dir)).await?;
    let mut at = file.seek(std::io::SeekFrom::End(0)).await?;
    if at != from {
        let text = format!("The file has {at} bytes by now, and what came was to go on from {from}.");
        return Err(Failure::Refused(StatusCode::CONFLICT, text));
    }
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut pieces = body.into_data_stream();
    let broken = loop {
        let piece = tokio::select! {
            () = &mut give_way => break Some("Another connection has taken over."),
            piece = timeout(SILENCE, pieces.next()) => piece,
        };
        match piece {
            Ok(None) => break None,
            Ok(Some(Ok(bytes))) => {
                at += bytes.len() as u64;
                if at > length {
                    file.flush().await.map_err(disk_failure)?;
                    let text = format!("More came than the {length} bytes that were announced.");
                    return Err(Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, text));
                }
                file.write_all(&bytes).await.map_err(disk_failure)?;
            }
            Ok(Some(Err(_))) | Err(_) => break Some("The connection broke."),
        }
    };
    file.flush().await.map_err(disk_failure)?;
    if at == length {
        file.get_ref().sync_all().await.map_err(disk_failure)?;
    }
    match broken {
        Some(text) => Err(Failure::BadRequest(text.to_owned())),
        None => Ok(at),
    }
}

fn disk_failure(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => no_room(),
        _ => error.into(),
    }
}

pub fn no_room() -> Failure {
    let text = "There is not enough room on the disk for this file and the recording that is made of it. Ask whoever \
                runs Moothall to make room.";
    Failure::Refused(StatusCode::INSUFFICIENT_STORAGE, text.to_owned())
}

/// Makes the file of a new upload, and its row.
pub async fn begin(state: &AppState, meeting: &Meeting, upload: &Upload) -> Result<()> {
    let folder = Upload::folder(&state.media_dir);
    tokio::fs::create_dir_all(&folder).await?;
    if !has_room(&folder, upload.length.unsigned_abs())? {
        return Err(no_room());
    }
    // Before the row: a file without one is tidied away.
    File::create_new(upload.file(&state.media_dir)).await?;
    let mut tx = state.db.begin().await?;
    if let Some(earlier) = tx.upload_of(meeting.id).await? {
        let text = match earlier.state {
            UploadState::Refused => None,
            UploadState::Receiving => Some(format!(
                "The upload of {} for this meeting is not finished: go on with it, or discard it first.",
                earlier.file_name
            )),
            UploadState::Received => Some(format!("{} is just being taken in.", earlier.file_name)),
        };
        if let Some(text) = text {
            return Err(Failure::Refused(StatusCode::CONFLICT, text));
        }
        tx.remove_upload(earlier.id).await?;
    }
    tx.insert_upload(upload).await?;
    Ok(tx.commit().await?)
}

/// Calls for the recording of a file that has come whole; once is enough.
pub async fn complete(state: &AppState, upload: &Upload) -> Result<()> {
    let now = state.clock.now();
    let Some(meeting) = state.db.meeting(upload.meeting_id).await? else { return Err(Failure::NotFound) };
    let mut tx = state.db.begin().await?;
    if tx.upload_received(upload.id, now).await? {
        call_for_recording(&mut tx, meeting.id, now).await?;
        let by = Some(upload.user_id);
        let entry = AuditEntry::new(meeting.council_id, by, now, "meeting.upload", meeting.id);
        let after = json!({ "file": upload.file_name, "bytes": upload.length });
        tx.audit(&entry.changed(None, after)).await?;
    }
    Ok(tx.commit().await?)
}

/// Has somebody record what was uploaded for a meeting.
pub async fn call_for_recording(tx: &mut Tx, meeting: MeetingId, now: DateTime<Utc>) -> Result<()> {
    Ok(tx.enqueue(&NewJob { kind: JobKind::Record, meeting_id: meeting, priority: PRIORITY }, now).await?)
}

/// Removes an upload that is not whole, or could not be taken in.
pub async fn discard(state: &AppState, upload: &Upload) -> Result<()> {
    let mut tx = state.db.begin().await?;
    tx.remove_upload(upload.id).await?;
    tx.commit().await?;
    match tokio::fs::remove_file(upload.file(&state.media_dir)).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
