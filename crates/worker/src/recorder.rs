//! Supervises live recorders: every meeting with a live source that is not over has one.

use std::{
    collections::HashMap,
    path::PathBuf,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use moothall_core::{Clock, MeetingId, MeetingState, RecordingId};
use moothall_ingest::{Progress, RecordOptions, Rendition, StopHandle, Timeline};
use moothall_store::{Db, JobKind, Meeting, NewJob, Recording, RoomState, Secrets};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    priority, recording_dir,
    rooms::{self, Origin, RoomStatus},
};

/// How often the supervisor compares what shall be recorded with what is.
const POLL: Duration = Duration::from_secs(1);
/// A source that fails is tried again after this; one that merely ended, at once.
const RETRY: Duration = Duration::from_secs(2);
/// How long an encoder may send neither picture nor sound.
const NO_STREAM_AFTER: Duration = Duration::from_secs(10);
/// How often the database hears how long the recording is.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// All live recorders of this process.
pub struct Recorders {
    pub db: Db,
    pub clock: Clock,
    pub media_dir: PathBuf,
    /// Open what the rooms' sources need in clear.
    pub secrets: Secrets,
    /// Whether sources may be called that are in the private network.
    pub private_network: bool,
}

struct Running {
    origin: Origin,
    stop: StopHandle,
    thread: JoinHandle<()>,
}

impl Recorders {
    /// Supervises until `stop` says so; then every recorder writes what it has and ends.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut running: HashMap<MeetingId, Running> = HashMap::new();
        while !*stop.borrow() {
            match self.wanted().await {
                Ok(wanted) => self.compare(&mut running, wanted).await,
                Err(error) => tracing::error!("cannot see which meetings are to be recorded: {error:#}"),
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => {}
            }
        }
        for recorder in running.values() {
            recorder.stop.stop();
        }
        for (_, recorder) in running {
            self.stop(recorder).await;
        }
    }

    /// The meetings that are not over, and from where each is to be recorded now.
    async fn wanted(&self) -> Result<Vec<(Meeting, Option<Origin>)>> {
        let meetings = self.db.meetings_with_source().await?;
        Ok(rooms::origins(meetings, &self.db.room_sources().await?, self.clock.now()))
    }

    async fn compare(
        &self,
        running: &mut HashMap<MeetingId, Running>,
        wanted: Vec<(Meeting, Option<Origin>)>,
    ) {
        let over: Vec<MeetingId> = running
            .keys()
            .filter(|id| wanted.iter().all(|(meeting, _)| meeting.id != **id))
            .copied()
            .collect();
        for id in over {
            if let Some(recorder) = running.remove(&id) {
                self.stop(recorder).await;
                if let Err(error) = self.end(id).await {
                    tracing::error!(meeting = %id, "cannot end the recording: {error:#}");
                }
            }
        }
        // A key that was changed is dead at once, also for who is connected with it. All that stop do so before
        // any starts: they may want the same port.
        for (meeting, origin) in &wanted {
            if running.get(&meeting.id).is_some_and(|recorder| Some(&recorder.origin) != origin.as_ref())
                && let Some(recorder) = running.remove(&meeting.id)
            {
                tracing::info!(meeting = %meeting.slug, "its source or key was changed: the connection is ended");
                self.stop(recorder).await;
            }
        }
        for (meeting, origin) in wanted {
            if let Some(origin) = origin {
                running.entry(meeting.id).or_insert_with(|| self.start(meeting, origin));
            }
        }
    }

    async fn stop(&self, recorder: Running) {
        recorder.stop.stop();
        join(recorder.thread).await;
        rooms::leave(&self.db, &self.clock, &recorder.origin).await;
    }

    fn start(&self, meeting: Meeting, origin: Origin) -> Running {
        let stop = StopHandle::default();
        let status = RoomStatus {
            db: self.db.clone(),
            clock: self.clock.clone(),
            runtime: Handle::current(),
            room: origin.room(),
            told: None,
        };
        let recorder = Recorder {
            db: self.db.clone(),
            clock: self.clock.clone(),
            secrets: self.secrets.clone(),
            origin: origin.clone(),
            status,
            dir: recording_dir(&self.media_dir, meeting.id),
            private_network: self.private_network,
            meeting,
            stop: stop.clone(),
            runtime: Handle::current(),
            saved_at: None,
        };
        // GStreamer's threads report to this one, which blocks: it must not be one of tokio's.
        let thread = std::thread::spawn(move || recorder.run());
        Running { origin, stop, thread }
    }

    /// The meeting is over: its playlists end, and its transcript may.
    async fn end(&self, meeting: MeetingId) -> Result<()> {
        let dir = recording_dir(&self.media_dir, meeting);
        if Timeline::open(&dir)?.epoch().is_none() {
            return Ok(());
        }
        let finished = dir.clone();
        tokio::task::spawn_blocking(move || moothall_ingest::finish(&finished)).await??;
        save(&self.db, meeting, &dir).await
    }
}

async fn join(thread: JoinHandle<()>) {
    // A recorder that panicked has told so itself.
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
}

/// Brings the database's row up to date with the journal.
async fn save(db: &Db, meeting: MeetingId, dir: &std::path::Path) -> Result<()> {
    let timeline = Timeline::open(dir)?;
    let Some(epoch) = timeline.epoch() else { return Ok(()) };
    let mut tx = db.begin().await?;
    tx.save_recording(&Recording {
        id: RecordingId::new(),
        meeting_id: meeting,
        epoch,
        duration_ms: timeline.duration().ms(),
        has_video: timeline.renditions().contains(&Rendition::Video),
        finished: timeline.is_finished(),
        transcribed_ms: 0,
    })
    .await?;
    Ok(tx.commit().await?)
}

/// One meeting's recorder, on a thread of its own.
struct Recorder {
    db: Db,
    clock: Clock,
    secrets: Secrets,
    origin: Origin,
    status: RoomStatus,
    dir: PathBuf,
    private_network: bool,
    meeting: Meeting,
    stop: StopHandle,
    runtime: Handle,
    saved_at: Option<Instant>,
}

impl Recorder {
    /// One connection after the other, until stopped.
    fn run(mut self) {
        let slug = self.meeting.slug.clone();
        let options = RecordOptions {
            clock: self.clock.clone(),
            file_epoch: self.meeting.starts_at,
            no_stream_after: NO_STREAM_AFTER,
            private_network: self.private_network,
        };
        let stop = self.stop.clone();
        let dir = self.dir.clone();
        let mut last_complaint = String::new();
        while !stop.is_stopped() {
            let recorded = self.origin.source(&self.secrets).and_then(|source| {
                Ok(moothall_ingest::record(&source, &dir, &options, &stop, |event| self.hear(&event))?)
            });
            match recorded {
                Ok(summary) => {
                    self.status.tell(RoomState::Waiting, &summary.warnings.join("; "));
                    for warning in &summary.warnings {
                        tracing::warn!(meeting = %slug, "{warning}");
                    }
                    tracing::info!(meeting = %slug, upto = %summary.end, "the connection ended");
                    last_complaint.clear();
                }
                Err(error) => {
                    // The same trouble every two seconds would bury the rest of the log.
                    let complaint = format!("{error:#}");
                    self.status.tell(RoomState::Failed, &complaint);
                    if complaint != last_complaint {
                        tracing::error!(meeting = %slug, "{complaint}");
                        last_complaint = complaint;
                    }
                    let deadline = Instant::now() + RETRY;
                    while !stop.is_stopped() && Instant::now() < deadline {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            }
        }
    }

    fn hear(&mut self, event: &Progress) {
        self.status.hear(event);
        match event {
            Progress::Listening { port } => {
                tracing::info!(meeting = %self.meeting.slug, port, "waiting for an encoder");
            }
            Progress::Recorded { .. } if self.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY) => {
                self.saved_at = Some(Instant::now());
                let runtime = self.runtime.clone();
                if let Err(error) = runtime.block_on(self.save()) {
                    tracing::error!(meeting = %self.meeting.slug, "cannot save how far the recording is: {error:#}");
                }
            }
            _ => {}
        }
    }

    async fn save(&mut self) -> Result<()> {
        save(&self.db, self.meeting.id, &self.dir).await?;
        if self.meeting.state == MeetingState::Scheduled {
            let now = self.clock.now();
            let mut tx = self.db.begin().await?;
            tx.set_meeting_state(self.meeting.id, MeetingState::Scheduled, MeetingState::Live)
                .await
                .context("the meeting could not go live")?;
            let job =
                NewJob { kind: JobKind::Transcribe, meeting_id: self.meeting.id, priority: priority::LIVE };
            tx.enqueue(&job, now).await?;
            tx.commit().await?;
            self.meeting.state = MeetingState::Live;
        }
        Ok(())
    }
}
