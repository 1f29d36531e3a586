//! Tells the database how far a recording is.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use moothall_core::{Clock, MeetingId, MeetingState, RecordingId};
use moothall_ingest::{Recording as Open, Rendition, Timeline};
use moothall_store::{Db, JobKind, Meeting, NewJob, Recording};
use tokio::runtime::Handle;

use crate::priority;

/// How often the database hears how long the recording is.
pub(crate) const SAVE_EVERY: Duration = Duration::from_secs(2);

pub(crate) struct Ledger {
    pub db: Db,
    pub clock: Clock,
    pub runtime: Handle,
    /// The recording's folder.
    pub dir: PathBuf,
    pub meeting: Meeting,
    pub memory: Memory,
}

/// What it remembers from one time to the next.
#[derive(Default)]
pub(crate) struct Memory {
    timeline: Option<Timeline>,
    saved_at: Option<Instant>,
    complaint: String,
}

impl Ledger {
    /// Saves, if the last time is long enough ago.
    pub(crate) fn save_sometimes(&mut self) {
        if self.memory.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY) {
            self.save_now();
        }
    }

    pub(crate) fn save_now(&mut self) {
        self.memory.saved_at = Some(Instant::now());
        let runtime = self.runtime.clone();
        match runtime.block_on(self.save()) {
            Ok(()) => self.memory.complaint.clear(),
            Err(error) => {
                // The same trouble every two seconds would bury the rest of the log.
                let complaint = format!("{error:#}");
                if complaint != self.memory.complaint {
                    tracing::error!(meeting = %self.meeting.slug, "cannot save how far the recording is: {complaint}");
                    self.memory.complaint = complaint;
                }
            }
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
        let job = NewJob { kind: JobKind::Live, meeting_id: self.meeting.id, priority: priority::LIVE };
        tx.enqueue(&job, now).await?;
        // Whose microphone was on before the recording began.
        tx.mark_microphones(self.meeting.id).await?;
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
        if row.finished && timeline.renditions().contains(&Rendition::Audio) {
            for kind in [JobKind::Transcribe, JobKind::Voices] {
                let job = NewJob { kind, meeting_id: self.meeting.id, priority: priority::NEW };
                tx.enqueue(&job, self.clock.now()).await?;
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The meeting is over: its playlists end, and its transcript may.
    pub(crate) fn finish(&mut self, recording: &Open) -> Result<()> {
        if Timeline::open(&self.dir)?.epoch().is_some() {
            recording.finish()?;
            let runtime = self.runtime.clone();
            runtime.block_on(self.save_recording())?;
        }
        Ok(())
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
        live_ms: 0,
    })
}
