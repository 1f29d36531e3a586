//! Background work as rows: enqueued in the transaction that calls for it, claimed under a lease, and
//! fenced by a token (ADR 0001).

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{JobId, MeetingId};
use sqlx::FromRow;

use crate::{
    Db, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// What a job does; one meeting has at most one unfinished job of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Captions a meeting while it goes on.
    Live,
    /// Writes down what was said in a recording.
    Transcribe,
    /// Records a file that was uploaded.
    Record,
    /// Makes pictures of a recording that is over: its poster and its storyboard.
    Preview,
    /// Tells the voices of a recording that is over apart.
    Voices,
    /// Gives captions other turns, now that more is known of who spoke.
    Turns,
}

/// Whoever works in one lane leaves the jobs of the other alone, so that what is wanted soon never waits for
/// what takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Following a meeting for as long as it goes on.
    Live,
    /// Jobs that are done piece by piece, or quickly.
    Prompt,
    /// Listening to a whole recording at once.
    Long,
}

impl Lane {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Prompt => "prompt",
            Self::Long => "long",
        }
    }
}

impl JobKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Transcribe => "transcribe",
            Self::Record => "record",
            Self::Preview => "preview",
            Self::Voices => "voices",
            Self::Turns => "turns",
        }
    }
}

impl TryFrom<String> for JobKind {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "live" => Ok(Self::Live),
            "transcribe" => Ok(Self::Transcribe),
            "record" => Ok(Self::Record),
            "preview" => Ok(Self::Preview),
            "voices" => Ok(Self::Voices),
            "turns" => Ok(Self::Turns),
            _ => Err(inconsistent("kind", &text)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Ready,
    Running,
    Done,
    /// Given up after [`MAX_ATTEMPTS`] failures in a row.
    Failed,
}

impl TryFrom<String> for JobState {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "ready" => Ok(Self::Ready),
            "running" => Ok(Self::Running),
            "done" => Ok(Self::Done),
            "failed" => Ok(Self::Failed),
            _ => Err(inconsistent("state", &text)),
        }
    }
}

fn inconsistent(column: &str, text: &str) -> StoreError {
    StoreError::Inconsistent { table: "jobs", id: column.to_owned(), problem: format!("unknown {text:?}") }
}

/// One job as people see it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Job {
    pub id: JobId,
    #[sqlx(try_from = "String")]
    pub kind: JobKind,
    pub meeting_id: MeetingId,
    #[sqlx(try_from = "String")]
    pub state: JobState,
    pub attempts: i64,
    /// How much of `total` is done, in the job's own unit (milliseconds of media for a transcription).
    pub done: i64,
    pub total: i64,
    /// What went wrong last.
    pub error: Option<String>,
}

/// A job that this worker holds, until its lease runs out.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ClaimedJob {
    pub id: JobId,
    #[sqlx(try_from = "String")]
    pub kind: JobKind,
    pub meeting_id: MeetingId,
    /// Grows with every claim: who has an older one has lost the job.
    pub token: i64,
    pub attempts: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct NewJob {
    pub kind: JobKind,
    pub meeting_id: MeetingId,
    /// Lower goes first.
    pub priority: i64,
}

/// How long a claim holds without a sign of life. After a crash a live meeting's transcript waits so long.
pub const LEASE: TimeDelta = TimeDelta::seconds(20);
/// After so many failures in a row a job waits for a person.
pub const MAX_ATTEMPTS: i64 = 5;
/// The wait before the next attempt doubles from here: 10 s, 20 s, 40 s, 80 s.
const RETRY_DELAY_S: i64 = 10;

statements! {
    ENQUEUE = "INSERT INTO jobs (id, kind, meeting_id, state, priority, run_after, attempts, token, done,
            total, created_at)
        VALUES ($1, $2, $3, 'ready', $4, $5, 0, 0, 0, 0, $5)
        ON CONFLICT (kind, meeting_id) WHERE state IN ('ready', 'running') DO NOTHING";
    CANDIDATE = "SELECT id FROM jobs WHERE (CASE kind WHEN 'live' THEN 'live' WHEN 'voices' THEN 'long' ELSE 'prompt' END) = $2
            AND ((state = 'ready' AND run_after <= $1) OR (state = 'running' AND lease_until < $1))
        ORDER BY priority, run_after, id LIMIT 1";
    CANDIDATE_SKIPPING = "SELECT id FROM jobs WHERE (CASE kind WHEN 'live' THEN 'live' WHEN 'voices' THEN 'long' ELSE 'prompt' END) = $2
            AND ((state = 'ready' AND run_after <= $1) OR (state = 'running' AND lease_until < $1))
        ORDER BY priority, run_after, id LIMIT 1 FOR UPDATE SKIP LOCKED";
    ABANDON = "UPDATE jobs SET state = 'failed', lease_until = NULL,
            error = 'its workers died again and again; see their logs'
        WHERE state = 'running' AND lease_until < $1 AND attempts >= $2";
    CLAIM = "UPDATE jobs SET attempts = attempts + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
            state = 'running', token = token + 1, lease_until = $2, worker = $3
        WHERE id = $1 RETURNING id, kind, meeting_id, token, attempts";
    HOLD = "UPDATE jobs SET lease_until = $3, done = $4, total = $5
        WHERE id = $1 AND token = $2 AND state = 'running'";
    RENEW = "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND token = $2 AND state = 'running'";
    FINISH = "UPDATE jobs SET state = 'done', lease_until = NULL, attempts = 0, error = NULL
        WHERE id = $1 AND token = $2 AND state = 'running'";
    PUT_BACK = "UPDATE jobs SET state = 'ready', lease_until = NULL, attempts = 0, error = NULL,
            run_after = $3
        WHERE id = $1 AND token = $2 AND state = 'running'";
    FAIL = "UPDATE jobs SET state = $3, lease_until = NULL, attempts = attempts + 1, error = $4,
            run_after = $5
        WHERE id = $1 AND token = $2 AND state = 'running'";
    JOBS_OF = "SELECT id, kind, meeting_id, state, attempts, done, total, error FROM jobs
        WHERE meeting_id = $1 ORDER BY created_at, id";
    JOBS_PENDING = "SELECT count(*) FROM jobs WHERE state IN ('ready', 'running')";
}

impl Db {
    /// Takes the next job that is due, or one whose worker has died.
    pub async fn claim_job(
        &self,
        worker: &str,
        lane: Lane,
        now: DateTime<Utc>,
    ) -> Result<Option<ClaimedJob>> {
        let mut tx = self.begin().await?;
        // Work that kills whoever takes it must not go round for ever.
        on_tx!(&mut tx, |connection| {
            sqlx::query(ABANDON).bind(now).bind(MAX_ATTEMPTS).execute(connection).await.map(drop)
        })?;
        let candidate = match self {
            Self::Sqlite(_) => CANDIDATE,
            // Rows that another worker is just claiming are passed over instead of waited for.
            Self::Postgres(_) => CANDIDATE_SKIPPING,
        };
        let id: Option<JobId> = on_tx!(&mut tx, |connection| {
            sqlx::query_scalar(candidate).bind(now).bind(lane.as_str()).fetch_optional(connection).await
        })?;
        let Some(id) = id else {
            tx.commit().await?;
            return Ok(None);
        };
        let job: ClaimedJob = on_tx!(&mut tx, |connection| {
            sqlx::query_as(CLAIM).bind(id).bind(now + LEASE).bind(worker).fetch_one(connection).await
        })?;
        tx.commit().await?;
        Ok(Some(job))
    }

    /// A sign of life, outside any other transaction.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's by now.
    pub async fn renew_job(&self, job: &ClaimedJob, now: DateTime<Utc>) -> Result<()> {
        let rows = on_db!(self, |pool| {
            sqlx::query(RENEW)
                .bind(job.id)
                .bind(job.token)
                .bind(now + LEASE)
                .execute(pool)
                .await
                .map(|done| done.rows_affected())
        })?;
        still_held(rows)
    }

    /// Records a failure; the job is tried again later, at most [`MAX_ATTEMPTS`] times in a row.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's by now.
    pub async fn fail_job(&self, job: &ClaimedJob, error: &str, now: DateTime<Utc>) -> Result<()> {
        let state = if job.attempts + 1 < MAX_ATTEMPTS { "ready" } else { "failed" };
        let delay = TimeDelta::seconds(RETRY_DELAY_S << job.attempts.clamp(0, 10));
        let rows = on_db!(self, |pool| {
            sqlx::query(FAIL)
                .bind(job.id)
                .bind(job.token)
                .bind(state)
                .bind(error)
                .bind(now + delay)
                .execute(pool)
                .await
                .map(|done| done.rows_affected())
        })?;
        still_held(rows)
    }

    /// The jobs of a meeting, earliest first.
    pub async fn jobs_of(&self, meeting: MeetingId) -> Result<Vec<Job>> {
        Ok(on_db!(self, |pool| sqlx::query_as(JOBS_OF).bind(meeting).fetch_all(pool).await)?)
    }

    /// How many jobs are not over.
    pub async fn count_pending_jobs(&self) -> Result<i64> {
        Ok(on_db!(self, |pool| sqlx::query_scalar(JOBS_PENDING).fetch_one(pool).await)?)
    }
}

impl Tx {
    /// Calls for work, unless the same work is called for already.
    pub async fn enqueue(&mut self, job: &NewJob, now: DateTime<Utc>) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(ENQUEUE)
                .bind(JobId::new())
                .bind(job.kind.as_str())
                .bind(job.meeting_id)
                .bind(job.priority)
                .bind(now)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Makes sure that the job is still this worker's, until the transaction ends: whatever the
    /// transaction writes besides is kept only then.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's by now.
    pub async fn hold_job(
        &mut self,
        job: &ClaimedJob,
        done: i64,
        total: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(HOLD)
                .bind(job.id)
                .bind(job.token)
                .bind(now + LEASE)
                .bind(done)
                .bind(total)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        still_held(rows)
    }

    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's by now.
    pub async fn finish_job(&mut self, job: &ClaimedJob) -> Result<()> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(FINISH)
                .bind(job.id)
                .bind(job.token)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        still_held(rows)
    }

    /// There is more to do, from `run_after` on: whoever is free goes on.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the job is another worker's by now.
    pub async fn put_back_job(&mut self, job: &ClaimedJob, run_after: DateTime<Utc>) -> Result<()> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(PUT_BACK)
                .bind(job.id)
                .bind(job.token)
                .bind(run_after)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        still_held(rows)
    }
}

const fn still_held(rows: u64) -> Result<()> {
    if rows == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}
