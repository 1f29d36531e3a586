use std::{process::ExitCode, sync::Arc};

use anyhow::Result;
use moothall_search::Index;
use moothall_worker::Indexer;

use super::block_on;
use crate::{config::Settings, progress};

pub fn run(settings: &Settings) -> Result<ExitCode> {
    block_on(async {
        let db = settings.open_database().await?;
        let total = db.changed_meetings(0, i64::MAX).await?.len();
        let dir = settings.index_dir();
        let opened = tokio::task::spawn_blocking(move || Index::rebuild(&dir)).await??;
        let indexer = Indexer { db, index: Arc::new(opened.index) };
        let bar = progress::bar("Indexing", total as u64);
        let meetings = indexer.catch_up(|done| bar.set_position(done as u64)).await?;
        bar.finish_and_clear();
        println!("{meetings} meetings indexed");
        Ok(ExitCode::SUCCESS)
    })
}
