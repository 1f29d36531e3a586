use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use chrono::{DateTime, FixedOffset};
use moothall_core::Clock;
use moothall_ingest::Source;
use moothall_worker::import::{Report, Request, import_meeting};

use super::block_on;
use crate::{config::Settings, progress};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// One meeting: any of agenda, logs, captions and media; importing again changes nothing
    Meeting(MeetingArgs),
}

#[derive(Debug, clap::Args)]
pub struct MeetingArgs {
    /// The council's short name in addresses
    #[arg(long, default_value = "council", value_name = "SLUG")]
    council: String,
    /// Who meets: "Planning Committee"
    #[arg(long, value_name = "NAME")]
    committee: String,
    #[arg(long)]
    title: String,
    /// With the council's offset from UTC: 2026-07-23T17:30:00-05:00
    #[arg(long, value_name = "TIME", value_parser = start_time)]
    start: DateTime<FixedOffset>,
    /// The meeting's address [default: committee and date]
    #[arg(long)]
    slug: Option<String>,
    /// Language spoken, as in en or cy [default: found out]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Plain text, PDF or Modern.gov XML
    #[arg(long, value_name = "FILE")]
    agenda: Option<PathBuf>,
    /// When each item was taken: CSV with time,number
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// WebVTT or SubRip
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Who spoke when: CSV with time,name,role
    #[arg(long, value_name = "FILE")]
    speakers: Option<PathBuf>,
    /// Whose microphone was on when: CSV with time,microphone,state,name
    #[arg(long, value_name = "FILE")]
    microphones: Option<PathBuf>,
    /// Sound or video
    #[arg(long, value_name = "FILE")]
    media: Option<PathBuf>,
    /// Record the meeting live from here: srt://0.0.0.0:9710?passphrase=…, or rtmp, rtsp, udp, https
    #[arg(long, value_name = "URL", conflicts_with_all = ["media", "captions"])]
    source: Option<String>,
    /// How many seconds what happens is held back before the public sees it [default: the room's, else 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(..=300))]
    air_delay: Option<u16>,
    /// Record the meeting live in this room: its address, see `moothall room list`
    #[arg(long, value_name = "SLUG", conflicts_with_all = ["source", "media", "captions"])]
    room: Option<String>,
    /// Let the public see it at once
    #[arg(long)]
    publish: bool,
}

fn start_time(text: &str) -> Result<DateTime<FixedOffset>, String> {
    DateTime::parse_from_rfc3339(text).map_err(|error| {
        format!("{error}: write date, time and offset from UTC as in 2026-07-23T17:30:00-05:00")
    })
}

pub fn run(settings: Settings, command: Command) -> Result<ExitCode> {
    let Command::Meeting(args) = command;
    let source: Option<Source> = args.source.as_deref().map(str::parse).transpose()?;
    if args.media.is_some() {
        moothall_ingest::init()?;
    }
    let request = Request {
        council: args.council,
        committee: args.committee,
        title: args.title,
        start: args.start,
        slug: args.slug,
        language: args.language,
        agenda: args.agenda,
        items: args.items,
        captions: args.captions,
        speakers: args.speakers,
        microphones: args.microphones,
        media: args.media,
        source,
        source_text: args.source,
        air_delay_s: args.air_delay.map(i64::from),
        room: args.room,
        publish: args.publish,
    };
    block_on(async {
        let db = settings.open_database().await?;
        let bar = progress::bar("Recording", 1_000);
        let heard = bar.clone();
        let report = import_meeting(&db, &settings.media_dir(), &Clock::System, &request, move |share| {
            heard.set_position((share * 1_000.0) as u64);
        })
        .await?;
        bar.finish_and_clear();
        db.close().await;
        Ok(tell(&report))
    })
}

fn tell(report: &Report) -> ExitCode {
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
    for failure in &report.failures {
        eprintln!("not imported: {failure}");
    }
    let slug = &report.meeting.slug;
    if report.unchanged {
        println!("/meetings/{slug} is as it was");
    } else {
        println!("/meetings/{slug}");
        for part in &report.done {
            println!("  {part}");
        }
    }
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
