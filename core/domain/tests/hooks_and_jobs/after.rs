//! Hooks after a change, from the outbox to the guest.

use std::{sync::Arc, time::Duration};

use lyceum_domain::{
    content::AfterHooks,
    plugin::delivery::{Deliveries, DeliveryHandler, Feed, TRIES, run},
};
use lyceum_kernel::{ErrorCode, Id};
use lyceum_store::StatementLog;
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    house::{After, Desk, desk, plugin, titled, until},
    people::{Bed, each_database},
};

const SIX_HOURS: Duration = Duration::from_secs(6 * 3600);

struct Post {
    desk: Desk,
    queue: Deliveries,
    hooks: Arc<AfterHooks>,
}

async fn post(bed: &Bed) -> Post {
    let desk = desk(bed).await;
    let queue = Deliveries::new(bed.db.clone());
    let hooks = Arc::new(AfterHooks::new(desk.contents.clone(), queue.clone()));
    Post { desk, queue, hooks }
}

impl Post {
    async fn activates(&self, guest: &Arc<After>) {
        self.desk.house.after.lock().unwrap().push(guest.clone());
        self.desk.house.changed();
        self.hooks.feed().await.unwrap();
    }

    fn handlers(&self) -> Vec<Arc<dyn DeliveryHandler>> {
        vec![self.hooks.clone()]
    }

    /// Puts everything in. On PostgreSQL a transaction of another database of
    /// the server holds back what is read, for as long as it is open.
    async fn feeds(&self) {
        let behind = "SELECT c.name FROM outbox_consumer c WHERE c.position < (SELECT MAX(position) FROM outbox)";
        let db = self.queue.database();
        until(async || {
            self.hooks.feed().await.unwrap();
            let statement = Statement::from_string(db.dialect().backend(), behind);
            let behind = db.reader().query_all_raw(statement).await.unwrap();
            behind.is_empty() || !self.hooks.wanted()
        })
        .await;
    }

    /// Works until nothing is due. Tells how often something was tried.
    async fn works(&self) -> usize {
        let (handlers, mut tried) = (self.handlers(), 0);
        self.feeds().await;
        loop {
            let items = self.queue.claim(&handlers, 8).await.unwrap();
            if items.is_empty() {
                return tried;
            }
            tried += items.len();
            for item in items {
                self.queue.attempt(&handlers, &item).await.unwrap();
            }
        }
    }
}

/// `state attempts` of all deliveries.
async fn deliveries(bed: &Bed) -> Vec<String> {
    let sql = "SELECT state || ' ' || CAST(attempts AS TEXT) FROM plugin_delivery ORDER BY position";
    let statement = Statement::from_string(bed.db.dialect().backend(), sql);
    let rows = bed.db.reader().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

#[tokio::test]
async fn a_hook_hears_what_happens_from_its_activation_on_in_order() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let id = post.desk.create("course", titled("Before")).await.unwrap();
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        post.desk.create("tag", serde_json::json!({ "name": "not wanted" })).await.unwrap();
        post.desk.update("course", id, titled("Rust")).await.unwrap();
        post.works().await;
        post.desk.publish("course", id).await.unwrap();
        post.works().await;
        post.desk.delete("course", id).await.unwrap();
        assert_eq!(post.works().await, 1);
        assert_eq!(guest.heard(), ["update Rust", "publish Rust", "delete -"]);
        let facts = guest.heard.lock().unwrap().clone();
        assert_eq!(facts[0].id, id.with_prefix("course"));
        assert_eq!(facts[0].at, bed.db.now());
        let published: Vec<Option<bool>> = facts.iter().map(|f| f.entry.as_ref().map(|e| e.published)).collect();
        assert_eq!(published, [Some(false), Some(true), None]);
        assert_eq!(deliveries(&bed).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn who_was_away_hears_what_it_missed() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        post.desk.house.after.lock().unwrap().clear();
        post.desk.create("course", titled("Rust")).await.unwrap();
        assert_eq!(post.works().await, 0);
        post.activates(&guest).await;
        post.works().await;
        assert_eq!(guest.heard(), ["create Rust"]);
    })
    .await;
}

#[tokio::test]
async fn its_own_changes_are_not_told_to_a_plugin() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let (own, other) = (After::new("acme/one"), After::new("acme/two"));
        post.activates(&own).await;
        post.activates(&other).await;
        let id = post.desk.create("course", titled("Rust")).await.unwrap();
        post.desk.update_as(&plugin("acme/one"), "course", id, titled("Rust 2")).await.unwrap();
        post.works().await;
        assert_eq!(own.heard(), ["create Rust 2"]);
        assert_eq!(other.heard(), ["create Rust 2", "update Rust 2"]);
        assert_eq!(other.heard.lock().unwrap()[1].actor.plugin.as_deref(), Some("acme/one"));
    })
    .await;
}

#[tokio::test]
async fn two_servers_put_each_event_in_once() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        for number in 0..20 {
            post.desk.create("course", titled(&format!("Course {number}"))).await.unwrap();
        }
        let another = AfterHooks::new(post.desk.contents.clone(), post.queue.clone());
        let (one, two) = tokio::join!(post.hooks.feed(), another.feed());
        one.unwrap();
        two.unwrap();
        post.feeds().await;
        assert_eq!(deliveries(&bed).await, vec!["waiting 0"; 20]);
    })
    .await;
}

#[tokio::test]
async fn what_fails_holds_up_its_own_entry_only_and_is_dead_after_eight_tries() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        let deaf = post.desk.create("course", titled("deaf")).await.unwrap();
        post.desk.publish("course", deaf).await.unwrap();
        post.desk.create("course", titled("Rust")).await.unwrap();
        assert_eq!(post.works().await, 2);
        assert_eq!(guest.heard(), ["create Rust"]);
        assert_eq!(deliveries(&bed).await, ["waiting 1", "waiting 0"]);

        bed.clock.advance(Duration::from_secs(4));
        assert_eq!(post.works().await, 0, "the first pause is five seconds at least");
        bed.clock.advance(Duration::from_secs(2));
        assert_eq!(post.works().await, 1);
        for attempt in 3..=TRIES {
            assert_eq!(deliveries(&bed).await[0], format!("waiting {}", attempt - 1));
            bed.clock.advance(SIX_HOURS);
            post.works().await;
        }
        // The one behind it is tried now, and fails too.
        assert_eq!(deliveries(&bed).await, ["dead 8", "waiting 1"]);
        let error = "plugin acme/log@1.0.0: content/test failed (Trap): as the test says";
        assert_eq!(bed.texts("SELECT last_error FROM plugin_delivery WHERE state = 'dead'").await, [error]);
        assert_eq!(bed.events().await.last().unwrap(), "pluginDelivery.died");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_is_replayed_or_thrown_away_by_who_manages_plugins() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        let first = post.desk.create("course", titled("deaf")).await.unwrap();
        post.desk.create("course", titled("deaf")).await.unwrap();
        for _ in 0..TRIES {
            post.works().await;
            bed.clock.advance(SIX_HOURS);
        }
        assert_eq!(deliveries(&bed).await, ["dead 8", "dead 8"]);
        let letters = bed.texts("SELECT id FROM plugin_delivery ORDER BY position").await;
        let letters: Vec<Id> = letters.iter().map(|id| id.parse().unwrap()).collect();
        let refused = post.queue.replay(&plugin("acme/log"), letters[0]).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unauthenticated);

        post.desk.update("course", first, titled("Rust")).await.unwrap();
        post.queue.replay(&post.desk.viewer, letters[0]).await.unwrap();
        let waits = post.queue.replay(&post.desk.viewer, letters[0]).await.unwrap_err();
        assert_eq!(waits.code(), ErrorCode::InvalidState);
        post.works().await;
        assert_eq!(guest.heard(), ["create Rust", "update Rust"]);

        post.queue.discard(&post.desk.viewer, letters[1]).await.unwrap();
        assert_eq!(deliveries(&bed).await, Vec::<String>::new());
        let gone = post.queue.discard(&post.desk.viewer, letters[1]).await.unwrap_err();
        assert_eq!(gone.code(), ErrorCode::NotFound);
        let told: Vec<String> = bed.events().await.into_iter().filter(|e| e.starts_with("pluginDelivery")).collect();
        let wanted = ["died", "died", "replayed", "discarded"].map(|what| format!("pluginDelivery.{what}"));
        assert_eq!(told, wanted);
    })
    .await;
}

#[tokio::test]
async fn the_worker_asks_no_database_until_a_plugin_comes() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let log = Arc::new(StatementLog::default());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (feeds, handlers): ([Arc<dyn Feed>; 1], _) = ([post.hooks.clone()], post.handlers());
        let stopped = async { drop(stopped.await) };
        let working = log.clone().record(run(&post.queue, post.desk.house.as_ref(), &feeds, &handlers, stopped));
        let story = async {
            let id = post.desk.create("course", titled("Unheard")).await.unwrap();
            // Longer than the worker's own look at its surroundings.
            tokio::time::sleep(Duration::from_millis(1200)).await;
            assert_eq!(log.statements(), Vec::<String>::new());
            let guest = After::new("acme/log");
            post.activates(&guest).await;
            post.desk.update("course", id, titled("Rust")).await.unwrap();
            until(async || guest.heard().len() == 1).await;
            assert_eq!(guest.heard(), ["update Rust"]);
            stop.send(()).unwrap();
        };
        tokio::join!(working, story);
    })
    .await;
}
