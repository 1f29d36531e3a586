//! The recorder of one live meeting.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use moothall_core::{Clock, MeetingId, MeetingState, RecordingId};
use moothall_ingest::{
    AirDelay, Ending, Exempt, Gate, Progress, RecordOptions, Recording as Open, Rendition, StopHandle,
    Timeline,
};
use moothall_store::{Db, JobKind, Meeting, NewJob, Recording, RoomState, Secrets};
use tokio::runtime::Handle;

use crate::{
    health::HealthWatch,
    orders::{Order, Orders},
    priority,
    rooms::{Origin, RoomStatus},
};

/// A source that fails is tried again after this; one that merely ended, at once.
const RETRY: Duration = Duration::from_secs(2);
/// How long an encoder may send neither picture nor sound.
const NO_STREAM_AFTER: Duration = Duration::from_secs(10);
/// How often the database hears how long the recording is.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// How soon a meeting that is over may end, once all is aired.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a recorder works with. It runs on a thread of its own, which it blocks.
pub struct Recorder {
    pub db: Db,
    pub clock: Clock,
    /// Open what the room's source needs in clear.
    pub secrets: Secrets,
    /// None where the room is another meeting's now: then nothing is connected to.
    pub origin: Option<Origin>,
    pub status: RoomStatus,
    /// Whether a source that is called may be in the private network.
    pub private_network: bool,
    /// None where nothing is connected to.
    pub health: Option<HealthWatch>,
    /// The recording's folder.
    pub dir: PathBuf,
    /// The folder for what is not aired yet.
    pub waiting_dir: PathBuf,
    pub meeting: Meeting,
    pub orders: Arc<Orders>,
    pub runtime: Handle,
    pub memory: Memory,
}

/// What it remembers from one event to the next.
#[derive(Default)]
pub struct Memory {
    timeline: Option<Timeline>,
    saved_at: Option<Instant>,
    last_complaint: String,
}

impl Recorder {
    /// Until the meeting is over or the program ends.
    pub fn run(mut self) {
        loop {
            let (order, _) = self.orders.current();
            if order == Order::Leave {
                break;
            }
            let air = AirDelay {
                delay: Duration::from_secs(self.meeting.air_delay_s.unsigned_abs()),
                waiting_dir: self.waiting_dir.clone(),
                gate: self.gate(),
            };
            match Open::open(&self.dir, &self.clock, Some(air)) {
                Ok(recording) => {
                    self.follow_orders(&recording);
                    break;
                }
                Err(error) => self.complain(&error.to_string()),
            }
            self.orders.wait(order, RETRY);
        }
        self.status.tell(RoomState::Idle, "");
    }

    fn follow_orders(&mut self, recording: &Open) {
        loop {
            let (order, connection) = self.orders.current();
            match order {
                Order::Record => self.connect(recording, &connection),
                Order::Pause | Order::Close => {
                    self.status.tell(RoomState::Idle, refusing(order));
                    self.save_now();
                    self.orders.wait(order, SAVE_EVERY);
                }
                Order::Finish if recording.is_aired() => {
                    if let Err(error) = self.finish(recording) {
                        self.complain(&format!("cannot end the recording: {error:#}"));
                        self.orders.wait(order, RETRY);
                        continue;
                    }
                    return;
                }
                Order::Finish => self.orders.wait(order, LOOK_EVERY),
                Order::Leave => return,
            }
        }
    }

    /// One connection, until it ends or another order is given.
    fn connect(&mut self, recording: &Open, connection: &StopHandle) {
        let Some(origin) = &self.origin else { return self.orders.wait(Order::Record, RETRY) };
        let options = RecordOptions {
            clock: self.clock.clone(),
            file_epoch: self.meeting.starts_at,
            no_stream_after: NO_STREAM_AFTER,
            private_network: self.private_network,
            meter: self.health.as_ref().map(HealthWatch::meter),
        };
        let slug = self.meeting.slug.clone();
        let recorded = origin.source(&self.secrets).and_then(|source| {
            Ok(recording.record(&source, &options, connection, |event| self.hear(&event, recording))?)
        });
        match recorded {
            Ok(summary) => {
                self.status.tell(RoomState::Waiting, &summary.warnings.join("; "));
                for warning in &summary.warnings {
                    tracing::warn!(meeting = %slug, "{warning}");
                }
                tracing::info!(meeting = %slug, upto = %summary.end, "the connection ended");
                self.memory.last_complaint.clear();
                // Ended though nobody ordered it: a private session began, and the order is on its way.
                if summary.ending == Ending::Stopped && !connection.is_stopped() {
                    self.orders.wait(Order::Record, RETRY);
                }
            }
            Err(error) => {
                let complaint = format!("{error:#}");
                self.status.tell(RoomState::Failed, &complaint);
                self.complain(&complaint);
                self.orders.wait(Order::Record, RETRY);
            }
        }
    }

    /// The same trouble every two seconds would bury the rest of the log.
    fn complain(&mut self, complaint: &str) {
        if complaint != self.memory.last_complaint {
            tracing::error!(meeting = %self.meeting.slug, "{complaint}");
            complaint.clone_into(&mut self.memory.last_complaint);
        }
    }

    /// The database says what may be aired; as long as it does not answer, nothing is.
    fn gate(&self) -> Gate {
        let (db, runtime, meeting) = (self.db.clone(), self.runtime.clone(), self.meeting.id);
        Arc::new(move || {
            let spans = runtime.block_on(db.exempt_spans(meeting)).map_err(|error| error.to_string())?;
            Ok(spans.iter().map(|span| Exempt { from: span.from_at, until: span.until_at }).collect())
        })
    }

    fn hear(&mut self, event: &Progress, recording: &Open) {
        match recording.trouble() {
            Some(trouble) => self.status.tell(RoomState::Failed, &trouble),
            None => self.status.hear(event),
        }
        match event {
            Progress::Listening { port } => {
                tracing::info!(meeting = %self.meeting.slug, port, "waiting for an encoder");
            }
            Progress::Recorded { .. } if self.memory.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY) => {
                self.save_now();
            }
            _ => {}
        }
    }

    fn save_now(&mut self) {
        self.memory.saved_at = Some(Instant::now());
        let runtime = self.runtime.clone();
        if let Err(error) = runtime.block_on(self.save()) {
            self.complain(&format!("cannot save how far the recording is: {error:#}"));
        }
    }

    async fn save(&mut self) -> Result<()> {
        if !self.save_recording().await? || self.meeting.state != MeetingState::Scheduled {
            return Ok(());
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        tx.set_meeting_state(self.meeting.id, MeetingState::Scheduled, MeetingState::Live)
            .await
            .context("the meeting could not go live")?;
        let job = NewJob { kind: JobKind::Transcribe, meeting_id: self.meeting.id, priority: priority::LIVE };
        tx.enqueue(&job, now).await?;
        tx.commit().await?;
        self.meeting.state = MeetingState::Live;
        Ok(())
    }

    /// Brings the database's row up to date with the journal; says whether anything is aired.
    async fn save_recording(&mut self) -> Result<bool> {
        let timeline = match &mut self.memory.timeline {
            Some(timeline) => {
                timeline.refresh()?;
                timeline
            }
            None => self.memory.timeline.insert(Timeline::open(&self.dir)?),
        };
        let Some(row) = row(self.meeting.id, timeline) else { return Ok(false) };
        let mut tx = self.db.begin().await?;
        tx.save_recording(&row).await?;
        if row.finished && row.has_video {
            let job = NewJob { kind: JobKind::Preview, meeting_id: self.meeting.id, priority: priority::NEW };
            tx.enqueue(&job, self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The meeting is over: its playlists end, and its transcript may.
    fn finish(&mut self, recording: &Open) -> Result<()> {
        if Timeline::open(&self.dir)?.epoch().is_some() {
            recording.finish()?;
            let runtime = self.runtime.clone();
            runtime.block_on(self.save_recording())?;
        }
        remove_empty(&self.waiting_dir);
        Ok(())
    }
}

/// Why an encoder that calls now is refused, for those who look after it.
const fn refusing(order: Order) -> &'static str {
    match order {
        Order::Close => {
            "press and public are excluded: the encoder may call again once the meeting is reopened"
        }
        _ => "the meeting is adjourned: the encoder may call again once it is resumed",
    }
}

fn row(meeting_id: MeetingId, timeline: &Timeline) -> Option<Recording> {
    Some(Recording {
        id: RecordingId::new(),
        meeting_id,
        epoch: timeline.epoch()?,
        duration_ms: timeline.duration().ms(),
        has_video: timeline.renditions().contains(&Rendition::Video),
        finished: timeline.is_finished(),
        transcribed_ms: 0,
    })
}

fn remove_empty(dir: &Path) {
    // It is not there where nothing ever waited, and small.
    let _ = std::fs::remove_dir(dir);
}
