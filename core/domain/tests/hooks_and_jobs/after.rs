//! Hooks after a change, from the outbox to the guest.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::{
    content::{AfterHook, AfterHooks, Fact, HOPS, Moment},
    plugin::{
        FailedAttempt, FailureKind, PluginFailure,
        delivery::{Deliveries, DeliveryHandler, Feed, TRIES, run},
    },
};
use lyceum_kernel::{ErrorCode, Event, Id};
use lyceum_store::StatementLog;
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{
    house::{After, Desk, desk, failure, plugin, titled, until},
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
        self.installs(&guest.name).await;
        self.desk.house.after.lock().unwrap().push(guest.clone());
        self.desk.house.changed();
        self.hooks.feed().await.unwrap();
    }

    /// Its row, as another server sees it. The plugin's id.
    async fn installs(&self, name: &str) -> Id {
        let (write, id) = (self.queue.database().write().await.unwrap(), Id::new());
        let sql = "INSERT INTO plugin (id, name, version, state, digest, manifest, grants, config, installed_at, updated_at) \
                   VALUES ($1, $2, '1.0.0', 'enabled', '', '{}', '{}', '{}', $3, $3) ON CONFLICT (name) DO NOTHING";
        let values: [Value; 3] = [id.to_string().into(), name.into(), write.now().to_string().into()];
        let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
        write.connection().execute_raw(statement).await.unwrap();
        write.commit().await.unwrap();
        id
    }

    fn handlers(&self) -> Vec<Arc<dyn DeliveryHandler>> {
        vec![self.hooks.clone()]
    }

    /// Puts everything in. On PostgreSQL a transaction of another database of
    /// the server holds back what is read, for as long as it is open.
    async fn feeds(&self) {
        let db = self.queue.database();
        until(async || {
            let all = Statement::from_string(db.dialect().backend(), "SELECT COUNT(*) FROM outbox");
            let all: i64 = db.reader().query_one_raw(all).await.unwrap().unwrap().try_get_by_index(0).unwrap();
            db.outbox().pending(db, "nobody", 10_000).await.unwrap().len() as i64 == all
        })
        .await;
        self.hooks.feed().await.unwrap();
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
async fn what_happens_before_the_first_look_after_its_enabling_is_told_too() {
    each_database(async |bed| {
        let post = post(&bed).await;
        post.desk.create("course", titled("Before")).await.unwrap();
        let (id, other) = (post.installs("acme/log").await, post.installs("acme/rest").await);
        for (plugin, what) in [(id, "enabled"), (other, "enabled"), (id, "granted")] {
            let mut write = bed.db.write().await.unwrap();
            write.emit(&Event::new("plugin", what, plugin)).await.unwrap();
            write.commit().await.unwrap();
            post.desk.create("course", titled(&format!("After {what}"))).await.unwrap();
        }
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        post.works().await;
        assert_eq!(guest.heard(), ["create After enabled", "create After enabled", "create After granted"]);
    })
    .await;
}

#[tokio::test]
async fn what_it_does_not_want_costs_a_transaction_a_minute() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let guest = After::new("acme/log");
        post.activates(&guest).await;
        post.desk.create("tag", serde_json::json!({ "name": "not wanted" })).await.unwrap();
        let writes = async || {
            let log = Arc::new(StatementLog::default());
            log.clone().record(post.feeds()).await;
            log.statements().iter().filter(|sql| sql.starts_with("UPDATE outbox_consumer")).count()
        };
        let mut counts = vec![writes().await, writes().await];
        bed.clock.advance(Duration::from_secs(59));
        counts.push(writes().await);
        bed.clock.advance(Duration::from_secs(1));
        counts.push(writes().await);
        assert_eq!(counts, [0, 0, 0, 1]);
        post.desk.create("course", titled("Rust")).await.unwrap();
        post.works().await;
        assert_eq!(guest.heard(), ["create Rust"]);
    })
    .await;
}

/// Writes its own name over the title of what it is told of.
struct Vain {
    name: &'static str,
    desk: Arc<Post>,
}

#[async_trait]
impl AfterHook for Vain {
    fn name(&self) -> &str {
        self.name
    }

    fn wants(&self, moment: Moment, type_name: &str) -> bool {
        type_name == "course" && moment == Moment::Update
    }

    async fn after(&self, fact: &Fact) -> Result<(), FailedAttempt> {
        let id = fact.id.rsplit('_').next().unwrap().parse().unwrap();
        let changed = self.desk.desk.update_as(&plugin(self.name), "course", id, titled(self.name)).await;
        changed.map_err(|why| {
            let refused =
                PluginFailure { detail: why.message().to_owned(), ..failure(self.name, FailureKind::Refused) };
            FailedAttempt { failure: refused, retryable: false }
        })
    }
}

#[tokio::test]
async fn two_plugins_that_undo_each_others_work_come_to_an_end() {
    each_database(async |bed| {
        let post = Arc::new(post(&bed).await);
        for name in ["acme/one", "acme/two"] {
            post.installs(name).await;
            post.desk.house.after.lock().unwrap().push(Arc::new(Vain { name, desk: post.clone() }));
        }
        post.hooks.feed().await.unwrap();
        let id = post.desk.create("course", titled("Rust")).await.unwrap();
        for number in 1..=2 {
            post.desk.update("course", id, titled(&format!("Rust {number}"))).await.unwrap();
            let mut tried = 0;
            until(async || {
                let now = post.works().await;
                tried += now;
                now == 0
            })
            .await;
            assert!(tried <= 4 * HOPS as usize, "{tried}");
        }
        let hops = bed.texts("SELECT data FROM outbox WHERE name = 'course.updated' ORDER BY position").await;
        let hops: Vec<u64> = hops
            .iter()
            .map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap()["hops"].as_u64().unwrap_or(0))
            .collect();
        assert_eq!(hops.iter().filter(|hops| **hops == 0).count(), 2, "a person's changes begin anew");
        assert_eq!(hops.iter().max(), Some(&HOPS));
        let errors = bed.texts("SELECT last_error FROM plugin_delivery WHERE state = 'dead'").await;
        assert!(!errors.is_empty());
        let end = format!("Plugins have answered each other's changes {HOPS} times. It ends here.");
        assert!(errors.iter().all(|error| error.ends_with(&end)), "{errors:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_know_yet_that_a_plugin_went_keeps_no_place_for_it() {
    each_database(async |bed| {
        let post = post(&bed).await;
        let guest = After::new("acme/log");
        post.desk.house.after.lock().unwrap().push(guest.clone());
        post.desk.create("course", titled("Rust")).await.unwrap();
        post.hooks.feed().await.unwrap();
        assert_eq!(bed.texts("SELECT name FROM outbox_consumer WHERE name LIKE 'after-hooks:%'").await.len(), 0);
        post.activates(&guest).await;
        assert_eq!(
            bed.texts("SELECT name FROM outbox_consumer WHERE name LIKE 'after-hooks:%'").await,
            ["after-hooks:acme/log"]
        );
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
            until(async || post.desk.house.glances.load(Ordering::SeqCst) > 3).await;
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
