//! What one read may take: time, and memory of its connection.

use std::time::Duration;

use lyceum_kernel::ErrorCode;
use lyceum_store::{Database, Dialect, failed};
use sea_orm::{ConnectionTrait, Statement};

use crate::fresh::{Fresh, number};

/// Counts to a hundred billion: hours.
const ENDLESS: &str = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000000000) SELECT COUNT(*) AS n FROM c";

async fn query(database: &Database, sql: &str) -> Result<i64, lyceum_kernel::Failure> {
    let statement = Statement::from_string(database.dialect().backend(), sql);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.unwrap().try_get::<i64>("", "n").map_err(failed)
}

async fn with_one_reader(fresh: &mut Fresh) -> Database {
    fresh.options.read_connections = 1;
    fresh.options.statement = Duration::from_millis(300);
    fresh.open().await
}

#[tokio::test]
async fn a_read_that_never_ends_is_ended_and_its_connection_goes_on() {
    for mut fresh in Fresh::all().await {
        let database = with_one_reader(&mut fresh).await;
        for _ in 0..3 {
            let failure = query(&database, ENDLESS).await.unwrap_err();
            assert_eq!(failure.code(), ErrorCode::QueryTimeout, "{failure:?}");
            assert_eq!(number(&database, "SELECT CAST(7 AS BIGINT) AS n").await, 7);
        }
    }
}

#[tokio::test]
async fn a_read_ends_also_when_nobody_waits_for_it_any_more() {
    for mut fresh in Fresh::all().await {
        let database = with_one_reader(&mut fresh).await;
        let gone = tokio::time::timeout(Duration::from_millis(50), query(&database, ENDLESS)).await;
        assert!(gone.is_err(), "the client is gone before the statement ends");
        // There is one connection, so this waits until the statement has ended.
        assert_eq!(number(&database, "SELECT CAST(7 AS BIGINT) AS n").await, 7);
        if fresh.dialect == Dialect::Postgres {
            let running = "SELECT COUNT(*) AS n FROM pg_stat_activity \
                           WHERE datname = current_database() AND state = 'active' AND query LIKE 'WITH RECURSIVE%'";
            // The server answers first and says last that it is idle.
            while number(&database, running).await > 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test]
async fn the_limit_is_for_one_statement_and_not_for_the_connection() {
    for mut fresh in Fresh::all().await {
        let database = with_one_reader(&mut fresh).await;
        // Together they take several times the limit.
        let short = ENDLESS.replace("100000000000", "2000");
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(900) {
            assert_eq!(query(&database, &short).await.unwrap(), 2000);
        }
    }
}
