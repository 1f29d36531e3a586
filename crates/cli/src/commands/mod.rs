//! One file per command.

pub mod agenda;
pub mod demo;
pub mod doctor;
pub mod import;
pub mod meeting;
pub mod migrate;
pub mod model;
pub mod reindex;
pub mod room;
pub mod serve;
pub mod token;
pub mod transcribe;
pub mod user;

use anyhow::{Context, Result};

/// Runs what waits for databases and sockets.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?
        .block_on(work)
}
