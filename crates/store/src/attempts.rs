//! Attempts to sign in, and how many of them are let through: guessing is slow, and whoever knows the
//! password gets in for all that.
//!
//! They are in the database, so that a restart forgets nothing and several web nodes count together.

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::Secret;
use uuid::Uuid;

use crate::{Db, Tx, backend::on_tx, error::Result};

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It counts as failed until [`Tx::attempt_succeeded`] says otherwise, so that guesses made at the same
    /// time count too.
    Admitted(Uuid),
    /// There were too many; the next is let through then.
    NotBefore(DateTime<Utc>),
}

/// So many failures within this time, and no more.
struct Limit {
    failures: i64,
    within: TimeDelta,
}

/// From one address to one account: a person who mistypes has enough of it.
const OF_BOTH: Limit = Limit { failures: 5, within: TimeDelta::minutes(15) };
/// From one address to any account: behind it may be a whole town hall.
const OF_ADDRESS: Limit = Limit { failures: 30, within: TimeDelta::minutes(15) };
/// To one account from all addresses together, those excepted from where it was signed in to lately: many
/// who guess together cannot lock a clerk out of the office.
const OF_ACCOUNT: Limit = Limit { failures: 50, within: TimeDelta::hours(1) };
/// How long an address is known by a success.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

statements! {
    ATTEMPTS_OF_BOTH = "SELECT made_at FROM sign_in_attempts WHERE account_sha256 = $1 AND address = $2
        AND NOT succeeded AND made_at > $3 ORDER BY made_at DESC LIMIT 1 OFFSET $4";
    ATTEMPTS_OF_ADDRESS = "SELECT made_at FROM sign_in_attempts WHERE address = $1
        AND NOT succeeded AND made_at > $2 ORDER BY made_at DESC LIMIT 1 OFFSET $3";
    ATTEMPTS_OF_ACCOUNT = "SELECT made_at FROM sign_in_attempts WHERE account_sha256 = $1
        AND NOT succeeded AND made_at > $2
        AND NOT EXISTS (SELECT 1 FROM sign_in_attempts known WHERE known.account_sha256 = $1
            AND known.address = $3 AND known.succeeded)
        ORDER BY made_at DESC LIMIT 1 OFFSET $4";
    ATTEMPT_INSERT = "INSERT INTO sign_in_attempts (id, account_sha256, address, made_at, succeeded)
        VALUES ($1, $2, $3, $4, FALSE)";
    ATTEMPT_SUCCEEDED = "UPDATE sign_in_attempts SET succeeded = TRUE WHERE id = $1";
    ATTEMPTS_FORGIVE = "DELETE FROM sign_in_attempts WHERE account_sha256 = $1 AND address = $2
        AND NOT succeeded";
    ATTEMPTS_FORGIVE_ALL = "DELETE FROM sign_in_attempts WHERE account_sha256 = $1 AND NOT succeeded";
    ATTEMPTS_FORGET = "DELETE FROM sign_in_attempts WHERE made_at < $1";
}

fn sha256(account: &str) -> String {
    Secret::new(account.to_lowercase()).sha256()
}

impl Db {
    /// Notes an attempt to sign in to an account, as it was typed, from an IP address, unless there were too
    /// many.
    pub async fn admit_attempt(&self, account: &str, address: &str, now: DateTime<Utc>) -> Result<Admission> {
        let account_sha256 = sha256(account);
        let mut tx = self.begin().await?;
        if let Some(at) = tx.next_attempt(&account_sha256, address, now).await? {
            return Ok(Admission::NotBefore(at));
        }
        let id = Uuid::now_v7();
        on_tx!(&mut tx, |connection| {
            sqlx::query(ATTEMPTS_FORGET).bind(now - REMEMBERED).execute(connection).await.map(drop)
        })?;
        on_tx!(&mut tx, |connection| {
            sqlx::query(ATTEMPT_INSERT)
                .bind(id)
                .bind(account_sha256)
                .bind(address)
                .bind(now)
                .execute(connection)
                .await
                .map(drop)
        })?;
        tx.commit().await?;
        Ok(Admission::Admitted(id))
    }
}

impl Tx {
    /// When the next attempt may be made, if not now.
    async fn next_attempt(
        &mut self,
        account_sha256: &str,
        address: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        let of_both: Option<DateTime<Utc>> = on_tx!(self, |connection| {
            sqlx::query_scalar(ATTEMPTS_OF_BOTH)
                .bind(account_sha256)
                .bind(address)
                .bind(now - OF_BOTH.within)
                .bind(OF_BOTH.failures - 1)
                .fetch_optional(connection)
                .await
        })?;
        let of_address: Option<DateTime<Utc>> = on_tx!(self, |connection| {
            sqlx::query_scalar(ATTEMPTS_OF_ADDRESS)
                .bind(address)
                .bind(now - OF_ADDRESS.within)
                .bind(OF_ADDRESS.failures - 1)
                .fetch_optional(connection)
                .await
        })?;
        let of_account: Option<DateTime<Utc>> = on_tx!(self, |connection| {
            sqlx::query_scalar(ATTEMPTS_OF_ACCOUNT)
                .bind(account_sha256)
                .bind(now - OF_ACCOUNT.within)
                .bind(address)
                .bind(OF_ACCOUNT.failures - 1)
                .fetch_optional(connection)
                .await
        })?;
        let after = |last: Option<DateTime<Utc>>, limit: Limit| last.map(|last| last + limit.within);
        let ends = [after(of_both, OF_BOTH), after(of_address, OF_ADDRESS), after(of_account, OF_ACCOUNT)];
        Ok(ends.into_iter().flatten().max())
    }

    /// The password was right: what was mistyped before, from the same address, is forgiven.
    pub async fn attempt_succeeded(&mut self, id: Uuid, account: &str, address: &str) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(ATTEMPT_SUCCEEDED).bind(id).execute(connection).await.map(drop)
        })?;
        on_tx!(self, |connection| {
            sqlx::query(ATTEMPTS_FORGIVE)
                .bind(sha256(account))
                .bind(address)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// An administrator gave the account a new password: nobody has to wait for the old one's failures.
    pub async fn forgive_attempts(&mut self, account: &str) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(ATTEMPTS_FORGIVE_ALL).bind(sha256(account)).execute(connection).await.map(drop)
        })?;
        Ok(())
    }
}
