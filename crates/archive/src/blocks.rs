//! Blocks of objects that were read lately, kept in memory: many watch the same, and each asks for it.

use std::{
    future::Future,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;
use tokio::sync::OnceCell;

use crate::ArchiveError;

/// Nearly every segment file is one block: a request to a store costs as much as the transfer of megabytes.
pub(crate) const BLOCK_BYTES: u64 = 4 << 20;
/// What is kept at the most, but for the latest.
const MOST_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Of the whole object.
    pub length: u64,
    pub bytes: Bytes,
}

type Key = (String, u64);

/// Those that were not asked for the longest go first.
pub(crate) struct Blocks(Mutex<Kept>);

struct Kept {
    cells: LruCache<Key, Arc<OnceCell<Block>>>,
    bytes: u64,
}

impl Default for Blocks {
    fn default() -> Self {
        Self(Mutex::new(Kept { cells: LruCache::unbounded(), bytes: 0 }))
    }
}

impl Blocks {
    /// The bytes of a block by its number.
    pub(crate) const fn range(number: u64) -> Range<u64> {
        let first = number.saturating_mul(BLOCK_BYTES);
        first..first.saturating_add(BLOCK_BYTES)
    }

    /// The block from memory, or as it is read now: by one of all who ask for it at the same time.
    pub(crate) async fn get(
        &self,
        name: &str,
        number: u64,
        read: impl Future<Output = Result<Option<Block>, ArchiveError>>,
    ) -> Result<Option<Block>, ArchiveError> {
        let key = (name.to_owned(), number);
        let cell = Arc::clone(self.lock().cells.get_or_insert(key.clone(), Arc::default));
        let mut is_new = false;
        let block = cell.get_or_try_init(|| async {
            is_new = true;
            match read.await {
                Ok(Some(block)) => Ok(block),
                Ok(None) => Err(None),
                Err(error) => Err(Some(error)),
            }
        });
        match block.await.cloned() {
            Ok(block) => {
                if is_new {
                    self.lock().count_in(&key, block.bytes.len() as u64);
                }
                Ok(Some(block))
            }
            Err(error) => {
                self.lock().forget_unread(&key);
                error.map_or(Ok(None), Err)
            }
        }
    }

    /// A panic while it was held leaves nothing that could not be read again.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn count_in(&mut self, key: &Key, bytes: u64) {
        // Whoever makes room meanwhile may have let it go.
        if self.cells.contains(key) {
            self.bytes += bytes;
        }
        while self.bytes > MOST_BYTES && self.cells.len() > 1 {
            let Some((_, cell)) = self.cells.pop_lru() else { return };
            self.bytes -= cell.get().map_or(0, |block| block.bytes.len() as u64);
        }
    }

    /// What could not be read is asked for again, and names of what is not there must not pile up.
    fn forget_unread(&mut self, key: &Key) {
        if self.cells.peek(key).is_some_and(|cell| cell.get().is_none()) {
            self.cells.pop(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(length: u64) -> Block {
        Block { length, bytes: vec![0; usize::try_from(length).unwrap()].into() }
    }

    #[tokio::test]
    async fn what_was_read_is_not_read_again_until_others_need_the_room() {
        let blocks = Blocks::default();
        let read = |name: String| {
            let blocks = &blocks;
            async move {
                let mut reads = 0;
                let read = async {
                    reads += 1;
                    Ok(Some(block(BLOCK_BYTES)))
                };
                assert!(blocks.get(&name, 0, read).await.unwrap().is_some());
                reads
            }
        };
        assert_eq!(read("first".to_owned()).await, 1);
        assert_eq!(read("first".to_owned()).await, 0);
        for number in 0..2 * MOST_BYTES / BLOCK_BYTES {
            assert_eq!(read(number.to_string()).await, 1);
        }
        assert!(blocks.lock().bytes <= MOST_BYTES, "{}", blocks.lock().bytes);
        assert_eq!(read("first".to_owned()).await, 1);
    }

    #[tokio::test]
    async fn many_who_ask_at_once_are_answered_by_one_read() {
        let blocks = Blocks::default();
        let reads = std::sync::atomic::AtomicUsize::new(0);
        let ask = || {
            blocks.get("same", 0, async {
                reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(Some(block(10)))
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert!([a, b, c].into_iter().all(|block| block.unwrap().is_some()));
        assert_eq!(reads.into_inner(), 1);
    }

    #[tokio::test]
    async fn what_is_not_there_or_fails_is_asked_for_again() {
        let blocks = Blocks::default();
        let away = ArchiveError::Away { reason: String::new() };
        assert!(blocks.get("a", 0, async { Ok(None) }).await.unwrap().is_none());
        assert_eq!(blocks.get("a", 0, async { Err(away.clone()) }).await.unwrap_err(), away);
        assert!(blocks.lock().cells.is_empty());
        assert!(blocks.get("a", 0, async { Ok(Some(block(1))) }).await.unwrap().is_some());
        assert_eq!(blocks.lock().bytes, 1);
    }
}
