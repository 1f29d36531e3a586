//! Who may use the console.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use moothall_core::{CouncilId, UserId};
use sqlx::FromRow;

use crate::{
    Db, StoreError, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// Argon2id in PHC string form.
    pub password_hash: String,
    pub created_at: DateTime<Utc>,
}

/// What a user may do in one council, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Editor,
    Clerk,
    Administrator,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Clerk, Self::Administrator];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Clerk => "clerk",
            Self::Administrator => "administrator",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a role: choose viewer, editor, clerk or administrator"))
    }
}

statements! {
    USER_BY_EMAIL = "SELECT id, email, name, password_hash, created_at FROM users WHERE email = $1";
    USERS = "SELECT id, email, name, password_hash, created_at FROM users ORDER BY email";
    USER_SAVE = "INSERT INTO users (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (email) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash
        RETURNING id, email, name, password_hash, created_at";
    ROLE_SAVE = "INSERT INTO user_roles (user_id, council_id, role) VALUES ($1, $2, $3)
        ON CONFLICT (user_id, council_id) DO UPDATE SET role = excluded.role";
    ROLE_FIND = "SELECT role FROM user_roles WHERE user_id = $1 AND council_id = $2";
}

impl Db {
    pub async fn users(&self) -> Result<Vec<User>> {
        Ok(on_db!(self, |pool| sqlx::query_as(USERS).fetch_all(pool).await)?)
    }

    /// `email` in lower case, as it is kept.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        Ok(on_db!(self, |pool| sqlx::query_as(USER_BY_EMAIL).bind(email).fetch_optional(pool).await)?)
    }

    pub async fn role(&self, user: UserId, council: CouncilId) -> Result<Option<Role>> {
        let text: Option<String> = on_db!(self, |pool| {
            sqlx::query_scalar(ROLE_FIND).bind(user).bind(council).fetch_optional(pool).await
        })?;
        text.map(|text| text.parse()).transpose().map_err(|problem| StoreError::Inconsistent {
            table: "user_roles",
            id: user.to_string(),
            problem,
        })
    }
}

impl Tx {
    /// Makes a user, or gives the one with this address a new name and password.
    pub async fn save_user(&mut self, user: &User) -> Result<User> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(USER_SAVE)
                .bind(user.id)
                .bind(user.email.to_lowercase())
                .bind(&user.name)
                .bind(&user.password_hash)
                .bind(user.created_at)
                .fetch_one(connection)
                .await
        })?)
    }

    pub async fn set_role(&mut self, user: UserId, council: CouncilId, role: Role) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(ROLE_SAVE)
                .bind(user)
                .bind(council)
                .bind(role.as_str())
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }
}
