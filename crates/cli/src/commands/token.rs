//! Tokens with which other systems of a council write to the archive.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use moothall_core::{Clock, Secret, TokenId};
use moothall_store::{AuditEntry, Council, Db, ServiceToken, TokenScope};
use moothall_worker::import::council_name;
use serde_json::json;

use super::block_on;
use crate::config::Settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The council's short name in addresses
    #[arg(long, global = true, default_value = "council", value_name = "SLUG")]
    council: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a token; it is shown once
    Add {
        /// What has it: "Conference system of the chamber"
        name: String,
        /// All that it opens: microphones
        #[arg(long)]
        scope: TokenScope,
    },
    /// Show which systems have tokens
    List,
    /// Remove a token: it opens nothing any more at once
    Remove { name: String },
}

pub fn run(settings: &Settings, args: Args) -> Result<ExitCode> {
    block_on(async {
        let db = settings.open_database().await?;
        match args.command {
            Command::Add { name, scope } => add(&db, &args.council, &name, scope).await?,
            Command::List => list(&db).await?,
            Command::Remove { name } => remove(&db, &args.council, &name).await?,
        }
        db.close().await;
        Ok(ExitCode::SUCCESS)
    })
}

async fn add(db: &Db, council: &str, name: &str, scope: TokenScope) -> Result<()> {
    let name = name.trim();
    if name.is_empty() {
        bail!("give the token a name that tells which system has it, as in \"Conference system\"");
    }
    let secret = Secret::token()?;
    let now = Clock::System.now();
    let mut tx = db.begin().await?;
    let council = tx.ensure_council(council, &council_name(council), now).await?;
    let token = ServiceToken {
        id: TokenId::new(),
        council_id: council.id,
        name: name.to_owned(),
        scope,
        sha256: secret.sha256(),
        created_at: now,
    };
    if !tx.add_service_token(&token).await? {
        bail!("{} has a token named {name:?}: remove that first, or give another name", council.name);
    }
    let entry = AuditEntry::new(council.id, None, now, "token.add", token.id);
    tx.audit(&entry.changed(None, json!({ "name": name, "scope": scope.as_str() }))).await?;
    tx.commit().await?;
    println!("{name} opens {} of {}. The token, which is shown only now:", scope.as_str(), council.name);
    println!("{}", secret.reveal());
    Ok(())
}

async fn list(db: &Db) -> Result<()> {
    let councils = db.councils().await?;
    for token in db.service_tokens().await? {
        let council = councils.iter().find(|council| council.id == token.council_id);
        let slug = council.map_or("", |council| council.slug.as_str());
        let since = token.created_at.format("%Y-%m-%d");
        println!("{slug}  {}  {}  since {since}", token.name, token.scope.as_str());
    }
    Ok(())
}

async fn remove(db: &Db, council: &str, name: &str) -> Result<()> {
    let council = find(db, council).await?;
    let mut tx = db.begin().await?;
    if !tx.remove_service_token(council.id, name).await? {
        bail!("{} has no token named {name:?}: see `moothall token list`", council.name);
    }
    let entry = AuditEntry::new(council.id, None, Clock::System.now(), "token.remove", council.id);
    tx.audit(&entry.changed(json!({ "name": name }), None)).await?;
    tx.commit().await?;
    println!("{name} opens nothing any more");
    Ok(())
}

async fn find(db: &Db, slug: &str) -> Result<Council> {
    let councils = db.councils().await?;
    councils
        .into_iter()
        .find(|council| council.slug == slug)
        .with_context(|| format!("there is no council {slug}"))
}
