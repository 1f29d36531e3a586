//! Whom to tell when something is wrong in a chamber, as it stands in `moothall.toml`.

use std::{env, fmt};

use anyhow::{Context, Result};
use moothall_core::{Secret, health::Thresholds};
use moothall_worker::{AlertSettings, Email, Webhook};
use serde::Deserialize;

/// These win over the file, and need not stand there.
const SMTP: &str = "MOOTHALL_SMTP";
const WEBHOOK_SECRET: &str = "MOOTHALL_WEBHOOK_SECRET";

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsFile {
    email: Vec<String>,
    from: Option<String>,
    smtp: Option<String>,
    webhook: Option<String>,
    webhook_secret: Option<String>,
    pub thresholds: Thresholds,
}

/// Addresses of servers hold passwords.
impl fmt::Debug for AlertsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertsFile")
            .field("email", &self.email)
            .field("from", &self.from)
            .field("thresholds", &self.thresholds)
            .finish_non_exhaustive()
    }
}

impl AlertsFile {
    pub fn settings(&self, private_network: bool) -> Result<AlertSettings> {
        Ok(AlertSettings { webhook: self.webhook(private_network)?, email: self.email()? })
    }

    fn webhook(&self, private_network: bool) -> Result<Option<Webhook>> {
        let Some(url) = &self.webhook else { return Ok(None) };
        let secret = env::var(WEBHOOK_SECRET).ok().or_else(|| self.webhook_secret.clone()).with_context(|| {
            format!("[alerts] has a webhook and no webhook_secret (or {WEBHOOK_SECRET}), so that nobody could tell \
                     whether its messages are ours: add one")
        })?;
        let webhook = Webhook::new(url, Secret::new(secret), private_network);
        webhook.context("[alerts] webhook").map(Some)
    }

    fn email(&self) -> Result<Option<Email>> {
        if self.email.is_empty() {
            return Ok(None);
        }
        let server = env::var(SMTP).ok().or_else(|| self.smtp.clone()).with_context(|| {
            format!("[alerts] has e-mail addresses and no smtp (or {SMTP}): add smtp = \"smtps://USER:PASSWORD@mail.example\"")
        })?;
        let from = self.from.as_ref().context(
            "[alerts] has e-mail addresses and no from: add from = \"Moothall <moothall@council.example>\"",
        )?;
        Email::new(from, &self.email, &Secret::new(server)).context("[alerts] email").map(Some)
    }
}
