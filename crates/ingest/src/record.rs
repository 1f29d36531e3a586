use std::{
    io::ErrorKind,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use gst::prelude::*;
use moothall_core::{Clock, MediaTime};

use crate::{
    branch::{Base, Shared},
    journal::Rendition,
    lead::Rank,
    meter::Meter,
    pipeline::Connection,
    reach::Reach,
    recording::{Recording, lock},
    source::Source,
    switchboard::Switchboard,
    timeline::TimelineError,
    watch::{Failure, Watch, failure, not_started},
    writer::Writer,
};

#[derive(Debug, Clone)]
pub struct RecordOptions {
    pub clock: Clock,
    /// Media time zero of a file: when the meeting was to begin. Live sources go by the clock.
    pub file_epoch: DateTime<Utc>,
    /// How long a connected source may be without picture and sound.
    pub no_stream_after: Duration,
    /// Whether a source that is called may be in the private network.
    pub private_network: bool,
    /// Which source of the recording this is.
    pub rank: Rank,
    /// Whether the picture is recorded in smaller sizes as well, which costs about a third of a core.
    pub ladder: bool,
    /// What measures a live source meanwhile.
    pub meter: Option<Meter>,
    /// Over which browsers call, where the source takes them in.
    pub switchboard: Option<Arc<dyn Switchboard>>,
}

/// Ends a connection from another thread.
#[derive(Debug, Clone, Default)]
pub struct StopHandle(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    discarding: AtomicBool,
}

impl StopHandle {
    /// What has arrived is still recorded.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
    }

    /// What the pipeline holds is thrown away: not even muxed.
    pub fn discard(&self) {
        self.0.discarding.store(true, Ordering::SeqCst);
        self.stop();
    }

    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn is_discarding(&self) -> bool {
        self.0.discarding.load(Ordering::SeqCst)
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
    /// Something is not as it should be, but the recording goes on.
    Notice {
        text: String,
    },
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
    /// It brings something, but the other source of the recording is recorded.
    StandingBy,
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
    #[error("another room waits at port {port} for the stream id {stream_id} already: give this one another")]
    StreamIdInUse { stream_id: String, port: u16 },
    #[error("cannot listen at {address}: {reason}")]
    Listen { address: String, reason: String },
    #[error("cannot connect to {address}: {reason}: {remedy}")]
    Connect { address: String, reason: String, remedy: &'static str },
    #[error("{host} is no machine that is known here ({reason}): check its spelling, or give its address")]
    Unresolved { host: String, reason: String },
    #[error(
        "{host} is {address}, which is not in the public internet: if the encoder is meant to be there, allow it with private_network = true in moothall.toml (or MOOTHALL_PRIVATE_NETWORK=true)"
    )]
    PrivateNetwork { host: String, address: IpAddr },
    #[error(
        "the playlist {address} has ended, so nothing live is in it: start the encoder; to take in a recording, give the file"
    )]
    PlaylistOver { address: String },
    #[error(
        "{source_name} brings neither picture nor sound: check that the encoder sends H.264 and AAC, and in MPEG-TS over SRT or UDP; or give another file"
    )]
    NoStream { source_name: String },
    #[error("the disk is full: make room for {}, then record again; what was recorded stays good", dir.display())]
    DiskFull { dir: PathBuf },
    #[error("cannot write to {}: {source}", dir.display())]
    Write { dir: PathBuf, source: std::io::Error },
    #[error("nobody here brings the calls of browsers: record them in a room of `moothall serve`")]
    NoSwitchboard,
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
    /// No failure of the recording: the connection ends, and the next one takes the new streams.
    #[error(
        "the source began its streams anew, as after a change of its settings: the connection was ended to begin anew with it"
    )]
    Restarted,
    #[error("the pipeline failed: {0}")]
    Pipeline(String),
    #[error("the muxer gave {0}")]
    Muxer(&'static str),
    #[error("a chunk came before its run began")]
    NotBegun,
    /// No failure of the recording: what a connection brings after a private session began is not taken.
    #[error(
        "press and public are excluded, or were when this began: the connection was ended, and the encoder may call again once the meeting is reopened"
    )]
    Exempt,
    #[error("{mebibytes} MiB wait to be written and there is no room for more: see what was said before")]
    Held { mebibytes: usize },
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
    progress: impl FnMut(Progress),
) -> Result<Summary, RecordError> {
    Recording::open(dir, &options.clock, None)?.record(source, options, stop, progress)
}

impl Recording {
    /// Records one connection, as [`record`] does.
    ///
    /// # Errors
    /// As [`record`].
    pub fn record(
        &self,
        source: &Source,
        options: &RecordOptions,
        stop: &StopHandle,
        mut progress: impl FnMut(Progress),
    ) -> Result<Summary, RecordError> {
        let base = if source.is_live() {
            Base::Waiting(options.clock.clone())
        } else {
            Base::File(options.file_epoch)
        };
        let (events, received) = mpsc::channel();
        let shared = Arc::new(Shared {
            clock: options.clock.clone(),
            recording: Arc::clone(&self.inner),
            rank: options.rank,
            connected_at: options.clock.now() - source.backlog(),
            intake: Mutex::default(),
            events,
            base: Mutex::new(base),
            ladder: options.ladder,
            meter: options.meter.clone(),
        });
        let reach = if options.private_network { Reach::Anywhere } else { Reach::Public };
        let connection = Connection::new(source, reach, options.switchboard.as_ref(), &shared)?;
        if let (Some(meter), Some(element)) = (&options.meter, &connection.source) {
            meter.comes_through(element, options.rank);
        }
        let bus = connection.pipeline.bus().ok_or_else(|| RecordError::Pipeline("it has no bus".into()))?;
        let started = connection.pipeline.set_state(gst::State::Playing);
        if let Err(error) = started {
            let reason = bus
                .pop_filtered(&[gst::MessageType::Error])
                .and_then(|message| failure(&message))
                .unwrap_or_else(|| Failure { no_media: false, text: error.to_string() });
            return Err(not_started(source, reason));
        }
        let mut watch = Watch::new(source, options, received, &mut progress);
        if let Some(port) = source.listens_at() {
            watch.tell(Progress::Listening { port });
        }
        let ended = watch.until_it_ends(&connection, &bus, stop).and_then(|ended| {
            if !stop.is_discarding() {
                watch.drain(&connection)?;
            }
            Ok(ended)
        });
        drop(connection);
        let (end, stopped) = self.end_run(&shared);
        let (ending, mut warnings) = match ended {
            Err(error @ (RecordError::Drift { .. } | RecordError::Restarted)) => {
                (Ending::Broken, vec![error.to_string()])
            }
            Err(error @ RecordError::Exempt) => (Ending::Stopped, vec![error.to_string()]),
            ended => ended?,
        };
        match stopped {
            Err(RecordError::Exempt) => {}
            stopped => stopped?,
        }
        warnings.extend(watch.truncated(ending));
        Ok(Summary { ending, end, warnings })
    }
}

impl Recording {
    /// Nothing more comes over a connection. Gives the end of the recording, and whether that could be kept.
    fn end_run(&self, shared: &Shared) -> (MediaTime, Result<(), RecordError>) {
        let mut lead = lock(&self.inner.lead);
        lead.ended(shared.rank);
        let writer = lock(&shared.intake).writer.take().filter(|_| lead.is_held_by(shared.rank));
        let end_us = writer.as_ref().map_or_else(|| self.inner.timeline().end_us(), Writer::end_us);
        let stopped = writer.map_or(Ok(()), |writer| self.inner.push(writer.stop(shared.clock.now())));
        (MediaTime::from_ms(end_us / 1_000), stopped)
    }
}

/// Says in the journal that the recording in `dir` is over, so that its playlists end.
///
/// # Errors
/// If the recording is being written to, or cannot be.
pub fn finish(dir: &Path) -> Result<(), RecordError> {
    Recording::open(dir, &Clock::System, None)?.finish()
}
