//! Rooms: where meetings are recorded, and the keys of their encoders.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use moothall_core::{
    Clock, RoomId, Secret,
    health::{Check, Verdict},
    slugify,
};
use moothall_ingest::{KeyKind, Source};
use moothall_store::{AuditEntry, Council, Db, Room, RoomState, Secrets, Tx};
use moothall_worker::import::council_name;
use serde_json::{Value, json};

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
    /// Add a room; what its encoder needs is shown once
    Add {
        /// "Council Chamber"
        name: String,
        /// Where its encoder calls or is called: srt://0.0.0.0:9710
        #[arg(long, value_name = "URL")]
        source: String,
        /// By how much publication is behind the chamber, from 0 to 300
        #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = air_delay())]
        air_delay: i64,
    },
    /// Show the rooms, and how it goes there
    List,
    /// Say whether a room is ready for a meeting, and what to do if it is not
    Check { slug: String },
    /// Give a room a new key, shown once; the old one is dead at once
    RotateKey { slug: String },
    /// Change a room; its address stays, and its key unless another is given
    Set {
        slug: String,
        #[arg(long)]
        name: Option<String>,
        /// Where its encoder calls or is called
        #[arg(long, value_name = "URL")]
        source: Option<String>,
        /// For meetings that are announced from now on, from 0 to 300
        #[arg(long, value_name = "SECONDS", value_parser = air_delay())]
        air_delay: Option<i64>,
    },
    /// Remove a room that no meeting needs any more
    Remove { slug: String },
}

fn air_delay() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(0..=300)
}

pub fn run(settings: &Settings, args: Args) -> Result<ExitCode> {
    let secrets = settings.secrets()?;
    block_on(async {
        let db = settings.open_database().await?;
        if matches!(args.command, Command::List) {
            list(&db.rooms().await?);
            return Ok(ExitCode::SUCCESS);
        }
        if let Command::Check { slug } = &args.command {
            return check(settings, &db, &args.council, slug).await;
        }
        let mut tx = db.begin().await?;
        // One that is made here is kept only if all else succeeds.
        let council =
            tx.ensure_council(&args.council, &council_name(&args.council), Clock::System.now()).await?;
        let mut change = Change { tx, secrets, council, told: Vec::new() };
        match args.command {
            Command::Add { name, source, air_delay } => change.add(name, &source, air_delay).await?,
            Command::RotateKey { slug } => change.rotate_key(&slug).await?,
            Command::Set { slug, name, source, air_delay } => {
                change.set(&slug, name, source.as_deref(), air_delay).await?;
            }
            Command::Remove { slug } => change.remove(&slug).await?,
            Command::List | Command::Check { .. } => {}
        }
        change.tx.commit().await?;
        // A key is shown once it counts.
        change.told.iter().for_each(|line| println!("{line}"));
        for warning in same_port(&db.rooms().await?) {
            eprintln!("warning: {warning}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// One change to a room, in one transaction.
struct Change {
    tx: Tx,
    secrets: Secrets,
    council: Council,
    /// What to say when all is done.
    told: Vec<String>,
}

impl Change {
    async fn add(&mut self, name: String, source: &str, air_delay_s: i64) -> Result<()> {
        let now = Clock::System.now();
        let slug = slugify(&name);
        if slug.is_empty() {
            bail!("{name:?} makes no address: give the room a name with letters or digits");
        }
        if self.tx.room_by_slug(self.council.id, &slug).await?.is_some() {
            bail!(
                "{} has a room {slug} already: give this one another name, or change that one with `moothall room set`",
                self.council.name
            );
        }
        let mut room = Room {
            id: RoomId::new(),
            council_id: self.council.id,
            council_slug: self.council.slug.clone(),
            slug,
            name,
            source: String::new(),
            sealed_secret: None,
            key_sha256: None,
            air_delay_s,
            created_at: now,
            state: RoomState::Idle,
            state_note: String::new(),
            state_at: now,
        };
        let (source, secret) = read(source)?;
        room.source = source.to_text();
        let secret = match secret {
            None => new_key(&source)?,
            secret => secret,
        };
        self.tell(format!("room {} is added", room.slug));
        self.give_key(&mut room, &source, secret)?;
        self.tx.insert_room(&room).await?;
        self.audit("room.add", &room, None, Some(public(&room))).await
    }

    async fn rotate_key(&mut self, slug: &str) -> Result<()> {
        let mut room = self.room(slug).await?;
        let source = kept(&room)?;
        let key = match (source.key_kind(), &room.sealed_secret) {
            // The encoder that we call is given the new one as well.
            (KeyKind::Passphrase, Some(_)) => Some(Secret::readable()?),
            _ => new_key(&source)?,
        };
        if key.is_none() {
            bail!(
                "the key of {slug} is its encoder's, if it has one: change it there, and give the new address with \
                 `moothall room set {slug} --source`"
            );
        }
        self.tell(format!("room {slug} has a new key, and the old one is dead"));
        self.give_key(&mut room, &source, key)?;
        self.tx.update_room(&room).await?;
        self.audit("room.rotate-key", &room, None, None).await
    }

    async fn set(
        &mut self,
        slug: &str,
        name: Option<String>,
        source: Option<&str>,
        air_delay_s: Option<i64>,
    ) -> Result<()> {
        let mut room = self.room(slug).await?;
        let before = public(&room);
        self.tell(format!("room {slug} is changed"));
        if let Some(text) = source {
            let (source, secret) = read(text)?;
            let stays = kept(&room)?.key_kind() == source.key_kind()
                && match source.key_kind() {
                    KeyKind::Passphrase => room.sealed_secret.is_some(),
                    KeyKind::StreamKey => room.key_sha256.is_some(),
                    KeyKind::Address | KeyKind::None => false,
                };
            room.source = source.to_text();
            match secret {
                None if stays => {}
                None => self.give_key(&mut room, &source, new_key(&source)?)?,
                secret => self.give_key(&mut room, &source, secret)?,
            }
        }
        room.name = name.unwrap_or(room.name);
        room.air_delay_s = air_delay_s.unwrap_or(room.air_delay_s);
        self.tx.update_room(&room).await?;
        self.audit("room.set", &room, Some(before), Some(public(&room))).await
    }

    async fn remove(&mut self, slug: &str) -> Result<()> {
        let room = self.room(slug).await?;
        if !self.tx.remove_room(room.id).await? {
            let meetings = self.tx.meetings_in_room(room.id).await?;
            bail!(
                "{slug} is needed by meetings that are not over ({}): end them, or announce them elsewhere first",
                meetings.join(", ")
            );
        }
        self.tell(format!("room {slug} is removed"));
        self.audit("room.remove", &room, Some(public(&room)), None).await
    }

    /// Gives the room this key and no other, and shows it once as the encoder needs it.
    fn give_key(&mut self, room: &mut Room, source: &Source, key: Option<Secret>) -> Result<()> {
        (room.sealed_secret, room.key_sha256) = match &key {
            Some(key) if source.key_kind() == KeyKind::StreamKey => (None, Some(key.sha256())),
            Some(key) => (Some(self.secrets.seal(room.id, key)?), None),
            None => (None, None),
        };
        for (label, value) in source.for_encoder(&host_name(), key.as_ref()) {
            self.tell(format!("  {label:<10}  {value}"));
        }
        if key.is_some() && source.key_kind() != KeyKind::Address {
            let slug = &room.slug;
            self.tell(format!(
                "The key is shown this once; `moothall room rotate-key {slug}` makes a new one."
            ));
        }
        Ok(())
    }

    fn tell(&mut self, line: String) {
        self.told.push(line);
    }

    async fn room(&mut self, slug: &str) -> Result<Room> {
        self.tx.room_by_slug(self.council.id, slug).await?.with_context(|| {
            format!(
                "{} has no room {slug}: see `moothall room list`, and give its --council",
                self.council.name
            )
        })
    }

    /// Neither `before` nor `after` holds a secret.
    async fn audit(
        &mut self,
        action: &str,
        room: &Room,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<()> {
        let entry = AuditEntry::new(room.council_id, None, Clock::System.now(), action, room.id);
        Ok(self.tx.audit(&entry.changed(before, after)).await?)
    }
}

/// An address as somebody typed it, and the secret that was in it.
fn read(text: &str) -> Result<(Source, Option<Secret>)> {
    let (source, secret) = Source::apart(text)?;
    if !source.is_live() {
        bail!(
            "a room needs the address of its encoder, such as srt://0.0.0.0:9710; a file is imported with --media"
        );
    }
    if secret.is_some() && source.key_kind() == KeyKind::StreamKey {
        bail!("a room makes its stream key itself, one that nobody guesses: leave ?key= out");
    }
    Ok((source, secret))
}

fn kept(room: &Room) -> Result<Source> {
    let read = Source::apart(&room.source);
    Ok(read.with_context(|| format!("the source of the room {} in the database", room.slug))?.0)
}

/// A key for a source that would otherwise take in whoever finds its port. What is called has its own, and
/// what comes by UDP can have none.
fn new_key(source: &Source) -> Result<Option<Secret>> {
    Ok(match source.key_kind() {
        KeyKind::Passphrase if source.listens_at().is_some() => Some(Secret::readable()?),
        KeyKind::StreamKey => Some(Secret::stream_key()?),
        KeyKind::Passphrase | KeyKind::Address | KeyKind::None => None,
    })
}

/// What anybody may know of a room.
fn public(room: &Room) -> Value {
    json!({ "slug": room.slug, "name": room.name, "source": room.source, "air_delay_s": room.air_delay_s })
}

/// The name of this machine; the encoder may have to use another.
fn host_name() -> String {
    match fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(name) => name.trim().to_owned(),
        Err(_) => "localhost".to_owned(),
    }
}

fn list(rooms: &[Room]) {
    for room in rooms {
        let Room { council_slug, slug, name, source, air_delay_s, state, state_note, state_at, .. } = room;
        println!("{council_slug}/{slug}  {name}");
        println!("  source     {source}");
        println!("  air delay  {air_delay_s} s");
        println!("  state      {} since {}", state.as_str(), state_at.format("%Y-%m-%d %H:%M:%S UTC"));
        if !state_note.is_empty() {
            println!("             {state_note}");
        }
    }
}

/// Prints what is well and what is not, and fails if something must be mended before a meeting.
async fn check(settings: &Settings, db: &Db, council: &str, slug: &str) -> Result<ExitCode> {
    let rooms = db.rooms().await?;
    let room = rooms.iter().find(|room| room.council_slug == council && room.slug == slug);
    let room = room.with_context(|| {
        format!("{council} has no room {slug}: see `moothall room list`, and give its --council")
    })?;
    let now = Clock::System.now();
    let checks = settings.room_checks().check(db, &settings.media_dir(), room, now).await?;
    for Check { verdict, about, says } in &checks {
        println!("{:<8} {about:<9} {says}", verdict.as_str());
    }
    let has_problem = checks.iter().any(|check| check.verdict == Verdict::Problem);
    Ok(if has_problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Rooms that wait for their encoders at the same port cannot both do so at the same time.
fn same_port(rooms: &[Room]) -> Vec<String> {
    let ports: Vec<(&Room, Option<u16>)> =
        rooms.iter().map(|room| (room, kept(room).ok().and_then(|source| source.listens_at()))).collect();
    let mut warnings = Vec::new();
    for (index, (room, port)) in ports.iter().enumerate() {
        let Some(port) = port else { continue };
        for (other, _) in ports[..index].iter().filter(|(_, other)| *other == Some(*port)) {
            warnings.push(format!(
                "{} and {} both wait at port {port}: only one of them can at a time; give one another port",
                other.slug, room.slug
            ));
        }
    }
    warnings
}
