//! What goes wrong while a request is answered.
//!
//! A handler returns [`Failure`]; which of its variants to use when is told there. It travels to
//! [`explain`], which writes it as a page or, for programs, as problem details (RFC 9457). Whatever the
//! program itself did wrong is logged here, once, and never shown.

use std::any::Any;

use askama::Template;
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use moothall_archive::ArchiveError;
use serde_json::json;

use crate::{
    pages::error::{ErrorPage, NotFoundPage},
    state::AppState,
};

pub type Result<T, E = Failure> = std::result::Result<T, E>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such thing, or the public may not see it: the two are not told apart.
    NotFound,
    /// The address is there but cannot be asked in this way.
    MethodNotAllowed,
    /// Who asks is not signed in, or no longer.
    NotSignedIn,
    /// Who asks may look, but not do this; the text says why, for the one who asked.
    Forbidden(String),
    /// It cannot be done, or not now: a status for programs, and why for the one who asked.
    Refused(StatusCode, String),
    /// The request cannot be understood; the text says why and what to do, for the one who asked.
    BadRequest(String),
    /// The media is there, the asked range of it is not.
    RangeNotSatisfiable,
    /// Too many ask for the same costly thing at once.
    Busy,
    /// What was asked for is in the object store, which does not answer now.
    Away,
    /// The program's own fault, already logged.
    Internal,
}

impl Failure {
    /// Logs a fault of the program; the visitor only hears that there was one.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request could not be answered");
        Self::Internal
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::Refused(status, _) => *status,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Busy | Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When it is worth trying again, in seconds.
    const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Busy => Some(60),
            Self::Away => Some(5),
            _ => None,
        }
    }

    fn with_retry_after(&self, mut response: Response) -> Response {
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "This address cannot be used in that way",
            Self::NotSignedIn => "You are not signed in",
            Self::Refused(..) => "This cannot be done",
            Self::Forbidden(_) => "You may not do this",
            Self::BadRequest(_) => "The request could not be understood",
            Self::RangeNotSatisfiable => "There is no such part of the recording",
            Self::Busy => "Others are being served just now",
            Self::Away => "This recording cannot be reached just now",
            Self::Internal => "Sorry, something went wrong",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::NotFound => "There is nothing at this address that the public may see.".to_owned(),
            Self::MethodNotAllowed => "Pages and data here are read with GET.".to_owned(),
            Self::NotSignedIn => "Sign in at /login, then try again.".to_owned(),
            Self::Refused(_, detail) | Self::Forbidden(detail) | Self::BadRequest(detail) => detail.clone(),
            Self::RangeNotSatisfiable => "The part asked for lies beyond the end.".to_owned(),
            Self::Busy => "Several clips are being made at the moment. Try again in a minute.".to_owned(),
            Self::Away => {
                "The place where older recordings are kept does not answer. Try again in a few seconds."
                    .to_owned()
            }
            Self::Internal => {
                "The fault is ours and has been recorded. Try again in a few minutes.".to_owned()
            }
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        tracing::warn!(%error, "media could not be read");
        Self::Away
    }
}

macro_rules! internal {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::internal(&error)
            }
        }
    )+};
}

internal!(
    moothall_store::StoreError,
    moothall_search::SearchError,
    moothall_ingest::TimelineError,
    askama::Error,
    tokio::task::JoinError,
    std::io::Error,
    csv::Error,
    axum::http::Error,
    axum::http::header::InvalidHeaderValue,
    moothall_core::NoRandomness
);

/// Only its status: [`explain`] writes the rest, knowing where it was asked for.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Answers a request whose handler panicked; the panic itself is logged by the panic hook.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Failure::Internal.into_response()
}

/// Puts a failure in words, without a page around them.
pub fn in_plain_words(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => {
            failure.with_retry_after((failure.status(), format!("{}\n", failure.detail())).into_response())
        }
        None => response,
    }
}

/// Puts a failure in words.
pub async fn explain(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let for_programs = ["/api/", "/clerk/uploads"].iter().any(|start| path.starts_with(start))
        || path.split('/').any(|part| part == "whip");
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
    let mut explained = if for_programs { problem(&failure) } else { page(&state, &failure).await };
    // What was said of the answer, such as that it may not be kept, holds for the explanation too.
    for (name, value) in response.headers() {
        explained.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    failure.with_retry_after(explained)
}

fn problem(failure: &Failure) -> Response {
    let status = failure.status();
    let body = json!({
        "type": "about:blank",
        "title": failure.title(),
        "status": status.as_u16(),
        "detail": failure.detail(),
    });
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, kind)], Json(body)).into_response()
}

async fn page(state: &AppState, failure: &Failure) -> Response {
    // The database may be the very thing that failed: then the page does without the council's name.
    let site = state.site().await.unwrap_or_default();
    let html = match failure {
        Failure::NotFound => NotFoundPage { site }.render(),
        _ => ErrorPage { site, title: failure.title(), text: failure.detail() }.render(),
    };
    match html {
        Ok(html) => (failure.status(), Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page that explains a failure could not be made");
            (failure.status(), failure.detail()).into_response()
        }
    }
}
