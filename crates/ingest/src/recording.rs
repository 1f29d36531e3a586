//! A recording that is open for writing: connections bring entries, and they come onto the shelf once they
//! may be aired.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use chrono::{DateTime, Utc};
use moothall_core::Clock;

use crate::{
    air::{AirDelay, Waiting},
    entry::{Entry, Head},
    journal::Line,
    lead::Lead,
    record::RecordError,
    shelf::Shelf,
    source::Source,
    timeline::Timeline,
};

/// How often what waits is judged, and what is due is aired.
const JUDGE_EVERY: Duration = Duration::from_millis(250);
/// How long to wait before a full disk is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Holds the journal's lock; only one can be open at a time.
pub struct Recording {
    pub(crate) inner: Arc<Inner>,
    airing: Option<JoinHandle<()>>,
}

pub(crate) struct Inner {
    clock: Clock,
    shelf: Mutex<Shelf>,
    air: Option<Air>,
    pub(crate) lead: Mutex<Lead>,
}

struct Air {
    settings: AirDelay,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    waiting: Waiting,
    closing: bool,
    /// A connection was refused for a private session; its run is over once what may be aired of it is.
    cut_off: bool,
    trouble: Option<String>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    /// Opens the recording in `dir` and mends what a killed recorder left behind. Without an air delay
    /// everything is written at once, as from a file.
    ///
    /// # Errors
    /// If another process has it open, or the folder cannot be written.
    pub fn open(dir: &Path, clock: &Clock, air: Option<AirDelay>) -> Result<Self, RecordError> {
        let shelf = Mutex::new(Shelf::open(dir)?);
        let air = match air {
            Some(settings) => {
                let waiting = Waiting::open(settings.waiting_dir.as_deref());
                let queue = Mutex::new(Queue { waiting, closing: false, cut_off: false, trouble: None });
                Some(Air { settings, queue, changed: Condvar::new() })
            }
            None => None,
        };
        let inner = Arc::new(Inner { clock: clock.clone(), shelf, air, lead: Mutex::default() });
        let airing = inner.air.is_some().then(|| {
            let inner = Arc::clone(&inner);
            std::thread::spawn(move || inner.air_until_closed())
        });
        let recording = Self { inner, airing };
        recording.inner.end_what_died()?;
        Ok(recording)
    }

    /// Whether everything that was captured is aired or thrown away.
    pub fn is_aired(&self) -> bool {
        self.inner.air.as_ref().is_none_or(|air| lock(&air.queue).waiting.is_empty())
    }

    /// How long to wait before `source` is connected to, so that nothing which it kept from a private session
    /// comes with it.
    pub fn wait_before_connecting(&self, source: &Source) -> Duration {
        let Some(air) = &self.inner.air else { return Duration::ZERO };
        // Where nobody can say, nothing is aired either.
        let spans = (air.settings.gate)().unwrap_or_default();
        let Some(reopened) = spans.iter().filter_map(|span| span.until).max() else { return Duration::ZERO };
        let since = self.inner.clock.now().signed_duration_since(reopened).to_std().unwrap_or_default();
        source.backlog().saturating_sub(since)
    }

    /// What keeps captured media from being aired, such as a full disk, in words. It is tried again and again.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.inner.air.as_ref()?.queue).trouble.clone()
    }

    /// Says in the journal that the recording is over, so that its playlists end. What still waits is not
    /// in it: see [`Recording::is_aired`].
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn finish(&self) -> Result<(), RecordError> {
        let mut shelf = lock(&self.inner.shelf);
        if shelf.timeline().is_finished() {
            return Ok(());
        }
        shelf.put(&self.inner.own_entry(Line::End))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(air) = &self.inner.air {
            lock(&air.queue).closing = true;
            air.changed.notify_all();
        }
        if self.airing.take().is_some_and(|airing| airing.join().is_err()) {
            tracing::error!("the thread that airs a recording panicked");
        }
    }
}

impl Inner {
    /// The recording with all that was captured, on which the next connection follows.
    pub(crate) fn timeline(&self) -> Timeline {
        let on_the_shelf = || lock(&self.shelf).timeline().clone();
        let Some(air) = &self.air else { return on_the_shelf() };
        // What is aired between the two must not be missed; that it may be told of twice does no harm.
        let queue = lock(&air.queue);
        queue.waiting.applied_to(on_the_shelf())
    }

    /// A recorder that died could not say so: nothing is added to its last segment any more, whether or not an
    /// encoder ever comes back.
    fn end_what_died(&self) -> Result<(), RecordError> {
        let timeline = self.timeline();
        if timeline.run() == 0 || timeline.is_stopped() || timeline.is_finished() {
            return Ok(());
        }
        self.push(self.own_entry(Line::Stopped { run: timeline.run() }))
    }

    /// Takes an entry in.
    ///
    /// # Errors
    /// If it cannot be kept, or its connection must end: see [`RecordError`].
    pub(crate) fn push(&self, entry: Entry) -> Result<(), RecordError> {
        let Some(air) = &self.air else { return lock(&self.shelf).put(&entry) };
        let mut queue = lock(&air.queue);
        // Who airs looks up by itself as long as something waits.
        let is_awaited = queue.waiting.is_empty() || queue.trouble.is_some();
        queue.waiting.push(entry)?;
        if is_awaited {
            air.changed.notify_all();
        }
        Ok(())
    }

    fn own_entry(&self, line: Line) -> Entry {
        let now = self.clock.now();
        Entry { head: Head { captured_at: now, connected_at: now, line }, bytes: Vec::new() }
    }

    fn air_until_closed(&self) {
        let Some(air) = &self.air else { return };
        loop {
            let closing = self.wait(air);
            if let Err(trouble) = self.air_what_is_due(air) {
                self.hold(air, trouble);
            }
            if closing {
                return;
            }
        }
    }

    /// Until something is due, all is to be judged again, or the recording is closed: then it says so.
    fn wait(&self, air: &Air) -> bool {
        let queue = lock(&air.queue);
        if queue.closing {
            return true;
        }
        let queue = if queue.waiting.is_empty() && !queue.cut_off {
            air.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
        } else if air.settings.delay.is_zero()
            && queue.waiting.due(Duration::ZERO, self.clock.now()).is_some()
        {
            queue
        } else {
            // Asking the database for each piece would cost more than writing it.
            let is_open = |queue: &mut Queue| !queue.closing;
            let waited = air.changed.wait_timeout_while(queue, JUDGE_EVERY, is_open);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
        queue.closing
    }

    /// # Errors
    /// Why it cannot be aired, in words.
    fn air_what_is_due(&self, air: &Air) -> Result<(), String> {
        {
            let queue = lock(&air.queue);
            if queue.waiting.is_empty() && !queue.cut_off {
                return Ok(());
            }
        }
        // What becomes due after the gate was asked must wait until it is asked again.
        let asked_at = self.clock.now();
        let spans = (air.settings.gate)()
            .map_err(|error| format!("nobody can say whether the meeting is public: {error}"))?;
        {
            let mut queue = lock(&air.queue);
            queue.cut_off |= queue.waiting.judge(&spans, air.settings.delay, asked_at);
        }
        if let Err(error) = self.put_what_is_due(air, asked_at) {
            let goes_on = lock(&air.queue).waiting.air_from_memory(air.settings.delay, asked_at);
            let meanwhile = if goes_on { "viewers see it from memory" } else { "viewers see nothing new" };
            return Err(format!("{error}; meanwhile {meanwhile}"));
        }
        lock(&air.queue).trouble = None;
        Ok(())
    }

    fn put_what_is_due(&self, air: &Air, asked_at: DateTime<Utc>) -> Result<(), RecordError> {
        self.end_what_was_cut_off(air)?;
        loop {
            let due = lock(&air.queue).waiting.due(air.settings.delay, asked_at);
            let Some(entry) = due else { return Ok(()) };
            lock(&self.shelf).put(&entry)?;
            lock(&air.queue).waiting.aired(&entry);
            self.end_what_was_cut_off(air)?;
        }
    }

    /// What was aired before a private session is all there will be of its run: players need not wait for more.
    fn end_what_was_cut_off(&self, air: &Air) -> Result<(), RecordError> {
        let mut queue = lock(&air.queue);
        if !queue.cut_off || queue.waiting.holds_refused() {
            return Ok(());
        }
        let mut shelf = lock(&self.shelf);
        let run = shelf.timeline().run();
        if run > 0 && !shelf.timeline().is_stopped() {
            shelf.put(&self.own_entry(Line::Stopped { run }))?;
        }
        queue.cut_off = false;
        Ok(())
    }

    /// Nothing can be aired for now: it waits.
    fn hold(&self, air: &Air, trouble: String) {
        let mut queue = lock(&air.queue);
        if queue.trouble.as_ref() != Some(&trouble) {
            tracing::error!("what is captured waits and is tried again: {trouble}");
            queue.trouble = Some(trouble);
        }
        if !queue.closing {
            drop(air.changed.wait_timeout(queue, TRY_AGAIN));
        }
    }
}
