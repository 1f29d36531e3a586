//! Supervises live recorders: every meeting with a live source that is not over has one.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use moothall_core::{Clock, MeetingId, MeetingState};
use moothall_ingest::WaitingFolders;
use moothall_store::{Db, Meeting, Secrets, StoreError};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    health::{HealthSettings, HealthWatch, Watcher},
    ledger::{Ledger, Memory},
    orders::{Order, Orders},
    recorder::Recorder,
    recording_dir,
    rooms::{self, Origin, RoomStatus},
};

/// How often the supervisor compares what shall be recorded with what is. A private session does not wait for
/// it: what may not be aired ends its connection itself.
const POLL: Duration = Duration::from_secs(1);
/// All live recorders of this process.
pub struct Recorders {
    pub db: Db,
    pub clock: Clock,
    pub media_dir: PathBuf,
    /// Open what the rooms' sources need in clear.
    pub secrets: Secrets,
    /// Whether sources that are called may be in the private network.
    pub private_network: bool,
    pub health: HealthSettings,
}

/// A meeting that is not over, or not wholly aired, and from where it is to be recorded now.
struct Wanted {
    meeting: Meeting,
    origin: Option<Origin>,
    order: Order,
}

struct Running {
    origin: Option<Origin>,
    air_delay_s: i64,
    orders: Arc<Orders>,
    thread: JoinHandle<()>,
}

impl Recorders {
    /// Supervises until `stop` says so; then every recorder writes what it has and ends.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut running: HashMap<MeetingId, Running> = HashMap::new();
        let waiting = WaitingFolders::of(&self.media_dir);
        if !waiting.is_there() {
            tracing::warn!(
                "there is no /dev/shm: what is not aired yet is in the program's memory only, and lost should it die"
            );
        }
        while !*stop.borrow() {
            match self.wanted(&waiting).await {
                Ok(wanted) => self.compare(&mut running, wanted, &waiting),
                Err(error) => tracing::error!(%error, "cannot see which meetings are to be recorded"),
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => {}
            }
        }
        for recorder in running.values() {
            recorder.orders.give(Order::Leave);
        }
        for (_, recorder) in running {
            // A recorder that panicked has told so itself.
            let _ = tokio::task::spawn_blocking(move || recorder.thread.join()).await;
        }
        waiting.close();
    }

    async fn wanted(&self, waiting: &WaitingFolders) -> Result<Vec<Wanted>, StoreError> {
        // The private sessions are read last: one that begins meanwhile is not missed.
        let meetings = self.db.meetings_to_record().await?;
        let mut left_behind = Vec::new();
        for id in waiting.left_behind() {
            if meetings.iter().any(|meeting| meeting.id == id) {
                continue;
            }
            match self.db.meeting(id).await? {
                Some(meeting) => left_behind.push(meeting),
                None => waiting.remove(id),
            }
        }
        let origins = rooms::origins(meetings, &self.db.room_sources().await?, self.clock.now());
        let private: HashSet<MeetingId> = self.db.private_meetings().await?.into_iter().collect();
        let order = |meeting: &Meeting| match meeting.state {
            state if !state.is_running() && state != MeetingState::Scheduled => Order::Finish,
            _ if private.contains(&meeting.id) => Order::Close,
            MeetingState::Adjourned => Order::Pause,
            _ => Order::Record,
        };
        let wanted = origins.into_iter().map(|(meeting, origin)| {
            let order = order(&meeting);
            Wanted { meeting, origin, order }
        });
        // Nothing is to be recorded of these any more, but what was captured is to be aired, or thrown away.
        let left_behind = left_behind.into_iter().map(|meeting| {
            let order = match order(&meeting) {
                Order::Record => Order::Pause,
                order => order,
            };
            Wanted { meeting, origin: None, order }
        });
        Ok(wanted.chain(left_behind).collect())
    }

    fn compare(
        &self,
        running: &mut HashMap<MeetingId, Running>,
        wanted: Vec<Wanted>,
        waiting: &WaitingFolders,
    ) {
        running.retain(|id, recorder| {
            match wanted.iter().find(|wanted| wanted.meeting.id == *id) {
                None => recorder.orders.give(Order::Finish),
                // A key that was changed is dead at once, also for who is connected with it. What waits for an
                // air delay that was changed is found again by a recorder that knows the new one.
                Some(wanted)
                    if wanted.order == Order::Record
                        && (wanted.origin != recorder.origin
                            || wanted.meeting.air_delay_s != recorder.air_delay_s) =>
                {
                    recorder.orders.give(Order::Leave);
                }
                Some(wanted) => recorder.orders.give(wanted.order),
            }
            !recorder.thread.is_finished()
        });
        for Wanted { meeting, origin, order } in wanted {
            // The port is free once who leaves it has left. Only who records needs one.
            let may_connect = || origin.is_some() && running.values().all(|other| other.origin != origin);
            if !running.contains_key(&meeting.id) && (order != Order::Record || may_connect()) {
                running.insert(meeting.id, self.start(meeting, origin, order, waiting));
            }
        }
    }

    fn start(
        &self,
        meeting: Meeting,
        origin: Option<Origin>,
        order: Order,
        waiting: &WaitingFolders,
    ) -> Running {
        let orders = Arc::new(Orders::new(order));
        let runtime = Handle::current();
        let room = origin.as_ref().and_then(Origin::room);
        let status = RoomStatus::new(self.db.clone(), self.clock.clone(), runtime.clone(), room);
        let air_delay_s = meeting.air_delay_s;
        let waiting_dir = waiting.folder(meeting.id);
        let health = origin.is_some().then(|| {
            let watch = Watcher::new(&self.db, &self.clock, &self.media_dir, &meeting, &orders, &self.health);
            HealthWatch::start(watch, &runtime)
        });
        let ledger = Ledger {
            db: self.db.clone(),
            clock: self.clock.clone(),
            runtime,
            dir: recording_dir(&self.media_dir, meeting.id),
            meeting,
            memory: Memory::default(),
        };
        let recorder = Recorder {
            clock: self.clock.clone(),
            secrets: self.secrets.clone(),
            origin: origin.clone(),
            status: Mutex::new(status),
            ledger: Mutex::new(ledger),
            private_network: self.private_network,
            health,
            waiting_dir,
            orders: Arc::clone(&orders),
        };
        // GStreamer's threads report to this one, which blocks: it must not be one of tokio's.
        let thread = std::thread::spawn(move || recorder.run());
        Running { origin, air_delay_s, orders, thread }
    }
}
