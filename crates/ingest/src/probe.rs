use std::path::{Path, PathBuf};

use gst::glib;
use gst_pbutils::prelude::*;

const TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(15);

/// What a media file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    pub duration_ms: Option<i64>,
    /// Names of the codecs for people, one for each stream.
    pub video: Vec<String>,
    pub audio: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is no media file that can be read ({reason}): use MP4, MOV, MKV, WebM, MP3, WAV, FLAC or the like, whole", path.display())]
    NotMedia { path: PathBuf, reason: String },
}

/// Looks into a media file.
///
/// # Errors
/// If the file cannot be read or holds neither picture nor sound.
pub fn probe(path: &Path) -> Result<Probe, ProbeError> {
    let path = path.canonicalize().map_err(|source| ProbeError::Read { path: path.to_owned(), source })?;
    let not_media = |reason: String| ProbeError::NotMedia { path: path.clone(), reason };
    let failed = |error: glib::Error| not_media(error.message().to_owned());
    let uri = glib::filename_to_uri(&path, None).map_err(failed)?;
    let info =
        gst_pbutils::Discoverer::new(TIMEOUT).and_then(|looker| looker.discover_uri(&uri)).map_err(failed)?;
    let codec = |caps: Option<gst::Caps>| {
        let caps = caps.unwrap_or_else(gst::Caps::new_empty);
        gst_pbutils::pb_utils_get_codec_description(&caps).to_string()
    };
    let probe = Probe {
        duration_ms: info.duration().map(|duration| duration.mseconds() as i64),
        video: info.video_streams().into_iter().filter(|s| !s.is_image()).map(|s| codec(s.caps())).collect(),
        audio: info.audio_streams().into_iter().map(|s| codec(s.caps())).collect(),
    };
    if probe.video.is_empty() && probe.audio.is_empty() {
        return Err(not_media("it holds neither picture nor sound".into()));
    }
    Ok(probe)
}
