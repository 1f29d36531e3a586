//! Sound and picture in: connects to a source, records it to CMAF segment files with a journal, and reads
//! the recording back as HLS playlists or as samples for transcription.
//!
//! A recording is a directory: `journal.jsonl`, and the folders `v/` and `a/` of its renditions with their
//! init and segment files. The journal is the truth; playlists are made from it when asked for.
//!
//! Everything here blocks: call it from a thread of its own. Call [`init`] first.
//!
//! Architecture invariants: this crate knows no other crate of Moothall but `core`, and nothing that a user
//! typed becomes part of a pipeline description.

mod attendant;
mod audio_file;
mod branch;
mod decode;
mod elements;
mod hls_relay;
mod journal;
mod pipeline;
mod playlist;
mod probe;
mod reach;
mod read_audio;
mod record;
mod rtmp_server;
mod secret;
mod source;
mod timeline;
mod watch;
mod writer;

pub use audio_file::{AudioBlock, AudioFile};
pub use decode::{AudioError, SAMPLE_RATE};
pub use elements::{ElementStatus, IngestError, init, required_elements};
pub use journal::Rendition;
pub use playlist::{PlaylistError, master_playlist, media_playlist};
pub use probe::{Probe, ProbeError, probe};
pub use read_audio::{AudioPiece, read_audio};
pub use record::{Ending, Progress, RecordError, RecordOptions, StopHandle, Summary, finish, record};
pub use secret::KeyKind;
pub use source::{
    HlsAddress, RtmpAddress, RtspAddress, Source, SourceError, SrtAddress, SrtMode, UdpAddress,
};
pub use timeline::{Format, Segment, Timeline, TimelineError};
