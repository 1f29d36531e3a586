//! Both databases accept every statement, and shipped migrations stay as they are.

use std::{collections::BTreeMap, fs, path::Path};

use moothall_store::{Db, statements};
use moothall_testkit::databases;
use sqlx::{Executor, SqlSafeStr};

#[tokio::test]
async fn every_statement_is_prepared_on_both() {
    for test in databases().await {
        for (name, sql) in statements() {
            let prepared = match &test.db {
                Db::Sqlite(pool) => pool.prepare(sql.into_sql_str()).await.map(drop),
                Db::Postgres(pool) => pool.prepare(sql.into_sql_str()).await.map(drop),
            };
            // The one text for PostgreSQL alone says so in its name.
            if name.ends_with("_SKIPPING") && matches!(test.db, Db::Sqlite(_)) {
                continue;
            }
            assert!(prepared.is_ok(), "{name} on {}: {prepared:?}", test.db.name());
        }
    }
}

/// The same file names, and the same tables and columns, in both.
#[tokio::test]
async fn both_schemas_have_the_same_tables() {
    let mut tables: Vec<BTreeMap<String, Vec<String>>> = Vec::new();
    for test in databases().await {
        let rows: Vec<(String, String)> = match &test.db {
            Db::Sqlite(pool) => sqlx::query_as(
                "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
            )
            .fetch_all(pool)
            .await
            .unwrap(),
            Db::Postgres(pool) => sqlx::query_as(
                "SELECT table_name::text, column_name::text FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
            )
            .fetch_all(pool)
            .await
            .unwrap(),
        };
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in rows {
            found.entry(table).or_default().push(column);
        }
        found.values_mut().for_each(|columns| columns.sort());
        assert!(found.contains_key("captions"));
        tables.push(found);
    }
    assert!(tables.windows(2).all(|pair| pair[0] == pair[1]), "{tables:#?}");
}

#[test]
fn both_folders_hold_the_same_migrations() {
    let names = |kind: &str| {
        let folder = Path::new("../../migrations").join(kind);
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}
