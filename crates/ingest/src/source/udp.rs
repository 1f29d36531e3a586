use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use gst::prelude::*;
use socket2::{Domain, Socket, Type};

use super::{SourceError, text::Form};
use crate::{
    attendant::{Attendant, Ended, cannot_listen},
    branch::Event,
    pipeline::{Input, byte_source, tell, tell_of_first_bytes, transport_stream},
    record::RecordError,
};

const FORM: Form = Form { scheme: "udp", example: "udp://0.0.0.0:5004", parameters: &[] };

/// An encoder that has been silent for so long may be followed by another one.
const GONE_AFTER: Duration = Duration::from_secs(2);
/// Holds what comes while the thread that reads is kept waiting: a second of 32 Mbit/s.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
const LARGEST_DATAGRAM: usize = 65_536;

/// Where MPEG-TS comes in by UDP, read from `udp://HOST:PORT`: an address of this machine, or a multicast
/// group that is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpAddress {
    pub host: IpAddr,
    pub port: u16,
}

impl UdpAddress {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        // Other programs put an @ before an address that is listened at.
        let place = rest.strip_prefix('@').unwrap_or(rest);
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let (host, port) = FORM.own_address(place.trim_end_matches('/'))?;
        if let Some(parameter) = FORM.parameters(query).next() {
            parameter?;
        }
        Ok(Self { host, port })
    }

    /// `appsrc ! tsdemux`. The socket is our own, since `udpsrc` would mix what two encoders send.
    pub(crate) fn input(self, events: &Sender<Event>) -> Result<Input, RecordError> {
        let address = SocketAddr::new(self.host, self.port);
        let socket = self.bind(address).map_err(|error| cannot_listen(address, &error))?;
        let bytes = byte_source()?;
        // As with SRT: what comes is stamped with its arrival.
        bytes.set_property("is-live", true);
        bytes.set_property("do-timestamp", true);
        bytes.set_format(gst::Format::Time);
        tell_of_first_bytes(&bytes, events);
        let mut input = Input::new([bytes.clone().into(), transport_stream()?]);
        let events = events.clone();
        input.attendant = Some(Attendant::start(move |ended| receive(&socket, &bytes, &events, &ended)));
        Ok(input)
    }

    fn bind(self, address: SocketAddr) -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        // Several rooms may have groups of their own at one port; nobody else may have an address of ours.
        socket.set_reuse_address(self.host.is_multicast())?;
        // The system may give less; a large buffer is better but not needed.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        socket.set_read_timeout(Some(Ended::LOOK_EVERY))?;
        socket.bind(&address.into())?;
        match self.host {
            IpAddr::V4(group) if group.is_multicast() => {
                socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?;
            }
            IpAddr::V6(group) if group.is_multicast() => socket.join_multicast_v6(&group, 0)?,
            _ => {}
        }
        Ok(socket.into())
    }
}

impl fmt::Display for UdpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp://{}", SocketAddr::new(self.host, self.port))
    }
}

/// Passes on what the first encoder sends. What another one sends meanwhile is thrown away; once the first
/// is gone, the other one ends this connection, so that the next one is its own.
fn receive(socket: &UdpSocket, bytes: &gst_app::AppSrc, events: &Sender<Event>, ended: &Ended) {
    let mut datagram = vec![0; LARGEST_DATAGRAM];
    let mut first: Option<(SocketAddr, Instant)> = None;
    let mut refused = None;
    while !ended.is_set() {
        // A timeout, or an ICMP message about something that was never sent.
        let Ok((length, sender)) = socket.recv_from(&mut datagram) else { continue };
        match &mut first {
            Some((address, heard)) if *address == sender => *heard = Instant::now(),
            Some((_, heard)) if heard.elapsed() > GONE_AFTER => {
                let _ = bytes.end_of_stream();
                return;
            }
            Some((address, _)) => {
                if refused.replace(sender) != Some(sender) {
                    let remedy = format!(
                        "{sender} sends to the port at which {address} is being recorded, and is ignored: \
                         give each encoder a port of its own"
                    );
                    tell(events, Event::Refused { remedy });
                }
                continue;
            }
            None => first = Some((sender, Instant::now())),
        }
        if bytes.push_buffer(gst::Buffer::from_slice(datagram[..length].to_vec())).is_err() {
            return;
        }
    }
}
