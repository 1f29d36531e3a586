//! The public's side: pages, API and media origin; and the clerk's console.
//!
//! Architecture invariant: nothing but the console writes, other than the calls of encoders that show their
//! room's key (`whip`); and nothing of a meeting whose state is not public leaves here but its name, time and
//! agenda, other than into the console.
//!
//! Architecture invariant: whatever is below `/clerk` is asked for by somebody who is signed in, and what a
//! council's users may not see is not there for them.

mod api;
mod assets;
mod caption_files;
mod clerk;
mod clips;
mod downloads;
mod failure;
mod headers;
mod media;
mod microphones;
mod pages;
mod pictures;
pub mod preflight;
mod query;
mod recent;
mod record;
mod recordings;
mod serve;
mod sign_in;
mod state;
mod take_away;
mod uploads;
mod views;
mod watchable;
mod whip;

#[cfg(test)]
mod tests;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    middleware,
    routing::{MethodRouter, get},
};
use moothall_ingest::ClipKind;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
    trace::TraceLayer,
};

use crate::failure::Failure;
pub use crate::{serve::serve, state::AppState};

/// Everything that is served. Where it is to know from where it is called, it is served with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn router(state: AppState) -> Router {
    let pages = Router::new()
        .route("/", get(pages::home::show))
        .route("/meetings", get(pages::meetings::show))
        .route("/meetings/{slug}", get(pages::meeting::show))
        .route("/meetings/{slug}/transcript", get(pages::transcript::show))
        .route("/committees/{slug}", get(pages::committee::show))
        .route("/people/{slug}", get(pages::person::show))
        .route("/search", get(pages::search::show));
    let api = Router::new()
        .route("/api/v1/search", get(api::search::search))
        .route("/api/v1/meetings", get(api::meetings::list))
        .route("/api/v1/meetings/{slug}", get(api::meetings::one))
        .route("/api/v1/meetings/{slug}/transcript", get(api::transcript::transcript))
        .layer(middleware::map_response(headers::for_any_site));
    let media = Router::new()
        .route("/media/{meeting}/master.m3u8", get(media::master))
        .route("/media/{meeting}/t/index.m3u8", get(media::captions))
        .route("/media/{meeting}/t/{file}", get(caption_files::show))
        .route("/media/{meeting}/{picture}", get(pictures::show))
        .route("/media/{meeting}/{rendition}/index.m3u8", get(media::playlist))
        .route("/media/{meeting}/{rendition}/{file}", get(media::segment))
        .method_not_allowed_fallback(async || Failure::MethodNotAllowed)
        .layer(middleware::map_response(headers::for_media));
    let operations = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/static/{file}", get(assets::serve));

    Router::new()
        .merge(pages)
        .merge(downloads())
        .merge(take_away())
        .merge(clips())
        .merge(api)
        .merge(clerk::routes())
        .merge(whip::routes())
        .merge(microphones::routes())
        .merge(operations)
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::MethodNotAllowed)
        .layer(CatchPanicLayer::custom(failure::panicked))
        .layer(middleware::from_fn_with_state(state.clone(), failure::explain))
        .layer(CompressionLayer::new().compress_when(worth_compressing()))
        .layer(middleware::map_response(headers::secure))
        .layer(TraceLayer::new_for_http())
        // Thousands ask for media each second: whatever stands around that costs more than the answer.
        .merge(media)
        .with_state(state)
}

/// One address per form in which a transcript is taken away.
fn downloads() -> Router<AppState> {
    downloads::Form::ALL.into_iter().fold(Router::new(), |router, form| {
        let handler: MethodRouter<AppState> = get(move |state, path| downloads::download(form, state, path));
        router.route(&format!("/meetings/{{slug}}/transcript.{}", form.ending()), handler)
    })
}

/// One address per form in which results of a search are taken away.
fn take_away() -> Router<AppState> {
    take_away::Form::ALL.into_iter().fold(Router::new(), |router, form| {
        let handler: MethodRouter<AppState> =
            get(move |state, headers, pairs| take_away::download(form, state, headers, pairs));
        router.route(form.path(), handler)
    })
}

/// One address per kind of clip.
fn clips() -> Router<AppState> {
    [ClipKind::Mp4, ClipKind::Mp3].into_iter().fold(Router::new(), |router, kind| {
        let handler: MethodRouter<AppState> =
            get(move |state, path, pairs| clips::download(kind, state, path, pairs));
        router.route(&format!("/meetings/{{slug}}/clip.{}", clips::ending(kind)), handler)
    })
}

/// Media and fonts are compressed already.
fn worth_compressing() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("audio/"))
        .and(NotForContentType::const_new("font/"))
}

/// Whether requests can be answered now.
async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    match state.db.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
