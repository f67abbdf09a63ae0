//! The queue itself: leases, crashes, several workers.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::FutureExt;
use lyceum_domain::plugin::delivery::{Deliveries, DeliveryHandler, DeliveryKind, Item, NewItem, Undelivered};
use lyceum_kernel::Id;
use serde_json::json;

use crate::{
    house::failed,
    people::{Bed, DAY, each_database},
};

/// A carrier that notes who is at work and what was carried.
#[derive(Default)]
struct Carrier {
    at_work: Mutex<BTreeSet<String>>,
    carried: Mutex<Vec<(String, i64)>>,
    overlaps: AtomicUsize,
    /// So many deliveries hang at first.
    hang: AtomicU32,
    refuse_for_good: bool,
}

impl Carrier {
    fn carried(&self) -> Vec<(String, i64)> {
        self.carried.lock().unwrap().clone()
    }
}

#[async_trait]
impl DeliveryHandler for Carrier {
    fn kind(&self) -> DeliveryKind {
        DeliveryKind::Notify
    }

    fn plugins(&self) -> Vec<String> {
        vec!["acme/mail".to_owned()]
    }

    async fn deliver(&self, item: &Item) -> Result<(), Undelivered> {
        if self.refuse_for_good {
            return Err(failed("acme/mail", false).into());
        }
        if self.hang.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            std::future::pending::<()>().await;
        }
        if !self.at_work.lock().unwrap().insert(item.subject.clone()) {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.at_work.lock().unwrap().remove(&item.subject);
        self.carried.lock().unwrap().push((item.subject.clone(), item.payload.as_i64().unwrap()));
        Ok(())
    }
}

async fn put(bed: &Bed, queue: &Deliveries, plugin: &str, subject: &str, number: i64) -> Id {
    let write = bed.db.write().await.unwrap();
    let item = NewItem {
        plugin: plugin.to_owned(),
        kind: DeliveryKind::Notify,
        subject: subject.to_owned(),
        position: 0,
        payload: json!(number),
    };
    let id = queue.enqueue(&write, &item).await.unwrap();
    write.commit().await.unwrap();
    id
}

/// One worker, until nothing is due.
async fn work(queue: &Deliveries, handlers: &[Arc<dyn DeliveryHandler>]) {
    let mut empty = 0;
    while empty < 3 {
        let items = queue.claim(handlers, 3).await.unwrap();
        empty = if items.is_empty() { empty + 1 } else { 0 };
        if items.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        futures::future::join_all(items.iter().map(|item| queue.attempt(handlers, item))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_deliver_each_item_once_and_each_subject_in_order() {
    each_database(async |bed| {
        let (queue, carrier) = (Deliveries::new(bed.db.clone()), Arc::new(Carrier::default()));
        for number in 0..40 {
            put(&bed, &queue, "acme/mail", &format!("s{}", number % 8), number).await;
        }
        let handlers: Vec<Arc<dyn DeliveryHandler>> = vec![carrier.clone()];
        let workers = (0..4).map(|_| {
            // Each with a queue of its own, as another process has.
            let (queue, handlers) = (Deliveries::new(bed.db.clone()), handlers.clone());
            tokio::spawn(async move { work(&queue, &handlers).await })
        });
        for worker in futures::future::join_all(workers).await {
            worker.unwrap();
        }
        assert_eq!(carrier.overlaps.load(Ordering::SeqCst), 0);
        let carried = carrier.carried();
        let mut numbers: Vec<i64> = carried.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..40).collect::<Vec<i64>>());
        for subject in 0..8 {
            let of_it: Vec<i64> =
                carried.iter().filter(|(s, _)| *s == format!("s{subject}")).map(|(_, number)| *number).collect();
            assert!(of_it.is_sorted(), "s{subject}: {of_it:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_dies_loses_its_lease_and_the_item_is_tried_again() {
    each_database(async |bed| {
        let carrier = Arc::new(Carrier { hang: AtomicU32::new(1), ..Carrier::default() });
        let (queue, handlers) = (Deliveries::new(bed.db.clone()), [carrier.clone() as Arc<dyn DeliveryHandler>]);
        put(&bed, &queue, "acme/mail", "a", 1).await;
        let first = queue.claim(&handlers, 8).await.unwrap();
        assert_eq!(first[0].attempt, 1);
        // The worker dies in the middle: its future is dropped.
        assert!(queue.attempt(&handlers, &first[0]).now_or_never().is_none());
        bed.clock.advance(Duration::from_secs(14));
        assert_eq!(queue.claim(&handlers, 8).await.unwrap(), []);
        assert_eq!(queue.next_due(&handlers).await.unwrap(), Some(bed.after(Duration::from_secs(1))));
        bed.clock.advance(Duration::from_secs(1));
        let second = queue.claim(&handlers, 8).await.unwrap();
        assert_eq!((second[0].id, second[0].attempt), (first[0].id, 2));
        // The first one wakes up late: the item is no longer its own.
        queue.attempt(&handlers, &first[0]).await.unwrap();
        assert_eq!(bed.texts("SELECT state FROM plugin_delivery").await, ["waiting"]);
        queue.attempt(&handlers, &second[0]).await.unwrap();
        assert_eq!(bed.texts("SELECT state FROM plugin_delivery").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_takes_longer_than_its_lease_keeps_the_item() {
    each_database(async |bed| {
        let carrier = Arc::new(Carrier { hang: AtomicU32::new(1), ..Carrier::default() });
        let (queue, handlers) = (Deliveries::new(bed.db.clone()), [carrier.clone() as Arc<dyn DeliveryHandler>]);
        put(&bed, &queue, "acme/mail", "a", 1).await;
        let held = queue.claim(&handlers, 8).await.unwrap();
        let lease = async || bed.texts("SELECT claimed_until FROM plugin_delivery").await;
        let before = lease().await;
        bed.clock.advance(Duration::from_secs(10));
        let prolonged = async {
            while lease().await == before {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            _ = queue.attempt(&handlers, &held[0]) => panic!("it hangs"),
            () = prolonged => {}
        }
        // Now it is later than the end of the first lease.
        bed.clock.advance(Duration::from_secs(10));
        assert_eq!(queue.claim(&handlers, 8).await.unwrap(), []);
        bed.clock.advance(Duration::from_secs(5));
        assert_eq!(queue.claim(&handlers, 8).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_kills_every_worker_is_dead_after_eight() {
    each_database(async |bed| {
        let carrier = Arc::new(Carrier { hang: AtomicU32::new(8), ..Carrier::default() });
        let (queue, handlers) = (Deliveries::new(bed.db.clone()), [carrier.clone() as Arc<dyn DeliveryHandler>]);
        put(&bed, &queue, "acme/mail", "a", 1).await;
        for _ in 0..8 {
            let items = queue.claim(&handlers, 8).await.unwrap();
            assert!(queue.attempt(&handlers, &items[0]).now_or_never().is_none());
            bed.clock.advance(Duration::from_secs(120));
        }
        let items = queue.claim(&handlers, 8).await.unwrap();
        queue.attempt(&handlers, &items[0]).await.unwrap();
        assert_eq!(bed.texts("SELECT state FROM plugin_delivery").await, ["dead"]);
        assert_eq!(carrier.carried(), []);
    })
    .await;
}

#[tokio::test]
async fn what_will_never_succeed_is_dead_at_once_and_holds_up_nothing() {
    each_database(async |bed| {
        let queue = Deliveries::new(bed.db.clone());
        let refusing: [Arc<dyn DeliveryHandler>; 1] =
            [Arc::new(Carrier { refuse_for_good: true, ..Carrier::default() })];
        put(&bed, &queue, "acme/mail", "a", 1).await;
        put(&bed, &queue, "acme/mail", "a", 2).await;
        let items = queue.claim(&refusing, 8).await.unwrap();
        assert_eq!(items.len(), 1, "the second waits for the first");
        queue.attempt(&refusing, &items[0]).await.unwrap();
        let carrier = Arc::new(Carrier::default());
        work(&queue, &[carrier.clone() as Arc<dyn DeliveryHandler>]).await;
        assert_eq!(carrier.carried(), [("a".to_owned(), 2)]);
        assert_eq!(bed.texts("SELECT state FROM plugin_delivery").await, ["dead"]);
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_is_removed_after_thirty_days_and_what_waits_is_not() {
    each_database(async |bed| {
        let queue = Deliveries::new(bed.db.clone());
        let refusing: [Arc<dyn DeliveryHandler>; 1] =
            [Arc::new(Carrier { refuse_for_good: true, ..Carrier::default() })];
        let dies = async |subject: &str| {
            put(&bed, &queue, "acme/mail", subject, 1).await;
            let items = queue.claim(&refusing, 8).await.unwrap();
            queue.attempt(&refusing, &items[0]).await.unwrap();
        };
        let left = "SELECT subject || ' ' || state FROM plugin_delivery ORDER BY subject";
        dies("a").await;
        put(&bed, &queue, "acme/away", "b", 1).await;
        bed.clock.advance(30 * DAY);
        dies("c").await;
        assert_eq!(bed.texts(left).await, ["a dead", "b waiting", "c dead"], "not yet");
        bed.clock.advance(Duration::from_millis(1));
        dies("d").await;
        assert_eq!(bed.texts(left).await, ["b waiting", "c dead", "d dead"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_for_a_plugin_that_is_away_waits() {
    each_database(async |bed| {
        let (queue, carrier) = (Deliveries::new(bed.db.clone()), Arc::new(Carrier::default()));
        put(&bed, &queue, "acme/sms", "a", 1).await;
        work(&queue, &[carrier.clone() as Arc<dyn DeliveryHandler>]).await;
        assert_eq!(bed.texts("SELECT state FROM plugin_delivery WHERE attempts = 0").await, ["waiting"]);
        let write = bed.db.write().await.unwrap();
        queue.forget(&write, "acme/sms").await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(bed.texts("SELECT state FROM plugin_delivery").await, Vec::<String>::new());
    })
    .await;
}
