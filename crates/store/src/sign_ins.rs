//! The browsers in which users are signed in.

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{SignInId, UserId};
use sqlx::FromRow;

use crate::{
    Db, Tx, User,
    backend::{on_db, on_tx},
    error::Result,
};

/// A browser in which a user is signed in.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SignIn {
    pub id: SignInId,
    pub user_id: UserId,
    /// From where the user signed in: an IP address.
    pub address: String,
    /// As the browser calls itself.
    pub browser: String,
    pub created_at: DateTime<Utc>,
    /// When it last asked for something, to within [`SEEN_EVERY`].
    pub seen_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct SignedIn {
    #[sqlx(flatten)]
    sign_in: SignIn,
    email: String,
    name: String,
    password_hash: String,
    user_created_at: DateTime<Utc>,
}

/// Who has asked for nothing for so long is signed out.
const IDLE: TimeDelta = TimeDelta::hours(12);
/// Who signed in so long ago does it again, however busy: a page left open asks by itself.
const LONGEST: TimeDelta = TimeDelta::days(7);
/// A busy page would otherwise write with everything it reads.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

statements! {
    SIGN_IN_OF = "SELECT s.id, s.user_id, s.address, s.browser, s.created_at, s.seen_at,
            u.email, u.name, u.password_hash, u.created_at AS user_created_at
        FROM sign_ins s JOIN users u ON u.id = s.user_id
        WHERE s.token_sha256 = $1 AND s.seen_at > $2 AND s.created_at > $3 AND u.removed_at IS NULL";
    SIGN_INS = "SELECT id, user_id, address, browser, created_at, seen_at FROM sign_ins
        WHERE user_id = $1 AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC, id";
    SIGN_IN_INSERT = "INSERT INTO sign_ins (id, user_id, token_sha256, address, browser, created_at, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SIGN_IN_SEEN = "UPDATE sign_ins SET seen_at = $2 WHERE id = $1";
    SIGN_IN_END = "DELETE FROM sign_ins WHERE user_id = $1 AND id = $2";
    SIGN_INS_END = "DELETE FROM sign_ins WHERE user_id = $1 AND id <> $2";
    SIGN_INS_FORGET = "DELETE FROM sign_ins WHERE seen_at <= $1 OR created_at <= $2";
}

impl Db {
    /// Who is signed in with the token of this hash, and since when; unless it has lapsed.
    pub async fn signed_in(&self, token_sha256: &str, now: DateTime<Utc>) -> Result<Option<(SignIn, User)>> {
        let found: Option<SignedIn> = on_db!(self, |pool| {
            sqlx::query_as(SIGN_IN_OF)
                .bind(token_sha256)
                .bind(now - IDLE)
                .bind(now - LONGEST)
                .fetch_optional(pool)
                .await
        })?;
        let Some(SignedIn { sign_in, email, name, password_hash, user_created_at }) = found else {
            return Ok(None);
        };
        if now - sign_in.seen_at > SEEN_EVERY {
            on_db!(self, |pool| {
                sqlx::query(SIGN_IN_SEEN).bind(sign_in.id).bind(now).execute(pool).await.map(drop)
            })?;
        }
        let id = sign_in.user_id;
        Ok(Some((sign_in, User { id, email, name, password_hash, created_at: user_created_at })))
    }

    /// Where a user is signed in, latest seen first.
    pub async fn sign_ins(&self, user: UserId, now: DateTime<Utc>) -> Result<Vec<SignIn>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_as(SIGN_INS).bind(user).bind(now - IDLE).bind(now - LONGEST).fetch_all(pool).await
        })?)
    }
}

impl Tx {
    /// Signs somebody in; those that have lapsed are forgotten on the way.
    pub async fn insert_sign_in(&mut self, sign_in: &SignIn, token_sha256: &str) -> Result<()> {
        let now = sign_in.created_at;
        on_tx!(self, |connection| {
            sqlx::query(SIGN_INS_FORGET)
                .bind(now - IDLE)
                .bind(now - LONGEST)
                .execute(connection)
                .await
                .map(drop)
        })?;
        on_tx!(self, |connection| {
            sqlx::query(SIGN_IN_INSERT)
                .bind(sign_in.id)
                .bind(sign_in.user_id)
                .bind(token_sha256)
                .bind(&sign_in.address)
                .bind(&sign_in.browser)
                .bind(sign_in.created_at)
                .bind(sign_in.seen_at)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// Signs a user out in one browser. Returns whether the user was signed in there.
    pub async fn end_sign_in(&mut self, user: UserId, sign_in: SignInId) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(SIGN_IN_END)
                .bind(user)
                .bind(sign_in)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }

    /// Signs a user out everywhere, but for one browser if asked to. Returns in how many.
    pub async fn end_sign_ins(&mut self, user: UserId, but: Option<SignInId>) -> Result<u64> {
        // No sign-in has the nil id.
        let but = but.unwrap_or_else(|| uuid::Uuid::nil().into());
        Ok(on_tx!(self, |connection| {
            sqlx::query(SIGN_INS_END)
                .bind(user)
                .bind(but)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?)
    }
}
