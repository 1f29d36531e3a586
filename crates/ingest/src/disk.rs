use std::{io, path::Path};

/// Bytes that may still be written where `dir` is.
///
/// # Errors
/// If the folder is not there or cannot be looked at.
pub fn disk_left(dir: &Path) -> io::Result<i64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(i64::try_from(disk.f_bavail.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX))
}
