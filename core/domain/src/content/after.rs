//! Telling plugins of changes after they happened: from the outbox into the
//! queue of deliveries, and from there to the hooks.
//!
//! Each plugin is a [`Consumer`] of the outbox, which puts deliveries in: each
//! event once, whoever does it. The consumers come and go with the plugins, so
//! the loop of the deliveries runs them, and not one loop each.
//!
//! **Invariant:** a new plugin hears of what happens from its activation on;
//! one that was away, because the server or the plugin was stopped, hears of
//! what it missed.
//!
//! Absent on purpose: `unpublished`, for which the world has no function.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_kernel::{Event, Failure, GlobalId, Id, Result, Timestamp};
use lyceum_model::TypeDef;
use lyceum_store::{
    Database, Delivery as Happened, Write, failed,
    work::{self, Consumer, Next},
};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde::{Deserialize, Serialize};

use super::{Actor, AfterHook, Contents, Fact, HookedEntry, Moment, hops, row, values::values_of};
use crate::plugin::{
    FailedAttempt, FailureKind, PluginFailure,
    delivery::{Deliveries, DeliveryHandler, DeliveryKind, Feed, Item, NewItem, Undelivered},
};

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

    /// What a hook wants to know of an event, when it does. It made what it
    /// changed itself, and needs not be told.
    fn wanted(&self, hook: &dyn AfterHook, event: &Event) -> Option<(Moment, &TypeDef)> {
        let def = self.contents.content_type(&event.subject_type).ok()?;
        let moment = moment_of(def, &event.name)?;
        let own = event.data["plugin"].as_str() == Some(hook.name());
        (hook.wants(moment, &def.name) && !own).then_some((moment, def))
    }

    /// The delivery of an event to a hook, when it wants it.
    fn item(&self, hook: &dyn AfterHook, happened: &Happened) -> Option<NewItem> {
        let event = &happened.event;
        let (moment, def) = self.wanted(hook, event)?;
        let id = event.subject_id.with_prefix(&def.prefix);
        let actor = Actor {
            user: event.actor.map(|user| user.with_prefix("user")),
            roles: Vec::new(),
            plugin: event.data["plugin"].as_str().map(str::to_owned),
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
            let intake = Intake { name: consumer(hook.name()), hooks: self, hook: hook.as_ref() };
            while work::pass(self.database(), &intake).await? == Next::AtOnce {}
        }
        Ok(())
    }
}

/// The events of one plugin, on their way into the queue.
struct Intake<'h> {
    name: String,
    hooks: &'h AfterHooks,
    hook: &'h dyn AfterHook,
}

#[async_trait]
impl Consumer for Intake<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, event: &Event) -> bool {
        self.hooks.wanted(self.hook, event).is_some()
    }

    async fn handle(&self, write: &mut Write, happened: &Happened) -> Result<()> {
        match self.hooks.item(self.hook, happened) {
            Some(item) => self.hooks.queue.enqueue(write, &item).await.map(drop),
            None => Ok(()),
        }
    }

    async fn begin(&self, write: &Write) -> Result<()> {
        begin(write, self.hook.name()).await
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

/// Begins where the plugin came into service, or at the end of what has
/// happened so far when that is not known. A plugin that is gone has no place:
/// another server may not know it yet.
async fn begin(write: &Write, plugin: &str) -> Result<()> {
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
    write.connection().execute_raw(statement).await.map(drop).map_err(failed)
}

/// Forgets a plugin's place in the outbox: it is gone.
///
/// # Errors
/// Internal.
pub async fn forget_after_hooks(write: &Write, plugin: &str) -> Result<()> {
    work::forget(write, &consumer(plugin)).await
}
