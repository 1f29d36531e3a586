//! What is known of a room before a meeting: for its page, and for `moothall room check`.

use std::{fmt, path::Path, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::health::{Arrival, Check, ClockSource, Facts, Thresholds, preflight};
use moothall_ingest::{Source, disk_left};
use moothall_store::{Db, Room, RoomState, StoreError};

/// From so long before its planned start on a meeting is recorded.
pub(crate) const OPENS_BEFORE: TimeDelta = TimeDelta::minutes(30);
/// One that has not begun by then was forgotten.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(12);
/// Most meetings are shorter.
const PLANNED: TimeDelta = TimeDelta::hours(4);
/// There once systemd has set the clock from the network.
const CLOCK_IS_SET: &str = "/run/systemd/timesync/synchronized";

/// What a check of rooms goes by.
#[derive(Clone)]
pub struct RoomChecks {
    thresholds: Thresholds,
    model: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
}

impl fmt::Debug for RoomChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomChecks").field("thresholds", &self.thresholds).finish_non_exhaustive()
    }
}

impl Default for RoomChecks {
    /// For an installation that does not transcribe.
    fn default() -> Self {
        Self::new(Thresholds::default(), || Ok("nothing is transcribed here".to_owned()))
    }
}

impl RoomChecks {
    /// `model` tells of the speech model, or what is wrong with it. It is asked each time.
    pub fn new(
        thresholds: Thresholds,
        model: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        Self { thresholds, model: Arc::new(model) }
    }

    /// Looks at a room. The recordings lie in `media_dir`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn check(
        &self,
        db: &Db,
        media_dir: &Path,
        room: &Room,
        now: DateTime<Utc>,
    ) -> Result<Vec<Check>, StoreError> {
        let reading = match db.shown_in_room(room.id, now + OPENS_BEFORE).await? {
            Some(meeting) => db.health_now(meeting).await?,
            None => None,
        };
        let facts = Facts {
            now,
            source: source(room),
            next_meeting: db.next_in_room(room.id, now - FORGOTTEN_AFTER).await?,
            arrival: arrival(room),
            reading,
            disk_left: room_for_recordings(media_dir),
            planned: PLANNED,
            clock: if Path::new(CLOCK_IS_SET).exists() { ClockSource::Network } else { ClockSource::Unknown },
            model: (self.model)(),
            thresholds: self.thresholds.clone(),
        };
        Ok(preflight(&facts))
    }
}

fn source(room: &Room) -> Result<String, String> {
    match Source::apart(&room.main.source) {
        Ok(_) => Ok(room.main.source.clone()),
        Err(error) => Err(format!("{error}; set it with `moothall room set {} --source`", room.slug)),
    }
}

fn arrival(room: &Room) -> Arrival {
    match room.state {
        RoomState::Idle => Arrival::NotAwaited,
        RoomState::Waiting => Arrival::Awaited,
        RoomState::Connected | RoomState::Recording => Arrival::Comes(room.state_note.clone()),
        RoomState::Refused | RoomState::Failed => Arrival::Refused(room.state_note.clone()),
    }
}

/// The folder is made with the first recording.
fn room_for_recordings(media_dir: &Path) -> Result<i64, String> {
    let there = media_dir.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    disk_left(there).map_err(|error| {
        format!("{} cannot be looked at ({error}): check that the disk is mounted", there.display())
    })
}
