use std::{
    io::ErrorKind,
    net::UdpSocket,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use gst::prelude::*;
use moothall_core::{Clock, MediaTime};

use crate::{
    branch::{Base, Event, Shared},
    journal::Rendition,
    pipeline::Connection,
    source::{Source, SrtAddress, SrtMode},
    timeline::TimelineError,
    writer::Writer,
};

/// How often the waiting thread looks up.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(100);
/// How long the muxers may take to give what they hold.
const DRAIN: Duration = Duration::from_secs(10);
/// SRT's handshake takes milliseconds: an encoder that asked and is not in after this was refused.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// A file that ends earlier than it says by more than this is called truncated.
const TRUNCATED_MS: i64 = 2_000;

#[derive(Debug, Clone)]
pub struct RecordOptions {
    pub clock: Clock,
    /// Media time zero of a file: when the meeting was to begin. Live sources go by the clock.
    pub file_epoch: DateTime<Utc>,
    /// How long a connected source may be without picture and sound.
    pub no_stream_after: Duration,
}

/// Ends a recording from another thread.
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What happens while a recording goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// An encoder may connect now.
    Listening {
        port: u16,
    },
    Connected,
    /// An encoder asked to be let in and was refused; the recorder goes on listening.
    Refused {
        remedy: String,
    },
    Stream {
        rendition: Rendition,
        codec: String,
        transcoded: bool,
    },
    /// Up to where there is something now, and how long the source says it is.
    Recorded {
        end: MediaTime,
        of_ms: Option<i64>,
    },
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The file is read, or the encoder has gone.
    SourceEnded,
    Stopped,
    /// The connection broke; what had come is kept.
    Broken,
}

/// What one connection brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub ending: Ending,
    /// Media time of the end of the recording; zero if nothing was ever recorded.
    pub end: MediaTime,
    /// For people; each says what to do.
    pub warnings: Vec<String>,
}

/// Why nothing, or nothing more, is recorded. What the journal tells of stays good.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} is no media file that can be read ({reason}): use MP4, MOV, MKV, WebM, MPEG-TS, MP3, WAV, FLAC or the like, whole", path.display())]
    NotMedia { path: PathBuf, reason: String },
    #[error("port {port} is in use: stop the other program, or give another port in the source's address")]
    PortInUse { port: u16 },
    #[error("cannot listen at {address}: {reason}")]
    Listen { address: String, reason: String },
    #[error(
        "cannot connect to {address}: {reason}: check that the encoder listens there, and its passphrase"
    )]
    Connect { address: String, reason: String },
    #[error(
        "{source_name} brings neither picture nor sound: check that the encoder sends both as MPEG-TS, or give another file"
    )]
    NoStream { source_name: String },
    #[error("the disk is full: make room for {}, then record again; what was recorded stays good", dir.display())]
    DiskFull { dir: PathBuf },
    #[error("cannot write to {}: {source}", dir.display())]
    Write { dir: PathBuf, source: std::io::Error },
    #[error("{} is being recorded by another process: stop that one first", dir.display())]
    Busy { dir: PathBuf },
    #[error(transparent)]
    Timeline(#[from] TimelineError),
    #[error(
        "nothing can read {what}: install the plugins for it (gstreamer1.0-libav, gstreamer1.0-plugins-bad)"
    )]
    MissingPlugin { what: String },
    /// No failure of the recording: the connection ends, and the next one sets the times right.
    #[error("the source's clock ran {drift_s} s away from ours: the connection was ended to set it right")]
    Drift { drift_s: i64 },
    #[error("the pipeline failed: {0}")]
    Pipeline(String),
    #[error("the muxer gave {0}")]
    Muxer(&'static str),
    #[error("a chunk came before its run began")]
    NotBegun,
}

impl RecordError {
    pub(crate) fn write(dir: &Path, source: std::io::Error) -> Self {
        let dir = dir.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { dir },
            _ => Self::Write { dir, source },
        }
    }

    pub(crate) fn pipeline(error: gst::glib::BoolError) -> Self {
        Self::Pipeline(error.to_string())
    }
}

/// Records one connection to the source into `dir`, until it ends, breaks or is stopped. For a live source
/// call it again: it goes on in the same recording and the same media time. A file replaces what was there,
/// as soon as the first of it is recorded.
///
/// # Errors
/// See [`RecordError`]. A source that breaks after it has brought something is no error but an [`Ending`].
pub fn record(
    source: &Source,
    dir: &Path,
    options: &RecordOptions,
    stop: &StopHandle,
    mut progress: impl FnMut(Progress),
) -> Result<Summary, RecordError> {
    let base =
        if source.is_live() { Base::Waiting(options.clock.clone()) } else { Base::File(options.file_epoch) };
    let (events, received) = mpsc::channel();
    let shared = Arc::new(Shared { writer: Mutex::new(Writer::open(dir)?), events, base: Mutex::new(base) });
    let connection = Connection::new(source, &shared)?;
    let bus = connection.pipeline.bus().ok_or_else(|| RecordError::Pipeline("it has no bus".into()))?;
    let started = connection.pipeline.set_state(gst::State::Playing);
    if let Err(error) = started {
        let reason = bus
            .pop_filtered(&[gst::MessageType::Error])
            .and_then(|message| failure(&message))
            .unwrap_or_else(|| Failure { no_media: false, text: error.to_string() });
        return Err(not_started(source, reason));
    }
    let mut watch = Watch {
        source,
        options,
        progress: &mut progress,
        received,
        // A file is there from the start.
        alive_since: (!source.is_live()).then(Instant::now),
        asked_at: None,
        started: Instant::now(),
        connected: false,
        ended_branches: 0,
        drained: false,
        end: None,
        of_ms: None,
        missing: None,
    };
    if let Source::Srt(SrtAddress { port, mode: SrtMode::Listener, .. }) = source {
        (watch.progress)(Progress::Listening { port: *port });
    }
    let ended = watch.until_it_ends(&connection, &bus, stop).and_then(|ended| {
        watch.drain(&connection)?;
        Ok(ended)
    });
    drop(connection);
    let mut writer = shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
    let stopped = writer.stop();
    let end = MediaTime::from_ms(writer.end_us() / 1_000);
    let (ending, mut warnings) = match ended {
        Err(error @ RecordError::Drift { .. }) => (Ending::Broken, vec![error.to_string()]),
        ended => ended?,
    };
    stopped?;
    warnings.extend(watch.truncated(ending));
    Ok(Summary { ending, end, warnings })
}

/// Says in the journal that the recording in `dir` is over, so that its playlists end.
///
/// # Errors
/// If the recording is being written to, or cannot be.
pub fn finish(dir: &Path) -> Result<(), RecordError> {
    Writer::open(dir)?.finish()
}

/// An error that the pipeline has told.
struct Failure {
    /// The bytes are no media, or not whole.
    no_media: bool,
    text: String,
}

fn failure(message: &gst::MessageRef) -> Option<Failure> {
    let gst::MessageView::Error(error) = message.view() else { return None };
    let (what, debug) = (error.error(), error.debug());
    // The last line of the debug text says why, after the places in GStreamer's own source.
    let detail = debug.as_deref().and_then(|debug| debug.lines().last()).unwrap_or_default();
    Some(Failure {
        no_media: what.domain() == gst::StreamError::domain(),
        text: format!("{} {}", what.message(), detail).trim().to_owned(),
    })
}

fn not_started(source: &Source, failure: Failure) -> RecordError {
    match source {
        Source::File(path) => RecordError::NotMedia { path: path.clone(), reason: failure.text },
        Source::Srt(address) => cannot_listen(address, failure.text),
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
struct Watch<'a> {
    source: &'a Source,
    options: &'a RecordOptions,
    progress: &'a mut dyn FnMut(Progress),
    received: Receiver<Event>,
    /// When it connected, or last brought something.
    alive_since: Option<Instant>,
    asked_at: Option<Instant>,
    started: Instant,
    connected: bool,
    ended_branches: usize,
    drained: bool,
    end: Option<MediaTime>,
    of_ms: Option<i64>,
    missing: Option<String>,
}

impl Watch<'_> {
    fn until_it_ends(
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
            self.look_for_refusal();
            self.look_for_answer()?;
            if let Some(ending) = self.look_for_silence()? {
                return Ok(ending);
            }
            let Some(message) = message else { continue };
            match message.view() {
                gst::MessageView::Eos(_) if self.end.is_some() => {
                    return Ok((Ending::SourceEnded, Vec::new()));
                }
                gst::MessageView::Eos(_) if self.source.is_live() => {
                    return Ok((Ending::SourceEnded, vec![self.no_stream().to_string()]));
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
        if self.end.is_some() {
            let advice = match self.source {
                Source::File(path) => format!("{} ends early or is damaged", path.display()),
                Source::Srt(_) => "the connection broke".to_owned(),
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
            Source::Srt(address) if !self.connected => match address.mode {
                SrtMode::Listener => cannot_listen(address, failure.text),
                SrtMode::Caller => {
                    RecordError::Connect { address: address.to_string(), reason: failure.text }
                }
            },
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
                        (self.progress)(Progress::Connected);
                    }
                    self.connected = true;
                }
                Event::Stream { rendition, codec, transcoded } => {
                    (self.progress)(Progress::Stream { rendition, codec, transcoded });
                }
                Event::Recorded { end } => {
                    self.end = self.end.max(Some(end));
                    self.alive_since = Some(Instant::now());
                    if self.of_ms.is_none() && !self.source.is_live() {
                        let duration = connection.pipeline.query_duration::<gst::ClockTime>();
                        self.of_ms = duration.map(|duration| duration.mseconds() as i64);
                    }
                    (self.progress)(Progress::Recorded { end, of_ms: self.of_ms });
                }
                Event::BranchEnded => self.ended_branches += 1,
                Event::Failed(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn look_for_refusal(&mut self) {
        if self.asked_at.is_some_and(|asked| asked.elapsed() > HANDSHAKE) {
            self.asked_at = None;
            let remedy = format!(
                "an encoder called {} and was refused: its passphrase must be the same as in the source's address",
                self.source
            );
            tracing::warn!(source = %self.source, "{remedy}");
            (self.progress)(Progress::Refused { remedy });
        }
    }

    /// SRT's own timeout does not always come.
    fn look_for_answer(&self) -> Result<(), RecordError> {
        match self.source {
            Source::Srt(address @ SrtAddress { mode: SrtMode::Caller, .. })
                if !self.connected && self.started.elapsed() > self.options.no_stream_after =>
            {
                let reason = format!("no answer for {} s", self.options.no_stream_after.as_secs());
                Err(RecordError::Connect { address: address.to_string(), reason })
            }
            _ => Ok(()),
        }
    }

    fn look_for_silence(&self) -> Result<Option<(Ending, Vec<String>)>, RecordError> {
        let silent = self.alive_since.is_some_and(|since| since.elapsed() > self.options.no_stream_after);
        match self.end {
            _ if !silent => Ok(None),
            None => Err(self.no_stream()),
            // A slow disk or processor may hold a file up, but it comes.
            Some(_) if !self.source.is_live() => Ok(None),
            Some(_) => {
                let seconds = self.options.no_stream_after.as_secs();
                Ok(Some((Ending::Broken, vec![format!("{} brought nothing for {seconds} s", self.source)])))
            }
        }
    }

    /// Ends the branches and waits until all of it is written.
    fn drain(&mut self, connection: &Connection) -> Result<(), RecordError> {
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

    fn truncated(&self, ending: Ending) -> Option<String> {
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
