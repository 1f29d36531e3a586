//! Messages about findings, as rows: written in the transaction that makes the finding, claimed under a lease,
//! and tried until they are sent.

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{AlertId, FindingId, health::Finding};
use sqlx::FromRow;

use crate::{
    Db, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// By what way somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertTarget {
    Webhook,
    Email,
}

/// What somebody is told of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertEvent {
    Begin,
    End,
}

impl AlertTarget {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }
}

impl AlertEvent {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::End => "end",
        }
    }
}

impl TryFrom<String> for AlertTarget {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        [Self::Webhook, Self::Email]
            .into_iter()
            .find(|target| target.as_str() == text)
            .ok_or_else(|| inconsistent("target", &text))
    }
}

impl TryFrom<String> for AlertEvent {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        [Self::Begin, Self::End]
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| inconsistent("event", &text))
    }
}

fn inconsistent(column: &str, text: &str) -> StoreError {
    StoreError::Inconsistent { table: "alerts", id: column.to_owned(), problem: format!("unknown {text:?}") }
}

/// A message that this process holds, until its lease runs out, and all that it says.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ClaimedAlert {
    pub id: AlertId,
    #[sqlx(try_from = "String")]
    pub target: AlertTarget,
    #[sqlx(try_from = "String")]
    pub event: AlertEvent,
    pub created_at: DateTime<Utc>,
    /// Failures so far.
    pub attempts: i64,
    /// Grows with every claim: who has an older one has lost the message.
    pub token: i64,
    pub finding_id: FindingId,
    #[sqlx(json)]
    pub finding: Finding,
    pub since_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub meeting_slug: String,
    pub meeting_title: String,
    /// Absent where the meeting has a source of its own.
    pub room_slug: Option<String>,
    pub room_name: Option<String>,
}

/// Longer than a server may take to answer. After a crash a message waits so long.
const ALERT_LEASE: TimeDelta = TimeDelta::minutes(2);

statements! {
    ALERT_INSERT = "INSERT INTO alerts (id, finding_id, target, event, created_at, run_after, attempts, token)
        VALUES ($1, $2, $3, $4, $5, $5, 0, 0) ON CONFLICT (finding_id, target, event) DO NOTHING";
    // That it has ended is told after that it began. The last condition stands twice: of two who choose the
    // same row at once the second finds it taken.
    ALERT_CLAIM = "UPDATE alerts SET token = token + 1, lease_until = $2 WHERE id = (
            SELECT a.id FROM alerts a WHERE a.sent_at IS NULL AND a.given_up_at IS NULL AND a.run_after <= $1
                AND (a.lease_until IS NULL OR a.lease_until < $1)
                AND NOT EXISTS (SELECT 1 FROM alerts b WHERE b.finding_id = a.finding_id AND b.target = a.target
                    AND b.event = 'begin' AND a.event = 'end' AND b.sent_at IS NULL AND b.given_up_at IS NULL)
            ORDER BY a.run_after, a.id LIMIT 1)
        AND (lease_until IS NULL OR lease_until < $1) RETURNING id";
    ALERT_CLAIMED = "SELECT a.id, a.target, a.event, a.created_at, a.attempts, a.token, a.finding_id,
            f.finding, f.since_at, f.ended_at, m.slug AS meeting_slug, m.title AS meeting_title,
            r.slug AS room_slug, r.name AS room_name
        FROM alerts a JOIN findings f ON f.id = a.finding_id JOIN meetings m ON m.id = f.meeting_id
            LEFT JOIN rooms r ON r.id = m.room_id
        WHERE a.id = $1";
    ALERT_SENT = "UPDATE alerts SET sent_at = $3, lease_until = NULL, error = NULL WHERE id = $1 AND token = $2";
    ALERT_FAILED = "UPDATE alerts SET attempts = attempts + 1, run_after = $3, given_up_at = $4, error = $5,
            lease_until = NULL
        WHERE id = $1 AND token = $2";
    ALERTS_FAILING = "SELECT error FROM alerts WHERE error IS NOT NULL AND created_at > $1
        ORDER BY created_at DESC, id DESC LIMIT 1";
}

impl Db {
    /// Takes the next message that is due, or one whose process has died.
    pub async fn claim_alert(&self, now: DateTime<Utc>) -> Result<Option<ClaimedAlert>> {
        let mut tx = self.begin().await?;
        let id: Option<AlertId> = on_tx!(&mut tx, |connection| {
            sqlx::query_scalar(ALERT_CLAIM).bind(now).bind(now + ALERT_LEASE).fetch_optional(connection).await
        })?;
        let Some(id) = id else { return Ok(None) };
        let alert = on_tx!(&mut tx, |connection| {
            sqlx::query_as(ALERT_CLAIMED).bind(id).fetch_one(connection).await
        })?;
        tx.commit().await?;
        Ok(Some(alert))
    }

    pub async fn alert_sent(&self, alert: &ClaimedAlert, now: DateTime<Utc>) -> Result<()> {
        on_db!(self, |pool| {
            sqlx::query(ALERT_SENT).bind(alert.id).bind(alert.token).bind(now).execute(pool).await.map(drop)
        })?;
        Ok(())
    }

    /// It is tried again at `again_at`; without that nobody tries any more.
    pub async fn alert_failed(
        &self,
        alert: &ClaimedAlert,
        error: &str,
        again_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        on_db!(self, |pool| {
            sqlx::query(ALERT_FAILED)
                .bind(alert.id)
                .bind(alert.token)
                .bind(again_at.unwrap_or(now))
                .bind(again_at.is_none().then_some(now))
                .bind(error)
                .execute(pool)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Why the latest message since then that could not be sent was not.
    pub async fn alert_trouble(&self, since: DateTime<Utc>) -> Result<Option<String>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_scalar(ALERTS_FAILING).bind(since).fetch_optional(pool).await
        })?)
    }
}

impl Tx {
    /// Calls for a message, unless it is called for already.
    pub async fn insert_alert(
        &mut self,
        finding: FindingId,
        target: AlertTarget,
        event: AlertEvent,
        now: DateTime<Utc>,
    ) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(ALERT_INSERT)
                .bind(AlertId::new())
                .bind(finding)
                .bind(target.as_str())
                .bind(event.as_str())
                .bind(now)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }
}
