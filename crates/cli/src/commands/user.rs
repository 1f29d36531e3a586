//! Users of the console: who they are, what they may do, and their passwords.

use std::{io::IsTerminal, process::ExitCode};

use anyhow::{Context, Result, bail};
use console::Term;
use moothall_core::{Clock, Secret, UserId, check_password, hash_password};
use moothall_store::{AuditEntry, Db, Role, User};
use moothall_worker::import::council_name;
use serde_json::json;

use super::block_on;
use crate::config::Settings;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a user, or give one a role in another council
    ///
    /// The password is asked for; without a terminal, or when none is typed, one is made up and shown once.
    Add {
        email: String,
        /// "Ada Birch"
        #[arg(long)]
        name: String,
        /// The council's short name in addresses
        #[arg(long, default_value = "council", value_name = "SLUG")]
        council: String,
        /// What the user may do there: viewer, editor, clerk or administrator
        #[arg(long)]
        role: Role,
    },
    /// Show the users, and what they may do
    List,
    /// Give a user a new password, and sign the user out everywhere
    SetPassword { email: String },
    /// Remove a user; what the user did stays in the audit
    Remove { email: String },
}

pub fn run(settings: &Settings, command: Command) -> Result<ExitCode> {
    block_on(async {
        let db = settings.open_database().await?;
        match command {
            Command::Add { email, name, council, role } => add(&db, &email, name, &council, role).await?,
            Command::List => list(&db).await?,
            Command::SetPassword { email } => set_password(&db, &email).await?,
            Command::Remove { email } => remove(&db, &email).await?,
        }
        db.close().await;
        Ok(ExitCode::SUCCESS)
    })
}

async fn add(db: &Db, email: &str, name: String, council: &str, role: Role) -> Result<()> {
    let email = address(email)?;
    let (user, password) = match db.user_by_email(&email).await? {
        Some(user) => (user, None),
        None => {
            let password = new_password(&[&email, &name, council])?;
            let password_hash = hash_password(&password.secret)?;
            let created_at = Clock::System.now();
            (
                User { id: UserId::new(), email: email.clone(), name, password_hash, created_at },
                Some(password),
            )
        }
    };
    let now = Clock::System.now();
    let mut tx = db.begin().await?;
    let user = if password.is_some() { tx.save_user(&user).await? } else { user };
    let council = tx.ensure_council(council, &council_name(council), now).await?;
    tx.set_role(user.id, council.id, role).await?;
    let entry = AuditEntry::new(council.id, None, now, "user.add", user.id);
    tx.audit(&entry.changed(None, json!({ "email": email, "role": role.as_str() }))).await?;
    tx.commit().await?;
    println!("{email} is {} of {} now", role.as_str(), council.name);
    match password {
        Some(password) => password.tell(),
        None => println!("The password stays as it was; `moothall user set-password {email}` gives another."),
    }
    Ok(())
}

async fn list(db: &Db) -> Result<()> {
    for user in db.users().await? {
        println!("{}  {}", user.email, user.name);
        for role in db.roles_of(user.id).await? {
            println!("  {:<13}  {}", role.role.as_str(), role.council_slug);
        }
    }
    Ok(())
}

async fn set_password(db: &Db, email: &str) -> Result<()> {
    let user = find(db, email).await?;
    let password = new_password(&[&user.email, &user.name])?;
    let password_hash = hash_password(&password.secret)?;
    let mut tx = db.begin().await?;
    tx.set_password(user.id, &password_hash).await?;
    tx.end_sign_ins(user.id, None).await?;
    tx.forgive_attempts(&user.email).await?;
    tx.audit(&AuditEntry::new(None, None, Clock::System.now(), "user.password", user.id)).await?;
    tx.commit().await?;
    println!("{} has a new password, and is signed out everywhere", user.email);
    password.tell();
    Ok(())
}

async fn remove(db: &Db, email: &str) -> Result<()> {
    let user = find(db, email).await?;
    let now = Clock::System.now();
    let mut tx = db.begin().await?;
    tx.remove_user(user.id, now).await?;
    let entry = AuditEntry::new(None, None, now, "user.remove", user.id);
    tx.audit(&entry.changed(json!({ "email": user.email }), None)).await?;
    tx.commit().await?;
    println!("{} is removed", user.email);
    Ok(())
}

async fn find(db: &Db, email: &str) -> Result<User> {
    let email = address(email)?;
    let user = db.user_by_email(&email).await?;
    user.with_context(|| format!("nobody has the address {email}: see `moothall user list`"))
}

/// An address as it is kept. Whether it reaches anybody is found out by writing to it.
fn address(text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    let looks_right = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if !looks_right || email.len() > 254 || email.contains(char::is_whitespace) {
        bail!("{text:?} is no e-mail address: write it as clerk@council.example");
    }
    Ok(email)
}

struct Password {
    secret: Secret,
    made_up: bool,
}

impl Password {
    /// Shows a password that was made up, this once.
    fn tell(&self) {
        if self.made_up {
            println!("  password  {}", self.secret.reveal());
            println!("It is shown this once; it can be changed in the console under “Your account”.");
        }
    }
}

/// Asks for a password where there is somebody to ask; makes one up otherwise.
fn new_password(about: &[&str]) -> Result<Password> {
    let terminal = Term::stderr();
    if !terminal.is_term() || !std::io::stdin().is_terminal() {
        return Ok(Password { secret: Secret::readable()?, made_up: true });
    }
    let ask = |question: &str| -> Result<Secret> {
        terminal.write_str(question)?;
        Ok(Secret::new(terminal.read_secure_line()?))
    };
    loop {
        let secret = ask("Password (nothing is shown; Enter alone makes one up): ")?;
        if secret.reveal().is_empty() {
            return Ok(Password { secret: Secret::readable()?, made_up: true });
        }
        if let Err(problem) = check_password(&secret, about) {
            eprintln!("{problem}");
        } else if ask("The same again: ")? == secret {
            return Ok(Password { secret, made_up: false });
        } else {
            eprintln!("the two are not the same: type it again");
        }
    }
}
