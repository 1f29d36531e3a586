//! The job loop: takes what is due, keeps its lease alive, and records how it went.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use moothall_archive::Archive;
use moothall_core::Clock;
use moothall_store::{ClaimedJob, Db, JobKind, Lane, StoreError};
use tokio::sync::watch;

use crate::{Speech, floor, live, preview, transcribe, upload, voices};

/// How long an idle worker waits before it looks for work again.
const IDLE: Duration = Duration::from_secs(1);
/// Several signs of life fit into one lease.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Does jobs, in each lane one after the other.
pub struct Worker {
    pub db: Db,
    pub clock: Clock,
    pub media_dir: PathBuf,
    /// Where recordings are that are not on this disk.
    pub archive: Option<Archive>,
    pub speech: Arc<Speech>,
    /// Shown beside the jobs it holds.
    pub name: String,
}

impl Worker {
    /// Works in a lane until `stop` says so; the job in hand is finished first.
    pub async fn run(&self, lane: Lane, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let claimed = match self.db.claim_job(&self.name, lane, self.clock.now()).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::error!(%error, "cannot look for work");
                    None
                }
            };
            match claimed {
                Some(job) => self.work(&job, &stop).await,
                None => {
                    tokio::select! {
                        () = tokio::time::sleep(IDLE) => {}
                        _ = stop.changed() => {}
                    }
                }
            }
        }
    }

    async fn work(&self, job: &ClaimedJob, stop: &watch::Receiver<bool>) {
        let Err(error) = self.attempt(job, stop).await else { return };
        if matches!(error.downcast_ref(), Some(StoreError::LeaseLost)) {
            tracing::warn!(job = %job.id, "held up for too long: another worker has the job now");
            return;
        }
        tracing::error!(job = %job.id, meeting = %job.meeting_id, "{error:#}");
        if let Err(error) = self.db.fail_job(job, &format!("{error:#}"), self.clock.now()).await {
            tracing::error!(job = %job.id, %error, "cannot record the failure");
        }
    }

    /// Does the job, with signs of life beside it.
    async fn attempt(&self, job: &ClaimedJob, stop: &watch::Receiver<bool>) -> Result<()> {
        let archive = self.archive.as_ref();
        let work = async {
            match job.kind {
                JobKind::Live => {
                    let (speech, stop) = (self.speech.clone(), stop.clone());
                    live::run(&self.db, &self.media_dir, archive, &self.clock, speech, job, stop).await
                }
                JobKind::Transcribe => {
                    let speech = self.speech.clone();
                    transcribe::run(&self.db, &self.media_dir, archive, &self.clock, speech, job).await
                }
                JobKind::Record => upload::run(&self.db, &self.media_dir, &self.clock, job).await,
                JobKind::Preview => preview::run(&self.db, &self.media_dir, archive, &self.clock, job).await,
                JobKind::Turns => floor::run(&self.db, &self.clock, job).await,
                JobKind::Voices => {
                    let models = self.speech.models().clone();
                    voices::run(&self.db, &self.media_dir, archive, &self.clock, models, job).await
                }
            }
        };
        beside(HEARTBEAT, || async { Ok(self.db.renew_job(job, self.clock.now()).await?) }, work).await
    }
}

/// Does the work, with a sign of life every so often until one fails. The work goes on while a sign is given: it
/// may hold what the sign waits for, as SQLite has one writer at a time.
async fn beside<Sign: Future<Output = Result<()>>>(
    every: Duration,
    sign: impl Fn() -> Sign,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    let signs = async {
        loop {
            tokio::time::sleep(every).await;
            sign().await?;
        }
    };
    tokio::select! {
        outcome = work => outcome,
        failed = signs => failed,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn work_that_holds_what_a_sign_of_life_waits_for_goes_on() {
        let writer = Mutex::new(());
        let held = async {
            let _writer = writer.lock().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        };
        let sign = || async {
            drop(writer.lock().await);
            Ok(())
        };
        let done =
            tokio::time::timeout(Duration::from_secs(10), beside(Duration::from_millis(5), sign, held));
        let outcome = done.await;
        assert!(matches!(outcome, Ok(Ok(()))), "the work stood still: {outcome:?}");
    }
}
