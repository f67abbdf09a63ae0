//! Consumers: effects exactly once, retries, dead letters.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lyceum_kernel::{Event, Failure, Id, Result};
use lyceum_store::{
    Database, Delivery, Write,
    work::{self, Consumer, Lag, Next, StopSignal, TRIES, Work, pass},
};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use crate::fresh::{Fresh, number, run};

/// Writes the number of each event into a table that takes it twice.
struct Ledger {
    /// So often an event fails, by number; after it has written.
    fails: Mutex<HashMap<i64, u32>>,
    panics: AtomicBool,
    written: AtomicUsize,
    handled: Notify,
    /// What a handled event ends with.
    goes_on: Semaphore,
}

impl Ledger {
    fn failing(fails: &[(i64, u32)]) -> Arc<Self> {
        let fails = Mutex::new(fails.iter().copied().collect());
        Arc::new(Self {
            fails,
            panics: AtomicBool::new(false),
            written: AtomicUsize::new(0),
            handled: Notify::new(),
            goes_on: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }
}

#[async_trait]
impl Consumer for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn wants(&self, event: &Event) -> bool {
        event.name == "course.updated"
    }

    async fn handle(&self, write: &mut Write, delivery: &Delivery) -> Result<()> {
        let number = delivery.event.data["number"].as_i64().unwrap();
        let values: [Value; 1] = [number.into()];
        let sql = "INSERT INTO effect (number) VALUES ($1)";
        let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
        write.connection().execute_raw(statement).await.map_err(lyceum_store::failed)?;
        write.emit(&Event::new("effect", "written", delivery.event.subject_id)).await?;
        self.written.fetch_add(1, Ordering::SeqCst);
        self.handled.notify_one();
        self.goes_on.acquire().await.unwrap().forget();
        match self.fails.lock().unwrap().get_mut(&number) {
            Some(left) if *left > 0 => *left -= 1,
            _ => return Ok(()),
        }
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wishes");
        Err(Failure::internal(format!("number {number} is refused")))
    }
}

async fn open(fresh: &Fresh) -> Database {
    let database = fresh.open().await;
    run(&database, "CREATE TABLE effect (number BIGINT NOT NULL)").await.unwrap();
    database
}

async fn emit(database: &Database, what: &str, numbers: std::ops::RangeInclusive<i64>) {
    let mut write = database.write().await.unwrap();
    for number in numbers {
        write.emit(&Event::new("course", what, Id::new()).with(json!({ "number": number }))).await.unwrap();
    }
    write.commit().await.unwrap();
}

/// Passes until there is nothing to do, whatever has to be waited for.
async fn settle(fresh: &Fresh, database: &Database, consumer: &dyn Consumer) {
    loop {
        match pass(database, consumer).await.unwrap() {
            Next::AtOnce => {}
            Next::AtCommit => return,
            Next::After(pause) => fresh.clock.advance(pause),
        }
    }
}

async fn effects(database: &Database) -> Vec<i64> {
    let statement = Statement::from_string(database.dialect().backend(), "SELECT number FROM effect ORDER BY number");
    let rows = database.reader().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "number").unwrap()).collect()
}

async fn count(database: &Database, what: &str) -> i64 {
    number(database, &format!("SELECT COUNT(*) AS n FROM {what}")).await
}

#[tokio::test]
async fn what_fails_is_tried_again_and_every_event_has_its_effects_once() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        let ledger = Ledger::failing(&[(1, 1), (7, TRIES - 1), (8, 2)]);
        emit(&database, "updated", 1..=20).await;
        settle(&fresh, &database, ledger.as_ref()).await;
        assert_eq!(effects(&database).await, (1..=20).collect::<Vec<_>>());
        assert_eq!(count(&database, "outbox_failure").await, 0);
        // What it emits is committed with the rest.
        assert_eq!(count(&database, "outbox WHERE name = 'effect.written'").await, 20);
    }
}

#[tokio::test]
async fn a_failed_event_holds_its_followers_back_until_its_next_try() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        let ledger = Ledger::failing(&[(2, 2)]);
        emit(&database, "updated", 1..=3).await;
        // It gets its position; number 1 is committed without number 2, which fails.
        for _ in 0..2 {
            assert_eq!(pass(&database, ledger.as_ref()).await.unwrap(), Next::AtOnce);
        }
        assert_eq!(effects(&database).await, [1]);
        assert_eq!(pass(&database, ledger.as_ref()).await.unwrap(), Next::After(Duration::from_secs(1)));
        assert_eq!(pass(&database, ledger.as_ref()).await.unwrap(), Next::After(Duration::from_secs(1)));
        assert_eq!(effects(&database).await, [1]);
        fresh.clock.advance(Duration::from_secs(1));
        pass(&database, ledger.as_ref()).await.unwrap();
        assert_eq!(effects(&database).await, [1, 2, 3]);
    }
}

#[tokio::test]
async fn an_event_that_always_fails_is_a_dead_letter_and_the_consumer_goes_on() {
    for fresh in Fresh::all().await {
        for panics in [false, true] {
            let database = open(&fresh).await;
            let ledger = Ledger::failing(&[(2, u32::MAX)]);
            ledger.panics.store(panics, Ordering::SeqCst);
            emit(&database, "updated", 1..=3).await;
            settle(&fresh, &database, ledger.as_ref()).await;
            assert_eq!(effects(&database).await, [1, 3]);
            let tries = u32::MAX - ledger.fails.lock().unwrap()[&2];
            // Once more in the batch with number 1.
            assert_eq!(tries, TRIES + 1);
            let dead =
                format!("outbox_failure WHERE died_at IS NOT NULL AND tries = {TRIES} AND name = 'course.updated'");
            assert_eq!(count(&database, &dead).await, 1);
            let why = if panics { "%panicked%" } else { "%number 2 is refused%" };
            assert_eq!(count(&database, &format!("outbox_failure WHERE error LIKE '{why}'")).await, 1);
            for table in ["outbox", "outbox_consumer", "outbox_failure"] {
                run(&database, &format!("DELETE FROM {table}")).await.unwrap();
            }
            run(&database, "DROP TABLE effect").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_crash_before_the_commit_leaves_nothing_and_the_next_process_does_it_once() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        emit(&database, "updated", 1..=3).await;
        let ledger = Ledger::failing(&[]);
        // After the second event has written.
        ledger.goes_on.forget_permits(Semaphore::MAX_PERMITS);
        ledger.goes_on.add_permits(1);
        let work = tokio::spawn({
            let (database, ledger) = (database.clone(), ledger.clone());
            async move { pass_on(&database, ledger.as_ref()).await }
        });
        while ledger.written.load(Ordering::SeqCst) < 2 {
            ledger.handled.notified().await;
        }
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(effects(&database).await, Vec::<i64>::new());
        ledger.goes_on.add_permits(3);
        settle(&fresh, &database, ledger.as_ref()).await;
        assert_eq!(effects(&database).await, [1, 2, 3]);
        assert_eq!(count(&database, "outbox WHERE name = 'effect.written'").await, 3);
    }
}

async fn pass_on(database: &Database, consumer: &dyn Consumer) {
    while pass(database, consumer).await.unwrap() == Next::AtOnce {}
}

#[tokio::test]
async fn of_several_nodes_one_handles_each_event() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        let ledger = Ledger::failing(&[(40, 2), (350, 1)]);
        emit(&database, "updated", 1..=500).await;
        let nodes = [database.clone(), fresh.connect().await, fresh.connect().await];
        let works = nodes.map(|node| {
            let (ledger, clock) = (ledger.clone(), fresh.clock.clone());
            tokio::spawn(async move {
                loop {
                    match pass(&node, ledger.as_ref()).await.unwrap() {
                        Next::AtOnce => {}
                        Next::AtCommit => return,
                        Next::After(pause) => clock.advance(pause),
                    }
                }
            })
        });
        for work in works {
            work.await.unwrap();
        }
        assert_eq!(effects(&database).await, (1..=500).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_is_not_wanted_moves_the_position_once_a_minute() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        let ledger = Ledger::failing(&[]);
        let position = "SELECT position AS n FROM outbox_consumer";
        pass(&database, ledger.as_ref()).await.unwrap();
        emit(&database, "created", 1..=3).await;
        settle(&fresh, &database, ledger.as_ref()).await;
        assert_eq!(number(&database, position).await, 0);
        fresh.clock.advance(Duration::from_secs(60));
        settle(&fresh, &database, ledger.as_ref()).await;
        let last = number(&database, "SELECT MAX(position) AS n FROM outbox").await;
        assert_eq!(number(&database, position).await, last);
        assert_eq!(effects(&database).await, Vec::<i64>::new());
    }
}

#[tokio::test]
async fn a_lag_counts_what_is_to_do_and_what_was_given_up() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        let lag = |events, seconds, dead_letters| Lag { consumer: "ledger".to_owned(), events, seconds, dead_letters };
        let ledger = Ledger::failing(&[(2, u32::MAX)]);
        pass(&database, ledger.as_ref()).await.unwrap();
        assert_eq!(work::lags(&database).await.unwrap(), [lag(0, 0, 0)]);
        emit(&database, "updated", 1..=2).await;
        fresh.clock.advance(Duration::from_secs(5));
        assert_eq!(work::lags(&database).await.unwrap(), [lag(2, 5, 0)]);
        settle(&fresh, &database, ledger.as_ref()).await;
        let [now] = <[Lag; 1]>::try_from(work::lags(&database).await.unwrap()).unwrap();
        assert_eq!(now.dead_letters, 1);
        let write = database.write().await.unwrap();
        work::forget(&write, "ledger").await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(work::lags(&database).await.unwrap(), []);
        assert_eq!(count(&database, "outbox_failure").await, 0);
    }
}

#[tokio::test]
async fn the_loop_is_woken_by_a_commit_and_ends_at_the_stop() {
    for fresh in Fresh::all().await {
        let database = open(&fresh).await;
        let ledger = Ledger::failing(&[]);
        let (stop, signal) = StopSignal::new();
        let work = tokio::spawn(Work::Consumer(ledger.clone()).run_supervised(database.clone(), signal));
        for turn in 1..=3 {
            emit(&database, "updated", turn..=turn).await;
            ledger.handled.notified().await;
        }
        stop.send_replace(true);
        work.await.unwrap();
        assert_eq!(effects(&database).await, [1, 2, 3]);
    }
}
