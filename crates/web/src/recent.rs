//! Media in memory: what is close to now, and what was asked for lately.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use lru::LruCache;
use moothall_core::MeetingId;
use moothall_ingest::Rendition;

/// Media kept in memory for each live recording: about half a minute of a generous stream.
const MOST_RECENT_BYTES: usize = 32 << 20;
/// The latest segments of both renditions with their parts.
const MOST_RECENT_FILES: usize = 100;
/// Of all recordings together. What many watch at the same time is read once.
const MOST_LATELY_BYTES: usize = 64 << 20;

/// A panic while one was held leaves nothing half done: what is read is only ever added.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Media of one recording by rendition and name, the latest last.
#[derive(Debug, Default)]
pub struct Recent {
    files: VecDeque<((Rendition, String), Bytes)>,
    bytes: usize,
}

impl Recent {
    pub fn get(&self, rendition: Rendition, name: &str) -> Option<Bytes> {
        let is_it = |((of, file), _): &&((Rendition, String), Bytes)| *of == rendition && file == name;
        self.files.iter().rev().find(is_it).map(|(_, bytes)| bytes.clone())
    }

    pub fn keep(&mut self, rendition: Rendition, name: String, bytes: Bytes) {
        if self.get(rendition, &name).is_some() {
            return;
        }
        self.bytes += bytes.len();
        self.files.push_back(((rendition, name), bytes));
        while (self.bytes > MOST_RECENT_BYTES || self.files.len() > MOST_RECENT_FILES)
            && let Some((_, oldest)) = self.files.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }
}

/// Whole files of any recording. Those that were not asked for the longest go first.
#[derive(Debug)]
pub struct Lately {
    files: LruCache<(MeetingId, Rendition, String), Bytes>,
    bytes: usize,
}

impl Default for Lately {
    fn default() -> Self {
        Self { files: LruCache::unbounded(), bytes: 0 }
    }
}

impl Lately {
    pub fn get(&mut self, meeting: MeetingId, rendition: Rendition, name: &str) -> Option<Bytes> {
        self.files.get(&(meeting, rendition, name.to_owned())).cloned()
    }

    pub fn keep(&mut self, meeting: MeetingId, rendition: Rendition, name: String, bytes: Bytes) {
        self.bytes += bytes.len();
        if let Some(same) = self.files.put((meeting, rendition, name), bytes) {
            self.bytes -= same.len();
        }
        while self.bytes > MOST_LATELY_BYTES
            && let Some((_, oldest)) = self.files.pop_lru()
        {
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_longest_ago_makes_room() {
        let mut lately = Lately::default();
        let meeting = MeetingId::new();
        let keep = |lately: &mut Lately, number: usize| {
            lately.keep(meeting, Rendition::Video, format!("1-{number}.m4s"), vec![0; 1 << 20].into());
        };
        for number in 0..64 {
            keep(&mut lately, number);
        }
        assert!(lately.get(meeting, Rendition::Video, "1-0.m4s").is_some());
        keep(&mut lately, 64);
        keep(&mut lately, 64);
        assert!(lately.get(meeting, Rendition::Video, "1-0.m4s").is_some());
        assert!(lately.get(meeting, Rendition::Video, "1-1.m4s").is_none());
        assert!(lately.get(meeting, Rendition::Audio, "1-0.m4s").is_none());
        assert_eq!(lately.bytes, MOST_LATELY_BYTES);
    }
}
