//! Rooms: where meetings are recorded, and the keys of their encoders.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use moothall_core::{Clock, RoomId, Secret, slugify};
use moothall_ingest::Source;
use moothall_store::{AuditEntry, Council, Room, RoomState, Secrets, Tx};
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
            Command::List => {}
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
            None if source.is_pushed_to_us() => Some(Secret::readable()?),
            secret => secret,
        };
        self.tell(format!("room {} is added", room.slug));
        self.give_key(&mut room, source, secret)?;
        self.tx.insert_room(&room).await?;
        self.audit("room.add", &room, None, Some(public(&room))).await
    }

    async fn rotate_key(&mut self, slug: &str) -> Result<()> {
        let mut room = self.room(slug).await?;
        let source = kept(&room)?;
        if room.sealed_secret.is_none() && !source.is_pushed_to_us() {
            bail!("the encoder of {slug} asks for no key: give one with `moothall room set {slug} --source`");
        }
        self.tell(format!("room {slug} has a new key, and the old one is dead"));
        self.give_key(&mut room, source, Some(Secret::readable()?))?;
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
            room.source = source.to_text();
            match secret {
                None if room.sealed_secret.is_some() || !source.is_pushed_to_us() => {}
                None => self.give_key(&mut room, source, Some(Secret::readable()?))?,
                secret => self.give_key(&mut room, source, secret)?,
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

    /// Seals the secret, and shows it once as the encoder needs it.
    fn give_key(&mut self, room: &mut Room, source: Source, secret: Option<Secret>) -> Result<()> {
        let Some(secret) = secret else {
            room.sealed_secret = None;
            self.tell(format!("  encoder     {}", source.for_encoder(&host_name())));
            return Ok(());
        };
        room.sealed_secret = Some(self.secrets.seal(room.id, &secret)?);
        self.tell(format!("  encoder     {}", source.with_secret(&secret)?.for_encoder(&host_name())));
        self.tell(format!("  passphrase  {}", secret.reveal()));
        self.tell(format!(
            "They are shown this once; `moothall room rotate-key {}` makes new ones.",
            room.slug
        ));
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
        let entry = AuditEntry {
            id: uuid::Uuid::now_v7(),
            council_id: Some(room.council_id),
            user_id: None,
            made_at: Clock::System.now(),
            action: action.to_owned(),
            subject: room.id.to_string(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        Ok(self.tx.audit(&entry).await?)
    }
}

/// An address as somebody typed it, and the secret that was in it.
fn read(text: &str) -> Result<(Source, Option<Secret>)> {
    let mut source: Source = text.parse()?;
    if !source.is_live() {
        bail!(
            "a room needs the address of its encoder, such as srt://0.0.0.0:9710; a file is imported with --media"
        );
    }
    let secret = source.take_secret();
    Ok((source, secret))
}

fn kept(room: &Room) -> Result<Source> {
    room.source.parse().with_context(|| format!("the source of the room {} in the database", room.slug))
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
