use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use moothall_archive::Archive;
use moothall_core::{Clock, MeetingState};
use moothall_search::Index;
use moothall_store::{Db, ExemptSpan, Meeting, StoreError};

use crate::{
    clips::Places, preflight::RoomChecks, recordings::Recordings, sign_in::Guesses, uploads::Writers,
    views::Site, watchable::Watchable,
};

/// What every handler works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) index: Arc<Index>,
    pub(crate) media_dir: Arc<Path>,
    pub(crate) archive: Option<Archive>,
    pub(crate) recordings: Arc<Recordings>,
    pub(crate) watchable: Arc<Watchable>,
    pub(crate) clips: Places,
    pub(crate) guesses: Guesses,
    pub(crate) room_checks: RoomChecks,
    pub(crate) writers: Writers,
    pub(crate) clock: Clock,
}

impl AppState {
    /// `media_dir` holds one folder per meeting, named by the meeting's id.
    pub fn new(db: Db, index: Arc<Index>, media_dir: PathBuf, clock: Clock) -> Self {
        Self {
            watchable: Arc::new(Watchable::new(db.clone())),
            db,
            index,
            media_dir: media_dir.as_path().into(),
            archive: None,
            recordings: Arc::new(Recordings::new(media_dir, None)),
            clips: Places::default(),
            guesses: Guesses::default(),
            room_checks: RoomChecks::default(),
            writers: Writers::default(),
            clock,
        }
    }

    /// What is not in `media_dir` is read from there.
    #[must_use]
    pub fn with_archive(self, archive: Option<Archive>) -> Self {
        let recordings = Arc::new(Recordings::new(self.media_dir.to_path_buf(), archive.clone()));
        Self { archive, recordings, ..self }
    }

    /// With what the rooms' pages check, for an installation that records.
    pub fn with_room_checks(self, room_checks: RoomChecks) -> Self {
        Self { room_checks, ..self }
    }

    /// The private session that the public is told of; one that is over is told by the gap it left.
    pub(crate) async fn private_session(&self, meeting: &Meeting) -> Result<Option<ExemptSpan>, StoreError> {
        if meeting.state.is_running() || meeting.state == MeetingState::Scheduled {
            return self.db.private_session(meeting.id).await;
        }
        Ok(None)
    }

    /// The frame of a page: headed by the council where there is just one.
    pub(crate) async fn site(&self) -> Result<Site, StoreError> {
        let mut councils = self.db.councils().await?;
        Ok(match (councils.pop(), councils.is_empty()) {
            (Some(council), true) => Site { name: council.name, ..Site::default() },
            (Some(_), false) => Site { many_councils: true, ..Site::default() },
            (None, _) => Site::default(),
        })
    }
}
