//! The calls of browsers to one room, as the pages wrote them down.

use moothall_core::{CallId, Clock, RoomId};
use moothall_ingest::{Call, Switchboard};
use moothall_store::{CallState, Db, StoreError};
use tokio::runtime::Handle;

/// Blocks: only for threads that are not tokio's.
pub(crate) struct Calls {
    pub db: Db,
    pub clock: Clock,
    pub runtime: Handle,
    pub room: RoomId,
}

impl Calls {
    /// A database that fails for a moment shall not end a call.
    fn or_later<T>(result: Result<T, StoreError>) -> Option<T> {
        result.inspect_err(|error| tracing::warn!(%error, "a browser that calls is not heard")).ok()
    }
}

impl Switchboard for Calls {
    fn next(&self, key_sha256: &str) -> Option<Call> {
        let next = self.db.next_call(self.room, key_sha256, self.clock.now());
        let waiting = Self::or_later(self.runtime.block_on(next))??;
        Some(Call { id: waiting.id, offer: waiting.offer })
    }

    fn answer(&self, call: CallId, answer: Result<&str, &str>) {
        Self::or_later(self.runtime.block_on(self.db.answer_call(call, answer)));
    }

    fn is_held(&self, call: CallId) -> bool {
        Self::or_later(self.runtime.block_on(self.db.call_state(call))) != Some(CallState::Over)
    }

    fn hang_up(&self, call: CallId) {
        Self::or_later(self.runtime.block_on(self.db.end_call(call)));
    }
}
