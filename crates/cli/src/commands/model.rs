use std::process::ExitCode;

use anyhow::Result;

use moothall_transcribe::{models::VOICE_ACTIVITY, voices};

use crate::{config::Settings, progress};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Fetch a speech model, the voice activity model that all need, and with --mirror the models of voices
    Fetch {
        /// Such as base; `moothall model list` names them
        name: Option<String>,
        /// Fetch from ADDRESS/FILE instead of the official places
        #[arg(long, value_name = "ADDRESS", env = "MOOTHALL_MODEL_MIRROR")]
        mirror: Option<String>,
    },
    /// List the models
    List,
    /// Compare the files with their known sha256
    Verify {
        /// All that are installed where absent
        name: Option<String>,
    },
}

pub fn run(settings: &Settings, command: &Command) -> Result<ExitCode> {
    match command {
        Command::Fetch { name, mirror } => fetch(settings, name.as_deref(), mirror.as_deref()),
        Command::List => {
            for model in settings.models().list() {
                let state = if model.installed { "installed" } else { "" };
                println!("{:<20} {:>6} MB  {state}", model.name, model.bytes.div_ceil(1_000_000));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { name } => Ok(verify(settings, name.as_deref())),
    }
}

fn fetch(settings: &Settings, name: Option<&str>, mirror: Option<&str>) -> Result<ExitCode> {
    let mut models = settings.models();
    if let Some(mirror) = mirror {
        models = models.with_mirror(mirror);
    }
    let mut names = vec![name.unwrap_or(&settings.model), VOICE_ACTIVITY];
    // They have no official place in the form that is needed.
    if mirror.is_some() {
        names.extend(voices::MODELS);
    }
    for name in names {
        let bar = progress::bytes(name, 0);
        models.fetch(name, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })?;
        bar.finish_and_clear();
        println!("{name} is in {}", models.dir().display());
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(settings: &Settings, name: Option<&str>) -> ExitCode {
    let models = settings.models();
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => models.list().into_iter().filter(|model| model.installed).map(|model| model.name).collect(),
    };
    if names.is_empty() {
        eprintln!("no model is installed: run `moothall model fetch {}`", settings.model);
        return ExitCode::FAILURE;
    }
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match models.verify(&name) {
            Ok(()) => println!("{name} is as it should be"),
            Err(error) => {
                eprintln!("{error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
