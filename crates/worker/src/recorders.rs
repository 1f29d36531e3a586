//! Supervises live recorders: every meeting with a live source that is not over has one.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use moothall_core::{Clock, MeetingId, MeetingState};
use moothall_store::{Db, Meeting, Secrets, StoreError};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    health::{HealthSettings, HealthWatch, Watcher},
    orders::{Order, Orders},
    recorder::{Memory, Recorder},
    recording_dir,
    rooms::{self, Origin, RoomStatus},
};

/// How often the supervisor compares what shall be recorded with what is. A private session does not wait for
/// it: what may not be aired ends its connection itself.
const POLL: Duration = Duration::from_secs(1);
/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

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
    orders: Arc<Orders>,
    thread: JoinHandle<()>,
}

impl Recorders {
    /// Supervises until `stop` says so; then every recorder writes what it has and ends.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut running: HashMap<MeetingId, Running> = HashMap::new();
        while !*stop.borrow() {
            match self.wanted().await {
                Ok(wanted) => self.compare(&mut running, wanted),
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
    }

    async fn wanted(&self) -> Result<Vec<Wanted>, StoreError> {
        // The private sessions are read last: one that begins meanwhile is not missed.
        let meetings = self.db.meetings_to_record().await?;
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
        Ok(wanted.collect())
    }

    fn compare(&self, running: &mut HashMap<MeetingId, Running>, wanted: Vec<Wanted>) {
        running.retain(|id, recorder| {
            match wanted.iter().find(|wanted| wanted.meeting.id == *id) {
                None => recorder.orders.give(Order::Finish),
                // A key that was changed is dead at once, also for who is connected with it.
                Some(wanted) if wanted.order == Order::Record && wanted.origin != recorder.origin => {
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
                running.insert(meeting.id, self.start(meeting, origin, order));
            }
        }
    }

    fn start(&self, meeting: Meeting, origin: Option<Origin>, order: Order) -> Running {
        let orders = Arc::new(Orders::new(order));
        let runtime = Handle::current();
        let status = RoomStatus {
            db: self.db.clone(),
            clock: self.clock.clone(),
            runtime: runtime.clone(),
            room: origin.as_ref().and_then(Origin::room),
            told: None,
        };
        let health = origin.is_some().then(|| {
            let watch = Watcher::new(&self.db, &self.clock, &self.media_dir, &meeting, &orders, &self.health);
            HealthWatch::start(watch, &runtime)
        });
        let recorder = Recorder {
            db: self.db.clone(),
            clock: self.clock.clone(),
            secrets: self.secrets.clone(),
            origin: origin.clone(),
            status,
            private_network: self.private_network,
            health,
            dir: recording_dir(&self.media_dir, meeting.id),
            waiting_dir: waiting_dir(&self.media_dir, meeting.id),
            meeting,
            orders: Arc::clone(&orders),
            runtime,
            memory: Memory::default(),
        };
        // GStreamer's threads report to this one, which blocks: it must not be one of tokio's.
        let thread = std::thread::spawn(move || recorder.run());
        Running { origin, orders, thread }
    }
}

/// Where a meeting's media waits until it is aired: in memory, out of sight of other users, so that no disk
/// ever holds what must not be kept.
fn waiting_dir(media_dir: &Path, meeting: MeetingId) -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    let memory = Path::new(MEMORY);
    let owner = std::fs::metadata(media_dir).map_or(0, |metadata| metadata.uid());
    if memory.is_dir() {
        return memory.join(format!("moothall-{owner}")).join(meeting.to_string());
    }
    tracing::warn!("there is no {MEMORY}: what is not aired yet lies on the disk until it is");
    media_dir.join(".waiting").join(meeting.to_string())
}
