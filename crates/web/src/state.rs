use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use moothall_core::{Clock, MeetingState};
use moothall_search::Index;
use moothall_store::{Db, ExemptSpan, Meeting, StoreError};

use crate::{clips::Places, recordings::Recordings, sign_in::Guesses, uploads::Writers, views::Site};

/// What every handler works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub(crate) db: Db,
    pub(crate) index: Arc<Index>,
    pub(crate) media_dir: Arc<Path>,
    pub(crate) recordings: Arc<Recordings>,
    pub(crate) clips: Places,
    pub(crate) guesses: Guesses,
    pub(crate) writers: Writers,
    pub(crate) clock: Clock,
}

impl AppState {
    /// `media_dir` holds one folder per meeting, named by the meeting's id.
    pub fn new(db: Db, index: Arc<Index>, media_dir: PathBuf, clock: Clock) -> Self {
        Self {
            db,
            index,
            media_dir: media_dir.as_path().into(),
            recordings: Arc::new(Recordings::new(media_dir)),
            clips: Places::default(),
            guesses: Guesses::default(),
            writers: Writers::default(),
            clock,
        }
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
