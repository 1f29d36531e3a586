//! Who changed what.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use moothall_core::{CouncilId, UserId};
use serde_json::Value;
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct AuditEntry {
    pub id: Uuid,
    pub council_id: Option<CouncilId>,
    /// Absent where the program or somebody at the machine's console acted.
    pub user_id: Option<UserId>,
    pub made_at: DateTime<Utc>,
    /// A verb: `meeting.import`.
    pub action: String,
    /// What was changed, by id.
    pub subject: String,
    pub before: Option<Json<Value>>,
    pub after: Option<Json<Value>>,
}

impl AuditEntry {
    /// That somebody did something to a `subject`, a council's or nobody's in particular; what changed by it, if anything, is added by
    /// [`AuditEntry::changed`].
    pub fn new(
        council: impl Into<Option<CouncilId>>,
        by: Option<UserId>,
        made_at: DateTime<Utc>,
        action: &str,
        subject: impl Display,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            council_id: council.into(),
            user_id: by,
            made_at,
            action: action.to_owned(),
            subject: subject.to_string(),
            before: None,
            after: None,
        }
    }

    pub fn changed(self, before: impl Into<Option<Value>>, after: impl Into<Option<Value>>) -> Self {
        Self { before: before.into().map(Json), after: after.into().map(Json), ..self }
    }
}

statements! {
    AUDIT_INSERT = "INSERT INTO audit (id, council_id, user_id, made_at, action, subject, before, after)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    AUDIT_OF = "SELECT id, council_id, user_id, made_at, action, subject, before, after FROM audit
        WHERE subject = $1 ORDER BY made_at, id";
}

impl Db {
    /// What happened to one thing, earliest first.
    pub async fn audit_of(&self, subject: &str) -> Result<Vec<AuditEntry>> {
        Ok(on_db!(self, |pool| sqlx::query_as(AUDIT_OF).bind(subject).fetch_all(pool).await)?)
    }
}

impl Tx {
    pub async fn audit(&mut self, entry: &AuditEntry) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(AUDIT_INSERT)
                .bind(entry.id)
                .bind(entry.council_id)
                .bind(entry.user_id)
                .bind(entry.made_at)
                .bind(&entry.action)
                .bind(&entry.subject)
                .bind(&entry.before)
                .bind(&entry.after)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }
}
