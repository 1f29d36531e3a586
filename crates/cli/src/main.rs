//! `moothall`: the one program.

mod commands;
mod config;
mod demo;
mod progress;
mod service;
mod storage;

use std::{io::IsTerminal, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigArgs, Settings};

/// Records, webcasts, transcribes and searches council meetings.
#[derive(Debug, Parser)]
#[command(name = "moothall", version)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a fictional council with a published meeting and one that is live
    Demo(commands::demo::Args),
    /// Run Moothall: pages, recorders and workers
    Serve(commands::serve::Args),
    /// Write down what is said in any media file
    Transcribe(commands::transcribe::Args),
    /// Show what is found in an agenda document, as JSON
    Agenda(commands::agenda::Args),
    /// Bring in meetings from files
    #[command(subcommand)]
    Import(commands::import::Command),
    /// Exclude the public from a meeting and let it in again; adjourn, end, publish or withhold
    #[command(subcommand)]
    Meeting(commands::meeting::Command),
    /// Add rooms with their encoders, give them new keys, and check them before a meeting
    Room(commands::room::Args),
    /// Make, list and remove the tokens with which other systems of a council write to the archive
    Token(commands::token::Args),
    /// Add, list and remove users of the console, and give them new passwords
    #[command(subcommand)]
    User(commands::user::Command),
    /// Fetch, list or verify speech models
    #[command(subcommand)]
    Model(commands::model::Command),
    /// Check this machine, and say how to mend what is wrong
    Doctor,
    /// Build the search index anew from the database
    Reindex,
    /// Bring the database's schema up to date
    Migrate,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(log_filter(&cli.command))
        .with_target(false)
        .init();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("moothall: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(cli.config)?;
    match cli.command {
        Command::Demo(args) => commands::demo::run(settings, args),
        Command::Serve(args) => commands::serve::run(settings, args),
        Command::Transcribe(args) => commands::transcribe::run(&settings, &args),
        Command::Agenda(args) => commands::agenda::run(&args),
        Command::Import(command) => commands::import::run(settings, command),
        Command::Meeting(command) => commands::meeting::run(&settings, &command),
        Command::Room(args) => commands::room::run(&settings, args),
        Command::Token(args) => commands::token::run(&settings, args),
        Command::User(command) => commands::user::run(&settings, command),
        Command::Model(command) => commands::model::run(&settings, &command),
        Command::Doctor => commands::doctor::run(&settings),
        Command::Reindex => commands::reindex::run(&settings),
        Command::Migrate => commands::migrate::run(&settings),
    }
}

/// `RUST_LOG` decides; without it a service tells what it does, and a tool only what is wrong.
fn log_filter(command: &Command) -> EnvFilter {
    let quiet = !matches!(command, Command::Serve(_));
    let default =
        if quiet { "warn" } else { "info,tower_http=warn,whisper_rs=warn,sqlx=warn,object_store=warn" };
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}
