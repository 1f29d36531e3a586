//! The clerk's console: everything below `/clerk`, and the door to it.
//!
//! A page here has a handler with [`SignedIn`](crate::sign_in::SignedIn) among its arguments, and a template
//! that extends `clerk/frame.html`.

mod account;
mod chart;
mod events;
mod home;
mod items;
mod login;
mod meeting;
mod meters;
mod room;
mod room_events;
mod rooms;
mod run;
mod speakers;
mod turn;
mod tus;
mod upload;
mod webcast;

#[cfg(test)]
mod samples;

use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use crate::{failure::Failure, headers, state::AppState};

pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/login", get(login::show).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/clerk", get(home::show))
        .route("/clerk/meetings/{slug}", get(meeting::show))
        .route("/clerk/meetings/{slug}/run", post(run::act))
        .route("/clerk/meetings/{slug}/events", get(run::events))
        .route("/clerk/meetings/{slug}/speakers", get(speakers::show).post(speakers::name))
        .route("/clerk/meetings/{slug}/items", get(items::show).post(items::save))
        .route("/clerk/meetings/{slug}/turns/{turn}", get(turn::show).post(turn::correct))
        .route("/clerk/rooms", get(rooms::show))
        .route("/clerk/rooms/{slug}", get(room::show))
        .route("/clerk/rooms/{slug}/events", get(room_events::show))
        .route("/clerk/meetings/{slug}/upload", get(upload::show))
        .route("/clerk/meetings/{slug}/upload.json", get(upload::progress))
        .route("/clerk/meetings/{slug}/upload/again", post(upload::try_again))
        .merge(tus::routes())
        .merge(webcast::routes())
        .route("/clerk/account", get(account::show))
        .route("/clerk/account/password", post(account::set_password))
        .route("/clerk/account/sign-out", post(account::sign_out))
        .layer(CsrfLayer::new().with_rejection_response(from_elsewhere))
        .layer(middleware::map_response(headers::keep_nowhere))
}

/// Another site's page made the browser ask.
fn from_elsewhere(_: ProtectionError) -> Response {
    let text =
        "This was sent by a page of another site, and not done. Open the console itself and do it there.";
    Failure::Forbidden(text.to_owned()).into_response()
}
