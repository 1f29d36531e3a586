//! The folder in memory in which what waits to be aired lies as files, so that a killed recorder finds it
//! again and no disk has ever seen what must not be kept.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, DirEntryExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::entry::Entry;

/// Of a file that waits.
const WAITING: &str = "entry";
/// Of a file that viewers may have although the disk has not taken it.
const AIRED: &str = "aired";

/// Keeps nothing where there is no such folder, or none that can be trusted: then what waits lies in the
/// process's memory only, and dies with it.
pub(crate) struct Spool {
    dir: Option<PathBuf>,
    next: u64,
    has_complained: bool,
}

impl Spool {
    /// With what a killed recorder left behind, in its order. `dir` and the folder that holds it are made,
    /// and must be this user's and nobody else's.
    pub(crate) fn open(dir: Option<&Path>) -> (Self, Vec<(Entry, PathBuf)>) {
        let mut spool = Self { dir: None, next: 0, has_complained: false };
        let Some(dir) = dir else { return (spool, Vec::new()) };
        match private_dir(dir).and_then(|()| left_behind(dir)) {
            Ok(left) => {
                spool.next = left.last().map_or(0, |(number, ..)| number + 1);
                spool.dir = Some(dir.to_owned());
                (spool, left.into_iter().map(|(_, entry, file)| (entry, file)).collect())
            }
            Err(error) => {
                tracing::error!(
                    dir = %dir.display(), %error,
                    "what waits to be aired cannot be kept there, and is lost should the program die: remove that folder"
                );
                (spool, Vec::new())
            }
        }
    }

    /// Gives the file, if there is one. What cannot be kept there is worth no more than a warning: it lies in
    /// memory as well.
    pub(crate) fn keep(&mut self, entry: &Entry) -> Option<PathBuf> {
        let dir = self.dir.as_ref()?;
        let file = dir.join(format!("{:012}.{WAITING}", self.next));
        self.next += 1;
        match entry.write(&file) {
            Ok(()) => {
                self.has_complained = false;
                Some(file)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.has_complained, true) {
                    tracing::warn!(
                        dir = %dir.display(), %error,
                        "what waits to be aired cannot be kept there, and is lost should the program die: make room"
                    );
                }
                None
            }
        }
    }
}

fn number(file: &Path) -> Option<u64> {
    file.file_stem()?.to_str()?.parse().ok()
}

/// Lets viewers have a file that was kept; gives its name from now on.
pub(crate) fn air(file: &Path) -> io::Result<PathBuf> {
    let aired = file.with_extension(AIRED);
    fs::rename(file, &aired)?;
    Ok(aired)
}

/// What viewers may have of the files in `dir`, in their order, each with the number of its inode: the disk
/// has taken none of them. Nothing where there is no such folder.
pub(crate) fn aired_files(dir: &Path) -> Vec<(u64, PathBuf)> {
    let mut files: Vec<(u64, PathBuf)> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|file| Path::new(&file.file_name()).extension().is_some_and(|extension| extension == AIRED))
        .map(|file| (file.ino(), file.path()))
        .collect();
    files.sort_unstable_by_key(|(_, file)| number(file));
    files
}

/// What was kept, by its number. What is torn is removed.
fn left_behind(dir: &Path) -> io::Result<Vec<(u64, Entry, PathBuf)>> {
    let mut left = Vec::new();
    for file in fs::read_dir(dir)? {
        let file = file?.path();
        let whole = file.extension().is_some_and(|extension| extension == WAITING || extension == AIRED);
        match (number(&file), Entry::read(&file)) {
            (Some(number), Ok(entry)) if whole => left.push((number, entry, file)),
            _ => fs::remove_file(&file)?,
        }
    }
    left.sort_unstable_by_key(|(number, ..)| *number);
    Ok(left)
}

/// Folders that everybody may make others in, such as `/dev/shm`, may hold one that somebody else made.
fn private_dir(dir: &Path) -> io::Result<()> {
    let us = fs::metadata("/proc/self")?.uid();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    for dir in [dir.parent().unwrap_or(dir), dir] {
        let found = fs::symlink_metadata(dir)?;
        if !found.is_dir() || found.uid() != us || found.permissions().mode() & 0o077 != 0 {
            let text = format!("others than this program's user may look into {}", dir.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{entry::Head, journal::Line};

    fn entry(run: u32) -> Entry {
        let at = DateTime::UNIX_EPOCH;
        Entry {
            head: Head { captured_at: at, connected_at: at, line: Line::Stopped { run } },
            bytes: vec![1],
        }
    }

    /// A folder in a folder that is ours alone.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("ours").join("meeting");
        (temp, dir)
    }

    #[test]
    fn what_was_kept_is_found_again_and_torn_files_are_not() {
        let (_temp, dir) = folder();
        let (mut spool, _) = Spool::open(Some(&dir));
        for run in [3, 4, 5] {
            let file = spool.keep(&entry(run)).unwrap();
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(dir.join("000000000009.entry"), b"torn").unwrap();
        fs::write(dir.join("000000000008.unfinished"), b"{}\n").unwrap();
        let aired = air(&dir.join("000000000001.entry")).unwrap();
        assert_eq!(aired_files(&dir).into_iter().map(|(_, file)| file).collect::<Vec<_>>(), [aired]);
        let (mut spool, left) = Spool::open(Some(&dir));
        let entries: Vec<Entry> = left.into_iter().map(|(entry, _)| entry).collect();
        assert_eq!(entries, [entry(3), entry(4), entry(5)]);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
        assert_eq!(spool.keep(&entry(6)), Some(dir.join("000000000003.entry")), "none is overwritten");
    }

    #[test]
    fn a_folder_that_others_may_look_into_is_not_used() {
        for lax in ["ours", "ours/meeting"] {
            let (temp, dir) = folder();
            private_dir(&dir).unwrap();
            fs::set_permissions(temp.path().join(lax), fs::Permissions::from_mode(0o755)).unwrap();
            let (mut spool, _) = Spool::open(Some(&dir));
            assert_eq!(spool.keep(&entry(1)), None, "{lax}");
        }
        let (temp, dir) = folder();
        fs::create_dir(temp.path().join("elsewhere")).unwrap();
        DirBuilder::new().mode(0o700).create(dir.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(temp.path().join("elsewhere"), &dir).unwrap();
        let (mut spool, _) = Spool::open(Some(&dir));
        assert_eq!(spool.keep(&entry(1)), None);
    }

    #[test]
    fn what_cannot_be_kept_goes_on_without_a_file() {
        let (_temp, dir) = folder();
        let (mut spool, _) = Spool::open(Some(&dir));
        fs::remove_dir(&dir).unwrap();
        assert_eq!(spool.keep(&entry(1)), None);
    }
}
