//! Forgetting: what is of no use any more leaves the database after a time.
//!
//! **Invariant:** what money, access or an idempotency key rests on stays: of a
//! webhook its request goes and its row stays, so that the same event is known
//! again; of the outbox only goes what every consumer has passed.
//! **Invariant:** one statement takes a batch at most, in a transaction of its
//! own: nobody waits long for the writer.

use std::time::Duration;

use async_trait::async_trait;
use lyceum_kernel::{Result, Timestamp};
use lyceum_store::{
    Database,
    work::{Task, Work},
};

use crate::membership::rows::{execute, text};

/// Rows that one statement takes.
const BATCH: u32 = 1000;
/// How often what is old is looked for.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How long an event that a consumer has given up can be looked at.
const DEAD_LETTERS: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a session that has ended can still be looked at.
const ENDED_SESSIONS: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// The requests of webhooks, with which they can be looked into.
    pub webhook_requests: Duration,
    /// Samples of refused webhooks.
    pub samples: Duration,
    /// Events in the outbox after all consumers have passed.
    pub events: Duration,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self { webhook_requests: 90 * DAY, samples: 90 * DAY, events: 7 * DAY }
    }
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub rows: u64,
    /// A batch was full: there is more.
    pub more: bool,
}

/// Forgets what is old enough. Cheap to clone.
#[derive(Clone)]
pub struct Retention {
    db: Database,
    settings: RetentionSettings,
}

/// A statement with the moment `$1` before which it forgets, and its most rows `$2`.
type Step = (&'static str, Timestamp);

const WEBHOOK_REQUESTS: &str = "UPDATE webhook_inbox SET request = '', body_base64 = '' WHERE id IN \
    (SELECT id FROM webhook_inbox WHERE received_at < $1 AND request <> '' LIMIT $2)";
const SAMPLES: &str = "DELETE FROM webhook_refusal_sample WHERE id IN \
    (SELECT id FROM webhook_refusal_sample WHERE received_at < $1 LIMIT $2)";
// Only the oldest are looked at, and the newest stays in any case.
const EVENTS: &str = "DELETE FROM outbox WHERE position IN (SELECT oldest.position FROM \
    (SELECT position, occurred_at FROM outbox ORDER BY position LIMIT $2) oldest \
    WHERE oldest.occurred_at < $1 AND oldest.position <= (SELECT MIN(c.position) FROM outbox_consumer c) \
    AND oldest.position < (SELECT MAX(newest.position) FROM outbox newest))";
const FAILURES: &str = "DELETE FROM outbox_failure WHERE (consumer, position) IN \
    (SELECT consumer, position FROM outbox_failure WHERE died_at < $1 LIMIT $2)";
const SESSIONS: &str = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < $1 LIMIT $2)";
const EXPIRED: [&str; 6] = [
    "DELETE FROM attempt WHERE id IN (SELECT id FROM attempt WHERE expires_at < $1 LIMIT $2)",
    "DELETE FROM attempt_run WHERE key IN (SELECT key FROM attempt_run WHERE expires_at < $1 LIMIT $2)",
    "DELETE FROM mail_code WHERE hash IN (SELECT hash FROM mail_code WHERE expires_at < $1 LIMIT $2)",
    "DELETE FROM auth_attempt WHERE state_hash IN (SELECT state_hash FROM auth_attempt WHERE expires_at < $1 LIMIT $2)",
    "DELETE FROM known_device WHERE hash IN (SELECT hash FROM known_device WHERE expires_at < $1 LIMIT $2)",
    "DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE expires_at < $1 LIMIT $2)",
];

impl Retention {
    #[must_use]
    pub fn new(db: Database, settings: RetentionSettings) -> Self {
        Self { db, settings }
    }

    /// Takes a batch of everything that is old enough. Several processes may do
    /// it at once.
    ///
    /// # Errors
    /// Internal.
    pub async fn sweep(&self) -> Result<Swept> {
        let mut swept = Swept::default();
        for (sql, before) in self.steps() {
            let rows = self.run(sql, before).await?;
            swept.rows += rows;
            swept.more |= rows == u64::from(BATCH);
        }
        Ok(swept)
    }

    /// Forgets in the background.
    #[must_use]
    pub fn work(&self) -> Vec<Work> {
        vec![Work::task(self.clone())]
    }

    fn steps(&self) -> Vec<Step> {
        let now = self.db.now();
        let RetentionSettings { webhook_requests, samples, events } = self.settings;
        let mut steps = vec![
            (WEBHOOK_REQUESTS, now.minus(webhook_requests)),
            (SAMPLES, now.minus(samples)),
            (EVENTS, now.minus(events)),
            (FAILURES, now.minus(DEAD_LETTERS)),
            (SESSIONS, now.minus(ENDED_SESSIONS)),
        ];
        steps.extend(EXPIRED.map(|sql| (sql, now)));
        steps
    }

    async fn run(&self, sql: &str, before: Timestamp) -> Result<u64> {
        let write = self.db.write().await?;
        let rows = execute(write.connection(), sql, vec![text(before), i64::from(BATCH).into()]).await?;
        write.commit().await?;
        Ok(rows)
    }
}

#[async_trait]
impl Task for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn every(&self) -> Duration {
        INTERVAL
    }

    async fn run(&self) -> Result<bool> {
        self.sweep().await.map(|swept| swept.more)
    }
}
