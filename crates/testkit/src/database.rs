use moothall_store::Db;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

/// A database that is gone when the test is.
pub struct TestDb {
    pub db: Db,
    /// The address another process can open it by.
    pub url: String,
    _folder: Option<TempDir>,
}

/// One fresh SQLite database, and one fresh PostgreSQL database where `MOOTHALL_TEST_POSTGRES` names a
/// server (`scripts/test` starts one). A story is told on each.
pub async fn databases() -> Vec<TestDb> {
    let mut databases = vec![sqlite().await];
    if let Some(url) = postgres_database().await {
        databases.push(TestDb { db: Db::connect(&url).await.unwrap(), url, _folder: None });
    }
    databases
}

impl TestDb {
    /// A temporary file, not `sqlite::memory:`, which behind a pool is one database per connection.
    pub async fn sqlite() -> Self {
        sqlite().await
    }
}

async fn sqlite() -> TestDb {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    TestDb { db: Db::connect(&url).await.unwrap(), url, _folder: Some(folder) }
}

/// The address of a fresh, empty database on the server that `MOOTHALL_TEST_POSTGRES` names. Prints why and
/// returns `None` without one.
pub async fn postgres_database() -> Option<String> {
    let Ok(server) = std::env::var("MOOTHALL_TEST_POSTGRES") else {
        eprintln!("PostgreSQL left out: MOOTHALL_TEST_POSTGRES names no server (use scripts/test)");
        return None;
    };
    let name = format!("moothall_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    Some(format!("{base}/{name}"))
}
