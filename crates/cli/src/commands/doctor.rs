use std::{fs, net::TcpListener, path::Path, process::Command, process::ExitCode};

use anyhow::Result;

use moothall_transcribe::{models::VOICE_ACTIVITY, voices};

use super::block_on;
use crate::config::Settings;

/// A check that failed says how to mend it.
type Check = std::result::Result<String, String>;

pub fn run(settings: &Settings) -> Result<ExitCode> {
    let mut checks: Vec<(&str, Check)> = vec![
        ("media", plugins()),
        ("PDF", pdftotext()),
        ("storage", storage(&settings.data)),
        ("archive", block_on(async { Ok(archive(settings).await) })?),
        ("database", block_on(async { Ok(database(settings).await) })?),
        ("port", port(settings)),
    ];
    let [segmentation, embedding] = voices::MODELS;
    for model in [settings.model.as_str(), VOICE_ACTIVITY, segmentation, embedding] {
        let verified = settings.models().verify(model);
        let check =
            verified.map(|()| format!("{model} is as it should be")).map_err(|error| error.to_string());
        checks.push(("model", check));
    }
    let mut code = ExitCode::SUCCESS;
    for (name, check) in checks {
        match check {
            Ok(what) => println!("ok       {name:<9} {what}"),
            Err(what) => {
                println!("PROBLEM  {name:<9} {what}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn plugins() -> Check {
    let elements = moothall_ingest::required_elements();
    let missing: Vec<String> = elements
        .iter()
        .filter(|status| !status.present)
        .map(|status| format!("{} (apt-get install {})", status.element, status.package))
        .collect();
    if missing.is_empty() {
        return Ok(format!("all {} GStreamer elements are there", elements.len()));
    }
    Err(format!("GStreamer elements are missing: {}", missing.join(", ")))
}

fn pdftotext() -> Check {
    match Command::new("pdftotext").arg("-v").output() {
        Ok(_) => Ok("pdftotext is there".to_owned()),
        Err(_) => {
            Err("pdftotext is missing, so no PDF agenda can be read: apt-get install poppler-utils"
                .to_owned())
        }
    }
}

fn storage(data: &Path) -> Check {
    let probe = data.join(".doctor");
    fs::create_dir_all(data)
        .and_then(|()| fs::write(&probe, "x"))
        .and_then(|()| fs::remove_file(&probe))
        .map(|()| format!("{} can be written", data.display()))
        .map_err(|error| format!("{}: {error}; give another --data, or change its owner", data.display()))
}

async fn archive(settings: &Settings) -> Check {
    let Some(archive) = settings.archive().map_err(|error| format!("{error:#}"))? else {
        return Ok("no object store is configured: media stay on this disk".to_owned());
    };
    match archive.probe().await {
        Ok(()) => Ok(format!("{} can be written, read, listed and cleaned", archive.shown())),
        Err(error) => Err(format!("{}: {error}", archive.shown())),
    }
}

async fn database(settings: &Settings) -> Check {
    match settings.open_database().await {
        Ok(db) => Ok(format!("{} answers and is up to date", db.name())),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn port(settings: &Settings) -> Check {
    let listen = settings.listen.unwrap_or(super::serve::LISTEN);
    TcpListener::bind(listen)
        .map(|_| format!("{listen} is free"))
        .map_err(|error| format!("{listen}: {error}; stop the other program (perhaps Moothall itself), or serve with another --listen"))
}
