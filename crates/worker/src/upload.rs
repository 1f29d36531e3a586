//! The job that makes a meeting's recording of a file that was uploaded, and the tidying up of uploads that
//! nobody goes on with.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{Clock, MediaTime, MeetingState};
use moothall_ingest::{Ending, RecordError, StopHandle};
use moothall_store::{AuditEntry, ClaimedJob, Db, MediaObjection, Meeting, Upload, UploadState};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    import::media::{self, Recorded},
    recording_dir,
};

/// Progress is told in thousandths.
const WHOLE: i64 = 1_000;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// A file that says it is longer than what could be read by more than this is not whole.
const MOST_MISSING_MS: i64 = 5_000;
/// The remedy that always helps.
const CONVERT: &str = "Save it as MP4 with H.264 and AAC, and upload that.";
/// Who has not gone on for so long does not.
const ABANDONED: TimeDelta = TimeDelta::days(7);
const TIDY_EVERY: Duration = Duration::from_secs(3_600);

/// Records what was uploaded for the job's meeting. A file that cannot be taken is refused, which is no
/// failure of the job: the console tells why.
pub async fn run(db: &Db, media_dir: &Path, clock: &Clock, job: &ClaimedJob) -> Result<()> {
    let meeting = db.meeting(job.meeting_id).await?.context("the meeting of this job is gone")?;
    let upload = db.upload_of(meeting.id).await?.filter(|upload| upload.state == UploadState::Received);
    let Some(upload) = upload else {
        // Done by an earlier attempt, whose worker was taken for dead.
        let mut tx = db.begin().await?;
        tx.finish_job(job).await?;
        return Ok(tx.commit().await?);
    };
    let work = Work { db, clock, job, meeting: &meeting, upload: &upload, media_dir };
    if let Err(problem) = work.attempt().await? {
        work.refuse(&problem).await?;
        tracing::warn!(meeting = %meeting.slug, "an upload is refused: {problem}");
    }
    remove(&upload.recording(media_dir))?;
    remove(&upload.file(media_dir))
}

struct Work<'a> {
    db: &'a Db,
    clock: &'a Clock,
    job: &'a ClaimedJob,
    meeting: &'a Meeting,
    upload: &'a Upload,
    media_dir: &'a Path,
}

impl Work<'_> {
    /// # Errors
    /// The inner error says, for people, why the file is refused.
    async fn attempt(&self) -> Result<Result<(), String>> {
        let (id, file) = (self.meeting.id, self.upload.file(self.media_dir));
        let sha256 = media::hash(file.clone()).await?.with_context(|| file.display().to_string())?;
        if let Some(objection) = self.objection().await? {
            return Ok(Err(objection));
        }
        // Apart from the meeting until it is known to be good; what an attempt that died left is begun anew.
        let (made, place) = (self.upload.recording(self.media_dir), recording_dir(self.media_dir, id));
        remove(&made)?;
        if let Err(problem) = self.record(&file, &made).await? {
            return Ok(Err(problem));
        }
        if let Some(objection) = self.objection().await? {
            return Ok(Err(objection));
        }
        if let Err(error) = fs::rename(&made, &place) {
            if !matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) {
                return Err(error).with_context(|| format!("cannot make {}", place.display()));
            }
            // Another file was recorded there. Its journal goes on, so that no name of a segment, which
            // browsers keep for ever, is given twice.
            if let Err(problem) = self.record(&file, &place).await? {
                return Ok(Err(problem));
            }
        }
        self.keep(&place, &sha256).await.map(Ok)
    }

    /// What stands against it by now.
    async fn objection(&self) -> Result<Option<String>> {
        let id = self.meeting.id;
        let mut tx = self.db.begin().await?;
        let objection = tx.objection_to_media(id).await?;
        drop(tx);
        let state = self.db.meeting(id).await?.map(|meeting| meeting.state);
        Ok(match objection {
            Some(MediaObjection::RecordedLive) => Some(
                "This meeting has been recorded live meanwhile, and a file would replace that.".to_owned(),
            ),
            Some(MediaObjection::Corrected { captions }) => Some(format!(
                "{captions} captions of the present recording have been corrected meanwhile, and another \
                 recording would lose that."
            )),
            None if state.is_some_and(MeetingState::is_running) => {
                Some("The meeting is running now, and is being recorded live.".to_owned())
            }
            None => None,
        })
    }

    /// Records the file, and tells of the progress.
    async fn record(&self, file: &Path, dir: &Path) -> Result<Result<(), String>> {
        let done = Arc::<AtomicI64>::default();
        let heard = Arc::clone(&done);
        let stop = StopHandle::default();
        // Whoever takes the job over must not find it at work.
        let _ending = StopOnDrop(stop.clone());
        let (file, dir) = (file.to_owned(), dir.to_owned());
        let recorded = media::record(file, dir, self.clock, self.meeting.starts_at, stop, move |share| {
            heard.store((share * WHOLE as f64) as i64, Ordering::Relaxed);
        });
        tokio::pin!(recorded);
        loop {
            tokio::select! {
                recorded = &mut recorded => return self.judge(recorded?),
                () = tokio::time::sleep(TELL_EVERY) => {
                    let mut tx = self.db.begin().await?;
                    tx.hold_job(self.job, done.load(Ordering::Relaxed), WHOLE, self.clock.now()).await?;
                    tx.commit().await?;
                }
            }
        }
    }

    /// Whether the file was at fault, or the machine, which may do better later.
    fn judge(&self, recorded: Result<Recorded, RecordError>) -> Result<Result<(), String>> {
        let name = &self.upload.file_name;
        Ok(Err(match recorded {
            Ok(Recorded { summary, of_ms, left_out }) => {
                let missing_ms = of_ms.map_or(0, |of_ms| of_ms - summary.end.ms());
                if summary.ending != Ending::SourceEnded || missing_ms > MOST_MISSING_MS {
                    let of = of_ms.map(|of_ms| format!(" of {}", MediaTime::from_ms(of_ms).clock()));
                    let (read, of) = (summary.end.clock(), of.unwrap_or_default());
                    format!(
                        "Only {read}{of} of {name} could be read: it is not whole. Upload the whole file."
                    )
                } else if left_out {
                    format!("The picture or the sound of {name} cannot be read here. {CONVERT}")
                } else {
                    return Ok(Ok(()));
                }
            }
            Err(RecordError::NotMedia { .. } | RecordError::NoStream { .. }) => {
                format!(
                    "{name} is neither video nor sound, or not whole. Upload an MP4, MKV, MP3, WAV or the like."
                )
            }
            Err(RecordError::MissingPlugin { what }) => {
                format!("{name} cannot be read here ({what}). {CONVERT}")
            }
            Err(
                error @ (RecordError::File { .. }
                | RecordError::DiskFull { .. }
                | RecordError::Write { .. }
                | RecordError::Busy { .. }
                | RecordError::Timeline(_)),
            ) => return Err(error.into()),
            Err(error) => format!("{name} could not be read to its end: {error}. {CONVERT}"),
        }))
    }

    /// Makes it the meeting's recording, which is over then.
    async fn keep(&self, dir: &Path, sha256: &str) -> Result<()> {
        let now = self.clock.now();
        let meeting = self.db.meeting(self.meeting.id).await?.context("the meeting of this job is gone")?;
        let mut tx = self.db.begin().await?;
        tx.hold_job(self.job, WHOLE, WHOLE, now).await?;
        let kept = media::keep(&mut tx, now, &meeting, dir, sha256, true).await?;
        if meeting.state == MeetingState::Scheduled {
            tx.move_meeting(&meeting, MeetingState::Ended, Some(self.upload.user_id), now).await?;
        }
        let by = Some(self.upload.user_id);
        let entry = AuditEntry::new(meeting.council_id, by, now, "meeting.record-upload", meeting.id);
        let after =
            json!({ "file": self.upload.file_name, "sha256": sha256, "duration_ms": kept.duration.ms() });
        tx.audit(&entry.changed(None, after)).await?;
        tx.remove_upload(self.upload.id).await?;
        tx.finish_job(self.job).await?;
        tx.commit().await?;
        tracing::info!(meeting = %meeting.slug, "recorded an upload of {}", kept.duration.clock());
        Ok(())
    }

    async fn refuse(&self, problem: &str) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        tx.hold_job(self.job, WHOLE, WHOLE, now).await?;
        tx.refuse_upload(self.upload.id, problem, now).await?;
        tx.finish_job(self.job).await?;
        Ok(tx.commit().await?)
    }
}

struct StopOnDrop(StopHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.discard();
    }
}

/// Removes a file or folder that may not be there.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes uploads that nobody goes on with, and files that belong to none, once an hour until told to stop.
pub async fn tidy_until_stopped(db: Db, media_dir: PathBuf, clock: Clock, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = tidy(&db, &media_dir, clock.now()).await {
            tracing::error!("cannot tidy up uploads: {error:#}");
        }
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn tidy(db: &Db, media_dir: &Path, now: DateTime<Utc>) -> Result<()> {
    // Listed before the rows are read: a file is made before its row.
    let files = list(&Upload::folder(media_dir))?;
    let mut known = Vec::new();
    for upload in db.uploads().await? {
        if upload.state != UploadState::Received && now - upload.touched_at > ABANDONED {
            let mut tx = db.begin().await?;
            tx.remove_upload(upload.id).await?;
            tx.commit().await?;
            tracing::info!(upload = %upload.id, "an upload that nobody went on with is removed");
        } else if upload.state != UploadState::Refused {
            known.extend([upload.file(media_dir), upload.recording(media_dir)]);
        }
    }
    for file in files.iter().filter(|file| !known.contains(file)) {
        let unused_for = fs::metadata(file).and_then(|file| file.modified())?.elapsed();
        if unused_for.is_ok_and(|unused_for| unused_for > TIDY_EVERY) {
            remove(file)?;
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
    };
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry?.path());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, time::SystemTime};

    use moothall_core::{UploadId, UserId};
    use moothall_store::User;
    use moothall_testkit::{Scene, TestDb, noon};

    use super::*;

    #[tokio::test]
    async fn what_nobody_goes_on_with_is_removed_after_a_week() {
        let test = TestDb::sqlite().await;
        let scene = Scene::set(&test.db).await;
        let folder = tempfile::tempdir().unwrap();
        let media_dir = folder.path();
        let user = User {
            id: UserId::new(),
            email: "ada@ambleford.example".to_owned(),
            name: "Ada Birch".to_owned(),
            password_hash: String::new(),
            created_at: noon(),
        };
        let upload = Upload {
            id: UploadId::new(),
            meeting_id: scene.meeting.id,
            user_id: user.id,
            file_name: "film.mp4".to_owned(),
            modified_ms: 0,
            length: 5,
            state: UploadState::Receiving,
            problem: String::new(),
            touched_at: noon(),
        };
        let mut tx = test.db.begin().await.unwrap();
        tx.save_user(&user).await.unwrap();
        tx.insert_upload(&upload).await.unwrap();
        tx.commit().await.unwrap();
        fs::create_dir(Upload::folder(media_dir)).unwrap();
        let (ours, nobodys, new) = (
            upload.file(media_dir),
            Upload::folder(media_dir).join("nobodys"),
            Upload::folder(media_dir).join("new"),
        );
        for file in [&ours, &nobodys] {
            File::create(file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        // Its row comes in a moment.
        File::create(&new).unwrap();

        tidy(&test.db, media_dir, noon() + TimeDelta::days(7)).await.unwrap();
        assert_eq!((ours.exists(), nobodys.exists(), new.exists()), (true, false, true));
        assert!(test.db.upload(upload.id).await.unwrap().is_some());

        tidy(&test.db, media_dir, noon() + TimeDelta::days(8)).await.unwrap();
        assert_eq!((ours.exists(), new.exists()), (false, true));
        assert!(test.db.upload(upload.id).await.unwrap().is_none());
    }
}
