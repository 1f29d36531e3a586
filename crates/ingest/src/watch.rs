//! Waits for a connection to end, and says in words what happened.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use gst::prelude::*;
use moothall_core::MediaTime;

use crate::{
    branch::Event,
    journal::Rendition,
    pipeline::Connection,
    record::{Ending, Progress, RecordError, RecordOptions, StopHandle},
    source::{Source, SrtAddress, SrtMode},
};

/// How often the waiting thread looks up.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// How long the muxers may take to give what they hold.
const DRAIN: Duration = Duration::from_secs(10);
/// SRT's handshake takes milliseconds: an encoder that asked and is not in after this was refused.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// A file that ends earlier than it says by more than this is called truncated.
const TRUNCATED_MS: i64 = 2_000;

/// An error that the pipeline has told.
pub(crate) struct Failure {
    /// The bytes are no media, or not whole.
    pub no_media: bool,
    pub text: String,
}

/// Without addresses: they may hold passwords, and GStreamer's texts repeat them.
pub(crate) fn failure(message: &gst::MessageRef) -> Option<Failure> {
    let gst::MessageView::Error(error) = message.view() else { return None };
    let (what, debug) = (error.error(), error.debug());
    // The last line of the debug text says why, after the places in GStreamer's own source.
    let detail = debug.as_deref().and_then(|debug| debug.lines().last()).unwrap_or_default();
    Some(Failure {
        no_media: what.domain() == gst::StreamError::domain(),
        text: without_addresses(&format!("{} {}", what.message(), detail)),
    })
}

fn without_addresses(text: &str) -> String {
    text.split_whitespace().filter(|word| !word.contains("://")).collect::<Vec<_>>().join(" ")
}

pub(crate) fn not_started(source: &Source, failure: Failure) -> RecordError {
    match source {
        Source::File(path) => RecordError::NotMedia { path: path.clone(), reason: failure.text },
        Source::Srt(address) => cannot_listen(address, failure.text),
        Source::Rtmp(_) | Source::Rtsp(_) | Source::Udp(_) | Source::Hls(_) | Source::Whip(_) => {
            RecordError::Pipeline(failure.text)
        }
    }
}

/// SRT does not say why it cannot bind; trying it ourselves does.
fn cannot_listen(address: &SrtAddress, reason: String) -> RecordError {
    match UdpSocket::bind((address.host.as_str(), address.port)) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => RecordError::PortInUse { port: address.port },
        Err(error) => RecordError::Listen { address: address.to_string(), reason: error.to_string() },
        Ok(_) => RecordError::Listen { address: address.to_string(), reason },
    }
}

/// The thread that waits for a connection to end, and what it has seen.
pub(crate) struct Watch<'a> {
    source: &'a Source,
    options: &'a RecordOptions,
    progress: &'a mut dyn FnMut(Progress),
    received: Receiver<Event>,
    /// When it connected, or last brought something.
    alive_since: Option<Instant>,
    asked_at: Option<Instant>,
    started: Instant,
    connected: bool,
    /// Something came, whether or not it was recorded.
    brought: bool,
    standing_by: bool,
    /// Who sent has gone; with what somebody has to know.
    ended: Option<Vec<String>>,
    ended_branches: usize,
    drained: bool,
    end: Option<MediaTime>,
    of_ms: Option<i64>,
    missing: Option<String>,
    /// What has been recorded of this connection, and since when; no more once both or their lack is known.
    seen: Option<(Instant, Rendition)>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        source: &'a Source,
        options: &'a RecordOptions,
        received: Receiver<Event>,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            source,
            options,
            progress,
            received,
            // A file is there from the start.
            alive_since: (!source.is_live()).then(Instant::now),
            asked_at: None,
            started: Instant::now(),
            connected: false,
            brought: false,
            standing_by: false,
            ended: None,
            ended_branches: 0,
            drained: false,
            end: None,
            of_ms: None,
            missing: None,
            seen: None,
        }
    }

    pub(crate) fn tell(&mut self, progress: Progress) {
        (self.progress)(progress);
    }

    pub(crate) fn until_it_ends(
        &mut self,
        connection: &Connection,
        bus: &gst::Bus,
        stop: &StopHandle,
    ) -> Result<(Ending, Vec<String>), RecordError> {
        loop {
            let message = bus.timed_pop(TICK);
            self.take_events(connection)?;
            if stop.is_stopped() {
                return Ok((Ending::Stopped, Vec::new()));
            }
            if let Some(warnings) = self.ended.take() {
                return Ok((Ending::SourceEnded, warnings));
            }
            self.look_for_refusal();
            self.look_for_answer()?;
            self.look_for_the_other();
            if let Some(ending) = self.look_for_silence()? {
                return Ok(ending);
            }
            let Some(message) = message else { continue };
            match message.view() {
                gst::MessageView::Eos(_) if self.brought => {
                    return Ok((Ending::SourceEnded, Vec::new()));
                }
                gst::MessageView::Eos(_) if self.source.is_live() => {
                    let nothing = self.no_stream();
                    return Ok((Ending::SourceEnded, vec![self.missing_or(nothing).to_string()]));
                }
                gst::MessageView::Eos(_) => return Err(self.missing_or(self.no_stream())),
                gst::MessageView::Element(_) => {
                    if let Ok(missing) = gst_pbutils::MissingPluginMessage::parse(&message) {
                        self.missing = Some(missing.description().to_string());
                    }
                }
                gst::MessageView::Error(_) => {
                    let Some(failure) = failure(&message) else { continue };
                    return self.broken(connection, failure);
                }
                _ => {}
            }
        }
    }

    fn broken(
        &mut self,
        connection: &Connection,
        failure: Failure,
    ) -> Result<(Ending, Vec<String>), RecordError> {
        // What the muxers still hold decides whether anything was recorded, as with a very short file.
        self.drain(connection)?;
        if self.brought {
            let advice = match self.source {
                Source::File(path) => format!("{} ends early or is damaged", path.display()),
                _ => "the connection broke".to_owned(),
            };
            return Ok((
                Ending::Broken,
                vec![format!("{advice}: {}; what came before is kept", failure.text)],
            ));
        }
        Err(self.missing_or(match self.source {
            Source::File(path) if failure.no_media => {
                RecordError::NotMedia { path: path.clone(), reason: failure.text }
            }
            Source::Srt(address @ SrtAddress { mode: SrtMode::Listener, .. }) if !self.connected => {
                cannot_listen(address, failure.text)
            }
            source if source.is_called() && !self.connected => self.no_answer(failure.text),
            _ => RecordError::Pipeline(failure.text),
        }))
    }

    fn missing_or(&mut self, error: RecordError) -> RecordError {
        self.missing.take().map_or(error, |what| RecordError::MissingPlugin { what })
    }

    fn no_stream(&self) -> RecordError {
        RecordError::NoStream { source_name: self.source.to_string() }
    }

    fn take_events(&mut self, connection: &Connection) -> Result<(), RecordError> {
        while let Ok(event) = self.received.try_recv() {
            match event {
                Event::Asked => self.asked_at = self.asked_at.or_else(|| Some(Instant::now())),
                Event::Connected => {
                    self.asked_at = None;
                    self.alive_since.get_or_insert_with(Instant::now);
                    if !self.connected {
                        self.tell(Progress::Connected);
                    }
                    self.connected = true;
                }
                Event::Refused { remedy } => self.refused(remedy),
                Event::Unreadable { rendition, codec } => {
                    let what = if rendition.is_picture() { "picture" } else { "sound" };
                    self.notice(format!(
                        "the {what} of {} is {codec}, which nothing here can decode, and is left out: set the encoder to \
                         H.264 and AAC",
                        self.source
                    ));
                    self.missing = Some(codec);
                }
                Event::Notice { text } => self.notice(text),
                Event::Stream { rendition, codec, transcoded } => {
                    self.seen = match self.seen {
                        seen if !rendition.is_original() => seen,
                        None => Some((Instant::now(), rendition)),
                        Some((_, other)) if other != rendition => None,
                        seen => seen,
                    };
                    self.tell(Progress::Stream { rendition, codec, transcoded });
                }
                Event::Recorded { end } => {
                    self.end = self.end.max(Some(end));
                    self.alive_since = Some(Instant::now());
                    (self.brought, self.standing_by) = (true, false);
                    if self.of_ms.is_none() && !self.source.is_live() {
                        let duration = connection.pipeline.query_duration::<gst::ClockTime>();
                        self.of_ms = duration.map(|duration| duration.mseconds() as i64);
                    }
                    self.tell(Progress::Recorded { end, of_ms: self.of_ms });
                }
                Event::StandsBy => {
                    self.alive_since = Some(Instant::now());
                    self.brought = true;
                    if !std::mem::replace(&mut self.standing_by, true) {
                        self.tell(Progress::StandingBy);
                    }
                }
                Event::Ended { warning } => self.ended = Some(warning.into_iter().collect()),
                Event::BranchEnded => self.ended_branches += 1,
                Event::Failed(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn look_for_refusal(&mut self) {
        if self.asked_at.is_some_and(|asked| asked.elapsed() > HANDSHAKE) {
            self.asked_at = None;
            self.refused(format!(
                "an encoder called {} and was refused: its passphrase must be the same as in the source's address",
                self.source
            ));
        }
    }

    fn refused(&mut self, remedy: String) {
        tracing::warn!(source = %self.source, "{remedy}");
        self.tell(Progress::Refused { remedy });
    }

    fn notice(&mut self, text: String) {
        tracing::warn!(source = %self.source, "{text}");
        self.tell(Progress::Notice { text });
    }

    /// Timeouts of the protocols do not always come.
    fn look_for_answer(&self) -> Result<(), RecordError> {
        let waited = self.started.elapsed() > self.options.no_stream_after;
        if waited && !self.connected && self.source.is_called() {
            let seconds = self.options.no_stream_after.as_secs();
            return Err(self.no_answer(format!("no answer for {seconds} s")));
        }
        Ok(())
    }

    fn no_answer(&self, reason: String) -> RecordError {
        RecordError::Connect { address: self.source.to_string(), reason, remedy: self.source.remedy() }
    }

    /// Sound without picture may be meant, but may also be a cable that is out.
    fn look_for_the_other(&mut self) {
        let Some((since, rendition)) = self.seen else { return };
        if !self.source.is_live() || since.elapsed() <= self.options.no_stream_after {
            return;
        }
        self.seen = None;
        let (there, lacking) =
            if rendition.is_picture() { ("picture", "sound") } else { ("sound", "picture") };
        self.notice(format!(
            "{} brings {there} but no {lacking}: if that is not meant, check the {lacking}'s input at the encoder",
            self.source
        ));
    }

    fn look_for_silence(&mut self) -> Result<Option<(Ending, Vec<String>)>, RecordError> {
        let silent = self.alive_since.is_some_and(|since| since.elapsed() > self.options.no_stream_after);
        match self.brought {
            _ if !silent => Ok(None),
            false => Err(self.missing_or(self.no_stream())),
            // A slow disk or processor may hold a file up, but it comes.
            true if !self.source.is_live() => Ok(None),
            true => {
                let seconds = self.options.no_stream_after.as_secs();
                Ok(Some((Ending::Broken, vec![format!("{} brought nothing for {seconds} s", self.source)])))
            }
        }
    }

    /// Ends the branches and waits until all of it is written.
    pub(crate) fn drain(&mut self, connection: &Connection) -> Result<(), RecordError> {
        if std::mem::replace(&mut self.drained, true) {
            return Ok(());
        }
        let branches = connection.end_branches();
        let deadline = Instant::now() + DRAIN;
        while self.ended_branches < branches && Instant::now() < deadline {
            self.take_events(connection)?;
            std::thread::sleep(Duration::from_millis(5));
        }
        self.take_events(connection)
    }

    pub(crate) fn truncated(&self, ending: Ending) -> Option<String> {
        let (Source::File(path), Ending::SourceEnded, Some(of_ms), Some(end)) =
            (self.source, ending, self.of_ms, self.end)
        else {
            return None;
        };
        (end.ms() < of_ms - TRUNCATED_MS).then(|| {
            format!(
                "{} says it lasts {} but only {} could be read: it may be truncated; get the whole file and record again",
                path.display(),
                MediaTime::from_ms(of_ms).clock(),
                end.clock()
            )
        })
    }
}
