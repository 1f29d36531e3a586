//! Tokens with which machines of a council write to the archive.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use moothall_core::{CouncilId, Secret, TokenId};
use sqlx::FromRow;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// All that a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScope {
    /// Telling whose microphone is on.
    Microphones,
}

impl TokenScope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Microphones => "microphones",
        }
    }
}

impl FromStr for TokenScope {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "microphones" => Ok(Self::Microphones),
            _ => Err(format!("{text:?} is nothing that a token can open: give microphones")),
        }
    }
}

impl TryFrom<String> for TokenScope {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ServiceToken {
    pub id: TokenId,
    pub council_id: CouncilId,
    /// Of the machine that has it; unique within the council.
    pub name: String,
    #[sqlx(try_from = "String")]
    pub scope: TokenScope,
    /// All that is kept of it.
    pub sha256: String,
    pub created_at: DateTime<Utc>,
}

statements! {
    TOKENS = "SELECT id, council_id, name, scope, sha256, created_at FROM service_tokens
        ORDER BY council_id, name";
    TOKEN_FIND = "SELECT id, council_id, name, scope, sha256, created_at FROM service_tokens
        WHERE sha256 = $1 AND scope = $2";
    TOKEN_INSERT = "INSERT INTO service_tokens (id, council_id, name, scope, sha256, created_at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (council_id, name) DO NOTHING";
    TOKEN_DELETE = "DELETE FROM service_tokens WHERE council_id = $1 AND name = $2";
}

impl Db {
    pub async fn service_tokens(&self) -> Result<Vec<ServiceToken>> {
        Ok(on_db!(self, |pool| sqlx::query_as(TOKENS).fetch_all(pool).await)?)
    }

    /// The token that was shown, if it is one and opens this.
    pub async fn service_token(&self, shown: &Secret, scope: TokenScope) -> Result<Option<ServiceToken>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_as(TOKEN_FIND).bind(shown.sha256()).bind(scope.as_str()).fetch_optional(pool).await
        })?)
    }
}

impl Tx {
    /// Returns `false` where the council has a token of this name.
    pub async fn add_service_token(&mut self, token: &ServiceToken) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(TOKEN_INSERT)
                .bind(token.id)
                .bind(token.council_id)
                .bind(&token.name)
                .bind(token.scope.as_str())
                .bind(&token.sha256)
                .bind(token.created_at)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }

    /// Returns `false` where the council has no token of this name.
    pub async fn remove_service_token(&mut self, council: CouncilId, name: &str) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(TOKEN_DELETE)
                .bind(council)
                .bind(name)
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(rows > 0)
    }
}
