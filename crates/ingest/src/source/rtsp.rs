use std::{fmt, net::SocketAddr};

use gst::prelude::*;

use super::{
    SourceError,
    text::{Form, bracketed},
};
use crate::{
    pipeline::{Input, make},
    reach::Reach,
    record::RecordError,
};

const FORM: Form = Form { scheme: "rtsp", example: "rtsp://camera.example:554/stream", parameters: &[] };
const DEFAULT_PORT: u16 = 554;
/// How long packets that come by UDP in the wrong order are waited for.
const JITTER_MS: u32 = 500;

/// A stream that is fetched by RTSP, read from `rtsp://USER:PASSWORD@HOST:PORT/PATH`.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspAddress {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
    /// Packets come by UDP (`rtspu://`), not in the connection itself.
    pub over_udp: bool,
    /// With its slash and without what follows a question mark.
    pub path: String,
    /// Cameras take passwords here too; never shown.
    query: Option<String>,
    /// Name and password; never shown.
    login: Option<(String, String)>,
}

impl RtspAddress {
    pub(super) fn parse(rest: &str, over_udp: bool) -> Result<Self, SourceError> {
        // A path or a password that has an at sign of its own must not move the host.
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let has_port = place.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let (host, port) = if has_port {
            FORM.host_and_port(place)?
        } else {
            FORM.host_and_port(&format!("{place}:{DEFAULT_PORT}"))?
        };
        if host.is_empty() {
            return Err(SourceError::NoHost { example: FORM.example });
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SourceError::Path { scheme: FORM.scheme });
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        let login = login
            .map(|login| {
                let (name, password) = login.split_once(':').unwrap_or((login, ""));
                Ok((FORM.decoded("the user's name", name)?, FORM.decoded("the password", password)?))
            })
            .transpose()?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { host, port, over_udp, path: path.to_owned(), query, login })
    }

    /// Whether something stands in the address that is not shown.
    pub(crate) const fn has_secret(&self) -> bool {
        self.login.is_some() || self.query.is_some()
    }

    /// `rtspsrc`, whose streams come as RTP. It connects to the address that was checked, not to what the
    /// name may stand for by then. A redirection by the camera itself is followed unchecked, since `rtspsrc`
    /// asks nobody: it gets no further than an RTSP greeting, but it gets anywhere.
    pub(crate) fn input(&self, reach: Reach) -> Result<Input, RecordError> {
        let checked: SocketAddr = reach.first_address(&self.host, self.port)?;
        let source = make("rtspsrc")?;
        let query = self.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
        source.set_property("location", format!("rtsp://{checked}{}{query}", self.path));
        // A connection passes routers and firewalls that hold up the packets beside it.
        source.set_property_from_str("protocols", if self.over_udp { "udp+udp-mcast" } else { "tcp" });
        source.set_property("latency", JITTER_MS);
        if let Some((name, password)) = &self.login {
            source.set_property("user-id", name);
            source.set_property("user-pw", password);
        }
        Ok(Input::new([source]))
    }
}

impl fmt::Display for RtspAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.over_udp { "rtspu" } else { "rtsp" };
        write!(f, "{scheme}://{}:{}{}", bracketed(&self.host), self.port, self.path)
    }
}

impl fmt::Debug for RtspAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtspAddress")
            .field("address", &self.to_string())
            .field("with_login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}
