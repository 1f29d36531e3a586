//! How a meeting goes: its states, and its private sessions. Every change is audited.

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{MeetingId, MeetingState, SpanId, StateError, UserId};
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{
    AuditEntry, Db, Meeting, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// A stretch of time in which press and public are excluded by law.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ExemptSpan {
    pub id: SpanId,
    /// The clerk's action, less the air delay: what came later was not aired yet and never is.
    pub from_at: DateTime<Utc>,
    /// When a person reopened the meeting; absent while it is private.
    pub until_at: Option<DateTime<Utc>>,
    pub reason: String,
}

/// Why a meeting cannot be moved on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the meeting was changed by somebody else just now: look at it, then try again")]
    Changed,
    #[error("the meeting is private already")]
    AlreadyPrivate,
    #[error("the meeting is not private: there is nothing to reopen")]
    NotPrivate,
    #[error("a meeting that is {0} cannot become private: only one that is still to come or running")]
    NotRunning(MeetingState),
    #[error("a private session needs a reason that the public is told: name the law and the item")]
    NoReason,
    #[error(transparent)]
    Store(#[from] StoreError),
}

statements! {
    EXEMPT = "SELECT id, from_at, until_at, reason FROM exempt_spans WHERE meeting_id = $1 ORDER BY from_at";
    EXEMPT_OPEN = "SELECT meeting_id FROM exempt_spans WHERE until_at IS NULL";
    EXEMPT_BEGIN = "INSERT INTO exempt_spans (id, meeting_id, from_at, reason) VALUES ($1, $2, $3, $4)";
    EXEMPT_END = "UPDATE exempt_spans SET until_at = $2 WHERE meeting_id = $1 AND until_at IS NULL";
}

impl Db {
    /// By their start.
    pub async fn exempt_spans(&self, meeting: MeetingId) -> Result<Vec<ExemptSpan>> {
        Ok(on_db!(self, |pool| sqlx::query_as(EXEMPT).bind(meeting).fetch_all(pool).await)?)
    }

    /// The private session that is going on.
    pub async fn private_session(&self, meeting: MeetingId) -> Result<Option<ExemptSpan>> {
        Ok(self.exempt_spans(meeting).await?.into_iter().find(|span| span.until_at.is_none()))
    }

    /// The meetings from which press and public are excluded now.
    pub async fn private_meetings(&self) -> Result<Vec<MeetingId>> {
        Ok(on_db!(self, |pool| sqlx::query_scalar(EXEMPT_OPEN).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// By their start.
    pub(crate) async fn exempt_spans(&mut self, meeting: MeetingId) -> Result<Vec<ExemptSpan>> {
        Ok(on_tx!(self, |connection| sqlx::query_as(EXEMPT).bind(meeting).fetch_all(connection).await)?)
    }

    /// Moves a meeting to another state.
    ///
    /// # Errors
    /// If it may not go there from where it is.
    pub async fn move_meeting(
        &mut self,
        meeting: &Meeting,
        to: MeetingState,
        by: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Result<(), SessionError> {
        let from = meeting.state;
        from.become_state(to)?;
        if !self.set_meeting_state(meeting.id, from, to).await? {
            return Err(SessionError::Changed);
        }
        Ok(self.audit_meeting(meeting, "meeting.state", by, now, json!(from), json!(to)).await?)
    }

    /// Excludes press and public: from the commit on nothing is aired, and what was not aired yet never is.
    ///
    /// # Errors
    /// Without a reason, if the meeting is over, or if it is private already.
    pub async fn begin_private(
        &mut self,
        meeting: &Meeting,
        reason: &str,
        by: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Result<(), SessionError> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(SessionError::NoReason);
        }
        if !meeting.state.is_running() && meeting.state != MeetingState::Scheduled {
            return Err(SessionError::NotRunning(meeting.state));
        }
        if self.exempt_spans(meeting.id).await?.iter().any(|span| span.until_at.is_none()) {
            return Err(SessionError::AlreadyPrivate);
        }
        let from = now - TimeDelta::seconds(meeting.air_delay_s);
        on_tx!(self, |connection| {
            sqlx::query(EXEMPT_BEGIN)
                .bind(SpanId::new())
                .bind(meeting.id)
                .bind(from)
                .bind(reason)
                .execute(connection)
                .await
                .map(drop)
        })
        .map_err(StoreError::from)?;
        self.forget_health(meeting.id, from).await?;
        self.forget_microphones(meeting.id, from).await?;
        self.touch_meeting(meeting.id).await?;
        let after = json!({ "reason": reason });
        Ok(self.audit_meeting(meeting, "meeting.private", by, now, json!("public"), after).await?)
    }

    /// Lets press and public in again. Whoever calls this has made sure that a person confirmed it.
    ///
    /// # Errors
    /// If the meeting is not private.
    pub async fn reopen(
        &mut self,
        meeting: &Meeting,
        by: Option<UserId>,
        now: DateTime<Utc>,
    ) -> Result<(), SessionError> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(EXEMPT_END)
                .bind(meeting.id)
                .bind(now)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })
        .map_err(StoreError::from)?;
        if rows == 0 {
            return Err(SessionError::NotPrivate);
        }
        self.touch_meeting(meeting.id).await?;
        Ok(self.audit_meeting(meeting, "meeting.reopen", by, now, json!("private"), json!("public")).await?)
    }

    async fn audit_meeting(
        &mut self,
        meeting: &Meeting,
        action: &str,
        by: Option<UserId>,
        now: DateTime<Utc>,
        before: Value,
        after: Value,
    ) -> Result<()> {
        let entry = AuditEntry::new(meeting.council_id, by, now, action, meeting.id);
        self.audit(&entry.changed(before, after)).await
    }
}
