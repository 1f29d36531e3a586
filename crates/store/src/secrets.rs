//! The key of this installation, which lies beside the database and not in it, and what it seals there.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use moothall_core::{RoomId, SealError, SealingKey, Secret};

/// Within the data folder.
const FILE: &str = "secret.key";

/// Seals and opens the secrets that the database keeps.
#[derive(Debug, Clone)]
pub struct Secrets {
    file: PathBuf,
    /// For several machines that share a database and no folder.
    given: Option<SealingKey>,
}

/// Why a secret is neither sealed nor opened. The texts hold nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("MOOTHALL_SECRET_KEY is no key: {0}: make one with `head --bytes=32 /dev/urandom | base64`")]
    Given(SealError),
    #[error(
        "cannot read the installation's key {}: {source}; give it back from a backup; if it is lost, a new key for \
         each room (moothall room rotate-key) does as well",
        file.display()
    )]
    Read { file: PathBuf, source: io::Error },
    #[error(
        "the installation's key {} is damaged ({problem}): give it back from a backup; if it is lost, delete the file \
         and give each room a new key (moothall room rotate-key)",
        file.display()
    )]
    Damaged { file: PathBuf, problem: SealError },
    #[error("cannot keep the installation's key in {}: {source}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error(
        "the key of the room was sealed with another key than {key}: give that one back, or give the room a new key \
         (moothall room rotate-key)"
    )]
    Closed { key: String },
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Secrets {
    /// With the key in the data folder, which is made when something is first sealed; or with the one given,
    /// in base64.
    ///
    /// # Errors
    /// [`SecretError::Given`].
    pub fn new(data: &Path, given: Option<&str>) -> Result<Self, SecretError> {
        let given = given.map(SealingKey::from_base64).transpose().map_err(SecretError::Given)?;
        Ok(Self { file: data.join(FILE), given })
    }

    /// Seals the secret of a room's source. It can be opened for this room only.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn seal(&self, room: RoomId, secret: &Secret) -> Result<Vec<u8>, SecretError> {
        let key = match self.key() {
            Err(SecretError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => self.make()?,
            key => key?,
        };
        Ok(key.seal(&purpose(room), secret)?)
    }

    /// # Errors
    /// See [`SecretError`].
    pub fn open(&self, room: RoomId, sealed: &[u8]) -> Result<Secret, SecretError> {
        self.key()?.open(&purpose(room), sealed).map_err(|_| SecretError::Closed {
            key: match self.given {
                Some(_) => "MOOTHALL_SECRET_KEY".to_owned(),
                None => self.file.display().to_string(),
            },
        })
    }

    fn key(&self) -> Result<SealingKey, SecretError> {
        if let Some(key) = &self.given {
            return Ok(key.clone());
        }
        let bytes =
            fs::read(&self.file).map_err(|source| SecretError::Read { file: self.file.clone(), source })?;
        SealingKey::from_bytes(&bytes)
            .map_err(|problem| SecretError::Damaged { file: self.file.clone(), problem })
    }

    /// Makes the key, or takes the one that another process has made at the same moment.
    fn make(&self) -> Result<SealingKey, SecretError> {
        let key = SealingKey::generate()?;
        // A link appears with all its bytes or not at all, and never in place of another file.
        let unfinished = self.file.with_extension(format!("{}", uuid::Uuid::now_v7()));
        let made =
            write_private(&unfinished, key.as_bytes()).and_then(|()| fs::hard_link(&unfinished, &self.file));
        let removed = fs::remove_file(&unfinished);
        match made.and(removed) {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.key(),
            Err(source) => Err(SecretError::Write { file: self.file.clone(), source }),
        }
    }
}

fn purpose(room: RoomId) -> String {
    format!("source of room {room}")
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
