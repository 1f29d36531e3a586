//! Media in an S3-compatible object store: what was recorded is copied there, read back and compared, and
//! read from there where it is no longer on a disk ([ADR 9](../../../docs/adr/0009-object-storage.md)).
//!
//! A recording lies in the store as it lies on disk: `{meeting id}/journal.jsonl`, `{meeting id}/v/1-0.m4s`,
//! `{meeting id}/preview/poster.jpg`, all below the folder of the bucket's address.
//!
//! Architecture invariant: what the journal in the store tells of is in the store, whole, and was read back.

mod archive;
mod blocks;
mod error;
mod object;
mod settings;
mod timeline;

pub use archive::{Archive, Stored};
pub use error::ArchiveError;
pub use object::Object;
pub use settings::StorageSettings;
pub use timeline::Loan;
