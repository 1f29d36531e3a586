//! What is captured and not yet aired: held back for the room's air delay, and thrown away where the public
//! is excluded.
//!
//! Until then it lies in memory, and beside that in a folder which is in memory too, so that a killed
//! recorder finds it again and no disk has ever seen what must not be kept.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};

use crate::{
    entry::{Entry, Head},
    record::RecordError,
    timeline::Timeline,
};

/// A recorder that can write nothing for so long that this much waits gives up its connection.
const MOST_WAITING_BYTES: usize = 1 << 30;

/// A stretch of time in which press and public are excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exempt {
    /// The clerk's action, less the air delay: what was captured later had not been aired when it came.
    pub from: DateTime<Utc>,
    /// When a person reopened the meeting; none as long as it is closed.
    pub until: Option<DateTime<Utc>>,
}

/// Says what may be aired now, or why nobody can say: then everything waits.
pub type Gate = Arc<dyn Fn() -> Result<Vec<Exempt>, String> + Send + Sync>;

/// How what is captured becomes public.
#[derive(Clone)]
pub struct AirDelay {
    pub delay: Duration,
    /// A folder in memory (`tmpfs`) for what waits. Its files hold what may yet turn out to be exempt.
    pub waiting_dir: PathBuf,
    pub gate: Gate,
}

impl Head {
    /// Whether this may be aired. A connection that saw a private session brings nothing afterwards: only
    /// one that was made after the reopening can hold nothing of it.
    pub(crate) fn may_be_aired(&self, spans: &[Exempt]) -> bool {
        spans.iter().all(|span| {
            self.captured_at <= span.from || span.until.is_some_and(|until| self.connected_at >= until)
        })
    }
}

/// Entries in the order of their capture.
pub(crate) struct Waiting {
    /// Where they are kept as well.
    dir: PathBuf,
    /// With a delay of nought nothing waits long enough to be worth it.
    keeps_files: bool,
    entries: VecDeque<(Arc<Entry>, Option<PathBuf>)>,
    bytes: usize,
    next: u64,
    /// Connections from before this brought something exempt: they bring nothing any more.
    refused_before: Option<DateTime<Utc>>,
}

impl Waiting {
    /// With what a killed recorder left in `dir`, whatever its delay was.
    pub(crate) fn open(dir: &Path, keeps_files: bool) -> io::Result<Self> {
        let mut waiting = Self {
            dir: dir.to_owned(),
            keeps_files,
            entries: VecDeque::new(),
            bytes: 0,
            next: 0,
            refused_before: None,
        };
        private_dir(dir)?;
        let mut files: Vec<PathBuf> =
            fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        files.sort();
        for file in files {
            let number: Option<u64> =
                file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let whole = file.extension().is_some_and(|extension| extension == "entry");
            match (number, Entry::read(&file)) {
                (Some(number), Ok(entry)) if whole => {
                    waiting.next = u64::max(waiting.next, number + 1);
                    waiting.bytes += entry.bytes.len();
                    waiting.entries.push_back((Arc::new(entry), Some(file)));
                }
                _ => fs::remove_file(&file)?,
            }
        }
        Ok(waiting)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// # Errors
    /// [`RecordError::Exempt`] when the connection must end, [`RecordError::Held`] when too much waits.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), RecordError> {
        if self.refused_before.is_some_and(|before| entry.head.connected_at <= before) {
            return Err(RecordError::Exempt);
        }
        if self.bytes + entry.bytes.len() > MOST_WAITING_BYTES {
            return Err(RecordError::Held { mebibytes: self.bytes >> 20 });
        }
        let file = self.keeps_files.then(|| self.dir.join(format!("{:012}.entry", self.next)));
        if let Some(file) = &file {
            entry.write(file).map_err(|source| RecordError::write(&self.dir, source))?;
        }
        self.next += 1;
        self.bytes += entry.bytes.len();
        self.entries.push_back((Arc::new(entry), file));
        Ok(())
    }

    /// Throws away what may not be aired; says whether there was any.
    pub(crate) fn judge(&mut self, spans: &[Exempt], now: DateTime<Utc>) -> bool {
        let before = self.entries.len();
        let bytes = &mut self.bytes;
        self.entries.retain(|(entry, file)| {
            let may = entry.head.may_be_aired(spans);
            if !may {
                *bytes -= entry.bytes.len();
                remove(file.as_deref());
            }
            may
        });
        let refused = self.entries.len() < before;
        if refused {
            self.refused_before = Some(now);
        }
        refused
    }

    /// The first one, once it has waited for so long.
    pub(crate) fn due(&self, delay: Duration, now: DateTime<Utc>) -> Option<Arc<Entry>> {
        let (entry, _) = self.entries.front()?;
        let waited = now.signed_duration_since(entry.head.captured_at).to_std().unwrap_or_default();
        (waited >= delay).then(|| Arc::clone(entry))
    }

    /// Takes `aired` off the list, if it is still the first.
    pub(crate) fn aired(&mut self, aired: &Arc<Entry>) {
        if let Some((entry, file)) = self.entries.pop_front_if(|(entry, _)| Arc::ptr_eq(entry, aired)) {
            self.bytes -= entry.bytes.len();
            remove(file.as_deref());
        }
    }

    /// The recording as it will be once all of this is aired.
    pub(crate) fn applied_to(&self, mut timeline: Timeline) -> Timeline {
        for (entry, _) in &self.entries {
            timeline.apply(entry.head.line.clone());
        }
        timeline
    }
}

/// Only this program's user may look into it.
fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn remove(file: Option<&Path>) {
    if let Some(file) = file
        && let Err(error) = fs::remove_file(file)
    {
        tracing::error!(file = %file.display(), %error, "what was held back cannot be removed: remove it by hand");
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::journal::Line;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn head(connected: i64, captured: i64) -> Head {
        let line = Line::Stopped { run: 1 };
        Head { captured_at: at(captured), connected_at: at(connected), line }
    }

    fn entry(connected: i64, captured: i64) -> Entry {
        Entry { head: head(connected, captured), bytes: vec![1, 2, 3] }
    }

    #[test]
    fn what_waits_is_found_again_and_torn_files_are_not() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("waiting");
        let mut waiting = Waiting::open(&dir, true).unwrap();
        for captured in [3, 4, 5] {
            waiting.push(entry(0, captured)).unwrap();
        }
        drop(waiting);
        fs::write(dir.join("000000000009.entry"), b"torn").unwrap();
        fs::write(dir.join("000000000008.unfinished"), b"{}\n").unwrap();
        let mut waiting = Waiting::open(&dir, true).unwrap();
        let first = waiting.due(Duration::ZERO, at(100)).unwrap();
        assert_eq!(*first, entry(0, 3));
        waiting.aired(&first);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        assert!(waiting.due(Duration::from_secs(10), at(13)).is_none());
        assert!(waiting.due(Duration::from_secs(10), at(14)).is_some());
    }

    #[test]
    fn a_private_session_empties_the_list_and_ends_the_connection() {
        let temp = tempfile::tempdir().unwrap();
        let mut waiting = Waiting::open(temp.path(), true).unwrap();
        for captured in [3, 4, 5] {
            waiting.push(entry(0, captured)).unwrap();
        }
        let closed = Exempt { from: at(3), until: None };
        assert!(waiting.judge(&[closed], at(13)));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "what came before it stays");
        assert!(matches!(waiting.push(entry(0, 14)), Err(RecordError::Exempt)));
        waiting.push(entry(20, 21)).unwrap();
        assert!(!waiting.judge(&[Exempt { until: Some(at(20)), ..closed }], at(22)));
    }

    proptest! {
        /// A connection is heard from `connected` on, and what it brings at `captured` was said before.
        #[test]
        fn nothing_that_was_said_in_private_is_aired(
            from in 0_i64..100, length in 1_i64..100, connected in 0_i64..300, said in 0_i64..300, late in 0_i64..20,
        ) {
            prop_assume!(said >= connected);
            let span = Exempt { from: at(from), until: Some(at(from + length)) };
            let in_private = (from + 1..from + length).contains(&said);
            if in_private {
                prop_assert!(!head(connected, said + late).may_be_aired(&[span]));
            }
            if said + late <= from || connected >= from + length {
                prop_assert!(head(connected, said + late).may_be_aired(&[span]));
            }
        }
    }
}
