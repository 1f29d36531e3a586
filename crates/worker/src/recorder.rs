//! The recorder of one live meeting.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moothall_core::Clock;
use moothall_ingest::{
    AirDelay, Ending, Exempt, Gate, Progress, Rank, RecordOptions, Recording as Open, Source, StopHandle,
    Switchboard,
};
use moothall_store::{RoomState, Secrets};

use crate::{
    calls::Calls,
    health::HealthWatch,
    ledger::{Ledger, SAVE_EVERY},
    orders::{Order, Orders},
    rooms::{Origin, RoomStatus},
};

/// A source that fails is tried again after this; one that merely ended, at once.
const RETRY: Duration = Duration::from_secs(2);
/// How long an encoder may send neither picture nor sound.
const NO_STREAM_AFTER: Duration = Duration::from_secs(10);
/// How soon a meeting that is over may end, once all is aired.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Why nobody listens yet.
const JUST_REOPENED: &str = "the meeting was reopened just now: the encoder may call in some seconds, once nothing said in private can still be on its way";

/// What a recorder works with. It runs on a thread of its own, which it blocks.
pub(crate) struct Recorder {
    pub clock: Clock,
    /// Open what the room's sources need in clear.
    pub secrets: Secrets,
    /// None where the room is another meeting's now: then nothing is connected to.
    pub origin: Option<Origin>,
    pub status: Mutex<RoomStatus>,
    pub ledger: Mutex<Ledger>,
    /// Whether a source that is called may be in the private network.
    pub private_network: bool,
    /// None where nothing is connected to.
    pub health: Option<HealthWatch>,
    /// The folder for what is not aired yet, where there is memory for it.
    pub waiting_dir: Option<PathBuf>,
    pub orders: Arc<Orders>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same trouble every two seconds would bury the rest of the log.
#[derive(Default)]
struct Complaints(String);

impl Complaints {
    fn complain(&mut self, meeting: &str, complaint: &str) {
        if complaint != self.0 {
            tracing::error!(%meeting, "{complaint}");
            complaint.clone_into(&mut self.0);
        }
    }
}

impl Recorder {
    /// Until the meeting is over or the program ends.
    pub(crate) fn run(&self) {
        let meeting = lock(&self.ledger).meeting.clone();
        let mut complaints = Complaints::default();
        loop {
            let (order, _) = self.orders.current();
            if order == Order::Leave {
                break;
            }
            let air = AirDelay {
                delay: Duration::from_secs(meeting.air_delay_s.unsigned_abs()),
                waiting_dir: self.waiting_dir.clone(),
                gate: self.gate(),
            };
            let dir = lock(&self.ledger).dir.clone();
            match Open::open(&dir, &self.clock, Some(air)) {
                Ok(recording) => {
                    self.follow_orders(&recording, &meeting.slug);
                    break;
                }
                Err(error) => complaints.complain(&meeting.slug, &error.to_string()),
            }
            self.orders.wait(order, RETRY);
        }
        lock(&self.status).tell(RoomState::Idle, "");
    }

    fn follow_orders(&self, recording: &Open, slug: &str) {
        let mut complaints = Complaints::default();
        loop {
            let (order, connection) = self.orders.current();
            match order {
                Order::Record => self.record(recording, &connection, slug),
                Order::Pause | Order::Close => {
                    lock(&self.status).tell(RoomState::Idle, refusing(order));
                    lock(&self.ledger).save_now();
                    self.orders.wait(order, SAVE_EVERY);
                }
                Order::Finish if recording.is_aired() => {
                    let finished = lock(&self.ledger).finish(recording);
                    match finished {
                        Ok(()) => return self.remove_waiting_dir(),
                        Err(error) => {
                            complaints.complain(slug, &format!("cannot end the recording: {error:#}"));
                            self.orders.wait(order, RETRY);
                        }
                    }
                }
                Order::Finish => self.orders.wait(order, LOOK_EVERY),
                Order::Leave => return,
            }
        }
    }

    /// It is not there where nothing ever waited, and small.
    fn remove_waiting_dir(&self) {
        if let Some(dir) = &self.waiting_dir {
            let _ = std::fs::remove_dir(dir);
        }
    }

    /// One connection to the main source after the other, and to the backup beside them, until another order
    /// is given.
    fn record(&self, recording: &Open, connection: &StopHandle, slug: &str) {
        let Some(origin) = &self.origin else { return self.orders.wait(Order::Record, RETRY) };
        let keep_connected = |rank| {
            let mut complaints = Complaints::default();
            while !connection.is_stopped() {
                self.connect(rank, origin, recording, connection, slug, &mut complaints);
            }
        };
        std::thread::scope(|scope| {
            if origin.has_backup() {
                scope.spawn(|| keep_connected(Rank::Backup));
            }
            keep_connected(Rank::Main);
        });
    }

    /// One connection, until it ends or another order is given.
    fn connect(
        &self,
        rank: Rank,
        origin: &Origin,
        recording: &Open,
        connection: &StopHandle,
        slug: &str,
        complaints: &mut Complaints,
    ) {
        let source = origin.source(rank, &self.secrets);
        if let Ok(source) = &source
            && let wait = recording.wait_before_connecting(source)
            && !wait.is_zero()
        {
            self.tell(rank, RoomState::Waiting, JUST_REOPENED);
            return self.orders.wait(Order::Record, wait);
        }
        let recorded = source.and_then(|source: Source| {
            let file_epoch = lock(&self.ledger).meeting.starts_at;
            let options = RecordOptions {
                clock: self.clock.clone(),
                file_epoch,
                no_stream_after: NO_STREAM_AFTER,
                private_network: self.private_network,
                rank,
                ladder: origin.wants_ladder(),
                meter: self.health.as_ref().map(HealthWatch::meter),
                switchboard: self.switchboard(origin),
            };
            let hear = |event| self.hear(rank, &event, recording, slug);
            Ok(recording.record(&source, &options, connection, hear)?)
        });
        match recorded {
            Ok(summary) => {
                self.tell(rank, RoomState::Waiting, &summary.warnings.join("; "));
                for warning in &summary.warnings {
                    tracing::warn!(meeting = %slug, ?rank, "{warning}");
                }
                tracing::info!(meeting = %slug, ?rank, upto = %summary.end, "the connection ended");
                complaints.0.clear();
                // Ended though nobody ordered it: a private session began, and the order is on its way.
                if summary.ending == Ending::Stopped && !connection.is_stopped() {
                    self.orders.wait(Order::Record, RETRY);
                }
            }
            Err(error) => {
                let complaint = format!("{error:#}");
                self.tell(rank, RoomState::Failed, &complaint);
                complaints.complain(slug, &complaint);
                self.orders.wait(Order::Record, RETRY);
            }
        }
    }

    /// Over which browsers call, where it is a room that they may call.
    fn switchboard(&self, origin: &Origin) -> Option<Arc<dyn Switchboard>> {
        let ledger = lock(&self.ledger);
        let (db, clock, runtime) = (ledger.db.clone(), self.clock.clone(), ledger.runtime.clone());
        origin.room().map(|room| Arc::new(Calls { db, clock, runtime, room }) as _)
    }

    /// The database says what may be aired; as long as it does not answer, nothing is.
    fn gate(&self) -> Gate {
        let ledger = lock(&self.ledger);
        let (db, runtime, meeting) = (ledger.db.clone(), ledger.runtime.clone(), ledger.meeting.id);
        Arc::new(move || {
            let spans = runtime.block_on(db.exempt_spans(meeting)).map_err(|error| error.to_string())?;
            Ok(spans.iter().map(|span| Exempt { from: span.from_at, until: span.until_at }).collect())
        })
    }

    /// That a connection is not there, and why.
    fn tell(&self, rank: Rank, state: RoomState, note: &str) {
        let mut status = lock(&self.status);
        match rank {
            Rank::Main => status.tell(state, note),
            Rank::Backup => status.backup_ended(note),
        }
    }

    fn hear(&self, rank: Rank, event: &Progress, recording: &Open, slug: &str) {
        {
            let mut status = lock(&self.status);
            match (recording.trouble(), rank) {
                (Some(trouble), _) => status.tell(RoomState::Failed, &trouble),
                (None, Rank::Main) => status.hear(event),
                (None, Rank::Backup) => status.hear_backup(event),
            }
        }
        match event {
            Progress::Listening { port } => {
                tracing::info!(meeting = %slug, ?rank, port, "waiting for an encoder");
            }
            Progress::Recorded { .. } => lock(&self.ledger).save_sometimes(),
            _ => {}
        }
    }
}

/// Why an encoder that calls now is refused, for those who look after it.
const fn refusing(order: Order) -> &'static str {
    match order {
        Order::Close => {
            "press and public are excluded: the encoder may call again once the meeting is reopened"
        }
        _ => "the meeting is adjourned: the encoder may call again once it is resumed",
    }
}
