//! Telling plugins of changes after they happened: from the outbox into the
//! queue of deliveries, and from there to the hooks.
//!
//! **Invariant:** a plugin's place in the outbox moves in the transaction that
//! puts its deliveries in: each event is put in once, whoever does it.
//! **Invariant:** a new plugin hears of what happens from its activation on;
//! one that was away, because the server or the plugin was stopped, hears of
//! what it missed.
//! **Invariant:** what a plugin does not want costs it one transaction a minute at most.
//!
//! Absent on purpose: `unpublished`, for which the world has no function.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_kernel::{Failure, GlobalId, Id, Result, Timestamp};
use lyceum_model::TypeDef;
use lyceum_store::{Database, Delivery as Happened, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};

use super::{Actor, AfterHook, Contents, Fact, HookedEntry, Moment, hops, row, values::values_of};
use crate::plugin::{
    FailedAttempt, FailureKind, PluginFailure,
    delivery::{Deliveries, DeliveryHandler, DeliveryKind, Feed, Item, NewItem, Undelivered},
};

/// So many events are put in together.
const BATCH: u64 = 200;

/// A place behind which nothing is wanted moves after this time at the latest.
const UNMOVED: Duration = Duration::from_secs(60);

/// The events with which a plugin comes into service.
const COMES: &str = "'plugin.installed', 'plugin.enabled', 'plugin.updated', 'plugin.rolled_back'";

/// The after-hooks of all plugins, as a source and a handler of deliveries.
pub struct AfterHooks {
    contents: Contents,
    queue: Deliveries,
}

/// What is kept of an event until it is delivered.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    moment: Moment,
    #[serde(rename = "type")]
    type_name: String,
    /// The global id.
    id: String,
    actor: Actor,
    at: Timestamp,
    /// How many plugins' changes led to it, one answering the other.
    #[serde(default)]
    hops: u64,
}

impl AfterHooks {
    #[must_use]
    pub fn new(contents: Contents, queue: Deliveries) -> Self {
        Self { contents, queue }
    }

    fn hooks(&self) -> Vec<Arc<dyn AfterHook>> {
        self.contents.extensions().after_hooks()
    }

    fn database(&self) -> &Database {
        self.contents.database()
    }

    /// Puts in what has come for one plugin. Whether there may be more.
    async fn feed_one(&self, hook: &dyn AfterHook) -> Result<bool> {
        let consumer = consumer(hook.name());
        let Some(position) = position(self.database(), &consumer).await? else {
            return start_now(self.database(), hook.name()).await;
        };
        let happened = self.database().outbox().pending(self.database(), &consumer, BATCH).await?;
        let (Some(first), Some(last)) = (happened.first(), happened.last()) else { return Ok(false) };
        let whole = happened.len() as u64 == BATCH;
        let items: Vec<NewItem> = happened.iter().filter_map(|happened| self.item(hook, happened)).collect();
        if items.is_empty() && !whole && self.database().now() < first.at.plus(UNMOVED) {
            return Ok(false);
        }
        let write = self.database().write().await?;
        if move_on(&write, &consumer, position, last.position).await? {
            for item in items {
                self.queue.enqueue(&write, &item).await?;
            }
            write.commit().await?;
        }
        Ok(whole)
    }

    /// The delivery of an event to a hook, when it wants it.
    fn item(&self, hook: &dyn AfterHook, happened: &Happened) -> Option<NewItem> {
        let event = &happened.event;
        let def = self.contents.content_type(&event.subject_type).ok()?;
        let moment = moment_of(def, &event.name)?;
        let by = event.data["plugin"].as_str();
        if !hook.wants(moment, &def.name) || by == Some(hook.name()) {
            return None;
        }
        let id = event.subject_id.with_prefix(&def.prefix);
        let actor = Actor {
            user: event.actor.map(|user| user.with_prefix("user")),
            roles: Vec::new(),
            plugin: by.map(str::to_owned),
        };
        let (type_name, hops) = (def.name.clone(), hops::of(&event.data));
        let kept = Kept { moment, type_name, id: id.clone(), actor, at: happened.at, hops };
        Some(NewItem {
            plugin: hook.name().to_owned(),
            kind: DeliveryKind::AfterHook,
            subject: id,
            position: happened.position,
            payload: serde_json::to_value(kept).ok()?,
        })
    }

    /// What a hook is told, with the entry as it is now.
    async fn fact(&self, item: &Item, kept: Kept) -> Result<Fact> {
        let entry = match self.contents.content_type(&kept.type_name) {
            Ok(def) => self.entry(def, &kept.id).await?,
            Err(_) => None,
        };
        let Kept { moment, type_name, id, actor, at, hops: _ } = kept;
        Ok(Fact { event: item.position.to_string(), moment, type_name, id, actor, at, entry })
    }

    async fn entry(&self, def: &TypeDef, global: &str) -> Result<Option<HookedEntry>> {
        let id: Id = GlobalId::expect(global, &def.prefix).map_err(Failure::internal)?;
        let seen = row::seen(self.database().reader(), def, id).await?;
        Ok(seen.map(|seen| HookedEntry {
            type_name: def.name.clone(),
            id: Some(global.to_owned()),
            published: seen.published,
            fields: values_of(self.contents.model(), def, &seen.draft),
        }))
    }
}

#[async_trait]
impl Feed for AfterHooks {
    fn wanted(&self) -> bool {
        !self.hooks().is_empty()
    }

    async fn feed(&self) -> Result<()> {
        for hook in self.hooks() {
            while self.feed_one(hook.as_ref()).await? {}
        }
        Ok(())
    }
}

#[async_trait]
impl DeliveryHandler for AfterHooks {
    fn kind(&self) -> DeliveryKind {
        DeliveryKind::AfterHook
    }

    fn plugins(&self) -> Vec<String> {
        self.hooks().iter().map(|hook| hook.name().to_owned()).collect()
    }

    async fn deliver(&self, item: &Item) -> Result<(), Undelivered> {
        let hook = self.hooks().into_iter().find(|hook| hook.name() == item.plugin);
        let hook = hook.ok_or_else(|| unread(item, "the plugin has just stopped".to_owned()))?;
        let unreadable = |why: Failure| unread(item, format!("the entry was not read: {why:?}"));
        let kept: Kept =
            serde_json::from_value(item.payload.clone()).map_err(|why| unreadable(Failure::internal(why)))?;
        let hops = kept.hops;
        let fact = self.fact(item, kept).await.map_err(unreadable)?;
        // Another version of the plugin may want less than the one before.
        if hook.wants(fact.moment, &fact.type_name) {
            hops::answering(hops, hook.after(&fact)).await?;
        }
        Ok(())
    }
}

/// A failure on our side, before the plugin was called.
fn unread(item: &Item, detail: String) -> FailedAttempt {
    let failure = PluginFailure {
        plugin: item.plugin.clone(),
        version: String::new(),
        world: "content".to_owned(),
        function: "after".to_owned(),
        kind: FailureKind::InvalidInput,
        detail,
    };
    FailedAttempt { failure, retryable: true }
}

fn moment_of(def: &TypeDef, event: &str) -> Option<Moment> {
    match event.strip_prefix(def.name.as_str())?.strip_prefix('.')? {
        "created" => Some(Moment::Create),
        "updated" => Some(Moment::Update),
        "published" => Some(Moment::Publish),
        "deleted" => Some(Moment::Delete),
        _ => None,
    }
}

/// The name under which a plugin's place in the outbox is kept.
fn consumer(plugin: &str) -> String {
    format!("after-hooks:{plugin}")
}

async fn query(database: &Database, sql: &str, values: Vec<Value>) -> Result<Option<QueryResult>> {
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, values);
    database.reader().query_one_raw(statement).await.map_err(failed)
}

async fn position(database: &Database, consumer: &str) -> Result<Option<i64>> {
    let sql = "SELECT position FROM outbox_consumer WHERE name = $1";
    let row = query(database, sql, vec![consumer.into()]).await?;
    row.map(|row| row.try_get("", "position").map_err(failed)).transpose()
}

/// Begins where the plugin came into service, or at the end of what has
/// happened so far when that is not known. Whether it was this one who began.
/// A plugin that is gone has no place: another server may not know it yet.
async fn start_now(database: &Database, plugin: &str) -> Result<bool> {
    let write = database.write().await?;
    let came = format!(
        "SELECT MAX(position) FROM outbox WHERE name IN ({COMES}) \
         AND subject_id = (SELECT id FROM plugin WHERE name = $3)"
    );
    let sql = format!(
        "INSERT INTO outbox_consumer (name, position, updated_at) \
         SELECT $1, COALESCE(({came}), (SELECT MAX(position) FROM outbox), 0), $2 \
         WHERE EXISTS (SELECT 1 FROM plugin WHERE name = $3) \
         ON CONFLICT (name) DO NOTHING"
    );
    let values = [Value::from(consumer(plugin)), write.now().to_string().into(), plugin.into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let done = write.connection().execute_raw(statement).await.map_err(failed)?;
    write.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Moves a plugin's place, unless somebody else has moved it meanwhile.
async fn move_on(write: &lyceum_store::Write, consumer: &str, from: i64, to: i64) -> Result<bool> {
    let sql = "UPDATE outbox_consumer SET position = $1, updated_at = $2 WHERE name = $3 AND position = $4";
    let values: [Value; 4] = [to.into(), write.now().to_string().into(), consumer.into(), from.into()];
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    let done = write.connection().execute_raw(statement).await.map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

/// Forgets a plugin's place in the outbox: it is gone.
///
/// # Errors
/// Internal.
pub async fn forget_after_hooks(write: &lyceum_store::Write, plugin: &str) -> Result<()> {
    let values = [Value::from(consumer(plugin))];
    let sql = "DELETE FROM outbox_consumer WHERE name = $1";
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map(drop).map_err(failed)
}
