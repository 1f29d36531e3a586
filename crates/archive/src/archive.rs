use std::{
    fmt,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use moothall_core::Secret;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
    path::Path,
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    ArchiveError, StorageSettings,
    blocks::{Block, Blocks},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection over which nothing comes for so long is dead.
const SILENCE: Duration = Duration::from_secs(8);
/// A player gives up after ten seconds or so; it should have its answer before.
const READ_LIMIT: Duration = Duration::from_secs(9);
/// The journal of a long meeting has 15 MB; somebody waits for it.
const JOURNAL_LIMIT: Duration = Duration::from_secs(20);
/// The same over a thin line, when nobody waits.
const WHOLE_LIMIT: Duration = Duration::from_secs(120);
/// What is tried again at once; whoever copies tries again later as well.
const RETRIES: usize = 3;
/// Blocks that are fetched for players at the same time: 32 of 4 MiB at the most.
const MOST_READS: usize = 32;
/// How much of an answer of the store is repeated in an error.
const LONGEST_REASON: usize = 300;

/// Media in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    inner: Arc<Inner>,
}

struct Inner {
    store: AmazonS3,
    folder: String,
    shown: String,
    keys: Option<(Secret, Secret)>,
    blocks: Blocks,
    reads: Semaphore,
}

/// An object as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// As in [`Archive::put`].
    pub name: String,
    pub bytes: u64,
    /// By the clock of the store.
    pub written_at: SystemTime,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({})", self.inner.shown)
    }
}

impl Archive {
    /// Makes ready to use a bucket; nothing is called yet.
    ///
    /// # Errors
    /// If the settings cannot be.
    pub fn new(settings: &StorageSettings) -> Result<Self, ArchiveError> {
        // Whoever was first has settled it: there is no other in this program.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (bucket, folder) = settings.place()?;
        let options = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(SILENCE)
            .with_timeout(WHOLE_LIMIT);
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: RETRIES,
            retry_timeout: WHOLE_LIMIT,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket)
            .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
            .with_checksum_algorithm(Checksum::SHA256)
            // Not every store knows how to delete many at once.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some((access, secret)) = &settings.keys {
            builder = builder.with_access_key_id(access.reveal()).with_secret_access_key(secret.reveal());
        }
        let store =
            builder.build().map_err(|error| ArchiveError::Configuration { reason: error.to_string() })?;
        let at = settings.endpoint.as_deref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                folder,
                shown: format!("{}{at}", settings.bucket),
                keys: settings.keys.clone(),
                blocks: Blocks::default(),
                reads: Semaphore::new(MOST_READS),
            }),
        })
    }

    /// Where it is, for people.
    pub fn shown(&self) -> &str {
        &self.inner.shown
    }

    /// Puts an object there, in the place of another of that name, and reads it back: what returns without an
    /// error is there as it was sent. The name is a path such as `{meeting id}/a/1-0.m4s`.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if something else came back.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ArchiveError> {
        let key = self.key(name);
        let put = self.inner.store.put(&key, PutPayload::from_bytes(bytes.clone()));
        self.within(WHOLE_LIMIT, put).await?.ok_or_else(no_bucket)?;
        if self.get(name).await?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        // Nobody should find it there; it is replaced in any case.
        if let Err(error) = self.remove(name).await {
            tracing::warn!(name, %error, "what is damaged in the object store cannot be removed");
        }
        Err(ArchiveError::Damaged { name: name.to_owned() })
    }

    /// The whole of an object, past all caches.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, ArchiveError> {
        let key = self.key(name);
        let whole = async {
            let found = self.inner.store.get(&key).await?;
            let length = found.meta.size;
            Ok((length, found.bytes().await?))
        };
        match self.within(WHOLE_LIMIT, whole).await? {
            Some((length, bytes)) if bytes.len() as u64 == length => Ok(Some(bytes)),
            Some(_) => Err(ArchiveError::Away { reason: format!("{name} came back in part") }),
            None => Ok(None),
        }
    }

    /// What an object holds from this byte on; nothing where it is not longer.
    pub async fn get_from(&self, name: &str, first: u64) -> Result<Option<Bytes>, ArchiveError> {
        match self.length(name).await? {
            Some(length) if length > first => {
                let (_, bytes) = self.range(name, first..length, JOURNAL_LIMIT).await?.unwrap_or_default();
                Ok(Some(bytes))
            }
            Some(_) => Ok(Some(Bytes::new())),
            None => Ok(None),
        }
    }

    /// The length of an object in bytes.
    pub async fn length(&self, name: &str) -> Result<Option<u64>, ArchiveError> {
        let key = self.key(name);
        let head = self.within(READ_LIMIT, self.inner.store.head(&key)).await?;
        Ok(head.map(|meta| meta.size))
    }

    /// All objects whose names begin with this folder's.
    pub async fn list(&self, folder: &str) -> Result<Vec<Stored>, ArchiveError> {
        let prefix = self.key(folder);
        let listed = self.inner.store.list(Some(&prefix)).try_collect::<Vec<_>>();
        let listed = self.within(WHOLE_LIMIT, listed).await?.ok_or_else(no_bucket)?;
        let above = self.key("");
        let stored = listed.into_iter().filter_map(|meta| {
            let name: Vec<_> = meta.location.prefix_match(&above)?.collect();
            let name = name.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
            Some(Stored { name, bytes: meta.size, written_at: meta.last_modified.into() })
        });
        Ok(stored.collect())
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn remove(&self, name: &str) -> Result<(), ArchiveError> {
        let key = self.key(name);
        self.within(READ_LIMIT, self.inner.store.delete(&key)).await.map(drop)
    }

    /// Writes a small object, reads it back, finds it in a listing and deletes it.
    ///
    /// # Errors
    /// Says which of these could not be done, and why.
    pub async fn probe(&self) -> Result<(), ArchiveError> {
        let folder = format!("probe-{}", uuid::Uuid::now_v7());
        let name = format!("{folder}/doctor");
        let put = self.put(&name, Bytes::from_static(b"moothall doctor was here\n")).await;
        let listed = if put.is_ok() { self.list(&folder).await } else { Ok(Vec::new()) };
        // Whatever was wrong, it may be there.
        let removed = self.remove(&name).await;
        put?;
        removed?;
        if listed?.iter().any(|stored| stored.name == name) {
            return Ok(());
        }
        Err(ArchiveError::Away { reason: "what was just written is not in its listing".to_owned() })
    }

    /// One block of an object, from memory where it was read lately; none where there is no such object.
    pub(crate) async fn block(&self, name: &str, number: u64) -> Result<Option<Block>, ArchiveError> {
        let bytes = Blocks::range(number);
        let read = self.inner.blocks.get(name, number, async {
            let wait = async {
                let _place = self.inner.reads.acquire().await;
                self.range(name, bytes, READ_LIMIT).await
            };
            match timeout(READ_LIMIT, wait).await {
                Ok(read) => Ok(read?.map(|(length, bytes)| Block { length, bytes })),
                Err(_) => Err(slow(READ_LIMIT)),
            }
        });
        read.await
    }

    /// The length of the whole object, and what it holds of the range.
    async fn range(
        &self,
        name: &str,
        range: Range<u64>,
        limit: Duration,
    ) -> Result<Option<(u64, Bytes)>, ArchiveError> {
        let key = self.key(name);
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let read = async {
            let found = self.inner.store.get_opts(&key, options).await?;
            let length = found.meta.size;
            Ok((length, found.bytes().await?))
        };
        match self.within(limit, read).await? {
            Some((length, bytes))
                if bytes.len() as u64 == range.end.min(length) - range.start.min(length) =>
            {
                Ok(Some((length, bytes)))
            }
            Some(_) => Err(ArchiveError::Away { reason: format!("{name} came back in part") }),
            None => Ok(None),
        }
    }

    fn key(&self, name: &str) -> Path {
        let names = self.inner.folder.split('/').chain(name.split('/'));
        names.filter(|name| !name.is_empty()).collect()
    }

    /// None where there is no such object, or no such bucket.
    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, ArchiveError> {
        match timeout(limit, work).await {
            Ok(Ok(done)) => Ok(Some(done)),
            Ok(Err(Error::NotFound { .. })) => Ok(None),
            Ok(Err(error)) => Err(self.fault(&error)),
            Err(_) => Err(slow(limit)),
        }
    }

    /// In words that give no key away: some stores repeat in their answers what they were sent.
    fn fault(&self, error: &Error) -> ArchiveError {
        let mut reason = error.to_string();
        for key in self.inner.keys.iter().flat_map(|(access, secret)| [access, secret]) {
            reason = reason.replace(key.reveal(), "…");
        }
        let reason: String = reason.chars().take(LONGEST_REASON).collect();
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                ArchiveError::Refused { reason }
            }
            _ => ArchiveError::Away { reason },
        }
    }
}

fn no_bucket() -> ArchiveError {
    ArchiveError::Refused { reason: "there is no such bucket".to_owned() }
}

fn slow(limit: Duration) -> ArchiveError {
    ArchiveError::Away { reason: format!("nothing came for {} s", limit.as_secs()) }
}
