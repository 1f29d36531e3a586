use std::{net::SocketAddr, process::ExitCode};

use anyhow::Result;
use moothall_core::Clock;

use super::block_on;
use crate::{
    config::Settings,
    service::{Role, Service},
};

/// Where the pages are reached unless somebody says otherwise: only from this machine.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port of the pages [default: 127.0.0.1:8080]
    #[arg(long, env = "MOOTHALL_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// What this process does [default: all]
    #[arg(long = "role", value_enum, value_delimiter = ',', env = "MOOTHALL_ROLE")]
    roles: Vec<Role>,
    /// Call sources (srt caller, rtsp, http) that are in the private network [default: false]
    #[arg(
        long,
        env = "MOOTHALL_PRIVATE_NETWORK",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    private_network: Option<bool>,
}

pub fn run(mut settings: Settings, args: Args) -> Result<ExitCode> {
    settings.private_network = args.private_network.unwrap_or(settings.private_network);
    let roles = if args.roles.is_empty() { Role::ALL.to_vec() } else { args.roles };
    let listen = args.listen.or(settings.listen).unwrap_or(LISTEN);
    moothall_ingest::init()?;
    block_on(async {
        let db = settings.open_database().await?;
        let service = Service::start(&settings, &db, &Clock::System, listen, &roles).await?;
        if roles.contains(&Role::Web) {
            tracing::info!("Moothall is on http://{listen}");
        }
        service.until_stopped().await?;
        db.close().await;
        Ok(ExitCode::SUCCESS)
    })
}
