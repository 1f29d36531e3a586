/// Why the object store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("{address} is no address of a bucket: write s3://BUCKET or s3://BUCKET/FOLDER")]
    Address { address: String },
    #[error("the object store cannot be used as it is configured: {reason}")]
    Configuration { reason: String },
    /// Not for long, as a rule: what was asked may be asked again.
    #[error("the object store does not answer as it should: {reason}")]
    Away { reason: String },
    #[error(
        "the object store refuses access: {reason}; check bucket, keys, and that they may read, write, list \
         and delete"
    )]
    Refused { reason: String },
    /// What lies there must not be trusted.
    #[error(
        "{name} came back from the object store other than it was sent: the local copy stays, and it is sent \
         again; if this goes on, have the store checked"
    )]
    Damaged { name: String },
}

impl ArchiveError {
    /// Whether the fault is one of the store as a whole and not of one file in it.
    pub const fn is_of_the_store(&self) -> bool {
        !matches!(self, Self::Damaged { .. })
    }
}
