//! Agenda documents and feeds in, agenda items out; and the files that come with an imported meeting:
//! captions, and logs of items, speakers and microphones.
//!
//! What a file is, its content says, not its name. Everything here blocks, and reads what strangers wrote:
//! sizes, times and depths have limits, which are constants beside the code that keeps them.

mod captions;
mod document;
mod error;
mod input;
mod logs;
mod marker;
mod outline;
mod page;
mod pdf;
pub mod suggest;
mod title;
mod xml;

pub use captions::read_captions;
pub use document::{Agenda, Attendee, Document, Item, read};
pub use error::AgendaError;
pub use logs::{
    ItemEntry, Log, MicrophoneEntry, MicrophoneTime, SpeakerEntry, read_item_log, read_microphone_log,
    read_speaker_log,
};
