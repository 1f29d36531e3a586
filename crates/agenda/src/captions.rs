use std::path::Path;

use moothall_core::formats::{ReadCaptions, srt, vtt};

use crate::{AgendaError, input::read_file};

/// Reads a WebVTT or SubRip file.
///
/// # Errors
/// Where the file cannot be read, or has not a single caption.
pub fn read_captions(path: &Path) -> Result<ReadCaptions, AgendaError> {
    let bytes = read_file(path)?;
    let read = if vtt::is_vtt(&bytes) { vtt::read(&bytes) } else { srt::read(&bytes) };
    if read.captions.is_empty() {
        return Err(AgendaError::NoCaptions { path: path.to_owned() });
    }
    Ok(read)
}
