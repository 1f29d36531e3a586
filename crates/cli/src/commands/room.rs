//! Rooms: where meetings are recorded, and the keys of their encoders.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use moothall_core::{
    Clock, RoomId, Secret,
    health::{Check, Verdict},
    slugify,
};
use moothall_ingest::{KeyKind, Source};
use moothall_store::{AuditEntry, Council, Db, Room, RoomAddress, RoomState, Secrets, Tx};
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
    Add(NewRoom),
    /// Show the rooms, and how it goes there
    List,
    /// Say whether a room is ready for a meeting, and what to do if it is not
    Check { slug: String },
    /// Give a room a new key, shown once; the old one is dead at once
    RotateKey {
        slug: String,
        /// The key of its backup
        #[arg(long)]
        backup: bool,
    },
    /// Change a room; its address stays, and its key unless another is given
    Set(Changes),
    /// Remove a room that no meeting needs any more
    Remove { slug: String },
}

#[derive(Debug, clap::Args)]
struct NewRoom {
    /// "Council Chamber"
    name: String,
    /// Where its encoder calls or is called: srt://0.0.0.0:9710
    #[arg(long, value_name = "URL")]
    source: String,
    /// Where a second encoder calls or is called, which is recorded while the first brings nothing
    #[arg(long, value_name = "URL")]
    backup: Option<String>,
    /// Record the picture in 720 and 360 lines as well, for telephones and slow lines
    #[arg(long)]
    ladder: bool,
    /// By how much publication is behind the chamber, from 0 to 300
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = air_delay())]
    air_delay: i64,
}

#[derive(Debug, clap::Args)]
struct Changes {
    slug: String,
    #[arg(long)]
    name: Option<String>,
    /// Where its encoder calls or is called
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Where a second encoder calls or is called; "none" for none any more
    #[arg(long, value_name = "URL")]
    backup: Option<String>,
    /// Whether the picture is recorded in 720 and 360 lines as well
    #[arg(long, value_name = "BOOL")]
    ladder: Option<bool>,
    /// For meetings that are announced from now on, from 0 to 300
    #[arg(long, value_name = "SECONDS", value_parser = air_delay())]
    air_delay: Option<i64>,
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
            Command::Add(room) => change.add(room).await?,
            Command::RotateKey { slug, backup } => change.rotate_key(&slug, backup).await?,
            Command::Set(changes) => change.set(changes).await?,
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
    async fn add(&mut self, new: NewRoom) -> Result<()> {
        let NewRoom { name, source, backup, ladder, air_delay: air_delay_s } = new;
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
        self.tell(format!("room {slug} is added"));
        let id = RoomId::new();
        let main = self.address(id, &slug, &source, None)?;
        let backup = match &backup {
            Some(text) => Some(self.backup_address(id, &slug, text, None)?),
            None => None,
        };
        let room = Room {
            id,
            council_id: self.council.id,
            council_slug: self.council.slug.clone(),
            slug,
            name,
            main,
            backup,
            ladder,
            air_delay_s,
            created_at: now,
            state: RoomState::Idle,
            state_note: String::new(),
            state_at: now,
        };
        self.tx.insert_room(&room).await?;
        self.audit("room.add", &room, None, Some(public(&room))).await
    }

    async fn rotate_key(&mut self, slug: &str, of_backup: bool) -> Result<()> {
        let mut room = self.room(slug).await?;
        let (address, option) = match &mut room.backup {
            Some(backup) if of_backup => (backup, "--backup"),
            None if of_backup => bail!("{slug} has no backup: see `moothall room list`"),
            _ => (&mut room.main, "--source"),
        };
        let source = kept(slug, address)?;
        let key = match (source.key_kind(), &address.sealed_secret) {
            // The encoder that we call is given the new one as well.
            (KeyKind::Passphrase, Some(_)) => Some(Secret::readable()?),
            _ => new_key(&source)?,
        };
        if key.is_none() {
            bail!(
                "the key of {slug} is its encoder's, if it has one: change it there, and give the new address with \
                 `moothall room set {slug} {option}`"
            );
        }
        self.tell(format!("room {slug} has a new key, and the old one is dead"));
        self.give_key(room.id, slug, address, &source, key)?;
        self.tx.update_room(&room).await?;
        self.audit("room.rotate-key", &room, None, None).await
    }

    async fn set(&mut self, changes: Changes) -> Result<()> {
        let mut room = self.room(&changes.slug).await?;
        let (slug, before) = (changes.slug.as_str(), public(&room));
        self.tell(format!("room {slug} is changed"));
        if let Some(text) = &changes.source {
            room.main = self.address(room.id, slug, text, Some(room.main))?;
        }
        if let Some(text) = &changes.backup {
            room.backup = match text.as_str() {
                "none" => None,
                text => Some(self.backup_address(room.id, slug, text, room.backup)?),
            };
        }
        room.name = changes.name.unwrap_or(room.name);
        room.ladder = changes.ladder.unwrap_or(room.ladder);
        room.air_delay_s = changes.air_delay.unwrap_or(room.air_delay_s);
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

    /// The address in place of the one `before`, whose key it keeps where it has none of its own and can.
    fn address(
        &mut self,
        room: RoomId,
        slug: &str,
        text: &str,
        before: Option<RoomAddress>,
    ) -> Result<RoomAddress> {
        let (source, secret) = read(text)?;
        let mut address = RoomAddress { source: source.to_text(), sealed_secret: None, key_sha256: None };
        if secret.is_none()
            && let Some(before) = before
            && kept(slug, &before)?.key_kind() == source.key_kind()
            && match source.key_kind() {
                KeyKind::Passphrase => before.sealed_secret.is_some(),
                KeyKind::StreamKey => before.key_sha256.is_some(),
                KeyKind::Address | KeyKind::None => false,
            }
        {
            return Ok(RoomAddress { source: address.source, ..before });
        }
        let key = match secret {
            None => new_key(&source)?,
            secret => secret,
        };
        self.give_key(room, slug, &mut address, &source, key)?;
        Ok(address)
    }

    fn backup_address(
        &mut self,
        room: RoomId,
        slug: &str,
        text: &str,
        before: Option<RoomAddress>,
    ) -> Result<RoomAddress> {
        self.tell("its backup:".to_owned());
        self.address(room, slug, text, before)
    }

    /// Gives the address this key and no other, and shows it once as the encoder needs it.
    fn give_key(
        &mut self,
        room: RoomId,
        slug: &str,
        address: &mut RoomAddress,
        source: &Source,
        key: Option<Secret>,
    ) -> Result<()> {
        (address.sealed_secret, address.key_sha256) = match &key {
            Some(key) if source.key_kind() == KeyKind::StreamKey => (None, Some(key.sha256())),
            Some(key) => (Some(self.secrets.seal(room, key)?), None),
            None => (None, None),
        };
        if matches!(source, Source::Whip(_)) {
            // Nobody here knows by which name the pages are reached.
            self.tell("  browser     sign in; Rooms, this room, Webcast from this browser".to_owned());
            self.tell(format!("  server      https://YOUR-SITE/rooms/{slug}/whip"));
        }
        for (label, value) in source.for_encoder(&host_name(), key.as_ref()) {
            self.tell(format!("  {label:<10}  {value}"));
        }
        if key.is_some() && source.key_kind() != KeyKind::Address {
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

fn kept(slug: &str, address: &RoomAddress) -> Result<Source> {
    let read = Source::apart(&address.source);
    Ok(read.with_context(|| format!("the source of the room {slug} in the database"))?.0)
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
    let backup = room.backup.as_ref().map(|backup| &backup.source);
    json!({
        "slug": room.slug, "name": room.name, "source": room.main.source, "backup": backup,
        "ladder": room.ladder, "air_delay_s": room.air_delay_s,
    })
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
        let Room {
            council_slug,
            slug,
            name,
            main,
            backup,
            ladder,
            air_delay_s,
            state,
            state_note,
            state_at,
            ..
        } = room;
        println!("{council_slug}/{slug}  {name}");
        println!("  source     {}", main.source);
        if let Some(backup) = backup {
            println!("  backup     {}", backup.source);
        }
        if *ladder {
            println!("  ladder     720 and 360 lines as well");
        }
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

/// Rooms that wait for their encoders at the same port cannot both do so at the same time, unless each has a
/// stream id of its own.
fn same_port(rooms: &[Room]) -> Vec<String> {
    let addresses = rooms.iter().flat_map(|room| [Some(&room.main), room.backup.as_ref()].map(|a| (room, a)));
    let sources: Vec<(&Room, Source)> =
        addresses.filter_map(|(room, address)| Some((room, kept(&room.slug, address?).ok()?))).collect();
    let mut warnings = Vec::new();
    for (index, (room, source)) in sources.iter().enumerate() {
        for (other, _) in sources[..index].iter().filter(|(_, other)| source.is_in_the_way_of(other)) {
            let port = source.listens_at().unwrap_or_default();
            warnings.push(format!(
                "{} and {} both wait at port {port}: only one of them can at a time; give one another port, or by srt \
                 each a stream id of its own (srt://0.0.0.0:{port}?streamid={})",
                other.slug, room.slug, room.slug
            ));
        }
    }
    warnings
}
