//! Whether the public may have a meeting's media: asked of the database once for each change, not for each
//! segment.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use moothall_core::MeetingId;
use moothall_store::{Db, StoreError};

/// How old the knowledge may be that nothing has changed: a meeting that is withheld is out of sight within a
/// second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Watchable {
    db: Db,
    known: Mutex<Known>,
    /// Held by the one who looks whether something has changed.
    looking: tokio::sync::Mutex<()>,
}

/// What was true where the change sequence stood.
#[derive(Debug, Default)]
struct Known {
    sequence: i64,
    looked_at: Option<Instant>,
    meetings: HashMap<MeetingId, bool>,
}

impl Watchable {
    pub fn new(db: Db) -> Self {
        Self { db, known: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    /// # Errors
    /// If the database does not answer: then nobody may.
    pub async fn is_watchable(&self, meeting: MeetingId) -> Result<bool, StoreError> {
        if self.is_old() {
            self.look().await?;
        }
        let (sequence, known) = {
            let known = self.lock();
            (known.sequence, known.meetings.get(&meeting).copied())
        };
        if let Some(is_public) = known {
            return Ok(is_public);
        }
        // Whoever makes up identifiers must not fill the memory.
        let Some(found) = self.db.meeting(meeting).await? else { return Ok(false) };
        let is_public = found.state.is_public();
        let mut known = self.lock();
        // What changed meanwhile is not known yet to have changed: then this is forgotten with the rest.
        if known.sequence == sequence {
            known.meetings.insert(meeting, is_public);
        }
        Ok(is_public)
    }

    fn is_old(&self) -> bool {
        self.lock().looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY)
    }

    async fn look(&self) -> Result<(), StoreError> {
        let _one = self.looking.lock().await;
        // Another may have looked while this one waited.
        if !self.is_old() {
            return Ok(());
        }
        let now = Instant::now();
        let sequence = self.db.change_sequence().await?;
        let mut known = self.lock();
        if known.sequence != sequence {
            known.meetings.clear();
        }
        (known.sequence, known.looked_at) = (sequence, Some(now));
        Ok(())
    }

    /// A panic while it was held leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
