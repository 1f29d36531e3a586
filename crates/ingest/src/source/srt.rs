use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
};

use gst::prelude::*;

use super::{
    SourceError,
    text::{Form, bracketed},
};
use crate::{
    branch::Event,
    pipeline::{Input, make, tell, tell_of_first_bytes, transport_stream},
    reach::Reach,
    record::RecordError,
    srt_desk::{self, Seat},
};

const FORM: Form = Form {
    scheme: "srt",
    example: "srt://0.0.0.0:9710",
    parameters: &["mode", "passphrase", "latency", "streamid"],
};

/// One end of an SRT connection, read from
/// `srt://HOST:PORT?mode=listener|caller&passphrase=…&latency=MS&streamid=…`.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtAddress {
    pub mode: SrtMode,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
    /// How long lost packets are waited for; the larger of both ends' wishes counts.
    pub latency_ms: Option<u16>,
    /// What we send along when we call; or, listening, what an encoder sends that is meant for us.
    pub stream_id: Option<String>,
    /// From 10 to 79 bytes (SRT's own limits); never shown.
    pub(crate) passphrase: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtMode {
    /// The encoder calls us.
    Listener,
    /// We call the encoder.
    Caller,
}

impl SrtAddress {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = FORM.host_and_port(place.trim_end_matches('/'))?;
        let mut mode = None;
        let mut address =
            Self { mode: SrtMode::Listener, host, port, latency_ms: None, stream_id: None, passphrase: None };
        for parameter in FORM.parameters(query) {
            let (name, value) = parameter?;
            match name {
                "mode" if value == "listener" => mode = Some(SrtMode::Listener),
                "mode" if value == "caller" => mode = Some(SrtMode::Caller),
                "mode" => return Err(SourceError::Mode { value }),
                "passphrase" => address.passphrase = Some(passphrase(value)?),
                "latency" => match value.parse() {
                    Ok(ms) if ms <= 60_000 => address.latency_ms = Some(ms),
                    _ => return Err(SourceError::Latency { value }),
                },
                _ => address.stream_id = Some(value),
            }
        }
        // An empty host or a wildcard cannot be called; any other host is, as other SRT programs have it.
        let wildcard = matches!(address.host.as_str(), "" | "0.0.0.0" | "::");
        address.mode = mode.unwrap_or(if wildcard { SrtMode::Listener } else { SrtMode::Caller });
        if address.host.is_empty() {
            match address.mode {
                SrtMode::Listener => "0.0.0.0".clone_into(&mut address.host),
                SrtMode::Caller => return Err(SourceError::NoHost { example: CALLER_EXAMPLE }),
            }
        }
        Ok(address)
    }

    /// The address without any secret, as SRT's own libraries write it.
    pub(crate) fn uri(&self) -> String {
        self.uri_at(&self.host)
    }

    fn uri_at(&self, host: &str) -> String {
        let mode = match self.mode {
            SrtMode::Listener => "listener",
            SrtMode::Caller => "caller",
        };
        format!("srt://{}:{}?mode={mode}", bracketed(host), self.port)
    }

    /// `srtsrc ! tsdemux`. A caller connects to the address that was checked, not to what the name may
    /// stand for by then.
    pub(crate) fn input(&self, reach: Reach, events: &Sender<Event>) -> Result<Input, RecordError> {
        let seat = match (self.mode, &self.stream_id) {
            (SrtMode::Listener, Some(stream_id)) => Some(self.seat(stream_id, events)?),
            _ => None,
        };
        let uri = match (self.mode, &seat) {
            (_, Some(seat)) => format!("srt://127.0.0.1:{}?mode=listener", seat.port),
            (SrtMode::Listener, None) => self.uri(),
            (SrtMode::Caller, None) => {
                self.uri_at(&reach.first_address(&self.host, self.port)?.ip().to_string())
            }
        };
        let source = make("srtsrc")?;
        source.set_property("uri", uri);
        // Whoever calls us decides when to try again.
        source.set_property("auto-reconnect", false);
        if let Some(passphrase) = &self.passphrase {
            source.set_property("passphrase", passphrase);
        }
        if let Some(latency_ms) = self.latency_ms {
            source.set_property("latency", i32::from(latency_ms));
        }
        if let (SrtMode::Caller, Some(stream_id)) = (self.mode, &self.stream_id) {
            source.set_property("streamid", stream_id);
        }
        source.set_property("authentication", true);
        let (asked, remedy) = (events.clone(), self.second_refused());
        let is_taken = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&is_taken);
        // Comes before the passphrase is compared; a caller that passes is then also "added".
        source.connect("caller-connecting", false, move |_| {
            let is_taken = is_taken.load(Ordering::SeqCst);
            tell(&asked, if is_taken { Event::Refused { remedy: remedy.clone() } } else { Event::Asked });
            Some((!is_taken).to_value())
        });
        let added = events.clone();
        source.connect("caller-added", false, move |_| {
            taken.store(true, Ordering::SeqCst);
            tell(&added, Event::Connected);
            None
        });
        // In caller mode no signal tells of the connection, but the first bytes do.
        tell_of_first_bytes(&source, events);
        let mut input = Input::new([source, transport_stream()?]);
        input.seat = seat;
        Ok(input)
    }

    fn second_refused(&self) -> String {
        format!(
            "a second encoder called {self} and was refused, since another one is connected: stop one of them, or give \
             each an address of its own"
        )
    }

    /// Rooms with stream ids of their own may share a port.
    fn seat(&self, stream_id: &str, events: &Sender<Event>) -> Result<Seat, RecordError> {
        let host: IpAddr = self.host.parse().map_err(|_| RecordError::Listen {
            address: self.to_string(),
            reason: "that is no address of this machine: write 0.0.0.0 for all of them".to_owned(),
        })?;
        srt_desk::seat(SocketAddr::new(host, self.port), stream_id, events)
    }
}

/// Within SRT's own limits.
pub(crate) fn passphrase(text: String) -> Result<String, SourceError> {
    match text.len() {
        10..=79 => Ok(text),
        length => Err(SourceError::Passphrase { length }),
    }
}

const CALLER_EXAMPLE: &str = "srt://encoder.example:9710?mode=caller";

impl fmt::Display for SrtAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri())
    }
}

impl fmt::Debug for SrtAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtAddress")
            .field("uri", &self.uri())
            .field("latency_ms", &self.latency_ms)
            .field("stream_id", &self.stream_id)
            .field("encrypted", &self.passphrase.is_some())
            .finish()
    }
}
