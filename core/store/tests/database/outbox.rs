//! The outbox loses no event, and hands them out in the order of the commits.

use lyceum_kernel::{Event, Id};
use lyceum_store::{Database, Delivery, Dialect, Write};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::fresh::{Fresh, number};

const CONSUMER: &str = "test";

/// A small generator (xorshift), so that every run plays the same story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }
}

fn event(entity: Id, number: u64) -> Event {
    Event::new("course", "updated", entity).with(json!({ "number": number }))
}

fn number_of(delivery: &Delivery) -> u64 {
    delivery.event.data["number"].as_u64().unwrap()
}

/// One transaction, and the numbers of the events that it has emitted.
struct Open {
    write: Write,
    numbers: Vec<u64>,
    long: bool,
}

/// Several transactions under way, and what the consumer is to see.
struct Story {
    database: Database,
    dice: Dice,
    open: Vec<Open>,
    at_once: usize,
    entities: Vec<Id>,
    next: u64,
    committed: Vec<u64>,
    seen: Vec<u64>,
}

impl Story {
    async fn step(&mut self) {
        if self.open.len() < self.at_once && self.dice.below(2) == 0 {
            let write = self.database.write().await.unwrap();
            let long = self.at_once > 1 && self.dice.below(40) == 0;
            self.open.push(Open { write, numbers: Vec::new(), long });
        }
        if !self.open.is_empty() {
            let which = self.dice.below(self.open.len());
            match self.dice.below(6) {
                0..=2 => self.emit(which).await,
                // A long one ends fifty times more rarely.
                _ if self.open[which].long && self.dice.below(50) > 0 => self.emit(which).await,
                3 => drop(self.open.swap_remove(which)),
                _ => self.commit(which).await,
            }
        }
        if self.dice.below(3) == 0 {
            self.consume().await;
        }
    }

    async fn emit(&mut self, which: usize) {
        let entity = self.entities[self.dice.below(self.entities.len())];
        self.next += 1;
        let open = &mut self.open[which];
        open.write.emit(&event(entity, self.next)).await.unwrap();
        open.numbers.push(self.next);
    }

    async fn commit(&mut self, which: usize) {
        let Open { write, numbers, .. } = self.open.swap_remove(which);
        write.commit().await.unwrap();
        self.committed.extend(numbers);
    }

    /// Reads what is there, in small batches, as consumers do. On SQLite the
    /// position is not moved while a write holds the one writer.
    async fn consume(&mut self) {
        let outbox = self.database.outbox();
        if self.at_once == 1 && !self.open.is_empty() {
            return;
        }
        let limit = 1 + self.dice.below(20) as u64;
        let found = outbox.pending(&self.database, CONSUMER, limit).await.unwrap();
        let Some(last) = found.last() else { return };
        outbox.advance(&self.database, CONSUMER, last.position).await.unwrap();
        self.seen.extend(found.iter().map(number_of));
        assert!(self.committed.starts_with(&self.seen), "an event was lost or came out of order");
    }
}

#[tokio::test]
async fn every_committed_event_is_seen_in_the_order_of_the_commits() {
    for mut fresh in Fresh::all().await {
        fresh.options.read_connections = 12;
        let database = fresh.open().await;
        let at_once = if fresh.dialect == Dialect::Sqlite { 1 } else { 10 };
        let mut story = Story {
            database,
            dice: Dice(0x5EED_1234_5678_9ABC),
            open: Vec::new(),
            at_once,
            entities: (0..20).map(|_| Id::new()).collect(),
            next: 0,
            committed: Vec::new(),
            seen: Vec::new(),
        };
        for _ in 0..12_000 {
            story.step().await;
        }
        while !story.open.is_empty() {
            story.commit(0).await;
        }
        while story.seen.len() < story.committed.len() {
            story.consume().await;
        }
        assert_eq!(story.seen, story.committed);
        assert!(story.committed.len() > 2_000, "{} events are too few", story.committed.len());
    }
}

#[tokio::test]
async fn writers_at_the_same_time_lose_nothing_to_a_consumer_beside_them() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 150;
    for mut fresh in Fresh::all().await {
        fresh.options.read_connections = 10;
        let database = fresh.open().await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let database = database.clone();
                tokio::spawn(async move {
                    let entity = Id::new();
                    for turn in 0..EACH {
                        let mut write = database.write().await.unwrap();
                        write.emit(&event(entity, writer * 1_000 + turn)).await.unwrap();
                        // Every seventh changes its mind and does it again.
                        if turn % 7 == 6 {
                            drop(write);
                            write = database.write().await.unwrap();
                            write.emit(&event(entity, writer * 1_000 + turn)).await.unwrap();
                        }
                        tokio::task::yield_now().await;
                        write.commit().await.unwrap();
                    }
                })
            })
            .collect();
        let mut seen: Vec<u64> = Vec::new();
        while seen.len() < usize::try_from(WRITERS * EACH).unwrap() {
            let all_done = writers.iter().all(tokio::task::JoinHandle::is_finished);
            let found = database.outbox().pending(&database, CONSUMER, 50).await.unwrap();
            assert!(!(all_done && found.is_empty()), "only {} events were seen", seen.len());
            if let Some(last) = found.last() {
                database.outbox().advance(&database, CONSUMER, last.position).await.unwrap();
            }
            seen.extend(found.iter().map(number_of));
        }
        for writer in 0..WRITERS {
            let own: Vec<u64> = seen.iter().copied().filter(|number| number / 1_000 == writer).collect();
            let all: Vec<u64> = (0..EACH).map(|turn| writer * 1_000 + turn).collect();
            assert_eq!(own, all);
        }
    }
}

/// The names of what waits for a consumer, which then has it behind it.
async fn take(database: &Database, consumer: &str) -> Vec<u64> {
    let found = database.outbox().pending(database, consumer, 100).await.unwrap();
    if let Some(last) = found.last() {
        database.outbox().advance(database, consumer, last.position).await.unwrap();
    }
    found.iter().map(number_of).collect()
}

#[tokio::test]
async fn who_began_first_and_commits_last_is_seen_last() {
    let Some(fresh) = Fresh::postgres().await else { return };
    let database = fresh.open().await;
    let mut old = database.write().await.unwrap();
    // Now the old one has its number in PostgreSQL's order of transactions.
    old.connection().execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
    let mut new = database.write().await.unwrap();
    new.emit(&event(Id::new(), 1)).await.unwrap();
    old.emit(&event(Id::new(), 2)).await.unwrap();
    old.commit().await.unwrap();
    let mut seen = take(&database, CONSUMER).await;
    let names = ["course.updated".to_owned()];
    let read = database.outbox().named(&database, &names, 0, 10).await.unwrap();
    let place = read.last().unwrap().0.position;
    new.commit().await.unwrap();
    seen.extend(take(&database, CONSUMER).await);
    assert_eq!(seen, [2, 1]);
    // Events that plugins read have the same order.
    let read = database.outbox().named(&database, &names, place, 10).await.unwrap();
    assert_eq!(read.iter().map(|(delivery, _)| number_of(delivery)).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_transaction_that_stays_open_holds_nothing_up() {
    let (Some(fresh), Some(other)) = (Fresh::postgres().await, Fresh::postgres().await) else { return };
    let (database, other) = (fresh.open().await, other.open().await);
    let elsewhere = other.write().await.unwrap();
    elsewhere.connection().execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
    let mut here = database.write().await.unwrap();
    here.emit(&event(Id::new(), 1)).await.unwrap();
    let mut write = database.write().await.unwrap();
    write.emit(&event(Id::new(), 2)).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(take(&database, CONSUMER).await, [2]);
    here.commit().await.unwrap();
    assert_eq!(take(&database, CONSUMER).await, [1]);
    elsewhere.commit().await.unwrap();
}

#[tokio::test]
async fn a_position_moves_with_what_the_consumer_writes_and_never_back() {
    for fresh in Fresh::all().await {
        let database = fresh.open().await;
        let place = "SELECT COALESCE(MAX(position), 0) AS n FROM outbox_consumer WHERE name = 'test'";
        let write = database.write().await.unwrap();
        database.outbox().advance_in(&write, CONSUMER, 7).await.unwrap();
        drop(write);
        assert_eq!(number(&database, place).await, 0);
        let write = database.write().await.unwrap();
        database.outbox().advance_in(&write, CONSUMER, 7).await.unwrap();
        write.commit().await.unwrap();
        database.outbox().advance(&database, CONSUMER, 5).await.unwrap();
        assert_eq!(number(&database, place).await, 7);
    }
}
