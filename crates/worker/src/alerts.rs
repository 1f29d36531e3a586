//! Tells people of findings, by webhook and e-mail, and clears away what nobody needs any more.

mod email;
mod message;
mod webhook;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::Clock;
use moothall_store::{AlertEvent, AlertTarget, ClaimedAlert, Db};
use tokio::sync::watch;

use self::message::Message;
pub use self::{email::Email, webhook::Webhook};

/// How soon a finding is told of.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The wait before the next attempt doubles from the first to the second of these.
const RETRY_FIRST: TimeDelta = TimeDelta::seconds(10);
const RETRY_LAST: TimeDelta = TimeDelta::minutes(10);
/// Who is told a day later is not helped.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::hours(24);
/// A meeting that was planned and forgotten has nothing that is wrong.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(12);
/// How long measurements and findings are kept.
const KEPT: TimeDelta = TimeDelta::days(90);
const PRUNE_EVERY: TimeDelta = TimeDelta::hours(1);

/// Whom to tell, if anybody.
#[derive(Debug, Clone, Default)]
pub struct AlertSettings {
    pub webhook: Option<Webhook>,
    pub email: Option<Email>,
}

/// What in the settings of alerts is not as it should be. The texts never repeat a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertsError {
    #[error("{address:?} is no e-mail address: write name@council.example")]
    Address { address: String },
    #[error(
        "the address of the SMTP server cannot be read: write smtps://USER:PASSWORD@mail.example or smtp://mail.example:25"
    )]
    Smtp,
    #[error("the address of the webhook cannot be read: write https://chat.example/hooks/council")]
    Webhook,
}

impl AlertSettings {
    pub fn targets(&self) -> Vec<AlertTarget> {
        let webhook = self.webhook.is_some().then_some(AlertTarget::Webhook);
        webhook.into_iter().chain(self.email.is_some().then_some(AlertTarget::Email)).collect()
    }
}

/// Sends what is due. Any number of processes may do so at the same time.
pub struct Alerts {
    pub db: Db,
    pub clock: Clock,
    pub settings: Arc<AlertSettings>,
}

impl Alerts {
    /// Until `stop` says so; the message in hand is sent first.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut pruned_at = DateTime::UNIX_EPOCH;
        while !*stop.borrow() {
            if let Err(error) = self.work(&mut pruned_at).await {
                tracing::error!("cannot look for findings to tell of: {error:#}");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn work(&self, pruned_at: &mut DateTime<Utc>) -> Result<()> {
        let now = self.clock.now();
        self.end_stale(now).await?;
        if now - *pruned_at >= PRUNE_EVERY {
            let mut tx = self.db.begin().await?;
            tx.prune_health(now - KEPT).await?;
            tx.commit().await?;
            *pruned_at = now;
        }
        while let Some(alert) = self.db.claim_alert(self.clock.now()).await? {
            self.tell(alert).await?;
        }
        Ok(())
    }

    /// Ends what is open of meetings that are over.
    async fn end_stale(&self, now: DateTime<Utc>) -> Result<()> {
        let stale = self.db.stale_findings(now - FORGOTTEN_AFTER).await?;
        if stale.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for row in stale {
            let ended = tx.end_finding(row.meeting_id, row.finding.name(), now).await?;
            let Some(finding) = ended else { continue };
            for target in self.settings.targets() {
                tx.insert_alert(finding, target, AlertEvent::End, now).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    async fn tell(&self, alert: ClaimedAlert) -> Result<()> {
        let (settings, message) = (Arc::clone(&self.settings), Message::of(&alert));
        let target = alert.target;
        // Both ways block until the other side has answered.
        let sent = tokio::task::spawn_blocking(move || match target {
            AlertTarget::Webhook => settings.webhook.as_ref().map(|webhook| webhook.send(&message)),
            AlertTarget::Email => settings.email.as_ref().map(|email| email.send(&message)),
        });
        let now = self.clock.now();
        let error = match sent.await? {
            Some(Ok(())) => return Ok(self.db.alert_sent(&alert, now).await?),
            Some(Err(error)) => format!("the {} was not taken: {error}", alert.target.as_str()),
            // Nobody is told in this way any more.
            None => return Ok(self.db.alert_sent(&alert, now).await?),
        };
        let again_at = now + wait_after(alert.attempts);
        let again_at = (again_at < alert.created_at + GIVE_UP_AFTER).then_some(again_at);
        tracing::warn!(meeting = %alert.meeting_slug, finding = alert.finding.name(), "{error}");
        Ok(self.db.alert_failed(&alert, &error, again_at, now).await?)
    }
}

fn wait_after(attempts: i64) -> TimeDelta {
    let doubled = 1 << attempts.clamp(0, 16);
    (RETRY_FIRST * doubled).min(RETRY_LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer() {
        assert_eq!([0, 1, 5].map(|attempts| wait_after(attempts).num_seconds()), [10, 20, 320]);
        assert_eq!(wait_after(i64::MAX), RETRY_LAST);
    }
}
