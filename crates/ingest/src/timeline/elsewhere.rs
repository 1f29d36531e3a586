//! Media files that are read, on this disk or elsewhere.

use std::{
    fmt,
    fs::File,
    io::{self, Cursor, ErrorKind, Read},
    path::PathBuf,
    sync::Arc,
};

use super::Timeline;
use crate::journal::Rendition;

/// Reads files that are no longer on this disk: each whole, by its path below the folder of the recording,
/// such as `a/1-0.m4s`. It blocks.
#[derive(Clone)]
pub struct Elsewhere(Arc<ReadFile>);

type ReadFile = dyn Fn(&str) -> io::Result<Vec<u8>> + Send + Sync;

impl Elsewhere {
    pub fn new(read: impl Fn(&str) -> io::Result<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elsewhere(…)")
    }
}

impl PartialEq for Elsewhere {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The files of a rendition, for whoever reads them.
#[derive(Debug, Clone)]
pub(crate) struct MediaFolder {
    dir: PathBuf,
    rendition: Rendition,
    elsewhere: Option<Elsewhere>,
}

impl Timeline {
    /// The same recording, whose files are also read elsewhere where they are not on this disk.
    #[must_use]
    pub fn with_elsewhere(self, elsewhere: Elsewhere) -> Self {
        Self { elsewhere: Some(elsewhere), ..self }
    }

    pub(crate) fn folder(&self, rendition: Rendition) -> MediaFolder {
        MediaFolder { dir: self.dir.clone(), rendition, elsewhere: self.elsewhere.clone() }
    }
}

impl MediaFolder {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(self.rendition.folder()).join(name)
    }

    pub(crate) fn open(&self, name: &str) -> io::Result<Box<dyn Read>> {
        match (File::open(self.path(name)), &self.elsewhere) {
            (Ok(file), _) => Ok(Box::new(file)),
            (Err(error), Some(Elsewhere(read))) if error.kind() == ErrorKind::NotFound => {
                Ok(Box::new(Cursor::new(read(&format!("{}/{name}", self.rendition.folder()))?)))
            }
            (Err(error), _) => Err(error),
        }
    }
}
