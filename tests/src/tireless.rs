use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::Encoder;

/// An encoder that calls again whenever it is cut off, as real ones do.
pub struct Tireless {
    hang_up: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tireless {
    pub fn start(push: impl Fn() -> Encoder + Send + 'static) -> Self {
        let (hang_up, stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (hung_up, stopped) = (Arc::clone(&hang_up), Arc::clone(&stop));
        let thread = Some(thread::spawn(move || {
            let mut encoder = push();
            while !stopped.load(Ordering::SeqCst) {
                if hung_up.swap(false, Ordering::SeqCst) || encoder.has_ended() {
                    drop(encoder);
                    encoder = push();
                }
                thread::sleep(Duration::from_millis(50));
            }
        }));
        Self { hang_up, stop, thread }
    }

    /// Some encoders notice only after seconds that nobody answers; others begin anew at once.
    pub fn begin_anew(&self) {
        self.hang_up.store(true, Ordering::SeqCst);
    }
}

impl Drop for Tireless {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
