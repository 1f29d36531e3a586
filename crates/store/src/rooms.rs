//! Rooms: where meetings are recorded, and how it goes there.

use std::{collections::HashMap, str::FromStr};

use chrono::{DateTime, Utc};
use moothall_core::{CouncilId, MeetingId, RoomId};
use sqlx::FromRow;

use crate::{
    Db, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// A chamber or committee room, with its encoder.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Room {
    pub id: RoomId,
    pub council_id: CouncilId,
    pub council_slug: String,
    /// Unique within the council.
    pub slug: String,
    pub name: String,
    #[sqlx(flatten)]
    pub main: RoomAddress,
    /// Recorded while the main one brings nothing.
    #[sqlx(flatten, try_from = "BackupColumns")]
    pub backup: Option<RoomAddress>,
    /// Whether the picture is recorded in smaller sizes as well, for telephones and slow lines.
    pub ladder: bool,
    /// Seconds from 0 to 300 by which publication is behind the chamber.
    pub air_delay_s: i64,
    pub created_at: DateTime<Utc>,
    /// As its recorder last told it.
    #[sqlx(try_from = "String")]
    pub state: RoomState,
    /// Why, and what to do; empty where the state says it all.
    pub state_note: String,
    pub state_at: DateTime<Utc>,
}

/// Where a room's encoder calls or is called.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RoomAddress {
    /// The address without any secret.
    pub source: String,
    /// What the protocol needs in clear, sealed by [`Secrets`](crate::Secrets).
    pub sealed_secret: Option<Vec<u8>>,
    /// Of a stream key, which nobody but the encoder needs in clear.
    pub key_sha256: Option<String>,
}

#[derive(FromRow)]
struct BackupColumns {
    backup_source: Option<String>,
    backup_sealed_secret: Option<Vec<u8>>,
    backup_key_sha256: Option<String>,
}

impl From<BackupColumns> for Option<RoomAddress> {
    fn from(columns: BackupColumns) -> Self {
        Some(RoomAddress {
            source: columns.backup_source?,
            sealed_secret: columns.backup_sealed_secret,
            key_sha256: columns.backup_key_sha256,
        })
    }
}

/// How it goes in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomState {
    /// No meeting there is to be recorded.
    Idle,
    /// Nothing has come yet.
    Waiting,
    /// Something has come, and is not yet recorded.
    Connected,
    Recording,
    /// Somebody asked to be let in with a wrong key.
    Refused,
    Failed,
}

impl RoomState {
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Waiting, Self::Connected, Self::Recording, Self::Refused, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Connected => "connected",
            Self::Recording => "recording",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for RoomState {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| StoreError::Inconsistent {
            table: "rooms",
            id: "state".to_owned(),
            problem: format!("unknown {text:?}"),
        })
    }
}

impl TryFrom<String> for RoomState {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// What a recorder needs to know of the room in order to connect. As long as it stays the same, so may the
/// connection.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RoomSource {
    pub room_id: RoomId,
    pub slug: String,
    #[sqlx(flatten)]
    pub main: RoomAddress,
    #[sqlx(flatten, try_from = "BackupColumns")]
    pub backup: Option<RoomAddress>,
    pub ladder: bool,
}

#[derive(FromRow)]
struct MeetingRoom {
    meeting_id: MeetingId,
    #[sqlx(flatten)]
    source: RoomSource,
}

macro_rules! select_room {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.council_id, c.slug AS council_slug, r.slug, r.name, r.source, r.sealed_secret,
                r.key_sha256, r.backup_source, r.backup_sealed_secret, r.backup_key_sha256, r.ladder, r.air_delay_s, r.created_at, r.state, r.state_note, r.state_at
            FROM rooms r JOIN councils c ON c.id = r.council_id ",
            $rest
        )
    };
}

statements! {
    ROOMS = select_room!("ORDER BY c.slug, r.slug");
    ROOM_BY_ID = select_room!("WHERE r.id = $1");
    ROOM_BY_SLUG = select_room!("WHERE r.council_id = $1 AND r.slug = $2");
    ROOM_SOURCES = "SELECT m.id AS meeting_id, r.id AS room_id, r.slug, r.source, r.sealed_secret, r.key_sha256,
            r.backup_source, r.backup_sealed_secret, r.backup_key_sha256, r.ladder
        FROM meetings m JOIN rooms r ON r.id = m.room_id
        WHERE m.source IS NULL AND m.state IN ('scheduled', 'live', 'adjourned')";
    ROOM_INSERT = "INSERT INTO rooms (id, council_id, slug, name, source, sealed_secret, key_sha256,
            backup_source, backup_sealed_secret, backup_key_sha256, ladder, air_delay_s, created_at, state,
            state_note, state_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    ROOM_UPDATE = "UPDATE rooms SET name = $2, source = $3, sealed_secret = $4, key_sha256 = $5,
            backup_source = $6, backup_sealed_secret = $7, backup_key_sha256 = $8, ladder = $9, air_delay_s = $10
        WHERE id = $1";
    ROOM_SET_STATE = "UPDATE rooms SET state = $2, state_note = $3, state_at = $4 WHERE id = $1";
    ROOM_DELETE = "DELETE FROM rooms WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM meetings m
        WHERE m.room_id = $1 AND m.state IN ('scheduled', 'live', 'adjourned'))";
    ROOM_MEETINGS = "SELECT slug FROM meetings WHERE room_id = $1
        AND state IN ('scheduled', 'live', 'adjourned') ORDER BY starts_at, id";
    MEETING_ROOM = "SELECT room_id FROM meetings WHERE id = $1";
    MEETING_SET_ROOM = "UPDATE meetings SET room_id = $2, source = NULL WHERE id = $1";
    MEETING_LEAVE_ROOM = "UPDATE meetings SET room_id = NULL WHERE id = $1";
}

impl Db {
    pub async fn rooms(&self) -> Result<Vec<Room>> {
        Ok(on_db!(self, |pool| sqlx::query_as(ROOMS).fetch_all(pool).await)?)
    }

    pub async fn room(&self, id: RoomId) -> Result<Option<Room>> {
        Ok(on_db!(self, |pool| sqlx::query_as(ROOM_BY_ID).bind(id).fetch_optional(pool).await)?)
    }

    /// The rooms that meetings which are not over are recorded in, by meeting.
    pub async fn room_sources(&self) -> Result<HashMap<MeetingId, RoomSource>> {
        let rows: Vec<MeetingRoom> = on_db!(self, |pool| sqlx::query_as(ROOM_SOURCES).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|row| (row.meeting_id, row.source)).collect())
    }
}

impl Tx {
    pub async fn room_by_slug(&mut self, council: CouncilId, slug: &str) -> Result<Option<Room>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(ROOM_BY_SLUG).bind(council).bind(slug).fetch_optional(connection).await
        })?)
    }

    pub async fn insert_room(&mut self, room: &Room) -> Result<()> {
        let (source, sealed_secret, key_sha256) = columns(room.backup.as_ref());
        on_tx!(self, |connection| {
            sqlx::query(ROOM_INSERT)
                .bind(room.id)
                .bind(room.council_id)
                .bind(&room.slug)
                .bind(&room.name)
                .bind(&room.main.source)
                .bind(&room.main.sealed_secret)
                .bind(&room.main.key_sha256)
                .bind(source)
                .bind(sealed_secret)
                .bind(key_sha256)
                .bind(room.ladder)
                .bind(room.air_delay_s)
                .bind(room.created_at)
                .bind(room.state.as_str())
                .bind(&room.state_note)
                .bind(room.state_at)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Writes name, sources, keys and air delay; the slug is the room's for ever.
    pub async fn update_room(&mut self, room: &Room) -> Result<()> {
        let (source, sealed_secret, key_sha256) = columns(room.backup.as_ref());
        on_tx!(self, |connection| {
            sqlx::query(ROOM_UPDATE)
                .bind(room.id)
                .bind(&room.name)
                .bind(&room.main.source)
                .bind(&room.main.sealed_secret)
                .bind(&room.main.key_sha256)
                .bind(source)
                .bind(sealed_secret)
                .bind(key_sha256)
                .bind(room.ladder)
                .bind(room.air_delay_s)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    pub async fn set_room_state(
        &mut self,
        room: RoomId,
        state: RoomState,
        note: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(ROOM_SET_STATE)
                .bind(room)
                .bind(state.as_str())
                .bind(note)
                .bind(now)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Returns `false`, and removes nothing, as long as meetings that are not over need the room. Those that
    /// are over stay, and are in no room then.
    pub async fn remove_room(&mut self, room: RoomId) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(ROOM_DELETE).bind(room).execute(connection).await.map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }

    /// The slugs of the meetings that are not over and need the room, earliest first.
    pub async fn meetings_in_room(&mut self, room: RoomId) -> Result<Vec<String>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_scalar(ROOM_MEETINGS).bind(room).fetch_all(connection).await
        })?)
    }

    pub async fn room_of_meeting(&mut self, meeting: MeetingId) -> Result<Option<RoomId>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_scalar(MEETING_ROOM).bind(meeting).fetch_one(connection).await
        })?)
    }

    /// Puts a meeting into a room, in place of a source of its own; or, with `None`, takes it out.
    pub async fn set_meeting_room(&mut self, meeting: MeetingId, room: Option<RoomId>) -> Result<()> {
        on_tx!(self, |connection| {
            match room {
                Some(room) => {
                    sqlx::query(MEETING_SET_ROOM).bind(meeting).bind(room).execute(connection).await
                }
                None => sqlx::query(MEETING_LEAVE_ROOM).bind(meeting).execute(connection).await,
            }
            .map(drop)
        })?;
        Ok(())
    }
}

/// All of them empty where there is no address.
fn columns(address: Option<&RoomAddress>) -> (Option<&str>, Option<&[u8]>, Option<&str>) {
    (
        address.map(|address| address.source.as_str()),
        address.and_then(|address| address.sealed_secret.as_deref()),
        address.and_then(|address| address.key_sha256.as_deref()),
    )
}
