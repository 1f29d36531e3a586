//! The index on disk: opened, checked, and made anew where it cannot be trusted.
//!
//! Everything in it comes from the database, so a damaged or outdated index is deleted rather than mended:
//! [`Index::open`] then gives an empty one, and says why, and the caller feeds it from the first change on.
//!
//! ```text
//! DIR/lock            held while the index is open
//! DIR/current/        tantivy's files
//! DIR/current/stamp   versions of our schema and of tantivy's files
//! ```

use std::{
    fmt,
    fs::{self, File, TryLockError},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Mutex,
};

use tantivy::{
    INDEX_FORMAT_VERSION, IndexReader, IndexSettings, ReloadPolicy,
    directory::MmapDirectory,
    index::SegmentComponent,
    store::{Compressor, ZstdCompressor},
};

use crate::{
    analysis,
    schema::{self, Fields, START_MS},
    writer::{self, Writer},
};

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the search index in {} is in use by another process: stop that one, or choose another directory with --data", dir.display())]
    Locked { dir: PathBuf },
    #[error("the search index in {} cannot be made: {source}; check that the directory can be written and the disk is not full", dir.display())]
    Directory { dir: PathBuf, source: io::Error },
    #[error("the search index in {} cannot be opened: {source}; delete the directory, it is made again", dir.display())]
    Tantivy { dir: PathBuf, source: tantivy::TantivyError },
}

/// Why an index was begun anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There was none. Not a fault.
    New,
    /// Somebody asked for it, by [`Index::rebuild`]. Not a fault.
    Asked,
    /// Another version of the program made it.
    Outdated { found: String, wanted: String },
    /// Files are missing, cut off or changed.
    Damaged { what: String },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("there was no search index yet"),
            Self::Asked => f.write_str("a rebuild of the search index was asked for"),
            Self::Outdated { found, wanted } => {
                write!(f, "the search index was made by another version ({found}; this one makes {wanted})")
            }
            Self::Damaged { what } => write!(f, "the search index was damaged: {what}"),
        }
    }
}

/// An index and, where it is empty because it was begun anew, why.
#[derive(Debug)]
pub struct Opened {
    pub index: Index,
    /// When set, [`Index::committed_sequence`] is 0 and everything is to be fed again.
    pub fresh: Option<Reason>,
}

/// What was said, to be searched. One per directory and process; share it by `Arc`.
///
/// Its methods block: searching for some milliseconds, feeding and committing for longer.
pub struct Index {
    pub(crate) fields: Fields,
    pub(crate) reader: IndexReader,
    pub(crate) writer: Mutex<Writer>,
    // Dropped last: the directory stays ours until the writer has finished.
    _lock: File,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in `dir` after checking every file of it, or begins an empty one.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while another `Index` is open on the directory, in this process or another; the
    /// others where the directory cannot be written.
    pub fn open(dir: &Path) -> Result<Opened, OpenError> {
        let lock = lock(dir)?;
        let current = dir.join("current");
        match verify(&current) {
            Ok(index) => Ok(Opened { index: Self::from_tantivy(dir, index, lock)?, fresh: None }),
            Err(reason) => Self::begin(dir, lock, reason),
        }
    }

    /// Throws away what is in `dir` and begins an empty index.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn rebuild(dir: &Path) -> Result<Opened, OpenError> {
        let lock = lock(dir)?;
        Self::begin(dir, lock, Reason::Asked)
    }

    fn begin(dir: &Path, lock: File, reason: Reason) -> Result<Opened, OpenError> {
        let current = dir.join("current");
        let directory = |source| OpenError::Directory { dir: dir.to_owned(), source };
        match fs::remove_dir_all(&current) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(directory(error)),
            _ => {}
        }
        fs::create_dir_all(&current).map_err(directory)?;
        let (schema, _) = schema::schema();
        let settings = IndexSettings {
            docstore_compression: Compressor::Zstd(ZstdCompressor::default()),
            ..IndexSettings::default()
        };
        let made = MmapDirectory::open(&current)
            .map_err(tantivy::TantivyError::from)
            .and_then(|files| tantivy::Index::create(files, schema, settings));
        let index = made.map_err(|source| OpenError::Tantivy { dir: dir.to_owned(), source })?;
        // The stamp comes last: without it an index half made is not taken for a whole one.
        fs::write(current.join("stamp"), stamp()).map_err(directory)?;
        Ok(Opened { index: Self::from_tantivy(dir, index, lock)?, fresh: Some(reason) })
    }

    fn from_tantivy(dir: &Path, mut index: tantivy::Index, lock: File) -> Result<Self, OpenError> {
        index.set_tokenizers(analysis::tokenizers());
        let (_, fields) = schema::schema();
        let opened = index
            .reader_builder()
            // Commits reload at once by themselves; this picks up the outcome of merges too.
            .reload_policy(ReloadPolicy::OnCommitWithDelay)
            .try_into()
            .and_then(|reader| Ok((reader, Writer::new(index)?)));
        let (reader, writer) = opened.map_err(|source| OpenError::Tantivy { dir: dir.to_owned(), source })?;
        Ok(Self { fields, reader, writer: Mutex::new(writer), _lock: lock })
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let directory = |source| OpenError::Directory { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(directory)?;
    let file = File::create(dir.join("lock")).map_err(directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(directory(source)),
    }
}

fn stamp() -> String {
    format!("moothall-search schema {}, tantivy format {INDEX_FORMAT_VERSION}", schema::VERSION)
}

fn verify(current: &Path) -> Result<tantivy::Index, Reason> {
    let damaged = |error: &dyn fmt::Display| Reason::Damaged { what: error.to_string() };
    match fs::read_to_string(current.join("stamp")) {
        Ok(found) if found == stamp() => {}
        Ok(found) => {
            let found = found.chars().filter(|character| !character.is_control()).take(80).collect();
            return Err(Reason::Outdated { found, wanted: stamp() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !current.exists() => {
            return Err(Reason::New);
        }
        Err(error) => return Err(damaged(&format_args!("its stamp cannot be read ({error})"))),
    }
    // Reading files that are not what they seem may panic inside tantivy.
    match catch_unwind(AssertUnwindSafe(|| read_all(current))) {
        Ok(Ok(index)) => Ok(index),
        Ok(Err(what)) => Err(damaged(&what)),
        Err(_) => Err(damaged(&"its files do not fit together")),
    }
}

/// Reads every file once: those of segments against their checksums, and `meta.json`, which has none, against
/// the segments.
fn read_all(current: &Path) -> Result<tantivy::Index, String> {
    let unreadable = |error: tantivy::TantivyError| error.to_string();
    let index = tantivy::Index::open_in_dir(current).map_err(unreadable)?;
    if index.schema() != schema::schema().0 {
        return Err("its fields are not those of its version".to_owned());
    }
    let meta = index.load_metas().map_err(unreadable)?;
    writer::sequence(&meta)?;
    // Not `Index::validate_checksum`: that one passes over files that `.managed.json` has lost.
    for segment in &meta.segments {
        for component in COMPONENTS {
            if component == SegmentComponent::Delete && !segment.has_deletes() {
                continue;
            }
            let path = segment.relative_path(component);
            match index.directory().validate_checksum(&path) {
                Ok(true) => {}
                Ok(false) => return Err(format!("{} does not match its checksum", path.display())),
                Err(error) => return Err(format!("{}: {error}", path.display())),
            }
        }
    }
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(unreadable)?;
    let reader: IndexReader = reader;
    for segment in reader.searcher().segment_readers() {
        let rows = segment.fast_fields().u64(START_MS).map_err(unreadable)?.num_docs();
        let deleted =
            segment.alive_bitset().map_or(0, |alive| segment.max_doc() as usize - alive.num_alive_docs());
        if rows != segment.max_doc() || deleted != segment.num_deleted_docs() as usize {
            return Err("meta.json and the segments count differently".to_owned());
        }
    }
    Ok(index)
}

const COMPONENTS: [SegmentComponent; 7] = [
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::FastFields,
    SegmentComponent::FieldNorms,
    SegmentComponent::Terms,
    SegmentComponent::Store,
    SegmentComponent::Delete,
];
