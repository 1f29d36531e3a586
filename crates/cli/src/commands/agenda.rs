use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plain text, PDF or Modern.gov XML
    file: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let agenda = moothall_agenda::read(&args.file)?;
    for warning in &agenda.warnings {
        eprintln!("{}: {warning}", args.file.display());
    }
    println!("{}", serde_json::to_string_pretty(&agenda.items)?);
    Ok(ExitCode::SUCCESS)
}
