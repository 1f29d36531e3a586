//! `/clerk/meetings/{slug}/upload`: a file becomes the meeting's recording.

use askama::Template;
use axum::{
    Json,
    extract::{Path, State},
    response::{Html, Redirect},
};
use moothall_core::{MediaTime, MeetingId, UploadId};
use moothall_store::{Job, JobKind, JobState, Meeting, Role, Upload, UploadState};
use serde::Serialize;

use super::meeting::{self, MeetingRow};
use crate::{
    failure::Result,
    sign_in::SignedIn,
    state::AppState,
    uploads::{self, MOST_BYTES},
    views::Site,
};

#[derive(Debug, Template)]
#[template(path = "clerk/upload.html")]
pub struct UploadPage {
    pub site: Site,
    pub meeting: MeetingRow,
    /// How long the recording is that is there.
    pub recorded: Option<String>,
    pub stage: Stage,
    pub most_bytes: u64,
}

/// How far it is.
#[derive(Debug)]
pub enum Stage {
    /// Nothing may be uploaded, and why.
    Closed(String),
    /// A file is to be chosen; perhaps one was refused before.
    Choose {
        problem: Option<String>,
    },
    Receiving(Unfinished),
    Recording {
        name: String,
        percent: i64,
    },
    /// The program failed, not the file.
    Failed {
        id: UploadId,
        name: String,
        error: String,
    },
}

/// What has come of a file.
#[derive(Debug)]
pub struct Unfinished {
    pub id: UploadId,
    pub name: String,
    pub length: i64,
    pub modified_ms: i64,
    pub offset: u64,
}

impl Unfinished {
    pub fn percent(&self) -> u64 {
        self.offset.saturating_mul(100) / self.length.unsigned_abs().max(1)
    }
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, &slug).await?;
    let recording = state.db.recording(meeting.id).await?;
    let page = UploadPage {
        site: state.site().await?.at("Meetings"),
        stage: stage(&state, &meeting).await?,
        recorded: recording.map(|recording| MediaTime::from_ms(recording.duration_ms).clock()),
        meeting: meeting.into(),
        most_bytes: MOST_BYTES,
    };
    Ok(Html(page.render()?))
}

async fn stage(state: &AppState, meeting: &Meeting) -> Result<Stage> {
    let upload = state.db.upload_of(meeting.id).await?;
    Ok(match upload {
        Some(upload) if upload.state == UploadState::Received => recording(state, upload).await?,
        Some(upload) if upload.state == UploadState::Receiving => receiving(state, upload).await?,
        refused => match uploads::objection(state, meeting).await? {
            Some(objection) => Stage::Closed(objection),
            None => Stage::Choose { problem: refused.map(|upload| upload.problem) },
        },
    })
}

async fn receiving(state: &AppState, upload: Upload) -> Result<Stage> {
    let offset = uploads::offset(state, &upload).await?;
    Ok(Stage::Receiving(Unfinished {
        id: upload.id,
        name: upload.file_name,
        length: upload.length,
        modified_ms: upload.modified_ms,
        offset,
    }))
}

async fn recording(state: &AppState, upload: Upload) -> Result<Stage> {
    let job = job(state, upload.meeting_id).await?;
    Ok(match job {
        Some(Job { state: JobState::Failed, error, .. }) => {
            Stage::Failed { id: upload.id, name: upload.file_name, error: error.unwrap_or_default() }
        }
        job => Stage::Recording {
            name: upload.file_name,
            percent: job.filter(|job| job.total > 0).map_or(0, |job| job.done * 100 / job.total),
        },
    })
}

/// The latest job that records an upload for the meeting.
async fn job(state: &AppState, meeting: MeetingId) -> Result<Option<Job>> {
    Ok(state.db.jobs_of(meeting).await?.into_iter().rfind(|job| job.kind == JobKind::Record))
}

#[derive(Debug, Serialize)]
pub struct Told {
    /// `recording` as long as the page need only show the progress.
    stage: &'static str,
    percent: i64,
}

/// How far the recording of an upload is, for the page that shows it.
pub async fn progress(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Json<Told>> {
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, &slug).await?;
    Ok(Json(match stage(&state, &meeting).await? {
        Stage::Recording { percent, .. } => Told { stage: "recording", percent },
        _ => Told { stage: "over", percent: 100 },
    }))
}

/// Calls for the recording again, after a failure of the program.
pub async fn try_again(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Redirect> {
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, &slug).await?;
    if let Stage::Failed { .. } = stage(&state, &meeting).await? {
        let mut tx = state.db.begin().await?;
        uploads::call_for_recording(&mut tx, meeting.id, state.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(Redirect::to(&format!("/clerk/meetings/{}/upload", meeting.slug)))
}
