//! The words of Moothall as types: what a meeting, a caption or a moment in it is.
//!
//! Architecture invariant: nothing in this crate reads a file, a socket, a database or the clock of the
//! machine other than through [`Clock`].

mod caption;
mod clock;
mod evidence;
mod floor;
pub mod formats;
pub mod health;
mod id;
mod media_time;
mod meeting_state;
mod microphone;
mod names;
mod password;
mod seal;
mod secret;
mod slug;

pub use caption::{Caption, Word};
pub use clock::Clock;
pub use evidence::{Evidence, UnknownEvidence};
pub use floor::{Floor, SpeakerMark, Who, correct, floors};
pub use id::{
    AgendaItemId, AlertId, CallId, CaptionId, CommitteeId, CouncilId, DocumentId, FindingId, JobId,
    MeetingId, PersonId, RecordingId, RoomId, SignInId, SpanId, SpeakerId, TokenId, TurnId, UploadId, UserId,
};
pub use media_time::{MediaTime, MediaTimeError};
pub use meeting_state::{MeetingState, StateError};
pub use microphone::{MicrophoneEvent, MicrophoneFloor, microphone_floors};
pub use names::may_be_written;
pub use password::{WeakPassword, check_password, hash_password, is_password};
pub use seal::{SealError, SealingKey};
pub use secret::{NoRandomness, Secret};
pub use slug::slugify;
