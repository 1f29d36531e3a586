use std::process::ExitCode;

use anyhow::Result;

use super::block_on;
use crate::config::Settings;

pub fn run(settings: &Settings) -> Result<ExitCode> {
    block_on(async {
        let db = settings.open_database().await?;
        println!("the {} database is up to date", db.name());
        Ok(ExitCode::SUCCESS)
    })
}
