//! Who may use the console, and what they may do there.

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

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

/// What a user may do in one council.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CouncilRole {
    pub council_id: CouncilId,
    pub council_slug: String,
    pub council_name: String,
    #[sqlx(try_from = "String")]
    pub role: Role,
}

statements! {
    USER_BY_EMAIL = "SELECT id, email, name, password_hash, created_at FROM users
        WHERE email = $1 AND removed_at IS NULL";
    USERS = "SELECT id, email, name, password_hash, created_at FROM users WHERE removed_at IS NULL ORDER BY email";
    USER_SAVE = "INSERT INTO users (id, email, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (email) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash,
            removed_at = NULL
        RETURNING id, email, name, password_hash, created_at";
    USER_PASSWORD = "UPDATE users SET password_hash = $2 WHERE id = $1";
    ROLE_SAVE = "INSERT INTO user_roles (user_id, council_id, role) VALUES ($1, $2, $3)
        ON CONFLICT (user_id, council_id) DO UPDATE SET role = excluded.role";
    ROLE_FIND = "SELECT role FROM user_roles WHERE user_id = $1 AND council_id = $2";
    ROLES_OF = "SELECT r.council_id, c.slug AS council_slug, c.name AS council_name, r.role
        FROM user_roles r JOIN councils c ON c.id = r.council_id WHERE r.user_id = $1 ORDER BY c.name, c.id";
    ROLES_DELETE = "DELETE FROM user_roles WHERE user_id = $1";
    USER_REMOVE = "UPDATE users SET removed_at = $2, password_hash = '' WHERE id = $1";
}

impl Db {
    pub async fn users(&self) -> Result<Vec<User>> {
        Ok(on_db!(self, |pool| sqlx::query_as(USERS).fetch_all(pool).await)?)
    }

    /// `email` in lower case, as it is kept.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        Ok(on_db!(self, |pool| sqlx::query_as(USER_BY_EMAIL).bind(email).fetch_optional(pool).await)?)
    }

    /// By the names of the councils.
    pub async fn roles_of(&self, user: UserId) -> Result<Vec<CouncilRole>> {
        Ok(on_db!(self, |pool| sqlx::query_as(ROLES_OF).bind(user).fetch_all(pool).await)?)
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

    /// `password_hash` is Argon2id in PHC string form.
    pub async fn set_password(&mut self, user: UserId, password_hash: &str) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(USER_PASSWORD).bind(user).bind(password_hash).execute(connection).await.map(drop)
        })?;
        Ok(())
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

    /// Takes everything from a user but name and address, which stay for the audit; signed in is the user nowhere
    /// any more.
    pub async fn remove_user(&mut self, user: UserId, now: DateTime<Utc>) -> Result<()> {
        on_tx!(self, |connection| sqlx::query(ROLES_DELETE).bind(user).execute(connection).await.map(drop))?;
        on_tx!(self, |connection| {
            sqlx::query(USER_REMOVE).bind(user).bind(now).execute(connection).await.map(drop)
        })?;
        self.end_sign_ins(user, None).await.map(drop)
    }
}
