/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the database {url}: {source}; check the address and that the server runs")]
    Open { url: String, source: sqlx::Error },
    #[error("{url} is no address of a database: write sqlite:PATH or postgres://USER@HOST/NAME")]
    Address { url: String },
    #[error("the database could not be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The job was given to another worker meanwhile; whatever this one did is not kept.
    /// Not a fault: it happens when a worker was held up for longer than its lease.
    #[error("this job's lease is lost to another worker")]
    LeaseLost,
    #[error("table {table}, row {id}: {problem}")]
    Inconsistent { table: &'static str, id: String, problem: String },
}

pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;
