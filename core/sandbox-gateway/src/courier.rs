//! Sends webhooks, holds them back, repeats them, and keeps a log.
//!
//! Every batch is one background task: its webhooks go out in their order,
//! each with its retries. The number of batches under way is observable, so
//! that a test waits for quiet instead of sleeping.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use lyceum_kernel::{Clock, Id, Timestamp};
use reqwest::{Client, header::CONTENT_TYPE, redirect::Policy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    lock,
    signature::{SIGNATURE_HEADER, sign},
};

/// How long the receiver has for its answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How the webhooks of a decision are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// At once.
    #[default]
    Normal,
    /// Sent twice with the same event id.
    Twice,
    /// Held until a flush, or for 30 seconds.
    Late,
    /// The outcome first, then the `payment.processing` that came before it.
    OutOfOrder,
    /// Not sent: the merchant finds out by asking.
    Never,
}

impl Delivery {
    pub(crate) const ALL: [Self; 5] = [Self::Normal, Self::Twice, Self::Late, Self::OutOfOrder, Self::Never];

    /// The name in forms and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Twice => "twice",
            Self::Late => "late",
            Self::OutOfOrder => "out-of-order",
            Self::Never => "never",
        }
    }
}

/// One try of one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentWebhook {
    pub event_id: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub merchant_ref: String,
    pub url: String,
    /// 1 for the first try.
    pub attempt: usize,
    pub sent_ms: i64,
    /// The value of the signature header.
    pub signature: String,
    pub body: String,
    /// The receiver's HTTP status; none when it did not answer.
    pub status: Option<u16>,
}

/// A webhook ready to be sent. Its bytes never change.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    event_id: String,
    kind: &'static str,
    merchant_ref: String,
    url: String,
    body: String,
}

impl Post {
    pub fn new(
        account: &str,
        merchant_ref: &str,
        url: &str,
        created: Timestamp,
        kind: &'static str,
        data: Value,
    ) -> Self {
        let event_id = Id::new().with_prefix("evt");
        let body = json!({
            "id": event_id, "type": kind, "createdMs": created.as_millis(), "account": account, "data": data,
        });
        Self { event_id, kind, merchant_ref: merchant_ref.to_owned(), url: url.to_owned(), body: body.to_string() }
    }
}

type Batch = Vec<Post>;

pub(crate) struct Courier {
    client: Client,
    clock: Arc<dyn Clock>,
    secrets: Mutex<Vec<String>>,
    retry_delays: Vec<Duration>,
    late_hold: Duration,
    held: Mutex<Vec<(Id, Batch)>>,
    log: Mutex<Vec<SentWebhook>>,
    under_way: watch::Sender<usize>,
}

impl Courier {
    pub fn new(secret: String, retry_delays: Vec<Duration>, late_hold: Duration, clock: Arc<dyn Clock>) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_DEADLINE).build();
        Self {
            client: client.expect("a client without certificates of its own always builds"),
            clock,
            secrets: Mutex::new(vec![secret]),
            retry_delays,
            late_hold,
            held: Mutex::default(),
            log: Mutex::default(),
            under_way: watch::Sender::new(0),
        }
    }

    /// Signs with the new secret and the one before it from now on.
    pub fn rotate_secret(&self, new: String) {
        let mut secrets = lock(&self.secrets);
        secrets.insert(0, new);
        secrets.truncate(2);
    }

    pub fn dispatch(self: &Arc<Self>, posts: Batch, delivery: Delivery) {
        match delivery {
            Delivery::Normal | Delivery::OutOfOrder => self.send(posts),
            Delivery::Twice => self.send([posts.clone(), posts].concat()),
            Delivery::Late => self.hold(posts),
            Delivery::Never => {}
        }
    }

    /// Sends everything that is held, and waits until nothing is under way.
    pub async fn flush(self: &Arc<Self>) -> usize {
        let held = std::mem::take(&mut *lock(&self.held));
        let webhooks = held.iter().map(|(_, batch)| batch.len()).sum();
        held.into_iter().for_each(|(_, batch)| self.send(batch));
        self.wait_idle().await;
        webhooks
    }

    /// Waits until every webhook that is not held was acknowledged or given up.
    pub async fn wait_idle(&self) {
        let mut under_way = self.under_way.subscribe();
        under_way.wait_for(|count| *count == 0).await.expect("the courier owns the sender");
    }

    pub fn log(&self) -> Vec<SentWebhook> {
        lock(&self.log).clone()
    }

    fn hold(self: &Arc<Self>, batch: Batch) {
        let ticket = Id::new();
        lock(&self.held).push((ticket, batch));
        let courier = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(courier.late_hold).await;
            courier.release(ticket);
        });
    }

    fn release(self: &Arc<Self>, ticket: Id) {
        let batch = {
            let mut held = lock(&self.held);
            held.iter().position(|(id, _)| *id == ticket).map(|place| held.remove(place).1)
        };
        if let Some(batch) = batch {
            self.send(batch);
        }
    }

    fn send(self: &Arc<Self>, batch: Batch) {
        let guard = UnderWay::begin(self.clone());
        tokio::spawn(async move {
            for post in &batch {
                guard.0.deliver(post).await;
            }
        });
    }

    /// Tries until it is acknowledged or the retries are used up.
    async fn deliver(&self, post: &Post) {
        let waits = std::iter::once(Duration::ZERO).chain(self.retry_delays.iter().copied());
        for (earlier, wait) in waits.enumerate() {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            if self.attempt(post, earlier + 1).await {
                return;
            }
        }
        tracing::warn!(event = post.event_id, url = post.url, "webhook given up");
    }

    async fn attempt(&self, post: &Post, attempt: usize) -> bool {
        let sent_ms = self.clock.now().as_millis();
        let signature = sign(&lock(&self.secrets), sent_ms.div_euclid(1000), &post.body);
        let request = self.client.post(&post.url).header(CONTENT_TYPE, "application/json");
        let request = request.header(SIGNATURE_HEADER, &signature).body(post.body.clone());
        let status = request.send().await.ok().map(|answer| answer.status().as_u16());
        self.record(post, attempt, sent_ms, signature, status);
        status.is_some_and(|status| (200..300).contains(&status))
    }

    fn record(&self, post: &Post, attempt: usize, sent_ms: i64, signature: String, status: Option<u16>) {
        let Post { event_id, kind, merchant_ref, url, body } = post.clone();
        lock(&self.log).push(SentWebhook {
            event_id,
            kind,
            merchant_ref,
            url,
            attempt,
            sent_ms,
            signature,
            body,
            status,
        });
    }
}

/// One batch under way; counted out however its task ends.
struct UnderWay(Arc<Courier>);

impl UnderWay {
    fn begin(courier: Arc<Courier>) -> Self {
        courier.under_way.send_modify(|count| *count += 1);
        Self(courier)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|count| *count -= 1);
    }
}
