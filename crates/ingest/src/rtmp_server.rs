//! Receives what OBS, vMix and others push by RTMP, and gives it on as an FLV stream.
//!
//! RTMP carries the bodies of FLV tags (Adobe's "Real-Time Messaging Protocol" 1.0 and "Video File Format
//! Specification" 10.1), so each only needs its head back.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use rml_rtmp::{
    handshake::{Handshake, HandshakeProcessResult, PeerType},
    sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult},
};

use crate::{attendant::Ended, branch::Event, pipeline::tell, source::RtmpAddress};

/// Whoever has not shown the key yet takes memory and a thread; this many may try at a time, for so long and
/// with so many bytes.
const MAX_SESSIONS: usize = 16;
const LET_IN_WITHIN: Duration = Duration::from_secs(10);
const LET_IN_WITHIN_BYTES: usize = 64 << 10;
/// An encoder that is silent for so long has lost its line, and may come back by another one.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// With sound and picture.
const FLV_HEADER: [u8; 13] = *b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

/// Lets encoders in, one at a time, until the connection has ended.
pub(crate) fn serve(
    listener: &TcpListener,
    address: RtmpAddress,
    bytes: gst_app::AppSrc,
    events: Sender<Event>,
    ended: &Ended,
) {
    let gate = Arc::new(Gate {
        address,
        bytes,
        events,
        taken: AtomicBool::new(false),
        sessions: AtomicUsize::new(0),
        ended: ended.clone(),
    });
    while !ended.is_set() {
        let Ok((stream, peer)) = listener.accept() else {
            std::thread::sleep(Ended::LOOK_EVERY);
            continue;
        };
        if gate.sessions.fetch_add(1, Ordering::SeqCst) >= MAX_SESSIONS {
            gate.sessions.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let publisher = Publisher {
            peer,
            gate: Arc::clone(&gate),
            let_in: false,
            refused: false,
            passed_over: [false; 2],
        };
        std::thread::spawn(move || publisher.run(&stream));
    }
}

/// What all sessions share.
struct Gate {
    address: RtmpAddress,
    bytes: gst_app::AppSrc,
    events: Sender<Event>,
    /// An encoder has been let in.
    taken: AtomicBool,
    sessions: AtomicUsize,
    ended: Ended,
}

/// One encoder's session; if it is let in, the stream ends with it.
struct Publisher {
    peer: SocketAddr,
    gate: Arc<Gate>,
    let_in: bool,
    refused: bool,
    /// Picture and sound that were told to be unreadable.
    passed_over: [bool; 2],
}

impl Publisher {
    fn run(mut self, stream: &TcpStream) {
        // What ends a session is told where it matters, or is a stranger's.
        if let Err(error) = self.converse(stream) {
            tracing::debug!(source = %self.gate.address, peer = %self.peer, %error, "an encoder's session ended");
        }
    }

    fn converse(&mut self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Ended::LOOK_EVERY))?;
        stream.set_write_timeout(Some(SILENT_AFTER))?;
        let mut line = Line { stream, began: Instant::now(), heard: Instant::now(), bytes: 0 };
        let mut handshake = Handshake::new(PeerType::Server);
        let early = loop {
            let read = line.read(self)?;
            match handshake.process_bytes(&read).map_err(other)? {
                HandshakeProcessResult::InProgress { response_bytes } => stream.write_all(&response_bytes)?,
                HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                    stream.write_all(&response_bytes)?;
                    break remaining_bytes;
                }
            }
        };
        let (mut session, greeting) = ServerSession::new(ServerSessionConfig::new()).map_err(other)?;
        self.answer(&mut session, stream, greeting)?;
        let mut read = early;
        loop {
            let results = session.handle_input(&read).map_err(other)?;
            self.answer(&mut session, stream, results)?;
            read = line.read(self)?;
        }
    }

    fn answer(
        &mut self,
        session: &mut ServerSession,
        mut stream: &TcpStream,
        results: Vec<ServerSessionResult>,
    ) -> io::Result<()> {
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => stream.write_all(&packet.bytes)?,
                ServerSessionResult::RaisedEvent(event) => {
                    let answers = self.heed(session, event)?;
                    self.answer(session, stream, answers)?;
                    if self.refused {
                        return Err(other("it was refused"));
                    }
                }
                ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(())
    }

    fn heed(
        &mut self,
        session: &mut ServerSession,
        event: ServerSessionEvent,
    ) -> io::Result<Vec<ServerSessionResult>> {
        match event {
            ServerSessionEvent::ConnectionRequested { request_id, app_name } => {
                if app_name.trim_matches('/') == self.gate.address.app {
                    return session.accept_request(request_id).map_err(other);
                }
                // What the encoder gave is not shown: some put the key into the wrong field.
                self.refuse("set this address as its server, with the same last part");
                session.reject_request(request_id, "NetConnection.Connect.Rejected", "unknown application")
            }
            ServerSessionEvent::PublishStreamRequested { request_id, stream_key, .. } => {
                if !self.gate.address.has_key(&stream_key) {
                    self.refuse("its stream key must be the same as in the source's address");
                    session.reject_request(request_id, "NetStream.Publish.BadName", "wrong stream key")
                } else if self.gate.taken.swap(true, Ordering::SeqCst) {
                    self.refuse("another one is being recorded; stop that one first");
                    session.reject_request(request_id, "NetStream.Publish.BadName", "already publishing")
                } else {
                    self.let_in = true;
                    tell(&self.gate.events, Event::Connected);
                    self.push(FLV_HEADER.to_vec())?;
                    session.accept_request(request_id)
                }
            }
            ServerSessionEvent::PublishStreamFinished { .. } => return Err(other("it has finished")),
            ServerSessionEvent::VideoDataReceived { data, timestamp, .. } => {
                self.take(TagKind::Video, timestamp.value, &data)?;
                Ok(Vec::new())
            }
            ServerSessionEvent::AudioDataReceived { data, timestamp, .. } => {
                self.take(TagKind::Audio, timestamp.value, &data)?;
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
        .map_err(other)
    }

    fn take(&mut self, kind: TagKind, timestamp_ms: u32, body: &[u8]) -> io::Result<()> {
        match (kind, body.first()) {
            _ if !self.let_in => Ok(()),
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
            _ => self.push(tag(kind, timestamp_ms, body)),
        }
    }

    /// Waits while the pipeline has no room; refused when the connection is being ended.
    fn push(&self, bytes: Vec<u8>) -> io::Result<()> {
        let buffer = gst::Buffer::from_slice(bytes);
        self.gate.bytes.push_buffer(buffer).map(|_| ()).map_err(|_| other("the recording has ended"))
    }

    fn refuse(&mut self, why: &str) {
        let remedy =
            format!("an encoder at {} called {} and was refused: {why}", self.peer, self.gate.address);
        tell(&self.gate.events, Event::Refused { remedy });
        self.refused = true;
    }

    fn pass_over(&mut self, kind: usize, remedy: &str) {
        if !std::mem::replace(&mut self.passed_over[kind], true) {
            let text = format!("{}: {remedy}", self.gate.address);
            tell(&self.gate.events, Event::Notice { text });
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.gate.sessions.fetch_sub(1, Ordering::SeqCst);
        if self.let_in {
            let _ = self.gate.bytes.end_of_stream();
        }
    }
}

/// The connection of one session, and how long it may be silent.
struct Line<'a> {
    stream: &'a TcpStream,
    began: Instant,
    heard: Instant,
    bytes: usize,
}

impl Line<'_> {
    /// At least one byte; the end of the connection is an error.
    fn read(&mut self, publisher: &Publisher) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.heard = Instant::now();
                    self.bytes = self.bytes.saturating_add(length);
                    let too_much = self.bytes > LET_IN_WITHIN_BYTES || self.began.elapsed() > LET_IN_WITHIN;
                    if too_much && !publisher.let_in {
                        return Err(other("it did not say what it publishes"));
                    }
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if publisher.gate.ended.is_set() || self.heard.elapsed() > SILENT_AFTER {
                        return Err(error);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
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
