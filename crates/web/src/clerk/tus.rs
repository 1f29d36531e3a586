//! `/clerk/uploads`: recordings come in pieces, by the tus protocol 1.0.0 with its extensions creation and
//! termination (<https://tus.io/protocols/resumable-upload>).

use std::collections::HashMap;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{head, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use moothall_core::UploadId;
use moothall_store::{Job, JobKind, JobState, Role, Upload, UploadState};

use super::meeting;
use crate::{
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    uploads::{self, MOST_BYTES},
};

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSION: HeaderName = HeaderName::from_static("tus-version");
const EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const THE_VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const PIECE: &str = "application/offset+octet-stream";
/// Names of files are shown, and no system makes longer ones.
const NAME_CHARACTERS: usize = 255;

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/clerk/uploads", post(create).options(abilities))
        .route("/clerk/uploads/{upload}", head(progress).patch(append).delete(discard).options(abilities))
        .layer(middleware::from_fn(speak))
}

/// Refuses other versions of the protocol, and names ours in every answer.
async fn speak(request: Request, next: Next) -> Response {
    let speaks = request.headers().get(RESUMABLE) == Some(&THE_VERSION);
    let mut response = if speaks || request.method() == Method::OPTIONS {
        next.run(request).await
    } else {
        let text =
            "This program speaks version 1.0.0 of the tus protocol, and needs the header Tus-Resumable.";
        let refused = Failure::Refused(StatusCode::PRECONDITION_FAILED, text.to_owned());
        ([(VERSION, THE_VERSION)], refused).into_response()
    };
    response.headers_mut().insert(RESUMABLE, THE_VERSION);
    response
}

async fn abilities() -> Response {
    let headers = [
        (VERSION, THE_VERSION),
        (EXTENSION, HeaderValue::from_static("creation,termination")),
        (MAX_SIZE, HeaderValue::from(MOST_BYTES)),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Begins an upload. Its metadata are `meeting` (a slug), `filename`, and `modified` in milliseconds since 1970.
async fn create(State(state): State<AppState>, signed_in: SignedIn, headers: HeaderMap) -> Result<Response> {
    let length: u64 = number(&headers, &UPLOAD_LENGTH)?;
    if length > MOST_BYTES {
        let text = format!("Files of up to {} GiB can be uploaded.", MOST_BYTES >> 30);
        return Err(Failure::Refused(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    if length == 0 {
        return Err(Failure::BadRequest("The file is empty.".to_owned()));
    }
    let metadata = metadata(&headers)?;
    let named = |name: &str| metadata.get(name).map(String::as_str).unwrap_or_default();
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, named("meeting")).await?;
    if let Some(objection) = uploads::objection(&state, &meeting).await? {
        return Err(Failure::Refused(StatusCode::CONFLICT, objection));
    }
    let name: String = named("filename").chars().filter(|c| !c.is_control()).take(NAME_CHARACTERS).collect();
    let upload = Upload {
        id: UploadId::new(),
        meeting_id: meeting.id,
        user_id: signed_in.user.id,
        file_name: if name.is_empty() { "a file without a name".to_owned() } else { name },
        modified_ms: named("modified").parse().unwrap_or(0),
        length: i64::try_from(length).unwrap_or(i64::MAX),
        state: UploadState::Receiving,
        problem: String::new(),
        touched_at: state.clock.now(),
    };
    uploads::begin(&state, &meeting, &upload).await?;
    let location = format!("/clerk/uploads/{}", upload.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

async fn progress(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response> {
    let upload = find(&state, &signed_in, &id).await?;
    let turn = state.writers.take(upload.id).await?;
    let offset = uploads::offset(&state, &upload).await?;
    drop(turn);
    // The server may have died between the last byte and the note that it was the last.
    if offset == upload.length.unsigned_abs() && upload.state == UploadState::Receiving {
        uploads::complete(&state, &upload).await?;
    }
    let length = HeaderValue::from(upload.length);
    Ok([(UPLOAD_OFFSET, HeaderValue::from(offset)), (UPLOAD_LENGTH, length)].into_response())
}

async fn append(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response> {
    let upload = find(&state, &signed_in, &id).await?;
    let headers = request.headers();
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != PIECE) {
        let text = format!("A piece of an upload has the Content-Type {PIECE}.");
        return Err(Failure::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let from = number(headers, &UPLOAD_OFFSET)?;
    let turn = state.writers.take(upload.id).await?;
    if upload.state != UploadState::Receiving {
        let text = "All of this file has come already.";
        return Err(Failure::Refused(StatusCode::CONFLICT, text.to_owned()));
    }
    state.db.touch_upload(upload.id, state.clock.now()).await?;
    let at = uploads::append(&state, &upload, &turn, from, request.into_body()).await?;
    if at == upload.length.unsigned_abs() {
        uploads::complete(&state, &upload).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(UPLOAD_OFFSET, HeaderValue::from(at))]).into_response())
}

async fn discard(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    let upload = find(&state, &signed_in, &id).await?;
    let _turn = state.writers.take(upload.id).await?;
    let is_held = |job: &Job| job.kind == JobKind::Record && job.state != JobState::Failed;
    if upload.state == UploadState::Received
        && state
            .db
            .jobs_of(upload.meeting_id)
            .await?
            .iter()
            .rfind(|job| job.kind == JobKind::Record)
            .is_some_and(is_held)
    {
        let text = "The file has come whole and is just being taken in.";
        return Err(Failure::Refused(StatusCode::CONFLICT, text.to_owned()));
    }
    uploads::discard(&state, &upload).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The upload, if the user is a clerk of its council.
async fn find(state: &AppState, signed_in: &SignedIn, id: &str) -> Result<Upload> {
    let id: UploadId = id.parse().map_err(|_| Failure::NotFound)?;
    let upload = state.db.upload(id).await?.ok_or(Failure::NotFound)?;
    let meeting = state.db.meeting(upload.meeting_id).await?.ok_or(Failure::NotFound)?;
    signed_in.must(Role::Clerk, meeting.council_id)?;
    Ok(upload)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64> {
    let number = headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    number.ok_or_else(|| Failure::BadRequest(format!("The header {name} has to be a number of bytes.")))
}

/// `Upload-Metadata`: pairs of a name and a value in Base64, with commas between.
fn metadata(headers: &HeaderMap) -> Result<HashMap<String, String>> {
    let text =
        headers.get(UPLOAD_METADATA).map(|value| value.to_str().unwrap_or_default()).unwrap_or_default();
    let pair = |pair: &str| {
        let (name, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        let value = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        Some((name.to_owned(), value))
    };
    text.split(',').filter(|text| !text.trim().is_empty()).map(pair).collect::<Option<_>>().ok_or_else(|| {
        Failure::BadRequest(
            "The header upload-metadata has to be pairs of a name and a value in Base64.".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn metadata_come_back(values in prop::collection::hash_map("[a-z]{1,8}", ".{0,20}", 0..5)) {
            let text: Vec<String> = values.iter().map(|(name, value)| format!("{name} {}", STANDARD.encode(value))).collect();
            let mut headers = HeaderMap::new();
            headers.insert(UPLOAD_METADATA, HeaderValue::from_str(&text.join(",")).unwrap());
            prop_assert_eq!(metadata(&headers), Ok(values));
        }

        #[test]
        fn nonsense_is_refused_in_words(text in "[ -~]{0,40}") {
            let mut headers = HeaderMap::new();
            headers.insert(UPLOAD_METADATA, HeaderValue::from_str(&text).unwrap());
            let read = metadata(&headers);
            prop_assert!(matches!(read, Ok(_) | Err(Failure::BadRequest(_))), "{read:?}");
        }
    }
}
