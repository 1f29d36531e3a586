//! Receives what OBS, vMix and others push by RTMP, and gives it on as an FLV stream.
//!
//! RTMP carries the bodies of FLV tags (Adobe's "Real-Time Messaging Protocol" 1.0 and "Video File Format
//! Specification" 10.1), so each only needs its head back.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    task::{Context, Poll},
};

use scuffle_rtmp::{
    command_messages::UnknownCommand,
    error::RtmpError,
    messages::UnknownMessage,
    session::server::{ServerSession, ServerSessionError, SessionData, SessionHandler},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{attendant::Ended, branch::Event, pipeline::tell, source::RtmpAddress};

/// Whoever has not published yet takes memory; this many may try at a time.
const MAX_SESSIONS: usize = 16;
/// With sound and picture.
const FLV_HEADER: [u8; 13] = *b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

/// Lets encoders in, one at a time, until the connection has ended.
pub(crate) fn serve(
    listener: std::net::TcpListener,
    address: RtmpAddress,
    bytes: gst_app::AppSrc,
    events: Sender<Event>,
    ended: &Ended,
) {
    let gate = Arc::new(Gate { address, bytes, events, taken: AtomicBool::new(false) });
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(accept(listener, &gate, ended)));
    if let Err(error) = served {
        tracing::error!(source = %gate.address, %error, "no encoder can connect");
    }
}

async fn accept(listener: std::net::TcpListener, gate: &Arc<Gate>, ended: &Ended) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut sessions = JoinSet::new();
    while !ended.is_set() {
        let Ok(accepted) = tokio::time::timeout(Ended::LOOK_EVERY, listener.accept()).await else { continue };
        while sessions.try_join_next().is_some() {}
        // An error concerns a connection that broke before it was accepted.
        if let Ok((stream, peer)) = accepted
            && sessions.len() < MAX_SESSIONS
        {
            sessions.spawn(session(stream, peer, Arc::clone(gate)));
        }
    }
    Ok(())
}

async fn session(stream: TcpStream, peer: SocketAddr, gate: Arc<Gate>) {
    let publisher = Publisher { peer, gate: Arc::clone(&gate), stream_id: None, passed_over: [false; 2] };
    let ended = ServerSession::new(Ending(stream), publisher).run().await;
    // Whatever else was wrong has been told, or is a stranger's.
    if let Err(RtmpError::Session(ServerSessionError::InvalidChunkSize(size))) = ended {
        let why = format!("it sends in chunks of {size} bytes; set its chunk size to 4096");
        gate.refuse(peer, &why);
    }
}

/// What all sessions share.
struct Gate {
    address: RtmpAddress,
    bytes: gst_app::AppSrc,
    events: Sender<Event>,
    /// An encoder has been let in.
    taken: AtomicBool,
}

impl Gate {
    fn refuse(&self, peer: SocketAddr, why: &str) {
        let remedy = format!("an encoder at {peer} called {} and was refused: {why}", self.address);
        tell(&self.events, Event::Refused { remedy });
    }
}

/// One encoder's session; if it is let in, the stream ends with it.
struct Publisher {
    peer: SocketAddr,
    gate: Arc<Gate>,
    /// Present from when it was let in.
    stream_id: Option<u32>,
    /// Picture and sound that were told to be unreadable.
    passed_over: [bool; 2],
}

impl Publisher {
    fn refuse(&self, why: &str) -> ServerSessionError {
        self.gate.refuse(self.peer, why);
        // The library has no error for it; this one ends the session and is shown to nobody.
        ServerSessionError::PublishBeforeConnect
    }

    fn push(&self, bytes: Vec<u8>) -> Result<(), ServerSessionError> {
        // Refused when the connection is being ended.
        self.gate
            .bytes
            .push_buffer(gst::Buffer::from_slice(bytes))
            .map(|_| ())
            .map_err(|_| ServerSessionError::PublishBeforeConnect)
    }

    fn pass_over(&mut self, kind: usize, remedy: &str) {
        if !std::mem::replace(&mut self.passed_over[kind], true) {
            let text = format!("{}: {remedy}", self.gate.address);
            tell(&self.gate.events, Event::Notice { text });
        }
    }
}

impl SessionHandler for Publisher {
    async fn on_publish(&mut self, stream_id: u32, app: &str, key: &str) -> Result<(), ServerSessionError> {
        // What the encoder gave is not shown: some put the key into the wrong field.
        if app.trim_matches('/') != self.gate.address.app {
            return Err(self.refuse("set this address as its server, with the same last part"));
        }
        if !self.gate.address.has_key(key) {
            return Err(self.refuse("its stream key must be the same as in the source's address"));
        }
        if self.gate.taken.swap(true, Ordering::SeqCst) {
            return Err(self.refuse("another one is being recorded; stop that one first"));
        }
        self.stream_id = Some(stream_id);
        tell(&self.gate.events, Event::Connected);
        self.push(FLV_HEADER.to_vec())
    }

    async fn on_unpublish(&mut self, stream_id: u32) -> Result<(), ServerSessionError> {
        if self.stream_id == Some(stream_id) {
            self.stream_id = None;
            let _ = self.gate.bytes.end_of_stream();
        }
        Ok(())
    }

    async fn on_data(&mut self, stream_id: u32, data: SessionData) -> Result<(), ServerSessionError> {
        if self.stream_id != Some(stream_id) {
            return Ok(());
        }
        let (kind, timestamp_ms, body) = match data {
            SessionData::Video { timestamp, data } => (TagKind::Video, timestamp, data),
            SessionData::Audio { timestamp, data } => (TagKind::Audio, timestamp, data),
            SessionData::Amf0 { .. } => return Ok(()),
        };
        match (kind, body.first()) {
            (_, None) => Ok(()),
            // Enhanced RTMP (HEVC, AV1), which no demuxer here reads; 12 is HEVC without a standard.
            (TagKind::Video, Some(head)) if head & 0x80 != 0 || head & 0x0f == 12 => {
                self.pass_over(0, "the picture cannot be read: set the encoder's video to H.264");
                Ok(())
            }
            (TagKind::Audio, Some(head)) if head >> 4 == 9 => {
                self.pass_over(1, "the sound cannot be read: set the encoder's audio to AAC, one track");
                Ok(())
            }
            _ => self.push(tag(kind, timestamp_ms, &body)),
        }
    }

    // The library would log both, and some commands carry the key.
    async fn on_unknown_message(&mut self, _: u32, _: UnknownMessage) -> Result<(), ServerSessionError> {
        Ok(())
    }

    async fn on_unknown_command(&mut self, _: u32, _: UnknownCommand<'_>) -> Result<(), ServerSessionError> {
        Ok(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if self.stream_id.is_some() {
            let _ = self.gate.bytes.end_of_stream();
        }
    }
}

#[derive(Clone, Copy)]
enum TagKind {
    Audio = 8,
    Video = 9,
}

/// An FLV tag: its kind, three bytes of length, three of time, one more of time, three of nothing, its body,
/// and the length of all that.
fn tag(kind: TagKind, timestamp_ms: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let [high, time @ ..] = timestamp_ms.to_be_bytes();
    let mut tag = Vec::with_capacity(body.len() + 15);
    tag.push(kind as u8);
    tag.extend_from_slice(&length[1..]);
    tag.extend_from_slice(&time);
    tag.extend_from_slice(&[high, 0, 0, 0]);
    tag.extend_from_slice(body);
    tag.extend_from_slice(&(tag.len() as u32).to_be_bytes());
    tag
}

/// A stream whose end is an error: the library's handshake would read a closed connection for ever.
struct Ending(TcpStream);

impl AsyncRead for Ending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(cx, into);
        match polled {
            Poll::Ready(Ok(())) if into.filled().len() == before => {
                Poll::Ready(Err(ErrorKind::UnexpectedEof.into()))
            }
            polled => polled,
        }
    }
}

impl AsyncWrite for Ending {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
