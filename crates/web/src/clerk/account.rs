//! `/clerk/account`: one's password, and where one is signed in.

use askama::Template;
use axum::{
    Form,
    extract::State,
    http::{Extensions, HeaderMap, StatusCode},
    response::{Html, IntoResponse, Redirect, Response},
};
use moothall_core::{Secret, SignInId, check_password, hash_password};
use moothall_store::{Admission, AuditEntry, SignIn};
use serde::Deserialize;
use serde_json::json;

use crate::{
    failure::Result,
    sign_in::{self, SignedIn},
    state::AppState,
    views::{Site, When, sentence},
};

#[derive(Debug, Template)]
#[template(path = "clerk/account.html")]
pub struct AccountPage {
    pub site: Site,
    pub name: String,
    pub email: String,
    /// Council and role.
    pub roles: Vec<(String, &'static str)>,
    pub sign_ins: Vec<SignInView>,
    pub password: PasswordForm,
}

/// How it went with a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordForm {
    Untouched,
    Refused(String),
    Changed,
}

#[derive(Debug)]
pub struct SignInView {
    pub id: SignInId,
    /// "Firefox on Windows".
    pub browser: String,
    pub address: String,
    pub since: When,
    pub seen: When,
    /// The browser in which this page is shown.
    pub here: bool,
}

pub async fn show(State(state): State<AppState>, signed_in: SignedIn) -> Result<Response> {
    page(&state, signed_in, StatusCode::OK, PasswordForm::Untouched).await
}

async fn page(
    state: &AppState,
    signed_in: SignedIn,
    status: StatusCode,
    password: PasswordForm,
) -> Result<Response> {
    let sign_ins = state.db.sign_ins(signed_in.user.id, state.clock.now()).await?;
    let page = AccountPage {
        site: state.site().await?.at("Your account"),
        name: signed_in.user.name,
        email: signed_in.user.email,
        roles: signed_in.roles.into_iter().map(|role| (role.council_name, role.role.as_str())).collect(),
        sign_ins: sign_ins.into_iter().map(|sign_in| view(sign_in, signed_in.here)).collect(),
        password,
    };
    Ok((status, Html(page.render()?)).into_response())
}

fn view(sign_in: SignIn, here: SignInId) -> SignInView {
    SignInView {
        id: sign_in.id,
        browser: browser(&sign_in.browser),
        address: sign_in.address,
        since: When(sign_in.created_at.fixed_offset()),
        seen: When(sign_in.seen_at.fixed_offset()),
        here: sign_in.id == here,
    }
}

/// What a browser calls itself, in words; in this order, because each also names those after it.
fn browser(agent: &str) -> String {
    let find = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    let program =
        find(&[("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari")]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "A browser without a name".to_owned(),
    }
}

#[derive(Debug, Deserialize)]
pub struct NewPassword {
    #[serde(default)]
    current: String,
    #[serde(default)]
    new: String,
}

/// Gives oneself a new password, which ends all sign-ins but this one.
pub async fn set_password(
    State(state): State<AppState>,
    signed_in: SignedIn,
    extensions: Extensions,
    headers: HeaderMap,
    Form(typed): Form<NewPassword>,
) -> Result<Response> {
    let address = sign_in::address(&extensions, &headers).to_string();
    match change(&state, &signed_in, &address, typed).await? {
        Ok(()) => page(&state, signed_in, StatusCode::OK, PasswordForm::Changed).await,
        Err(problem) => {
            page(&state, signed_in, StatusCode::BAD_REQUEST, PasswordForm::Refused(problem)).await
        }
    }
}

async fn change(
    state: &AppState,
    signed_in: &SignedIn,
    address: &str,
    typed: NewPassword,
) -> Result<Result<(), String>> {
    let user = &signed_in.user;
    // Somebody at a desk that was left may guess as little as somebody at the door.
    let attempt = match state.db.admit_attempt(&user.email, address, state.clock.now()).await? {
        Admission::Admitted(attempt) => attempt,
        Admission::NotBefore(_) => {
            return Ok(Err(
                "There were too many attempts. Wait a quarter of an hour, then try again.".to_owned()
            ));
        }
    };
    let hash = Some(user.password_hash.clone());
    if !state.guesses.check(Secret::new(typed.current), hash).await? {
        return Ok(Err("Your present password is not right.".to_owned()));
    }
    let new = Secret::new(typed.new);
    let mut about = vec![user.email.as_str(), user.name.as_str()];
    about.extend(signed_in.roles.iter().map(|role| role.council_name.as_str()));
    let problem = check_password(&new, &about).err();
    let now = state.clock.now();
    let password_hash = match problem {
        None => Some(state.guesses.work(move || hash_password(&new)).await??),
        Some(_) => None,
    };
    let mut tx = state.db.begin().await?;
    tx.attempt_succeeded(attempt, &user.email, address).await?;
    if let Some(password_hash) = password_hash {
        tx.set_password(user.id, &password_hash).await?;
        tx.end_sign_ins(user.id, Some(signed_in.here)).await?;
        tx.audit(&AuditEntry::new(None, Some(user.id), now, "user.password", user.id)).await?;
    }
    tx.commit().await?;
    Ok(match problem {
        Some(problem) => Err(sentence(&problem.to_string())),
        None => Ok(()),
    })
}

#[derive(Debug, Deserialize)]
pub struct Ended {
    /// Absent for all browsers but this one.
    sign_in: Option<SignInId>,
}

/// Signs oneself out in another browser, or in all others.
pub async fn sign_out(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Form(ended): Form<Ended>,
) -> Result<Redirect> {
    let user = signed_in.user.id;
    let mut tx = state.db.begin().await?;
    let count = match ended.sign_in {
        Some(id) => u64::from(tx.end_sign_in(user, id).await?),
        None => tx.end_sign_ins(user, Some(signed_in.here)).await?,
    };
    if count > 0 {
        let entry = AuditEntry::new(None, Some(user), state.clock.now(), "user.sign-out", user);
        tx.audit(&entry.changed(None, json!({ "browsers": count }))).await?;
    }
    tx.commit().await?;
    Ok(Redirect::to("/clerk/account"))
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_called_by_their_names() {
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.0", "A browser without a name"),
        ] {
            assert_eq!(browser(agent), name);
        }
    }
}
