//! Supervises live recorders: every meeting with a live source that is not over has one.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use moothall_core::{Clock, MeetingId, MeetingState};
use moothall_store::{Db, Meeting, StoreError};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    orders::{Order, Orders},
    recorder::Recorder,
    recording_dir,
};

/// How often the supervisor compares what shall be recorded with what is: a private session may wait no
/// longer.
const POLL: Duration = Duration::from_millis(250);
/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// All live recorders of this process.
pub struct Recorders {
    pub db: Db,
    pub clock: Clock,
    pub media_dir: PathBuf,
}

struct Running {
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

    async fn wanted(&self) -> Result<Vec<(Meeting, Order)>, StoreError> {
        // The private sessions are read last: one that begins meanwhile is not missed.
        let meetings = self.db.meetings_to_record().await?;
        let private: HashSet<MeetingId> = self.db.private_meetings().await?.into_iter().collect();
        let order = |meeting: &Meeting| match meeting.state {
            state if !state.is_running() && state != MeetingState::Scheduled => Order::Finish,
            _ if private.contains(&meeting.id) => Order::Close,
            MeetingState::Adjourned => Order::Pause,
            _ => Order::Record,
        };
        let with_order = |meeting: Meeting| {
            let order = order(&meeting);
            (meeting, order)
        };
        Ok(meetings.into_iter().map(with_order).collect())
    }

    fn compare(&self, running: &mut HashMap<MeetingId, Running>, wanted: Vec<(Meeting, Order)>) {
        running.retain(|id, recorder| {
            if wanted.iter().all(|(meeting, _)| meeting.id != *id) {
                recorder.orders.give(Order::Finish);
            }
            !recorder.thread.is_finished()
        });
        for (meeting, order) in wanted {
            match running.get(&meeting.id) {
                Some(recorder) => recorder.orders.give(order),
                None => {
                    running.insert(meeting.id, self.start(meeting, order));
                }
            }
        }
    }

    fn start(&self, meeting: Meeting, order: Order) -> Running {
        let orders = Arc::new(Orders::new(order));
        let recorder = Recorder::new(
            self.db.clone(),
            self.clock.clone(),
            recording_dir(&self.media_dir, meeting.id),
            waiting_dir(&self.media_dir, meeting.id),
            meeting,
            Arc::clone(&orders),
            Handle::current(),
        );
        // GStreamer's threads report to this one, which blocks: it must not be one of tokio's.
        let thread = std::thread::spawn(move || recorder.run());
        Running { orders, thread }
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
