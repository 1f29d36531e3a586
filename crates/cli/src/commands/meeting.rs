use std::process::ExitCode;

use anyhow::{Result, bail};
use moothall_core::{Clock, MeetingState};
use moothall_store::AuditEntry;
use serde_json::json;

use super::block_on;
use crate::config::Settings;

/// Each takes the meeting's address, the last part of its page's.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// End a meeting: its recording is complete
    End { slug: String },
    /// Let the public watch, read and search a meeting that has ended or was withheld
    Publish { slug: String },
    /// Take a meeting out of the public's sight
    Withhold { slug: String },
}

pub fn run(settings: &Settings, command: &Command) -> Result<ExitCode> {
    let (slug, to) = match command {
        Command::End { slug } => (slug, MeetingState::Ended),
        Command::Publish { slug } => (slug, MeetingState::Published),
        Command::Withhold { slug } => (slug, MeetingState::Withheld),
    };
    block_on(async {
        let db = settings.open_database().await?;
        let mut tx = db.begin().await?;
        let Some(meeting) = tx.meeting_by_slug(slug).await? else {
            bail!("there is no meeting {slug}: its address is the last part of /meetings/…");
        };
        let from = meeting.state;
        from.become_state(to)?;
        tx.set_meeting_state(meeting.id, from, to).await?;
        tx.audit(&AuditEntry {
            id: uuid::Uuid::now_v7(),
            council_id: Some(meeting.council_id),
            user_id: None,
            made_at: Clock::System.now(),
            action: "meeting.state".to_owned(),
            subject: meeting.id.to_string(),
            before: Some(json!(from).into()),
            after: Some(json!(to).into()),
        })
        .await?;
        tx.commit().await?;
        println!("/meetings/{slug} was {from} and is {to} now");
        Ok(ExitCode::SUCCESS)
    })
}
