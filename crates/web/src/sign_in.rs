//! Who is signed in: the cookie, the extractor for handlers of the console, and the checking of passwords.
//!
//! A browser that is signed in keeps a token of 256 bits in a cookie, made anew at each sign-in; the database
//! keeps its hash (ADR 8).

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use cookie::{Cookie, SameSite};
use moothall_core::{CouncilId, Secret, SignInId, is_password};
use moothall_store::{CouncilRole, Role, User};
use tokio::sync::Semaphore;

use crate::{
    failure::{Failure, Result},
    state::AppState,
};

const COOKIE: &str = "moothall";
/// More at once would only wait for each other; the rest of the pages needs its cores too.
const GUESSES_AT_ONCE: usize = 2;

/// Whoever asks is this user. As an argument of a handler it lets nobody else in: who asks for a page is sent
/// to sign in, and anything else is refused.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: User,
    /// The browser that asks.
    pub here: SignInId,
    /// What the user may do, by the names of the councils.
    pub roles: Vec<CouncilRole>,
}

impl SignedIn {
    /// Whether the user has at least this role in a council.
    pub fn may(&self, role: Role, council: CouncilId) -> bool {
        self.role(council).is_some_and(|own| own >= role)
    }

    /// # Errors
    /// What a council's own users may see is not there for others: [`Failure::NotFound`]. Who may see it but
    /// not do what needs `role` is told so.
    pub fn must(&self, role: Role, council: CouncilId) -> Result<()> {
        match self.role(council) {
            None => Err(Failure::NotFound),
            Some(own) if own >= role => Ok(()),
            Some(own) => Err(Failure::Forbidden(format!(
                "You are {} of this council, and this is for its {}s. Whoever runs Moothall can make you one.",
                own.as_str(),
                role.as_str()
            ))),
        }
    }

    fn role(&self, council: CouncilId) -> Option<Role> {
        self.roles.iter().find(|role| role.council_id == council).map(|role| role.role)
    }
}

/// Nobody is signed in.
#[derive(Debug)]
pub enum NotSignedIn {
    /// A page was asked for; afterwards this address is shown.
    Page(String),
    /// Anything else, or a fault of the program.
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for NotSignedIn {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        match self {
            Self::Page(address) => Redirect::to(&login(&address)).into_response(),
            Self::Failure(failure) => failure.into_response(),
        }
    }
}

/// Where one signs in and comes back from.
fn login(address: &str) -> String {
    let next: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
    format!("/login?next={next}")
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, NotSignedIn> {
        if let Some(found) = signed_in(state, &parts.headers).await? {
            return Ok(found);
        }
        if parts.method == Method::GET {
            return Err(NotSignedIn::Page(parts.uri.path().to_owned()));
        }
        Err(NotSignedIn::Failure(Failure::NotSignedIn))
    }
}

/// Who asks, if it is anybody.
pub async fn signed_in(state: &AppState, headers: &HeaderMap) -> Result<Option<SignedIn>> {
    let Some(token) = token(headers) else { return Ok(None) };
    let Some((sign_in, user)) = state.db.signed_in(&token.sha256(), state.clock.now()).await? else {
        return Ok(None);
    };
    let roles = state.db.roles_of(user.id).await?;
    Ok(Some(SignedIn { user, here: sign_in.id, roles }))
}

fn token(headers: &HeaderMap) -> Option<Secret> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| Cookie::split_parse(value).filter_map(std::result::Result::ok))
        .find(|cookie| cookie.name() == COOKIE)
        .map(|cookie| Secret::new(cookie.value()))
}

/// The header that makes a browser keep the token, until it is closed.
pub fn keep(token: &Secret, headers: &HeaderMap) -> Result<HeaderValue> {
    Ok(HeaderValue::from_str(&cookie(token.reveal(), headers).build().to_string())?)
}

/// The header that makes a browser forget its token.
pub fn forget(headers: &HeaderMap) -> Result<HeaderValue> {
    let cookie = cookie("", headers).max_age(cookie::time::Duration::ZERO);
    Ok(HeaderValue::from_str(&cookie.build().to_string())?)
}

fn cookie<'c>(value: &'c str, headers: &HeaderMap) -> cookie::CookieBuilder<'c> {
    // Lax: who follows a link from a mail into the console is signed in there.
    Cookie::build((COOKIE, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(by_https(headers))
}

/// Whether the browser speaks HTTPS, with the proxy in front: browsers say where each of their forms is from,
/// and proxies how they were asked.
pub fn by_https(headers: &HeaderMap) -> bool {
    let says = |name, text: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(text))
    };
    says(header::ORIGIN, "https://") || says(header::HeaderName::from_static("x-forwarded-proto"), "https")
}

/// From where a request comes, as far as it can be known.
///
/// A proxy is believed what it adds to `X-Forwarded-For` if it is on this machine or in the private network,
/// and only the last entry, which is its own.
pub fn address(extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip().to_canonical());
    let may_be_proxy = match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unspecified(),
    };
    let told = headers.get_all("x-forwarded-for").iter().next_back();
    let told = told.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    told.filter(|_| may_be_proxy).unwrap_or(peer)
}

/// Who may have a password checked.
#[derive(Debug, Clone)]
pub struct Guesses(Arc<Semaphore>);

impl Default for Guesses {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(GUESSES_AT_ONCE)))
    }
}

impl Guesses {
    /// Whether the password is that of the hash; with no hash it is not, and takes as long.
    pub async fn check(&self, password: Secret, hash: Option<String>) -> Result<bool> {
        self.work(move || is_password(&password, hash.as_deref())).await
    }

    /// Hashes, or checks a hash, apart from what answers requests.
    pub async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        // Nobody closes it.
        let _place = self.0.acquire().await.map_err(|_| Failure::Busy)?;
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn from(peer: &str, forwarded: &[(&'static str, &'static str)]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        address(&extensions, &headers(forwarded)).to_string()
    }

    #[test]
    fn only_a_proxy_that_is_near_is_believed_and_only_its_own_entry() {
        let forwarded = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "7.7.7.7, 198.51.100.4")];
        assert_eq!(from("127.0.0.1:4000", &forwarded), "198.51.100.4");
        assert_eq!(from("[::ffff:10.1.2.3]:4000", &forwarded), "198.51.100.4");
        assert_eq!(from("203.0.113.9:4000", &forwarded), "203.0.113.9");
        assert_eq!(from("[2001:db8::1]:4000", &forwarded), "2001:db8::1");
        assert_eq!(from("127.0.0.1:4000", &[]), "127.0.0.1");
        assert_eq!(from("127.0.0.1:4000", &[("x-forwarded-for", "somewhere")]), "127.0.0.1");
    }

    #[test]
    fn the_cookie_is_for_this_program_only() {
        let token = Secret::new("abc");
        let told = |pairs| keep(&token, &headers(pairs)).unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            told(&[("origin", "http://ambleford.example")]),
            "moothall=abc; HttpOnly; SameSite=Lax; Path=/"
        );
        let secure = "moothall=abc; HttpOnly; SameSite=Lax; Secure; Path=/";
        assert_eq!(told(&[("origin", "https://ambleford.example")]), secure);
        assert_eq!(told(&[("x-forwarded-proto", "https")]), secure);
        let sent = headers(&[("cookie", "other=1; moothall=abc"), ("cookie", "third=3")]);
        assert_eq!(super::token(&sent).unwrap().reveal(), "abc");
        assert!(super::token(&headers(&[("cookie", "moothal=abc")])).is_none());
    }
}
