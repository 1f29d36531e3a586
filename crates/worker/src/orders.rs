//! What a recorder is to do, as its supervisor tells it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moothall_ingest::StopHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Record,
    /// The meeting is adjourned: what was captured is aired, nothing more is captured.
    Pause,
    /// Press and public are excluded: what the pipeline holds is thrown away, nothing more is captured.
    Close,
    /// The meeting is over: what was captured is aired, then the recording ends.
    Finish,
    /// The program ends; the next start goes on.
    Leave,
}

#[derive(Debug)]
pub struct Orders {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Debug)]
struct Now {
    order: Order,
    /// Ends the connection that was made under the order to record.
    connection: StopHandle,
}

impl Orders {
    pub fn new(order: Order) -> Self {
        Self { now: Mutex::new(Now { order, connection: StopHandle::default() }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes effect at once, on a connection that stands as well.
    pub fn give(&self, order: Order) {
        let mut now = self.lock();
        if now.order == order {
            return;
        }
        now.order = order;
        match order {
            Order::Record => now.connection = StopHandle::default(),
            Order::Close => now.connection.discard(),
            Order::Pause | Order::Finish | Order::Leave => now.connection.stop(),
        }
        self.changed.notify_all();
    }

    /// The order that holds, and what ends a connection made under it.
    pub fn current(&self) -> (Order, StopHandle) {
        let now = self.lock();
        (now.order, now.connection.clone())
    }

    /// Returns when another order is given, at the latest after so long.
    pub fn wait(&self, order: Order, at_most: Duration) {
        let now = self.lock();
        drop(self.changed.wait_timeout_while(now, at_most, |now| now.order == order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_ends_the_connection_of_the_one_before() {
        let orders = Orders::new(Order::Record);
        let (_, connection) = orders.current();
        orders.give(Order::Record);
        assert!(!connection.is_stopped());
        orders.give(Order::Close);
        assert!(connection.is_stopped());
        orders.give(Order::Record);
        let (order, connection) = orders.current();
        assert_eq!((order, connection.is_stopped()), (Order::Record, false));
    }
}
