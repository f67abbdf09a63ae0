//! Notices about plugins, kept for their owner: the last thousand of each.
//!
//! They come in the middle of calls, so they are put into a queue and written
//! by a task of their own. A queue that is full drops and counts: a guest that
//! is refused a thousand times a second is known after the first.
//!
//! **Invariant:** the refusals of one plugin take only their share of the queue,
//! so they push out nobody else's, nor what is rarer and worse.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use lyceum_kernel::{Failure, Id, Result, Timestamp};
use lyceum_store::{Database, Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, oneshot};

use super::PluginNotice;

/// Notices kept of each plugin.
pub const NOTICES_KEPT: u32 = 1_000;
/// Notices that wait to be written.
const QUEUE: usize = 1_024;
/// Refusals of one plugin among them.
const REFUSALS: usize = QUEUE / 8;
/// The kind of a notice that is a refusal.
const DENIED: &str = "denied";
/// Notices written in one transaction.
const BATCH: usize = 100;

/// The queue and the table of notices.
pub struct Notices {
    database: Database,
    queue: mpsc::Sender<Message>,
    refusals: Arc<Refusals>,
    dropped: Arc<AtomicU64>,
}

/// How many refusals of each plugin wait.
#[derive(Default)]
struct Refusals(Mutex<BTreeMap<String, usize>>);

impl Refusals {
    /// Counts one; whether it may wait too.
    fn come(&self, plugin: &str) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.entry(plugin.to_owned()).or_default();
        let fits = *waiting < REFUSALS;
        *waiting += usize::from(fits);
        fits
    }

    /// One of those that waited does so no more.
    fn go(&self, plugin: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = all.get_mut(plugin) else { return };
        *waiting -= 1;
        if *waiting == 0 {
            all.remove(plugin);
        }
    }
}

/// One notice as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptNotice {
    pub id: Id,
    /// `acme/badges`.
    pub plugin: String,
    /// `tripped`, `rolled-back`, `quarantined` or `denied`.
    pub kind: String,
    pub at: Timestamp,
    /// A JSON object.
    pub detail: Json,
}

enum Message {
    Notice(KeptNotice),
    /// Everything before this is to be written, then this is to be answered.
    Settle(oneshot::Sender<()>),
}

impl Notices {
    pub(super) fn start(database: Database) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let refusals = Arc::<Refusals>::default();
        tokio::spawn(write_all(database.clone(), waiting, Arc::clone(&refusals)));
        Self { database, queue, refusals, dropped: Arc::default() }
    }

    pub(super) fn tell(&self, notice: PluginNotice) {
        let (plugin, kind, detail) = told(notice);
        if kind == DENIED && !self.refusals.come(&plugin) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let kept = KeptNotice { id: Id::new(), plugin, kind: kind.to_owned(), at: self.database.now(), detail };
        if let Err(full) = self.queue.try_send(Message::Notice(kept)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            leave(&self.refusals, &full.into_inner());
        }
    }

    /// Notices that found the queue or their plugin's share of it full, since the start of the process.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything that was told so far is written.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.queue.send(Message::Settle(done)).await.is_ok() {
            // An error means that the task has ended: nothing more will be written.
            settled.await.unwrap_or(());
        }
    }

    /// The latest notices of a plugin, or of all, the newest first.
    ///
    /// # Errors
    /// Internal.
    pub async fn latest(&self, plugin: Option<&str>, limit: u32) -> Result<Vec<KeptNotice>> {
        let sql = "SELECT id, plugin, kind, at, detail FROM plugin_notice WHERE $1 = '' OR plugin = $1 \
                   ORDER BY id DESC LIMIT $2";
        let values: [Value; 2] = [plugin.unwrap_or_default().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.database.dialect().backend(), sql, values);
        let rows = self.database.reader().query_all_raw(statement).await.map_err(failed)?;
        rows.iter().map(kept).collect()
    }
}

/// A message is no longer in the queue.
fn leave(refusals: &Refusals, message: &Message) {
    match message {
        Message::Notice(notice) if notice.kind == DENIED => refusals.go(&notice.plugin),
        Message::Notice(_) | Message::Settle(_) => {}
    }
}

async fn write_all(database: Database, mut waiting: mpsc::Receiver<Message>, refusals: Arc<Refusals>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (mut notices, mut settled) = (Vec::new(), Vec::new());
        for message in batch.drain(..) {
            leave(&refusals, &message);
            match message {
                Message::Notice(notice) => notices.push(notice),
                Message::Settle(done) => settled.push(done),
            }
        }
        if let Err(error) = write(&database, &notices).await {
            tracing::error!(?error, count = notices.len(), "notices about plugins could not be written");
        }
        // Who asked may have gone.
        settled.into_iter().for_each(|done| _ = done.send(()));
    }
}

async fn write(database: &Database, notices: &[KeptNotice]) -> Result<()> {
    if notices.is_empty() {
        return Ok(());
    }
    let write = database.write().await?;
    for notice in notices {
        let sql = "INSERT INTO plugin_notice (id, plugin, kind, at, detail) VALUES ($1, $2, $3, $4, $5)";
        let values = [&notice.id.to_string(), &notice.plugin, &notice.kind, &notice.at.to_string()];
        let mut values: Vec<Value> = values.iter().map(|text| text.as_str().into()).collect();
        values.push(notice.detail.to_string().into());
        execute(&write, sql, values).await?;
    }
    let mut plugins: Vec<&str> = notices.iter().map(|notice| notice.plugin.as_str()).collect();
    plugins.sort_unstable();
    plugins.dedup();
    for plugin in plugins {
        trim(&write, plugin).await?;
    }
    write.commit().await
}

/// Removes what is older than the last [`NOTICES_KEPT`].
async fn trim(write: &Write, plugin: &str) -> Result<()> {
    let sql = "DELETE FROM plugin_notice WHERE plugin = $1 AND id <= \
               (SELECT id FROM plugin_notice WHERE plugin = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
    execute(write, sql, vec![plugin.into(), i64::from(NOTICES_KEPT).into()]).await
}

async fn execute(write: &Write, sql: &str, values: Vec<Value>) -> Result<()> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map_err(failed)?;
    Ok(())
}

/// Whose it is, its kind, and the rest as JSON.
fn told(notice: PluginNotice) -> (String, &'static str, Json) {
    match notice {
        PluginNotice::Tripped { plugin, failure } => (plugin, "tripped", json!({ "failure": failure })),
        PluginNotice::RolledBack { plugin, from, to, failure } => {
            (plugin, "rolled-back", json!({ "from": from, "to": to, "failure": failure }))
        }
        PluginNotice::Quarantined { plugin, world, function, input_digest, failure } => {
            let facts = json!({
                "world": world, "function": function, "inputDigest": input_digest, "failure": failure,
            });
            (plugin, "quarantined", facts)
        }
        PluginNotice::Denied { plugin, version, permission, function, reason } => {
            let facts = json!({
                "version": version, "permission": permission, "function": function, "reason": reason,
            });
            (plugin, DENIED, facts)
        }
    }
}

fn kept(row: &QueryResult) -> Result<KeptNotice> {
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    Ok(KeptNotice {
        id: text("id")?.parse().map_err(Failure::internal)?,
        plugin: text("plugin")?,
        kind: text("kind")?,
        at: text("at")?.parse().map_err(Failure::internal)?,
        detail: serde_json::from_str(&text("detail")?).map_err(Failure::internal)?,
    })
}
