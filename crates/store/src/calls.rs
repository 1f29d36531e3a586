//! Browsers that ask to be recorded: the pages write down who calls, and the room's recorder what it answers.

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{CallId, RoomId};
use sqlx::FromRow;

use crate::{Db, backend::on_db, error::Result};

/// Who has waited for so long has gone. What a program that died has left behind is removed after a day.
const WAITS: TimeDelta = TimeDelta::seconds(20);
const LEFT_BEHIND: TimeDelta = TimeDelta::days(1);

/// A browser that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct WaitingCall {
    pub id: CallId,
    /// SDP.
    pub offer: String,
}

/// How it goes with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallState {
    /// For an answer.
    Waiting,
    /// With SDP.
    Taken(String),
    /// Why, in a sentence without its full stop.
    Refused(String),
    /// One of the two has hung up.
    Over,
}

#[derive(FromRow)]
struct AnswerRow {
    answer: Option<String>,
    refusal: Option<String>,
}

statements! {
    CALL_INSERT = "INSERT INTO calls (id, room_id, key_sha256, offer, called_at) VALUES ($1, $2, $3, $4, $5)";
    CALL_NEXT = "SELECT id, offer FROM calls
        WHERE room_id = $1 AND key_sha256 = $2 AND called_at > $3 AND answer IS NULL AND refusal IS NULL
        ORDER BY id LIMIT 1";
    CALL_ANSWER = "UPDATE calls SET answer = $2, refusal = $3 WHERE id = $1";
    CALL_STATE = "SELECT answer, refusal FROM calls WHERE id = $1";
    CALL_DELETE = "DELETE FROM calls WHERE id = $1";
    CALL_DELETE_OF_ROOM = "DELETE FROM calls WHERE id = $1 AND room_id = $2";
    CALLS_FORGET = "DELETE FROM calls WHERE called_at < $1";
}

impl Db {
    /// Has a room's recorder answer a browser that has shown the key of this SHA-256.
    pub async fn call_room(
        &self,
        room: RoomId,
        key_sha256: &str,
        offer: &str,
        now: DateTime<Utc>,
    ) -> Result<CallId> {
        let id = CallId::new();
        on_db!(self, |pool| {
            sqlx::query(CALLS_FORGET).bind(now - LEFT_BEHIND).execute(pool).await.map(drop)
        })?;
        on_db!(self, |pool| {
            sqlx::query(CALL_INSERT)
                .bind(id)
                .bind(room)
                .bind(key_sha256)
                .bind(offer)
                .bind(now)
                .execute(pool)
                .await
                .map(drop)
        })?;
        Ok(id)
    }

    /// The oldest call that waits for an answer.
    pub async fn next_call(
        &self,
        room: RoomId,
        key_sha256: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<WaitingCall>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_as(CALL_NEXT).bind(room).bind(key_sha256).bind(now - WAITS).fetch_optional(pool).await
        })?)
    }

    /// Does nothing where the caller has hung up.
    pub async fn answer_call(&self, id: CallId, answer: std::result::Result<&str, &str>) -> Result<()> {
        let (answer, refusal) = (answer.ok(), answer.err());
        on_db!(self, |pool| {
            sqlx::query(CALL_ANSWER).bind(id).bind(answer).bind(refusal).execute(pool).await.map(drop)
        })?;
        Ok(())
    }

    pub async fn call_state(&self, id: CallId) -> Result<CallState> {
        let row: Option<AnswerRow> =
            on_db!(self, |pool| sqlx::query_as(CALL_STATE).bind(id).fetch_optional(pool).await)?;
        Ok(match row {
            None => CallState::Over,
            Some(AnswerRow { answer: Some(answer), .. }) => CallState::Taken(answer),
            Some(AnswerRow { refusal: Some(refusal), .. }) => CallState::Refused(refusal),
            Some(_) => CallState::Waiting,
        })
    }

    /// The recorder takes nothing more from this caller.
    pub async fn end_call(&self, id: CallId) -> Result<()> {
        on_db!(self, |pool| sqlx::query(CALL_DELETE).bind(id).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// A caller hangs up. Returns `false` where the room has no such call.
    pub async fn hang_up(&self, id: CallId, room: RoomId) -> Result<bool> {
        let rows = on_db!(self, |pool| {
            sqlx::query(CALL_DELETE_OF_ROOM)
                .bind(id)
                .bind(room)
                .execute(pool)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }
}
