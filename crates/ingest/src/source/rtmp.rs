use std::{
    fmt,
    net::{SocketAddr, TcpListener},
    sync::mpsc::Sender,
};

use moothall_core::Secret;

use super::{
    SourceError,
    text::{Form, bracketed},
};
use crate::{
    attendant::{Attendant, cannot_listen},
    branch::Event,
    pipeline::{Input, byte_source, make},
    record::RecordError,
    rtmp_server,
};

const FORM: Form = Form {
    scheme: "rtmp",
    example: "rtmp://0.0.0.0:1935/live?key=at-least-ten-letters",
    parameters: &["key"],
};
/// Shorter ones can be guessed; longer ones do not fit into the fields of some encoders.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 10..=128;

/// Where encoders push to, read from `rtmp://HOST:PORT/APP?key=…`. In an encoder `rtmp://HOST:PORT/APP` is the
/// server and the key is the stream key.
#[derive(Clone, PartialEq, Eq)]
pub struct RtmpAddress {
    /// Of this machine.
    pub host: std::net::IpAddr,
    pub port: u16,
    /// Without slashes around it.
    pub app: String,
    /// By which the key is known that opens it; empty where none does.
    pub(crate) key_sha256: String,
}

impl RtmpAddress {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        match Self::apart(rest)? {
            (address, Some(key)) => Ok(Self { key_sha256: key.sha256(), ..address }),
            (_, None) => Err(SourceError::Key { length: 0, example: FORM.example }),
        }
    }

    /// The address, which nobody can open, and the key by itself.
    pub(crate) fn apart(rest: &str) -> Result<(Self, Option<Secret>), SourceError> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, app) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = FORM.own_address(place)?;
        let app = app.trim_end_matches('/');
        if app.is_empty() || !app.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
        {
            return Err(SourceError::App { example: FORM.example });
        }
        let mut key = None;
        for parameter in FORM.parameters(query) {
            let (_, value) = parameter?;
            if !KEY_BYTES.contains(&value.len()) {
                return Err(SourceError::Key { length: value.len(), example: FORM.example });
            }
            key = Some(Secret::new(value));
        }
        Ok((Self { host, port, app: app.to_owned(), key_sha256: String::new() }, key))
    }

    /// Takes as long for a key that is nearly right as for any other.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        Secret::new(key).is_of(&self.key_sha256)
    }

    /// `appsrc ! flvdemux`, fed by a server of our own.
    pub(crate) fn input(&self, events: &Sender<Event>) -> Result<Input, RecordError> {
        let address = SocketAddr::new(self.host, self.port);
        let listener = TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))?;
        listener.set_nonblocking(true).map_err(|error| cannot_listen(address, &error))?;
        let bytes = byte_source()?;
        let mut input = Input::new([bytes.clone().into(), make("flvdemux")?]);
        let (address, events) = (self.clone(), events.clone());
        input.attendant = Some(Attendant::start(move |ended| {
            rtmp_server::serve(&listener, address, bytes, events, &ended);
        }));
        Ok(input)
    }
}

impl fmt::Display for RtmpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rtmp://{}:{}/{}", bracketed(&self.host.to_string()), self.port, self.app)
    }
}

impl fmt::Debug for RtmpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RtmpAddress").field(&self.to_string()).finish()
    }
}
