use std::{fs::File, io::Read as _, path::Path};

use crate::AgendaError;

/// The largest file that is read. An agenda package with all its reports stays below it.
pub const MAX_FILE_MIB: u64 = 128;

/// The whole file, if it is not too big.
pub fn read_file(path: &Path) -> Result<Vec<u8>, AgendaError> {
    let io_error = |source| AgendaError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io_error)?;
    let limit = MAX_FILE_MIB << 20;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > limit {
        return Err(AgendaError::TooBig { path: path.to_owned(), limit_mib: MAX_FILE_MIB });
    }
    Ok(bytes)
}
