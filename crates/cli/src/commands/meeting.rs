use std::process::ExitCode;

use anyhow::{Result, bail};
use moothall_core::{Clock, MeetingState};

use super::block_on;
use crate::config::Settings;

/// Each takes the meeting's address, the last part of its page's.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Exclude press and public at once: what was not aired yet is thrown away, nothing more is captured
    Private {
        slug: String,
        /// What the public is told: "Local Government Act 1972, Schedule 12A, paragraph 3"
        #[arg(long)]
        reason: String,
    },
    /// Let press and public in again
    Reopen {
        slug: String,
        /// That the chamber is ready to be seen and heard
        #[arg(long)]
        confirm: bool,
    },
    /// Interrupt a meeting: nothing is captured until it resumes
    Adjourn { slug: String },
    /// Go on with an adjourned meeting
    Resume { slug: String },
    /// End a meeting: its recording is complete
    End { slug: String },
    /// Let the public watch, read and search a meeting that has ended or was withheld
    Publish { slug: String },
    /// Take a meeting out of the public's sight
    Withhold { slug: String },
}

impl Command {
    fn slug(&self) -> &str {
        match self {
            Self::Private { slug, .. }
            | Self::Reopen { slug, .. }
            | Self::Adjourn { slug }
            | Self::Resume { slug }
            | Self::End { slug }
            | Self::Publish { slug }
            | Self::Withhold { slug } => slug,
        }
    }
}

pub fn run(settings: &Settings, command: &Command) -> Result<ExitCode> {
    block_on(async {
        let db = settings.open_database().await?;
        let (slug, now) = (command.slug(), Clock::System.now());
        let mut tx = db.begin().await?;
        let Some(meeting) = tx.meeting_by_slug(slug).await? else {
            bail!("there is no meeting {slug}: its address is the last part of /meetings/…");
        };
        let to = match command {
            Command::Private { reason, .. } => {
                tx.begin_private(&meeting, reason, None, now).await?;
                tx.commit().await?;
                println!(
                    "/meetings/{slug} is private: reopen it with `moothall meeting reopen {slug} --confirm`"
                );
                return Ok(ExitCode::SUCCESS);
            }
            Command::Reopen { confirm, .. } => {
                if !confirm {
                    bail!(
                        "{slug} stays private: add --confirm once the chamber is ready to be seen and heard"
                    );
                }
                tx.reopen(&meeting, None, now).await?;
                tx.commit().await?;
                println!("/meetings/{slug} is public again");
                return Ok(ExitCode::SUCCESS);
            }
            Command::Adjourn { .. } => MeetingState::Adjourned,
            Command::Resume { .. } => MeetingState::Live,
            Command::End { .. } => MeetingState::Ended,
            Command::Publish { .. } => MeetingState::Published,
            Command::Withhold { .. } => MeetingState::Withheld,
        };
        tx.move_meeting(&meeting, to, None, now).await?;
        tx.commit().await?;
        println!("/meetings/{slug} was {} and is {to} now", meeting.state);
        Ok(ExitCode::SUCCESS)
    })
}
