//! Measures what is recorded, from whichever of a room's sources, beside the recording.
//!
//! The recording's threads leave coded frames in a [`Meter`] without waiting for anything: when it is full they
//! are let go. Whoever asks [`Readings`] for the next one decodes them in a thread of its own.

mod decoder;
mod link;
mod picture;
mod sound;

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use gst::{glib, prelude::*};
use moothall_core::{Clock, health::Reading};

use self::{link::Counter, picture::Looker, sound::Ear};
use crate::{journal::Rendition, lead::Rank};

/// What one reading covers.
const EVERY: Duration = Duration::from_secs(1);
/// Some seconds of sound, if a reading takes long.
const MOST_PIECES: usize = 512;
/// A decoded picture costs as much as a second of sound.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a recording leaves its frames in. Clones are the same meter.
#[derive(Clone)]
pub struct Meter(Arc<Tap>);

#[derive(Default)]
struct Tap {
    caught: Mutex<Caught>,
    closing: Condvar,
}

/// What came since the last reading.
#[derive(Default)]
struct Caught {
    pieces: Vec<Piece>,
    sound_bytes: u64,
    picture_bytes: u64,
    missed: i64,
    drift_us: Option<i64>,
    /// These stay from one reading to the next.
    looked_at: Option<Instant>,
    recorded: Rank,
    /// By rank.
    sources: [Option<glib::WeakRef<gst::Element>>; 2],
    closed: bool,
}

/// A frame as its encoder made it.
struct Piece {
    rendition: Rendition,
    buffer: gst::Buffer,
    caps: gst::Caps,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// A meter, and what is read from it.
    pub fn new(clock: Clock) -> (Self, Readings) {
        let tap = Arc::<Tap>::default();
        let readings = Readings {
            from: clock.now(),
            due: Instant::now() + EVERY,
            tap: Arc::clone(&tap),
            clock,
            ear: Ear::default(),
            looker: Looker::default(),
            counter: Counter::default(),
            formats: Default::default(),
        };
        (Self(tap), readings)
    }

    /// No more readings: whoever waits for the next one is told so at once.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.closing.notify_all();
    }

    /// The element that a connection begins with tells of its packets.
    pub(crate) fn comes_through(&self, source: &gst::Element, rank: Rank) {
        self.lock().sources[rank as usize] = Some(source.downgrade());
    }

    /// Measures this source from now on, and not the other.
    pub(crate) fn follow(&self, rank: Rank) {
        let mut caught = self.lock();
        if caught.recorded != rank {
            (caught.recorded, caught.looked_at) = (rank, None);
        }
    }

    /// Measures what goes through `pad`, which gives coded frames to the muxer.
    pub(crate) fn watch(&self, pad: &gst::Pad, rendition: Rendition, rank: Rank) {
        let meter = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data {
                meter.catch(pad, rendition, rank, buffer);
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// By how much the source's times are ahead of the clock. What comes late says nothing of the clock: the
    /// greatest of a reading counts.
    pub(crate) fn drifts(&self, drift_us: i64, rank: Rank) {
        let mut caught = self.lock();
        if caught.recorded != rank {
            return;
        }
        caught.drift_us = caught.drift_us.max(Some(drift_us));
    }

    fn catch(&self, pad: &gst::Pad, rendition: Rendition, rank: Rank, buffer: &gst::Buffer) {
        let mut caught = self.lock();
        if caught.recorded != rank {
            return;
        }
        let bytes = buffer.size() as u64;
        if rendition.is_picture() {
            caught.picture_bytes += bytes;
            let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            if !is_key || caught.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
                return;
            }
            caught.looked_at = Some(Instant::now());
        } else {
            caught.sound_bytes += bytes;
        }
        if caught.closed || caught.pieces.len() >= MOST_PIECES {
            caught.missed += 1;
        } else if let Some(caps) = pad.current_caps() {
            caught.pieces.push(Piece { rendition, buffer: buffer.clone(), caps });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Caught> {
        self.0.lock()
    }
}

impl Tap {
    fn lock(&self) -> MutexGuard<'_, Caught> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come by then; none once the meter is closed.
    fn take_at(&self, due: Instant) -> Option<Caught> {
        let wait = due.saturating_duration_since(Instant::now());
        let waited = self.closing.wait_timeout_while(self.lock(), wait, |caught| !caught.closed);
        let (mut caught, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if caught.closed {
            return None;
        }
        let Caught { looked_at, recorded, sources, .. } = &*caught;
        let stays = Caught {
            looked_at: *looked_at,
            recorded: *recorded,
            sources: sources.clone(),
            ..Caught::default()
        };
        Some(std::mem::replace(&mut *caught, stays))
    }
}

/// What a meter shows, second by second. Asking for the next one blocks; a second in which nothing came has
/// a reading too. The readings end when the meter is closed.
pub struct Readings {
    tap: Arc<Tap>,
    clock: Clock,
    from: DateTime<Utc>,
    due: Instant,
    ear: Ear,
    looker: Looker,
    counter: Counter,
    formats: [Option<String>; Rendition::ALL.len()],
}

impl Iterator for Readings {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        let caught = self.tap.take_at(self.due)?;
        // A reading that was waited for makes no others follow in haste.
        self.due = Instant::now() + EVERY;
        let until = self.clock.now().max(self.from);
        let mut reading = Reading::empty(std::mem::replace(&mut self.from, until), until);
        let per_second = |bytes: u64| bytes as f64 * 8.0 / reading.over_ms().max(1) as f64;
        (reading.sound_kbps, reading.picture_kbps) =
            (per_second(caught.sound_bytes), per_second(caught.picture_bytes));
        reading.missed = caught.missed;
        reading.drift_ms = caught.drift_us.map(|us| us / 1_000);
        let source = caught.sources[caught.recorded as usize].as_ref().and_then(glib::WeakRef::upgrade);
        reading.link = source.and_then(|source| self.counter.count(&source));
        for Piece { rendition, buffer, caps } in caught.pieces {
            self.formats[rendition.index()] = Some(describe(&caps));
            if rendition.is_picture() {
                reading.picture = self.looker.look(buffer, &caps).or(reading.picture);
            } else {
                self.ear.hear(buffer, &caps);
            }
        }
        reading.sound = self.ear.levels();
        let format = |rendition: Rendition| self.formats[rendition.index()].clone();
        reading.sound_format = format(Rendition::Audio).filter(|_| reading.sound_kbps > 0.0);
        reading.picture_format = format(Rendition::Video).filter(|_| reading.picture_kbps > 0.0);
        Some(reading)
    }
}

impl Readings {
    /// Throws away all that came and is not read yet, and what the decoders hold.
    pub fn forget(&mut self) {
        let mut caught = self.tap.lock();
        let Caught { recorded, sources, closed, .. } = std::mem::take(&mut *caught);
        *caught = Caught { recorded, sources, closed, ..Caught::default() };
        drop(caught);
        (self.ear, self.looker) = (Ear::default(), Looker::default());
    }
}

/// `H.264 (main), 1280 × 720`, `AAC, 48 kHz, 2 channels`.
fn describe(caps: &gst::Caps) -> String {
    let Some(structure) = caps.structure(0) else { return String::new() };
    let number = |name: &str| structure.get::<i32>(name).ok();
    match (number("width"), number("height"), number("rate"), number("channels")) {
        (Some(width), Some(height), ..) => {
            let profile = structure.get::<&str>("profile").unwrap_or("unknown profile");
            format!("H.264 ({profile}), {width} × {height}")
        }
        (_, _, Some(rate), Some(channels)) => {
            let s = if channels == 1 { "" } else { "s" };
            format!("AAC, {} kHz, {channels} channel{s}", f64::from(rate) / 1_000.0)
        }
        _ => gst_pbutils::pb_utils_get_codec_description(caps).to_string(),
    }
}
