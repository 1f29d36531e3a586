use std::io;

use bytes::Bytes;
use futures_util::{Stream, stream};

use crate::{
    Archive, ArchiveError,
    blocks::{BLOCK_BYTES, Block},
};

/// An object that can be read from.
#[derive(Debug, Clone)]
pub struct Object {
    archive: Archive,
    name: String,
    first: Block,
}

impl Archive {
    /// Opens an object that never changes; none where there is no such object.
    ///
    /// # Errors
    /// If the store does not answer within some seconds.
    pub async fn open(&self, name: &str) -> Result<Option<Object>, ArchiveError> {
        let first = self.block(name, 0).await?;
        Ok(first.map(|first| Object { archive: self.clone(), name: name.to_owned(), first }))
    }
}

impl Object {
    /// In bytes.
    pub const fn length(&self) -> u64 {
        self.first.length
    }

    /// So many bytes from `first` on, in large pieces; nothing beyond the end.
    pub fn read(self, first: u64, count: u64) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let end = first.saturating_add(count).min(self.length());
        stream::try_unfold((self, first), move |(object, at)| async move {
            if at >= end {
                return Ok(None);
            }
            let number = at / BLOCK_BYTES;
            let block = match number {
                0 => object.first.clone(),
                _ => object.block(number).await.map_err(io::Error::other)?,
            };
            let from = number * BLOCK_BYTES;
            let until = end.min(from + block.bytes.len() as u64);
            if until <= at {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the object became shorter"));
            }
            let piece = block.bytes.slice((at - from) as usize..(until - from) as usize);
            Ok(Some((piece, (object, until))))
        })
    }

    async fn block(&self, number: u64) -> Result<Block, ArchiveError> {
        let gone = || ArchiveError::Away { reason: format!("{} is gone", self.name) };
        self.archive.block(&self.name, number).await?.ok_or_else(gone)
    }
}
