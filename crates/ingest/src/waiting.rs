//! Where what is not on the disk yet lies: in memory, out of sight of other users, so that no disk ever holds
//! what must not be kept.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use moothall_core::MeetingId;
use sha2::{Digest, Sha256};

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// The folders of one installation, one for each meeting of which something waits.
#[derive(Debug)]
pub struct WaitingFolders {
    /// None where the machine has no such place: then what waits dies with the process.
    base: Option<PathBuf>,
}

impl WaitingFolders {
    /// Of the installation whose recordings are in `media_dir`; two on one machine keep out of each other's way.
    pub fn of(media_dir: &Path) -> Self {
        if !Path::new(MEMORY).is_dir() {
            return Self { base: None };
        }
        let hash = Sha256::digest(whole(media_dir).as_os_str().as_encoded_bytes());
        let installation: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let user = fs::metadata("/proc/self").map_or(0, |process| process.uid());
        Self { base: Some(Path::new(MEMORY).join(format!("moothall-{user}-{installation}"))) }
    }

    /// Whether the machine has a place for them.
    pub const fn is_there(&self) -> bool {
        self.base.is_some()
    }

    pub fn folder(&self, meeting: MeetingId) -> Option<PathBuf> {
        Some(self.base.as_ref()?.join(meeting.to_string()))
    }

    /// The meetings of which something may have been left by a recorder that was killed.
    pub fn left_behind(&self) -> Vec<MeetingId> {
        let folders = self.base.as_ref().and_then(|base| fs::read_dir(base).ok());
        let names = folders.into_iter().flatten().flatten().map(|folder| folder.file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).collect()
    }

    /// Once nobody records any more. Where something still waits, it stays for the next start.
    pub fn close(self) {
        if let Some(base) = self.base {
            let _ = fs::remove_dir(base);
        }
    }

    /// What waits of a meeting that is no more can never be aired.
    pub fn remove(&self, meeting: MeetingId) {
        if let Some(folder) = self.folder(meeting)
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::error!(folder = %folder.display(), %error, "what waited of a meeting that is gone cannot be removed: remove it by hand");
        }
    }
}

/// By whatever way it is named, and whether or not it is there already.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find_map(|ancestor| {
        let rest = path.strip_prefix(ancestor).ok()?;
        // Nothing to be joined would leave a slash at the end.
        Some(fs::canonicalize(ancestor).ok()?.components().chain(rest.components()).collect())
    });
    there.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_same_before_it_is_made_and_by_another_name() {
        let temp = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(temp.path(), temp.path().join("link")).unwrap();
        let meeting = MeetingId::new();
        let folder = |path: &str| WaitingFolders::of(&temp.path().join(path)).folder(meeting);
        let before = folder("data/media");
        fs::create_dir_all(temp.path().join("data/media")).unwrap();
        assert_eq!(folder("data/media"), before);
        assert_eq!(folder("link/data/media"), before);
    }

    #[test]
    fn each_installation_finds_what_it_left_and_nothing_else() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, other) = (WaitingFolders::of(one.path()), WaitingFolders::of(other.path()));
        let meeting = MeetingId::new();
        let folder = one.folder(meeting).unwrap();
        fs::create_dir_all(folder.join("with something in it")).unwrap();
        assert_eq!((one.left_behind(), other.left_behind()), (vec![meeting], vec![]));
        one.remove(meeting);
        assert_eq!(one.left_behind(), []);
        one.close();
        assert!(!folder.parent().unwrap().exists());
    }
}
