use std::time::Duration;

use ureq::{
    Agent,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::reach::Reach;

/// What the library has room for.
const MAX_ADDRESSES: usize = 16;
/// For a short message and a shorter answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls servers of the web with short messages: only at addresses of the public internet, unless the private
/// network is allowed too. Redirections are not followed; any status is an answer.
pub fn caller(private_network: bool) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .http_status_as_error(false)
        // Behind a proxy it would be the proxy that resolves names.
        .proxy(None)
        .build();
    let reach = if private_network { Reach::Anywhere } else { Reach::Public };
    Agent::with_parts(config, DefaultConnector::default(), Checked(reach))
}

/// Resolves names to addresses that may be called.
#[derive(Debug)]
pub(crate) struct Checked(pub Reach);

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let addresses = self.0.addresses(host, port).map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let mut resolved = self.empty();
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            resolved.push(address);
        }
        Ok(resolved)
    }
}
