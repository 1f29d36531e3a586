//! The only crate with SQL: SQLite and PostgreSQL behind one [`Db`].
//!
//! [`Db`] reads. [`Tx`], begun by [`Db::begin`], writes: what belongs together commits together.
//! A lookup of one row is `Result<Option<T>>`; an error always means that the database failed us.
//! [`Secrets`] seals what nobody shall read who reads the database.
//!
//! Architecture invariant: one SQL text per query serves both databases. Where they truly differ the
//! difference stands in `backend.rs`.

/// Names SQL texts, and lists them in `STATEMENTS` for the test that prepares each.
macro_rules! statements {
    ($($name:ident = $sql:expr;)+) => {
        $(const $name: &str = $sql;)+
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

mod agenda;
mod alerts;
mod attempts;
mod audit;
mod backend;
mod backlog;
mod calls;
mod councils;
mod error;
mod former_captions;
mod health;
mod imports;
mod jobs;
mod meetings;
mod microphones;
mod recordings;
mod rooms;
mod secrets;
mod session;
mod sign_ins;
mod speakers;
mod tokens;
mod transcript;
mod uploads;
mod users;
mod voices;

pub use agenda::{AgendaItem, Document, ItemSpan};
pub use alerts::{AlertEvent, AlertTarget, ClaimedAlert};
pub use attempts::Admission;
pub use audit::AuditEntry;
pub use backend::{Db, Tx};
pub use backlog::Backlog;
pub use calls::{CallState, WaitingCall};
pub use councils::{Committee, Council, Membership, Person, PersonMeeting};
pub use error::StoreError;
pub use former_captions::FormerCaption;
pub use health::FindingRow;
pub use imports::MediaObjection;
pub use jobs::{ClaimedJob, Job, JobKind, JobState, LEASE, Lane, MAX_ATTEMPTS, NewJob};
pub use meetings::{ChangedMeeting, Meeting, MeetingFilter};
pub use microphones::Taken;
pub use recordings::Recording;
pub use rooms::{Room, RoomAddress, RoomSource, RoomState};
pub use secrets::{SecretError, Secrets};
pub use session::{ExemptSpan, SessionError};
pub use sign_ins::SignIn;
pub use speakers::{Speaker, SpeakerKind};
pub use tokens::{ServiceToken, TokenScope};
pub use transcript::{CaptionRow, Edit, Turn};
pub use uploads::{Upload, UploadState};
pub use users::{CouncilRole, Role, User};
pub use voices::{Voice, VoiceName};

/// Every SQL text of this crate by the name of its constant, so that a test can prepare each on both
/// databases.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        agenda::STATEMENTS,
        alerts::STATEMENTS,
        attempts::STATEMENTS,
        audit::STATEMENTS,
        councils::STATEMENTS,
        former_captions::STATEMENTS,
        health::STATEMENTS,
        imports::STATEMENTS,
        jobs::STATEMENTS,
        meetings::STATEMENTS,
        microphones::STATEMENTS,
        recordings::STATEMENTS,
        session::STATEMENTS,
        rooms::STATEMENTS,
        sign_ins::STATEMENTS,
        speakers::STATEMENTS,
        tokens::STATEMENTS,
        transcript::STATEMENTS,
        backlog::STATEMENTS,
        calls::STATEMENTS,
        uploads::STATEMENTS,
        users::STATEMENTS,
        voices::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
