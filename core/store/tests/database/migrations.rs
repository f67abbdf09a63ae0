//! System tables at the first start.

use std::{
    io,
    sync::{Arc, Mutex},
};

use lyceum_store::Dialect;

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
