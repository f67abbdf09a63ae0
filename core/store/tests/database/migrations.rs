//! System tables at the first start.

use std::{
    io,
    sync::{Arc, Mutex},
};

use lyceum_migrations::{Migrator, MigratorTrait};
use lyceum_store::Dialect;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::fresh::{Fresh, number, run};

#[tokio::test]
async fn several_nodes_start_at_once_on_an_empty_database() {
    for fresh in Fresh::all().await {
        let nodes = [fresh.connect().await, fresh.connect().await, fresh.connect().await, fresh.connect().await];
        let migrating: Vec<_> = nodes
            .iter()
            .map(|node| {
                let node = node.clone();
                tokio::spawn(async move { node.migrate().await })
            })
            .collect();
        for node in migrating {
            node.await.unwrap().unwrap();
        }
        assert_eq!(number(&nodes[0], "SELECT COUNT(*) AS n FROM outbox").await, 0);
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    for fresh in Fresh::all().await {
        let database = fresh.connect().await;
        // In the way of a late migration.
        run(&database, "CREATE TABLE plugin_job_run (id TEXT)").await.unwrap();
        assert!(database.migrate().await.is_err());
        run(&database, "DROP TABLE plugin_job_run").await.unwrap();
        let tables = match fresh.dialect {
            Dialect::Sqlite => "SELECT COUNT(*) AS n FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
            Dialect::Postgres => {
                "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = current_schema()"
            }
        };
        assert_eq!(number(&database, tables).await, 0);
        database.migrate().await.unwrap();
    }
}

/// What would be logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_database_that_is_up_to_date_logs_nothing() {
    for fresh in Fresh::all().await {
        let database = fresh.connect().await;
        database.migrate().await.unwrap();
        let log = Log::default();
        let written = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || written.clone()).finish();
        let logging = tracing::subscriber::set_default(subscriber);
        tracing::info!("the log works");
        database.migrate().await.unwrap();
        drop(logging);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("the log works") && !text.contains("already exists"), "{text}");
    }
}

/// How many migrations come before the one with this name.
fn before(name: &str) -> u32 {
    let at = Migrator::migrations().iter().position(|migration| migration.name() == name).unwrap();
    u32::try_from(at).unwrap()
}

async fn values(connection: &DatabaseConnection, sql: &str) -> Vec<(String, i64)> {
    let rows = connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| (row.try_get("", "key").unwrap(), row.try_get("", "n").unwrap())).collect()
}

#[tokio::test]
async fn equal_ranks_of_tiers_are_spread_and_no_tier_passes_another() {
    for fresh in Fresh::all().await {
        let connection = fresh.connection().await;
        Migrator::up(&connection, Some(before("m0020_tier_rank"))).await.unwrap();
        // Key, rank and age.
        for (key, rank, day) in
            [("a", 10, 1), ("late", 50, 9), ("early", 50, 2), ("middle", 50, 5), ("next", 51, 3), ("far", 90, 1)]
        {
            let sql = format!("INSERT INTO tier VALUES ('{key}', '{key}', {rank}, '2026-01-0{day}')");
            connection.execute_unprepared(&sql).await.unwrap();
        }
        Migrator::up(&connection, None).await.unwrap();
        let ranks = values(&connection, "SELECT key, rank AS n FROM tier ORDER BY rank").await;
        let ranks: Vec<_> = ranks.iter().map(|(key, rank)| (key.as_str(), *rank)).collect();
        assert_eq!(ranks, [("a", 10), ("early", 50), ("middle", 51), ("late", 52), ("next", 53), ("far", 90)]);
        assert!(connection.execute_unprepared("INSERT INTO tier VALUES ('x', 'x', 90, '2026-01-01')").await.is_err());
    }
}

#[tokio::test]
async fn what_was_bought_before_knows_how_long_it_lasts() {
    for fresh in Fresh::all().await {
        let connection = fresh.connection().await;
        Migrator::up(&connection, Some(before("m0019_entitlement_interval"))).await.unwrap();
        for sql in [
            "INSERT INTO tier VALUES ('t', 't', 1, 'now')",
            "INSERT INTO plan VALUES ('year', NULL, 't', 'year', 1, 'CNY', 7, TRUE, 'now')",
        ] {
            connection.execute_unprepared(sql).await.unwrap();
        }
        for (order, trial) in [("bought", "NULL"), ("trial", "'t'")] {
            for sql in [
                format!(
                    "INSERT INTO customer_order (id, user_id, kind, plan_id, title, amount_minor, amount_currency, state, \
                     trial_tier_id, idempotency_key, request_hash, return_url, created_at, updated_at) \
                     VALUES ('{order}', 'u', 'plan', 'year', '', 1, 'CNY', 'paid', {trial}, '{order}', '', '', 'now', 'now')"
                ),
                format!(
                    "INSERT INTO entitlement (id, user_id, kind, tier_id, order_id, starts_at, created_at) \
                     VALUES ('{order}', 'u', 'tier', 't', '{order}', 'now', 'now')"
                ),
            ] {
                connection.execute_unprepared(&sql).await.unwrap();
            }
        }
        Migrator::up(&connection, None).await.unwrap();
        let sql = "SELECT id AS key, COUNT(CASE interval WHEN 'year' THEN 1 END) AS n FROM entitlement GROUP BY id ORDER BY id";
        assert_eq!(values(&connection, sql).await, [("bought".to_owned(), 1), ("trial".to_owned(), 0)]);
    }
}
