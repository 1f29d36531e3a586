use std::{
    fmt,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Arc, mpsc::Sender},
};

use gst::prelude::*;

use super::{
    SourceError,
    text::{Form, bracketed},
};
use crate::{
    attendant::{Attendant, cannot_listen},
    branch::Event,
    browser,
    pipeline::{Input, make},
    record::RecordError,
    switchboard::Switchboard,
};

const FORM: Form = Form { scheme: "whip", example: "whip://0.0.0.0:8189", parameters: &[] };

/// Where browsers send picture and sound to by WebRTC, read from `whip://HOST:PORT`. What they say before
/// that, by WHIP (RFC 9725), comes over the pages: see [`Switchboard`].
#[derive(Clone, PartialEq, Eq)]
pub struct WhipAddress {
    /// Of this machine; that it has no certain one means all that it has but the loopback's.
    pub host: IpAddr,
    /// UDP.
    pub port: u16,
    /// By which the key is known that opens it; empty where none does.
    pub(crate) key_sha256: String,
}

impl WhipAddress {
    /// The address, which nobody can open.
    pub(crate) fn read(rest: &str) -> Result<Self, SourceError> {
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        FORM.parameters(query).try_for_each(|parameter| parameter.map(drop))?;
        let (host, port) = FORM.own_address(place.trim_end_matches('/'))?;
        Ok(Self { host, port, key_sha256: String::new() })
    }

    /// `webrtcbin`, whose streams come as RTP once a browser has called.
    pub(crate) fn input(
        &self,
        switchboard: Option<&Arc<dyn Switchboard>>,
        events: &Sender<Event>,
    ) -> Result<Input, RecordError> {
        let switchboard = switchboard.ok_or(RecordError::NoSwitchboard)?;
        let address = SocketAddr::new(self.host, self.port);
        // Later nobody would tell why no packet comes.
        UdpSocket::bind(address).map_err(|error| cannot_listen(address, &error))?;
        let webrtc = make("webrtcbin")?;
        webrtc.set_property_from_str("bundle-policy", "max-bundle");
        let ice: gst::Object = webrtc.property("ice-agent");
        for end in ["min-rtp-port", "max-rtp-port"] {
            ice.set_property(end, u32::from(self.port));
        }
        if !self.host.is_unspecified() {
            ice.emit_by_name::<bool>("add-local-ip-address", &[&self.host.to_string()]);
        }
        let mut input = Input::new([webrtc.clone()]);
        let attending = browser::Attending {
            webrtc,
            port: self.port,
            key_sha256: self.key_sha256.clone(),
            switchboard: Arc::clone(switchboard),
            events: events.clone(),
        };
        input.attendant = Some(Attendant::start(move |ended| attending.run(&ended)));
        Ok(input)
    }
}

impl fmt::Display for WhipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whip://{}:{}", bracketed(&self.host.to_string()), self.port)
    }
}

impl fmt::Debug for WhipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WhipAddress").field(&self.to_string()).finish()
    }
}
