//! The demo: what `serve` runs, fed by a fictional council.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, FixedOffset, TimeDelta};
use moothall_core::{Clock, MeetingState, Secret, UserId, hash_password};
use moothall_store::{Db, JobKind, JobState, Meeting, User};
use moothall_worker::import::{Report, Request, council_name, import_meeting};

use super::block_on;
use crate::{
    config::Settings,
    demo::{
        clerk::Clerk,
        live::{Broadcast, LivePlayer},
        studio::{self, Debate},
    },
    progress,
    service::{Role, Service},
};

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const COUNCIL: &str = "larkbridge-borough-council";
const CLERK: &str = "clerk@larkbridge.example";
/// Of a stream that never leaves this machine.
const PASSPHRASE: &str = "larkbridge-demo";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port of the pages [default: 127.0.0.1:8080]
    #[arg(long, env = "MOOTHALL_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

pub fn run(settings: Settings, args: Args) -> Result<ExitCode> {
    let listen = args.listen.or(settings.listen).unwrap_or(LISTEN);
    moothall_ingest::init()?;
    settings.models().path(&settings.model)?;
    let dir = settings.data.join("demo");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let bar = progress::bar("Filming the debate", 1_000);
    let debate = studio::debate(&dir, |share| bar.set_position((share * 1_000.0) as u64))?;
    bar.finish_and_clear();
    let clock = Clock::System;

    block_on(async {
        let db = settings.open_database().await?;
        let published = import_published(&settings, &db, &clock, &dir, &debate).await?;
        end_earlier_live_meetings(&db).await?;
        let password = clerk_login(&db, &clock).await?;
        let port = free_udp_port()?;
        let live = import_live(&settings, &db, &clock, &dir, &debate, port).await?;
        let service = Service::start(&settings, &db, &clock, listen, &Role::ALL).await?;
        let clerk = Clerk::new(db.clone(), live.clone(), debate.clone());
        let broadcast = Broadcast {
            media: debate.media.clone(),
            listener: format!("127.0.0.1:{port}"),
            passphrase: PASSPHRASE.to_owned(),
        };
        let player = LivePlayer::start(broadcast, clock.clone(), clerk.on_loop_start());
        println!("Moothall is on http://localhost:{}", listen.port());
        println!("  live now       http://localhost:{}/meetings/{}", listen.port(), live.slug);
        println!("  in the archive http://localhost:{}/meetings/{}", listen.port(), published.slug);
        println!("  clerk's login  http://localhost:{}/login", listen.port());
        println!("                 {CLERK}, password {}", password.reveal());
        println!("Ctrl-C ends it.");
        let watching = tokio::spawn(watch_transcription(db.clone(), published));
        service.until_stopped().await?;
        watching.abort();
        tokio::task::spawn_blocking(move || drop(player)).await?;
        db.close().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Gives the council a clerk, with a new password each time, since only its hash is kept.
async fn clerk_login(db: &Db, clock: &Clock) -> Result<Secret> {
    let password = Secret::readable()?;
    let now = clock.now();
    let mut tx = db.begin().await?;
    let council = tx.ensure_council(COUNCIL, &council_name(COUNCIL), now).await?;
    let clerk = User {
        id: UserId::new(),
        email: CLERK.to_owned(),
        name: "Sam Alder".to_owned(),
        password_hash: hash_password(&password)?,
        created_at: now,
    };
    let clerk = tx.save_user(&clerk).await?;
    tx.end_sign_ins(clerk.id, None).await?;
    tx.set_role(clerk.id, council.id, moothall_store::Role::Clerk).await?;
    tx.commit().await?;
    Ok(password)
}

/// The meeting in the archive: its film goes the way of every imported recording, and the program itself
/// writes down what is said in it.
async fn import_published(
    settings: &Settings,
    db: &Db,
    clock: &Clock,
    dir: &Path,
    debate: &Debate,
) -> Result<Meeting> {
    let mut items = "time,number\n".to_owned();
    for mark in &debate.items {
        items += &format!("{},{}\n", mark.at, mark.number);
    }
    let mut speakers = "time,name,role\n".to_owned();
    for mark in &debate.speakers {
        speakers += &format!("{},\"{}\",\"{}\"\n", mark.at, mark.name, mark.role);
    }
    let request = Request {
        slug: Some("the-crossing-outside-mill-lane-school".to_owned()),
        items: Some(write(dir, "items.csv", &items)?),
        speakers: Some(write(dir, "speakers.csv", &speakers)?),
        media: Some(debate.media.clone()),
        publish: true,
        ..request(dir, debate, first_start(db, clock).await?)?
    };
    import(settings, db, clock, &request).await
}

/// When the published meeting was: the evening before the demo was first started.
async fn first_start(db: &Db, clock: &Clock) -> Result<DateTime<FixedOffset>> {
    if let Some(meeting) = db.meeting_by_slug("the-crossing-outside-mill-lane-school").await? {
        return Ok(meeting.local_start());
    }
    let evening = (clock.now() - TimeDelta::days(1)).date_naive().and_hms_opt(19, 0, 0);
    Ok(evening.context("yesterday had no evening")?.and_utc().fixed_offset())
}

/// A meeting that begins now; its recorder waits for the encoder on `port`.
async fn import_live(
    settings: &Settings,
    db: &Db,
    clock: &Clock,
    dir: &Path,
    debate: &Debate,
    port: u16,
) -> Result<Meeting> {
    let now = clock.now();
    let source = format!("srt://127.0.0.1:{port}?mode=listener&passphrase={PASSPHRASE}");
    let request = Request {
        slug: Some(format!("live-{}", now.format("%Y-%m-%d-%H%M%S"))),
        source: Some(source.parse()?),
        source_text: Some(source),
        air_delay_s: Some(0),
        language: Some("en".to_owned()),
        ..request(dir, debate, now.fixed_offset())?
    };
    import(settings, db, clock, &request).await
}

fn request(dir: &Path, debate: &Debate, start: DateTime<FixedOffset>) -> Result<Request> {
    Ok(Request {
        council: COUNCIL.to_owned(),
        committee: debate.committee.clone(),
        title: debate.title.clone(),
        start,
        slug: None,
        language: None,
        agenda: Some(write(dir, "agenda.txt", &debate.agenda_text)?),
        items: None,
        captions: None,
        speakers: None,
        microphones: None,
        media: None,
        source: None,
        source_text: None,
        air_delay_s: None,
        room: None,
        publish: false,
    })
}

async fn import(settings: &Settings, db: &Db, clock: &Clock, request: &Request) -> Result<Meeting> {
    let Report { meeting, failures, .. } =
        import_meeting(db, &settings.media_dir(), clock, request, |_| {}).await?;
    if let Some(failure) = failures.first() {
        bail!("the demo's meeting did not come in: {failure}");
    }
    Ok(meeting)
}

/// A demo that was stopped left its live meeting running; its port is no longer ours.
async fn end_earlier_live_meetings(db: &Db) -> Result<()> {
    let meetings = db.meetings_to_record().await?;
    for meeting in meetings.into_iter().filter(|meeting| meeting.state.may_become(MeetingState::Ended)) {
        let mut tx = db.begin().await?;
        tx.set_meeting_state(meeting.id, meeting.state, MeetingState::Ended).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// SRT runs over UDP; the system knows a port that nobody uses.
fn free_udp_port() -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no UDP port is free")?;
    Ok(socket.local_addr()?.port())
}

/// Shows how far the transcript of the published meeting is, until it is done.
async fn watch_transcription(db: Db, meeting: Meeting) -> Result<()> {
    let bar = progress::bar("Writing down the debate", 1);
    loop {
        let jobs = db.jobs_of(meeting.id).await?;
        let Some(job) = jobs.iter().rfind(|job| job.kind == JobKind::Transcribe) else { break };
        bar.set_length(job.total.unsigned_abs().max(1));
        bar.set_position(job.done.unsigned_abs());
        if matches!(job.state, JobState::Done | JobState::Failed) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bar.finish_and_clear();
    Ok(())
}
