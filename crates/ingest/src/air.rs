//! What is captured and not yet aired: held back for the room's air delay, and thrown away where the public
//! is excluded.
//!
//! Until then it lies in memory: see [`crate::spool`] for what outlives the process.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    entry::{Entry, Head},
    record::RecordError,
    spool::{self, Spool},
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
    /// A folder in memory (`tmpfs`) for what waits, if there is any. Its files hold what may yet turn out to
    /// be exempt.
    pub waiting_dir: Option<PathBuf>,
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

    /// Whether it has waited for so long. What was captured after `now` has not, with a delay of nought either.
    fn is_due(&self, delay: Duration, now: DateTime<Utc>) -> bool {
        let delay = TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX);
        now.signed_duration_since(self.captured_at) >= delay
    }
}

/// Entries in the order of their capture.
pub(crate) struct Waiting {
    spool: Spool,
    entries: VecDeque<(Arc<Entry>, Option<PathBuf>)>,
    bytes: usize,
    /// Connections that brought something exempt, by when they were made: they bring nothing any more.
    refused: Vec<DateTime<Utc>>,
}

impl Waiting {
    /// With what a killed recorder left in `dir`, whatever its delay was.
    pub(crate) fn open(dir: Option<&Path>) -> Self {
        let (spool, left) = Spool::open(dir);
        let bytes = left.iter().map(|(entry, _)| entry.bytes.len()).sum();
        let entries = left.into_iter().map(|(entry, file)| (Arc::new(entry), Some(file))).collect();
        Self { spool, entries, bytes, refused: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether something waits that came over a connection that brings nothing any more.
    pub(crate) fn holds_refused(&self) -> bool {
        self.entries.iter().any(|(entry, _)| self.refused.contains(&entry.head.connected_at))
    }

    /// # Errors
    /// [`RecordError::Exempt`] when the connection must end, [`RecordError::Held`] when too much waits.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), RecordError> {
        if self.refused.contains(&entry.head.connected_at) {
            return Err(RecordError::Exempt);
        }
        if self.bytes + entry.bytes.len() > MOST_WAITING_BYTES {
            return Err(RecordError::Held { mebibytes: self.bytes >> 20 });
        }
        let file = self.spool.keep(&entry);
        self.bytes += entry.bytes.len();
        self.entries.push_back((Arc::new(entry), file));
        Ok(())
    }

    /// Throws away what may not be aired; says whether there was any. While the public is excluded that is
    /// also what was not `due` yet, should the delay have been another when the clerk acted.
    pub(crate) fn judge(&mut self, spans: &[Exempt], delay: Duration, now: DateTime<Utc>) -> bool {
        let before = self.entries.len();
        let is_closed = spans.iter().any(|span| span.until.is_none());
        let Self { entries, bytes, refused, .. } = self;
        entries.retain(|(entry, file)| {
            let may = entry.head.may_be_aired(spans) && (!is_closed || entry.head.is_due(delay, now));
            if !may {
                *bytes -= entry.bytes.len();
                remove(file.as_deref());
                if !refused.contains(&entry.head.connected_at) {
                    refused.push(entry.head.connected_at);
                }
            }
            may
        });
        entries.len() < before
    }

    /// The first one, once it has waited for so long.
    pub(crate) fn due(&self, delay: Duration, now: DateTime<Utc>) -> Option<Arc<Entry>> {
        let (entry, _) = self.entries.front()?;
        entry.head.is_due(delay, now).then(|| Arc::clone(entry))
    }

    /// Takes `aired` off the list, if it is still the first.
    pub(crate) fn aired(&mut self, aired: &Arc<Entry>) {
        if let Some((entry, file)) = self.entries.pop_front_if(|(entry, _)| Arc::ptr_eq(entry, aired)) {
            self.bytes -= entry.bytes.len();
            remove(file.as_deref());
        }
    }

    /// Lets viewers have from memory what is due and the disk does not take; says whether that went for all.
    pub(crate) fn air_from_memory(&mut self, delay: Duration, now: DateTime<Utc>) -> bool {
        for (entry, file) in &mut self.entries {
            if !entry.head.is_due(delay, now) {
                break;
            }
            let Some(Ok(aired)) = file.as_deref().map(spool::air) else { return false };
            *file = Some(aired);
        }
        true
    }

    /// The recording as it will be once all of this is aired.
    pub(crate) fn applied_to(&self, mut timeline: Timeline) -> Timeline {
        for (entry, _) in &self.entries {
            timeline.apply(entry.head.line.clone());
        }
        timeline
    }
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

    const TEN_SECONDS: Duration = Duration::from_secs(10);

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
    fn what_waits_is_found_again_and_aired_when_it_is_due() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("ours/waiting");
        let mut waiting = Waiting::open(Some(&dir));
        for captured in [3, 4, 5] {
            waiting.push(entry(0, captured)).unwrap();
        }
        drop(waiting);
        let mut waiting = Waiting::open(Some(&dir));
        assert!(waiting.due(Duration::ZERO, at(2)).is_none(), "what came after the gate was asked");
        let first = waiting.due(Duration::ZERO, at(100)).unwrap();
        assert_eq!(*first, entry(0, 3));
        waiting.aired(&first);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        assert!(waiting.due(TEN_SECONDS, at(13)).is_none());
        assert!(waiting.due(TEN_SECONDS, at(14)).is_some());
    }

    #[test]
    fn a_private_session_empties_the_list_and_ends_the_connection() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("ours/waiting");
        let mut waiting = Waiting::open(Some(&dir));
        for captured in [3, 4, 5] {
            waiting.push(entry(0, captured)).unwrap();
        }
        let closed = Exempt { from: at(3), until: None };
        assert!(waiting.judge(&[closed], TEN_SECONDS, at(13)));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "what came before it stays");
        assert!(matches!(waiting.push(entry(0, 14)), Err(RecordError::Exempt)));
        assert!(waiting.holds_refused());
        waiting.push(entry(20, 21)).unwrap();
        assert!(!waiting.judge(&[Exempt { until: Some(at(20)), ..closed }], TEN_SECONDS, at(22)));
    }

    #[test]
    fn what_is_not_aired_when_the_doors_close_goes_whatever_the_delay_was_then() {
        let mut waiting = Waiting::open(None);
        for captured in [3, 14] {
            waiting.push(entry(0, captured)).unwrap();
        }
        // The clerk acted at 15 with a delay of nought in the database, while the recorder still waits for ten.
        assert!(waiting.judge(&[Exempt { from: at(15), until: None }], TEN_SECONDS, at(15)));
        assert_eq!(*waiting.due(TEN_SECONDS, at(15)).unwrap(), entry(0, 3));
        assert_eq!(waiting.entries.len(), 1);
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
