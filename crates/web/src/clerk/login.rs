//! `/login` and `/logout`.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use moothall_core::{Secret, SignInId};
use moothall_store::{Admission, AuditEntry, SignIn, User};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    failure::Result,
    sign_in::{self, signed_in},
    state::AppState,
    views::Site,
};

/// Browsers call themselves by longer names than anybody reads.
const BROWSER_CHARACTERS: usize = 300;

#[derive(Debug, Template)]
#[template(path = "clerk/login.html")]
pub struct LoginPage {
    pub site: Site,
    pub email: String,
    /// What is shown when all went well.
    pub next: String,
    /// Why nobody is signed in.
    pub problem: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Asked {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Credentials {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    next: Option<String>,
}

pub async fn show(
    State(state): State<AppState>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response> {
    let next = place(asked.next);
    if signed_in(&state, &headers).await?.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let page = LoginPage { site: state.site().await?, email: String::new(), next, problem: None };
    Ok(Html(page.render()?).into_response())
}

/// Nowhere but into the console does a sign-in lead.
fn place(next: Option<String>) -> String {
    next.filter(|next| next.starts_with("/clerk") && !next.contains(['\\', '\r', '\n']))
        .unwrap_or_else(|| "/clerk".to_owned())
}

pub async fn sign_in(
    State(state): State<AppState>,
    extensions: Extensions,
    headers: HeaderMap,
    Form(typed): Form<Credentials>,
) -> Result<Response> {
    let address = sign_in::address(&extensions, &headers).to_string();
    let email = typed.email.trim().to_lowercase();
    let next = place(typed.next);
    let now = state.clock.now();
    let attempt = match state.db.admit_attempt(&email, &address, now).await? {
        Admission::Admitted(attempt) => attempt,
        Admission::NotBefore(at) => {
            let seconds = (at - now).num_seconds().max(0) + 1;
            tracing::warn!(%address, "too many attempts to sign in");
            let minutes = (seconds + 59) / 60;
            let problem = format!(
                "There were too many attempts to sign in. Wait {minutes} minute{}, then try again.",
                if minutes == 1 { "" } else { "s" }
            );
            let mut response = refused(&state, StatusCode::TOO_MANY_REQUESTS, email, next, problem).await?;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            return Ok(response);
        }
    };
    // An address that nobody has costs as much time as one that somebody has.
    let user = state.db.user_by_email(&email).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let is_right = state.guesses.check(Secret::new(typed.password), hash).await?;
    let Some(user) = user.as_ref().filter(|_| is_right) else {
        if let Some(user) = user {
            note_failure(&state, &user, &address).await?;
        }
        let problem = "The e-mail address or the password is not right.".to_owned();
        return refused(&state, StatusCode::FORBIDDEN, email, next, problem).await;
    };
    let cookie = let_in(&state, user, attempt, address, &headers).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

async fn refused(
    state: &AppState,
    status: StatusCode,
    email: String,
    next: String,
    problem: String,
) -> Result<Response> {
    let page = LoginPage { site: state.site().await?, email, next, problem: Some(problem) };
    Ok((status, Html(page.render()?)).into_response())
}

async fn note_failure(state: &AppState, user: &User, address: &str) -> Result<()> {
    let mut tx = state.db.begin().await?;
    let entry = AuditEntry::new(None, None, state.clock.now(), "user.sign-in-failed", user.id);
    tx.audit(&entry.changed(None, json!({ "address": address }))).await?;
    Ok(tx.commit().await?)
}

/// Signs the user in with a new token, so that nobody who knew an earlier one is signed in too.
async fn let_in(
    state: &AppState,
    user: &User,
    attempt: Uuid,
    address: String,
    headers: &HeaderMap,
) -> Result<HeaderValue> {
    let before = signed_in(state, headers).await?;
    let (token, now) = (Secret::token()?, state.clock.now());
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let entry = AuditEntry::new(None, Some(user.id), now, "user.sign-in", user.id);
    let entry = entry.changed(None, json!({ "address": address }));
    let mut tx = state.db.begin().await?;
    tx.attempt_succeeded(attempt, &user.email, &address).await?;
    if let Some(before) = before {
        tx.end_sign_in(before.user.id, before.here).await?;
    }
    let sign_in = SignIn {
        id: SignInId::new(),
        user_id: user.id,
        address,
        browser: browser.chars().take(BROWSER_CHARACTERS).collect(),
        created_at: now,
        seen_at: now,
    };
    tx.insert_sign_in(&sign_in, &token.sha256()).await?;
    tx.audit(&entry).await?;
    tx.commit().await?;
    sign_in::keep(&token, headers)
}

/// Signs out here; who is not signed in any more is out as well.
pub async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Result<Response> {
    if let Some(signed_in) = signed_in(&state, &headers).await? {
        let user = signed_in.user.id;
        let mut tx = state.db.begin().await?;
        tx.end_sign_in(user, signed_in.here).await?;
        tx.audit(&AuditEntry::new(None, Some(user), state.clock.now(), "user.sign-out", user)).await?;
        tx.commit().await?;
    }
    Ok(([(header::SET_COOKIE, sign_in::forget(&headers)?)], Redirect::to("/login")).into_response())
}
