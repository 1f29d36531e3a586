//! The running program: pages, recorders, workers and the feeding of the index, in one process.

use std::{io::ErrorKind, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use chrono::TimeDelta;
use clap::ValueEnum;
use moothall_core::Clock;
use moothall_search::Index;
use moothall_store::{Db, Lane};
use moothall_web::AppState;
use moothall_worker::{
    Alerts, Archiver, HealthSettings, Indexer, Recorders, Speech, Worker, tidy_until_stopped,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::config::Settings;

/// What one process does of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Pages, API and media
    Web,
    /// Live recorders, and copies of recordings in the object store
    Record,
    /// Transcription and alerts
    Work,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Web, Self::Record, Self::Work];
}

/// Parts that run until they are told to stop.
pub struct Service {
    tasks: JoinSet<Result<()>>,
    stop: watch::Sender<bool>,
    terminate: Signal,
}

impl Service {
    /// Starts the parts. Returns once the pages can be reached.
    pub async fn start(
        settings: &Settings,
        db: &Db,
        clock: &Clock,
        listen: SocketAddr,
        roles: &[Role],
    ) -> Result<Self> {
        // Before anything runs that has to be ended in order.
        let terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let archive = settings.archive()?;
        if roles.contains(&Role::Web) {
            let listener = bind(listen).await?;
            let index = open_index(settings).await?;
            let state = AppState::new(db.clone(), index.clone(), settings.media_dir(), clock.clone())
                .with_archive(archive.clone())
                .with_room_checks(settings.room_checks());
            let indexer = Indexer { db: db.clone(), index };
            let feed_until = stopped.clone();
            tasks.spawn(async move {
                indexer.run(feed_until).await;
                Ok(())
            });
            let serve_until = stopped.clone();
            tasks.spawn(async move {
                moothall_web::serve(listener, moothall_web::router(state), serve_until).await;
                Ok(())
            });
        }
        if roles.contains(&Role::Record) {
            let recorders = Recorders {
                db: db.clone(),
                clock: clock.clone(),
                media_dir: settings.media_dir(),
                secrets: settings.secrets()?,
                private_network: settings.private_network,
                health: HealthSettings {
                    thresholds: settings.thresholds().clone(),
                    targets: settings.alerts()?.targets(),
                },
            };
            let record_until = stopped.clone();
            tasks.spawn(async move {
                recorders.run(record_until).await;
                Ok(())
            });
            if let Some(archive) = archive.clone() {
                let keep_days = settings.storage.as_ref().and_then(|storage| storage.keep_days);
                let archiver = Archiver {
                    db: db.clone(),
                    clock: clock.clone(),
                    media_dir: settings.media_dir(),
                    archive,
                    keep: keep_days.map(|days| TimeDelta::days(i64::from(days))),
                };
                let archive_until = stopped.clone();
                tasks.spawn(async move {
                    archiver.run(archive_until).await;
                    Ok(())
                });
            }
        }
        if roles.contains(&Role::Work) {
            let worker = Arc::new(Worker {
                db: db.clone(),
                clock: clock.clone(),
                media_dir: settings.media_dir(),
                archive,
                speech: Arc::new(Speech::new(settings.models(), &settings.model, settings.mode)),
                name: format!("process {}", std::process::id()),
            });
            let alerts =
                Alerts { db: db.clone(), clock: clock.clone(), settings: Arc::new(settings.alerts()?) };
            let alert_until = stopped.clone();
            tasks.spawn(async move {
                alerts.run(alert_until).await;
                Ok(())
            });
            let tidied = tidy_until_stopped(db.clone(), settings.media_dir(), clock.clone(), stopped.clone());
            tasks.spawn(async move {
                tidied.await;
                Ok(())
            });
            // Each meeting that goes on takes a loop of its own.
            let live = std::iter::repeat_n(Lane::Live, LIVE_AT_ONCE);
            for lane in live.chain([Lane::Prompt, Lane::Long]) {
                let (worker, work_until) = (Arc::clone(&worker), stopped.clone());
                tasks.spawn(async move {
                    worker.run(lane, work_until).await;
                    Ok(())
                });
            }
        }
        Ok(Self { tasks, stop, terminate })
    }

    /// Waits for Ctrl-C, SIGTERM or the failure of a part; then ends everything in order.
    pub async fn until_stopped(mut self) -> Result<()> {
        let failed = tokio::select! {
            signal = stop_signal(&mut self.terminate) => signal.err(),
            Some(ended) = self.tasks.join_next() => ended.context("a part of the program panicked").and_then(|part| part).err(),
        };
        self.stop.send_replace(true);
        // A browser may hold its connection open for ever, and a transcription lasts; their work is safe.
        let rest = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok(Err(error)) = ended {
                    tracing::error!("{error:#}");
                }
            }
        };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::info!("not everything ended in time; unfinished work is taken up at the next start");
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Live meetings that one worker captions: each takes nearly half a core, and there may be other workers.
const LIVE_AT_ONCE: usize = 4;

/// Long enough to write what the recorders hold.
const GRACE: std::time::Duration = std::time::Duration::from_secs(10);

async fn stop_signal(terminate: &mut Signal) -> Result<()> {
    tokio::select! {
        _ = terminate.recv() => {}
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot listen for Ctrl-C")?,
    }
    tracing::info!("stopping");
    Ok(())
}

async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {} is in use: stop the other program, or give another --listen ADDRESS:PORT",
            listen.port()
        ),
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "port {} may only be opened by root: give a --listen port above 1023 and put a proxy in front",
            listen.port()
        ),
        _ => anyhow::Error::new(error).context(format!("cannot listen on {listen}")),
    })
}

async fn open_index(settings: &Settings) -> Result<Arc<Index>> {
    let dir = settings.index_dir();
    let opened = tokio::task::spawn_blocking(move || Index::open(&dir)).await??;
    if let Some(reason) = opened.fresh {
        tracing::info!("{reason}: it is built from the database now");
    }
    Ok(Arc::new(opened.index))
}
