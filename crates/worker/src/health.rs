//! Watches how it goes in the chamber of a meeting that is being recorded, and keeps what it sees.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use anyhow::Result;
use chrono::{DateTime, Utc};
use moothall_core::{
    Clock, MeetingId,
    health::{Change, Diagnosis, Reading, Thresholds},
};
use moothall_ingest::{Meter, Readings, disk_left};
use moothall_store::{AlertEvent, AlertTarget, Db, Meeting};
use tokio::runtime::Handle;

use crate::orders::{Order, Orders};

/// So many seconds are one row of the meeting's series.
const SECONDS_OF_A_ROW: usize = 10;
/// What a database that does not answer makes wait.
const MOST_WAITING: usize = 60;

/// What is called wrong, and who is told.
#[derive(Debug, Clone, Default)]
pub struct HealthSettings {
    pub thresholds: Thresholds,
    pub targets: Vec<AlertTarget>,
}

/// A thread that measures beside a recorder; it ends when this is dropped.
pub struct HealthWatch {
    meter: Meter,
    thread: Option<JoinHandle<()>>,
}

impl HealthWatch {
    pub fn start(watcher: Watcher, runtime: &Handle) -> Self {
        let (meter, readings) = Meter::new(watcher.clock.clone());
        let runtime = runtime.clone();
        Self { meter, thread: Some(std::thread::spawn(move || watcher.run(readings, &runtime))) }
    }

    /// What the recorder leaves its frames in.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl Drop for HealthWatch {
    fn drop(&mut self) {
        self.meter.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that measures a recording panicked");
        }
    }
}

/// What is measured is judged and kept here.
pub struct Watcher {
    db: Db,
    clock: Clock,
    media_dir: PathBuf,
    meeting: MeetingId,
    slug: String,
    starts_at: DateTime<Utc>,
    /// The meeting has begun: silence of the source means something.
    has_begun: bool,
    orders: Arc<Orders>,
    settings: HealthSettings,
    /// None until the database has told what is open from before.
    diagnosis: Option<Diagnosis>,
    /// What waited to be copied to the object store when it was last looked at.
    backlog_bytes: Option<i64>,
    /// What has still to be kept.
    waiting: Vec<Reading>,
    changes: Vec<Change>,
    last_complaint: String,
}

impl Watcher {
    pub fn new(
        db: &Db,
        clock: &Clock,
        media_dir: &Path,
        meeting: &Meeting,
        orders: &Arc<Orders>,
        settings: &HealthSettings,
    ) -> Self {
        Self {
            db: db.clone(),
            clock: clock.clone(),
            media_dir: media_dir.to_owned(),
            meeting: meeting.id,
            slug: meeting.slug.clone(),
            starts_at: meeting.starts_at,
            has_begun: meeting.state.is_running(),
            orders: Arc::clone(orders),
            settings: settings.clone(),
            diagnosis: None,
            backlog_bytes: None,
            waiting: Vec::new(),
            changes: Vec::new(),
            last_complaint: String::new(),
        }
    }

    fn run(mut self, mut readings: Readings, runtime: &Handle) {
        while let Some(mut reading) = readings.next() {
            let (order, _) = self.orders.current();
            let kept = if order == Order::Record {
                reading.disk_left_bytes = disk_left(&self.media_dir).ok();
                runtime.block_on(self.keep(reading))
            } else {
                Ok(false)
            };
            match kept {
                Ok(true) => self.last_complaint.clear(),
                Ok(false) => {
                    readings.forget();
                    self.waiting.clear();
                }
                Err(error) => self.complain(&format!("cannot keep what is measured: {error:#}")),
            }
        }
    }

    /// Returns `false`, and keeps nothing, in a private session.
    async fn keep(&mut self, mut reading: Reading) -> Result<bool> {
        // It changes slowly, and each look costs a query.
        if self.waiting.is_empty() {
            let backlog = self.db.archive_backlog().await?;
            self.backlog_bytes = Some(backlog.iter().map(|row| row.waiting_bytes).sum());
        }
        reading.backlog_bytes = self.backlog_bytes;
        let mut tx = self.db.begin().await?;
        if !tx.save_health_now(self.meeting, &reading).await? {
            // It may have begun while the reading before this one was being kept.
            if let Some(session) = self.db.private_session(self.meeting).await? {
                tx.forget_health(self.meeting, session.from_at).await?;
                tx.commit().await?;
            }
            return Ok(false);
        }
        let diagnosis = match &mut self.diagnosis {
            Some(diagnosis) => diagnosis,
            None => {
                let open = self.db.findings_of(self.meeting).await?.into_iter();
                let open = open.filter(|row| row.ended_at.is_none()).map(|row| row.finding.name().to_owned());
                let thresholds = self.settings.thresholds.clone();
                self.diagnosis.insert(Diagnosis::new(thresholds, open.collect()))
            }
        };
        let comes = reading.sound_kbps + reading.picture_kbps > 0.0;
        self.has_begun |= comes || reading.until >= self.starts_at;
        self.changes.extend(diagnosis.read(&reading, self.has_begun));
        self.waiting.push(reading);
        let row_is_full = self.waiting.len() >= SECONDS_OF_A_ROW;
        let row = Reading::merged(&self.waiting).filter(|_| row_is_full);
        if self.waiting.len() > MOST_WAITING {
            self.waiting.clear();
        }
        if let Some(row) = &row {
            tx.save_health(self.meeting, row).await?;
        }
        for change in &self.changes {
            let now = self.clock.now();
            let (told, event) = match change {
                Change::Began { finding, since } => {
                    (tx.begin_finding(self.meeting, finding, *since).await?, AlertEvent::Begin)
                }
                Change::Ended { name } => (tx.end_finding(self.meeting, name, now).await?, AlertEvent::End),
            };
            let Some(finding) = told else { continue };
            for target in &self.settings.targets {
                tx.insert_alert(finding, *target, event, now).await?;
            }
        }
        tx.commit().await?;
        self.changes.clear();
        if row_is_full {
            self.waiting.clear();
        }
        Ok(true)
    }

    /// The same trouble every second would bury the rest of the log.
    fn complain(&mut self, complaint: &str) {
        if complaint != self.last_complaint {
            tracing::error!(meeting = %self.slug, "{complaint}");
            complaint.clone_into(&mut self.last_complaint);
        }
    }
}
