//! A write that was answered is committed, whatever failed before it.

use lyceum_kernel::ErrorCode;
use sea_orm::ConnectionTrait;

use crate::fresh::{Fresh, number, run};

/// Fills the database: with this page limit the insert needs more than there is.
async fn fail_for_want_of_space(database: &lyceum_store::Database) {
    let write = database.write().await.unwrap();
    // As low as the database is large: SQLite takes no less.
    write.connection().execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
    let insert = "INSERT INTO note (text) VALUES (hex(zeroblob(100000)))";
    let error = write.connection().execute_unprepared(insert).await.map_err(lyceum_store::failed).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error:?}");
    // What was done in this transaction is gone, so it cannot be committed.
    assert!(write.commit().await.is_err());
}

#[tokio::test]
async fn after_writes_that_failed_for_want_of_space_a_write_is_committed() {
    let fresh = Fresh::sqlite();
    let database = fresh.open().await;
    run(&database, "CREATE TABLE note (text TEXT NOT NULL)").await.unwrap();
    run(&database, "INSERT INTO note VALUES ('before')").await.unwrap();
    for round in 1..=3 {
        fail_for_want_of_space(&database).await;
        fail_for_want_of_space(&database).await;
        run(&database, "INSERT INTO note VALUES ('after')").await.unwrap();
        // A reader is another connection: it sees what is committed.
        assert_eq!(number(&database, "SELECT COUNT(*) AS n FROM note").await, 1 + round);
    }
    // Another process can write: nobody holds the lock.
    let other = fresh.connect().await;
    run(&other, "INSERT INTO note VALUES ('another')").await.unwrap();
}

#[tokio::test]
async fn a_dropped_write_changes_nothing_and_the_next_one_works() {
    for fresh in Fresh::all().await {
        let database = fresh.open().await;
        run(&database, "CREATE TABLE note (text TEXT NOT NULL)").await.unwrap();
        for round in 1..=20 {
            let write = database.write().await.unwrap();
            write.connection().execute_unprepared("INSERT INTO note VALUES ('dropped')").await.unwrap();
            drop(write);
            run(&database, "INSERT INTO note VALUES ('kept')").await.unwrap();
            assert_eq!(number(&database, "SELECT COUNT(*) AS n FROM note").await, round);
        }
    }
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_noticed() {
    for fresh in Fresh::all().await {
        let database = fresh.open().await;
        assert!(database.takes_writes().await);
        let other = fresh.connect().await;
        // Without its row the trial write changes nothing, which counts as a failure.
        run(&database, "DELETE FROM write_check").await.unwrap();
        assert!(!other.takes_writes().await);
        run(&database, "INSERT INTO write_check VALUES (1, 0)").await.unwrap();
        assert!(other.takes_writes().await);
    }
}
