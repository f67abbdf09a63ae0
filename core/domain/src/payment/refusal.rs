//! Refused webhooks: counted in memory and written down together, so that
//! strangers do not take the database's writer.
//!
//! **Invariant:** the memory is bounded: one count and one sample for each
//! provider that is configured and each reason.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use lyceum_kernel::{Id, Result, Timestamp};
use lyceum_store::{Database, Write};

use super::{pace::Pace, port::InboundRequest, port::Refusal, webhook::head};
use crate::{
    limits,
    membership::rows::{execute, text},
};

/// Samples of refused requests that are stored for each provider.
const SAMPLES: i64 = 100;
/// Of a sample's head, in characters, and of its body, in bytes: it is to be
/// looked at, not replayed.
const SAMPLE_SIZE: usize = 4096;

/// The refusals that are not written yet.
pub(super) struct Refusals {
    pending: Mutex<BTreeMap<(String, &'static str), Pending>>,
    writes: Pace,
}

struct Pending {
    count: i64,
    last: Timestamp,
    /// The last request's.
    sample: Sample,
}

struct Sample {
    head: String,
    body: String,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self { pending: Mutex::default(), writes: Pace::new(&limits::WEBHOOK_REFUSALS) }
    }

    /// Counts one, and writes what has come together when the last time is
    /// long enough ago.
    pub(super) async fn count(
        &self,
        database: &Database,
        provider: &str,
        why: &Refusal,
        request: &InboundRequest,
    ) -> Result<()> {
        self.add(provider, reason(why), request, database.now());
        if self.writes.claim(provider, database.now()) { self.write(database).await } else { Ok(()) }
    }

    fn add(&self, provider: &str, reason: &'static str, request: &InboundRequest, now: Timestamp) {
        let sample = Sample {
            head: head(request).chars().take(SAMPLE_SIZE).collect(),
            body: BASE64_STANDARD.encode(&request.body[..request.body.len().min(SAMPLE_SIZE)]),
        };
        let mut pending = self.pending();
        let count = pending.get(&(provider.to_owned(), reason)).map_or(0, |pending| pending.count);
        pending.insert((provider.to_owned(), reason), Pending { count: count + 1, last: now, sample });
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<(String, &'static str), Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes everything that is not written yet. What cannot be written is
    /// forgotten: a count of nonsense is not worth the memory.
    pub(super) async fn write(&self, database: &Database) -> Result<()> {
        let pending = mem::take(&mut *self.pending());
        if pending.is_empty() {
            return Ok(());
        }
        let write = database.write().await?;
        for ((provider, reason), pending) in &pending {
            add_count(&write, provider, reason, pending).await?;
            add_sample(&write, provider, reason, pending).await?;
        }
        write.commit().await
    }
}

async fn add_count(write: &Write, provider: &str, reason: &str, pending: &Pending) -> Result<()> {
    let sql = "INSERT INTO webhook_refusal (provider, reason, refused, last_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (provider, reason) DO UPDATE SET refused = webhook_refusal.refused + excluded.refused, \
               last_at = excluded.last_at";
    let values = vec![text(provider), text(reason), pending.count.into(), text(pending.last)];
    execute(write.connection(), sql, values).await.map(drop)
}

async fn add_sample(write: &Write, provider: &str, reason: &str, pending: &Pending) -> Result<()> {
    let sql = "INSERT INTO webhook_refusal_sample (id, provider, reason, request, body_base64, received_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let Sample { head, body } = &pending.sample;
    let values = vec![text(Id::new()), text(provider), text(reason), text(head), text(body), text(pending.last)];
    execute(write.connection(), sql, values).await?;
    let sql = "DELETE FROM webhook_refusal_sample WHERE provider = $1 AND id NOT IN \
               (SELECT id FROM webhook_refusal_sample WHERE provider = $1 ORDER BY id DESC LIMIT $2)";
    execute(write.connection(), sql, vec![text(provider), SAMPLES.into()]).await.map(drop)
}

fn reason(why: &Refusal) -> &'static str {
    match why {
        Refusal::Malformed(_) => "malformed",
        Refusal::BadSignature => "bad-signature",
        Refusal::Stale => "stale",
        Refusal::UnknownKey(_) => "unknown-key",
        Refusal::WrongAccount => "wrong-account",
        Refusal::Probe => "probe",
        Refusal::Ignored(_) => "ignored",
        Refusal::Other(_) => "other",
    }
}
