//! Sound and picture in: connects to a source, records it to CMAF segment files with a journal, and reads
//! the recording back as HLS playlists, as samples for transcription, as clips or as pictures.
//!
//! A recording is a directory: `journal.jsonl`, and the folders `v/` and `a/` of its renditions with their
//! init and segment files. The journal is the truth; playlists are made from it when asked for.
//!
//! Everything here blocks: call it from a thread of its own. Call [`init`] first.
//!
//! Architecture invariants: this crate knows no other crate of Moothall but `core`, and nothing that a user
//! typed becomes part of a pipeline description.

mod air;
mod aired;
mod attendant;
mod audio_file;
mod branch;
mod browser;
mod caller;
mod clip;
mod clip_file;
mod clip_plan;
mod decode;
mod disk;
mod elements;
mod entry;
mod frames;
mod hls_relay;
mod intake;
mod journal;
mod key_frames;
mod ladder;
mod lead;
mod meter;
mod pipeline;
mod playlist;
mod poster;
mod probe;
mod reach;
mod read_audio;
mod record;
mod recording;
mod rtmp_server;
mod secret;
mod shelf;
mod source;
mod spool;
mod srt_desk;
mod srt_handshake;
mod storyboard;
mod switchboard;
mod tables;
mod timeline;
mod waiting;
mod watch;
mod writer;

pub use air::{AirDelay, Exempt, Gate};
pub use aired::Aired;
pub use audio_file::{AudioBlock, AudioFile};
pub use caller::caller;
pub use clip::{Clip, ClipError, ClipKind, LONGEST_CLIP_MS, clip};
pub use decode::{AudioError, SAMPLE_RATE};
pub use disk::disk_left;
pub use elements::{ElementStatus, IngestError, init, required_elements};
pub use frames::FramesError;
pub use journal::Rendition;
pub use lead::Rank;
pub use meter::{Meter, Readings};
pub use playlist::{
    CAPTIONS_END, PlaylistError, captions_playlist, delta_playlist, holds, is_too_far, master_playlist,
    media_playlist,
};
pub use poster::poster;
pub use probe::{Probe, ProbeError, probe};
pub use read_audio::{AudioPiece, read_audio, read_live_audio};
pub use record::{Ending, Progress, RecordError, RecordOptions, StopHandle, Summary, finish, record};
pub use recording::Recording;
pub use secret::KeyKind;
pub use source::{
    HlsAddress, RtmpAddress, RtspAddress, Source, SourceError, SrtAddress, SrtMode, UdpAddress, WhipAddress,
};
pub use storyboard::{Storyboard, storyboard};
pub use switchboard::{Call, Switchboard};
pub use timeline::{Elsewhere, Format, Found, MediaFile, Part, Piece, Segment, Timeline, TimelineError};
pub use waiting::WaitingFolders;
