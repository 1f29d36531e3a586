use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::record::RecordError;

/// A thread that brings a connection its bytes; ended and waited for when dropped, so that its port is free
/// for the next connection.
pub(crate) struct Attendant {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Says to an attendant's thread that it shall return.
#[derive(Clone)]
pub(crate) struct Ended(Arc<AtomicBool>);

impl Ended {
    /// How often a thread that waits for the network looks here.
    pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Attendant {
    pub(crate) fn start(run: impl FnOnce(Ended) + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let told = Ended(Arc::clone(&ended));
        Self { ended, thread: Some(std::thread::spawn(move || run(told))) }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread that brought a connection its bytes panicked");
        }
    }
}

pub(crate) fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> RecordError {
    match error.kind() {
        ErrorKind::AddrInUse => RecordError::PortInUse { port: address.port() },
        _ => RecordError::Listen { address: address.to_string(), reason: error.to_string() },
    }
}
