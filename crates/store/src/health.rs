//! What is measured in chambers, and what was wrong there.

use chrono::{DateTime, Utc};
use moothall_core::{
    FindingId, MeetingId, RoomId,
    health::{Finding, Reading},
};
use sqlx::{FromRow, types::Json};

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// Something that was wrong, and when.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct FindingRow {
    pub id: FindingId,
    pub meeting_id: MeetingId,
    #[sqlx(json)]
    pub finding: Finding,
    pub since_at: DateTime<Utc>,
    /// None while it is so.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Of a stretch of time that touches a private session nothing is written, whoever measured it.
macro_rules! unless_private {
    ($insert:literal, $rest:literal) => {
        concat!(
            $insert,
            " SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM exempt_spans e WHERE e.meeting_id = $1
                AND e.from_at < $2 AND (e.until_at IS NULL OR e.until_at > $4)) ",
            $rest
        )
    };
}

macro_rules! select_finding {
    ($rest:literal) => {
        concat!("SELECT id, meeting_id, finding, since_at, ended_at FROM findings ", $rest)
    };
}

statements! {
    HEALTH_NOW_SAVE = unless_private!(
        "INSERT INTO health_now (meeting_id, until_at, reading)",
        "ON CONFLICT (meeting_id) DO UPDATE SET until_at = excluded.until_at, reading = excluded.reading"
    );
    HEALTH_READING_SAVE = unless_private!(
        "INSERT INTO health_readings (meeting_id, until_at, reading)",
        "ON CONFLICT (meeting_id, until_at) DO NOTHING"
    );
    HEALTH_NOW = "SELECT reading FROM health_now WHERE meeting_id = $1";
    HEALTH_SERIES = "SELECT reading FROM health_readings WHERE meeting_id = $1 ORDER BY until_at";
    HEALTH_NOW_FORGET = "DELETE FROM health_now WHERE meeting_id = $1 AND until_at > $2";
    HEALTH_FORGET = "DELETE FROM health_readings WHERE meeting_id = $1 AND until_at > $2";
    HEALTH_NOW_PRUNE = "DELETE FROM health_now WHERE until_at < $1";
    HEALTH_PRUNE = "DELETE FROM health_readings WHERE until_at < $1";
    FINDINGS_PRUNE = "DELETE FROM findings WHERE ended_at < $1";
    FINDINGS_OF = select_finding!("WHERE meeting_id = $1 ORDER BY since_at DESC, id DESC");
    FINDINGS_OPEN = select_finding!("WHERE ended_at IS NULL ORDER BY since_at, id");
    FINDINGS_STALE = select_finding!("WHERE ended_at IS NULL AND meeting_id IN (SELECT id FROM meetings
        WHERE state NOT IN ('scheduled', 'live', 'adjourned') OR (state = 'scheduled' AND starts_at < $1))");
    FINDING_INSERT = "INSERT INTO findings (id, meeting_id, kind, finding, since_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (meeting_id, kind) WHERE ended_at IS NULL DO NOTHING";
    FINDING_END = "UPDATE findings SET ended_at = $3 WHERE meeting_id = $1 AND kind = $2 AND ended_at IS NULL
        RETURNING id";
    ROOM_SHOWS = "SELECT id FROM meetings WHERE room_id = $1 AND starts_at <= $2
        ORDER BY CASE WHEN state IN ('live', 'adjourned') THEN 0 ELSE 1 END, starts_at DESC, id DESC LIMIT 1";
    ROOM_NEXT = "SELECT starts_at FROM meetings WHERE room_id = $1 AND starts_at > $2
            AND state IN ('scheduled', 'live', 'adjourned')
        ORDER BY CASE WHEN state = 'scheduled' THEN 1 ELSE 0 END, starts_at, id LIMIT 1";
}

impl Db {
    /// What was measured last.
    pub async fn health_now(&self, meeting: MeetingId) -> Result<Option<Reading>> {
        let row: Option<Json<Reading>> =
            on_db!(self, |pool| { sqlx::query_scalar(HEALTH_NOW).bind(meeting).fetch_optional(pool).await })?;
        Ok(row.map(|Json(reading)| reading))
    }

    /// What was measured over a meeting, earliest first.
    pub async fn health_series(&self, meeting: MeetingId) -> Result<Vec<Reading>> {
        let rows: Vec<Json<Reading>> =
            on_db!(self, |pool| sqlx::query_scalar(HEALTH_SERIES).bind(meeting).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|Json(reading)| reading).collect())
    }

    /// What was and is wrong in a meeting, latest first.
    pub async fn findings_of(&self, meeting: MeetingId) -> Result<Vec<FindingRow>> {
        Ok(on_db!(self, |pool| sqlx::query_as(FINDINGS_OF).bind(meeting).fetch_all(pool).await)?)
    }

    /// What is wrong now, in all meetings, earliest first.
    pub async fn open_findings(&self) -> Result<Vec<FindingRow>> {
        Ok(on_db!(self, |pool| sqlx::query_as(FINDINGS_OPEN).fetch_all(pool).await)?)
    }

    /// What is open of meetings that are over, or that were planned to begin before then and never did.
    pub async fn stale_findings(&self, planned_before: DateTime<Utc>) -> Result<Vec<FindingRow>> {
        Ok(on_db!(self, |pool| sqlx::query_as(FINDINGS_STALE).bind(planned_before).fetch_all(pool).await)?)
    }

    /// The meeting that a room's page tells of: the one that is running, else the latest that was planned to
    /// begin by then.
    pub async fn shown_in_room(&self, room: RoomId, planned_by: DateTime<Utc>) -> Result<Option<MeetingId>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_scalar(ROOM_SHOWS).bind(room).bind(planned_by).fetch_optional(pool).await
        })?)
    }

    /// When the meeting is or was to begin that is running in a room, or is the next there of those that were
    /// planned to begin after then.
    pub async fn next_in_room(
        &self,
        room: RoomId,
        planned_after: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_scalar(ROOM_NEXT).bind(room).bind(planned_after).fetch_optional(pool).await
        })?)
    }
}

impl Tx {
    /// Keeps what was measured in the last second, in place of the second before. Returns `false`, and keeps
    /// nothing, where any of it lies in a private session.
    pub async fn save_health_now(&mut self, meeting: MeetingId, reading: &Reading) -> Result<bool> {
        self.save_unless_private(HEALTH_NOW_SAVE, meeting, reading).await
    }

    /// Adds to what was measured over a meeting; as [`Tx::save_health_now`].
    pub async fn save_health(&mut self, meeting: MeetingId, reading: &Reading) -> Result<bool> {
        self.save_unless_private(HEALTH_READING_SAVE, meeting, reading).await
    }

    async fn save_unless_private(
        &mut self,
        statement: &'static str,
        meeting: MeetingId,
        reading: &Reading,
    ) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(statement)
                .bind(meeting)
                .bind(reading.until)
                .bind(Json(reading))
                .bind(reading.from)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }

    /// Removes what was measured after `from`: a private session has begun then.
    pub async fn forget_health(&mut self, meeting: MeetingId, from: DateTime<Utc>) -> Result<()> {
        for statement in [HEALTH_NOW_FORGET, HEALTH_FORGET] {
            on_tx!(self, |connection| {
                sqlx::query(statement).bind(meeting).bind(from).execute(connection).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Says that something is wrong since then; gives its identifier, or none if that is known already.
    pub async fn begin_finding(
        &mut self,
        meeting: MeetingId,
        finding: &Finding,
        since: DateTime<Utc>,
    ) -> Result<Option<FindingId>> {
        let id = FindingId::new();
        let rows = on_tx!(self, |connection| {
            sqlx::query(FINDING_INSERT)
                .bind(id)
                .bind(meeting)
                .bind(finding.name())
                .bind(Json(finding))
                .bind(since)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok((rows > 0).then_some(id))
    }

    /// Says that something is over; gives its identifier, or none if it was not open. `kind` is
    /// [`Finding::name`].
    pub async fn end_finding(
        &mut self,
        meeting: MeetingId,
        kind: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<FindingId>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_scalar(FINDING_END)
                .bind(meeting)
                .bind(kind)
                .bind(now)
                .fetch_optional(connection)
                .await
        })?)
    }

    /// Removes what was measured and found before then.
    pub async fn prune_health(&mut self, before: DateTime<Utc>) -> Result<()> {
        for statement in [HEALTH_NOW_PRUNE, HEALTH_PRUNE, FINDINGS_PRUNE] {
            on_tx!(self, |connection| sqlx::query(statement)
                .bind(before)
                .execute(connection)
                .await
                .map(drop))?;
        }
        Ok(())
    }
}
