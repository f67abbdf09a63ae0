//! The sandbox gateway: a small server that plays a payment provider.
//!
//! It keeps everything in memory and moves no money. The protocol it speaks is
//! published in `docs/sandbox-gateway.md`; the switches (webhooks twice, late,
//! out of order or never; down; hanging) exist so that a shop can be tested
//! against what real providers do on a bad day.
//!
//! **Invariants**
//! - State changes under one lock and is complete before any webhook is sent
//!   or any answer is cut off.
//! - A webhook keeps its event id and its bytes over all retries; only the
//!   time in the signature is fresh.
//! - What succeeded or is being refunded never exceeds what was paid.

mod api;
mod auth;
mod books;
mod control;
mod courier;
mod handle;
mod model;
mod page;
mod refusal;
mod signature;
mod strict;
mod texts;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use lyceum_kernel::{Clock, Timestamp};

pub use courier::{Delivery, SentWebhook};
pub use handle::GatewayHandle;
pub use model::{Decision, PaymentStatus, PaymentView, RefundOutcome, RefundStatus, RefundView};
pub use refusal::Refusal;
pub use signature::{SIGNATURE_HEADER, sign};

use books::Books;
use courier::{Courier, Post};
use model::{Payment, Refund};

/// The waits before the second, third and fourth try of a webhook.
pub const RETRY_DELAYS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];
/// How long a late webhook is held.
pub const LATE_HOLD: Duration = Duration::from_secs(30);

/// Larger request bodies are refused.
const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// What a gateway needs to know. One gateway serves one merchant account.
pub struct GatewayConfig {
    /// The merchant account's id, told in every webhook.
    pub account: String,
    /// The bearer key of `/v1` and `/control`.
    pub api_key: String,
    /// The key of the webhook signature.
    pub webhook_secret: String,
    /// Where buyers reach this gateway, without a slash at the end.
    pub public_url: String,
    pub clock: Arc<dyn Clock>,
    /// The waits between the tries of a webhook ([`RETRY_DELAYS`] outside tests).
    pub retry_delays: Vec<Duration>,
    /// How long a late webhook is held ([`LATE_HOLD`] outside tests).
    pub late_hold: Duration,
}

/// The switches of `/control`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Switches {
    pub delivery: Delivery,
    pub down: bool,
    pub hang: bool,
    pub decline_create: bool,
    pub refunds: RefundOutcome,
}

/// Everything the handlers share.
pub(crate) struct Gateway {
    pub account: String,
    pub api_key: String,
    pub clock: Arc<dyn Clock>,
    public_url: Mutex<String>,
    books: Mutex<Books>,
    switches: Mutex<Switches>,
    pub courier: Arc<Courier>,
}

/// Builds the server's router and the handle that tests and the demo hold.
/// Serve it inside a tokio runtime: webhooks are sent by background tasks.
pub fn gateway(config: GatewayConfig) -> (Router, GatewayHandle) {
    let courier = Courier::new(config.webhook_secret, config.retry_delays, config.late_hold, config.clock.clone());
    let gateway = Arc::new(Gateway {
        account: config.account,
        api_key: config.api_key,
        clock: config.clock,
        public_url: Mutex::new(config.public_url),
        books: Mutex::default(),
        switches: Mutex::default(),
        courier: Arc::new(courier),
    });
    (router(gateway.clone()), GatewayHandle::new(gateway))
}

fn router(gateway: Arc<Gateway>) -> Router {
    let keyed = || middleware::from_fn_with_state(gateway.clone(), auth::require_key);
    let moods = middleware::from_fn_with_state(gateway.clone(), control::moods);
    let v1 = Router::new()
        .route("/v1/payments", post(api::create_payment))
        .route("/v1/payments/{merchant_ref}", get(api::read_payment))
        .route("/v1/payments/{merchant_ref}/close", post(api::close_payment))
        .route("/v1/payments/{merchant_ref}/refunds", post(api::create_refund))
        .route("/v1/refunds/{refund_ref}", get(api::read_refund))
        .route_layer(keyed())
        .route_layer(moods);
    let control = Router::new()
        .route("/control", post(control::switch))
        .route("/control/flush", post(control::flush))
        .route("/control/refunds", post(control::refunds))
        .route("/control/events", get(control::events))
        .route_layer(keyed());
    let pages = Router::new().route("/pay/{id}", get(page::show).post(page::decide));
    v1.merge(control).merge(pages).layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES)).with_state(gateway)
}

impl Gateway {
    /// Reads or changes the books. Payments whose time has run out are closed
    /// first, and their webhooks sent.
    pub fn with_books<T>(&self, work: impl FnOnce(&mut Books, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let (expired, result) = {
            let mut books = lock(&self.books);
            (books.expire(now), work(&mut books, now))
        };
        for payment in expired {
            self.announce(&payment, self.switches().delivery);
        }
        result
    }

    pub fn switches(&self) -> Switches {
        *lock(&self.switches)
    }

    pub fn set(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.switches));
    }

    pub fn set_public_url(&self, url: String) {
        *lock(&self.public_url) = url;
    }

    pub fn payment_view(&self, payment: &Payment) -> PaymentView {
        payment.view(&lock(&self.public_url))
    }

    /// Sends the webhook that tells a payment's present state.
    pub fn announce(&self, payment: &Payment, delivery: Delivery) {
        let view = self.payment_view(payment);
        let settled = self.post(payment, self.clock.now(), view.status.event(), serde_json::json!({ "payment": view }));
        let posts = match delivery {
            Delivery::OutOfOrder if view.status.is_decided_by_buyer() => vec![settled, self.overtaken(payment)],
            _ => vec![settled],
        };
        self.courier.dispatch(posts, delivery);
    }

    /// Sends the webhook that tells how a refund ended.
    pub fn announce_refund(&self, refund: &Refund, delivery: Delivery) {
        let (Some(event), Ok(payment)) =
            (refund.status.event(), self.with_books(|books, _| books.payment(&refund.merchant_ref)))
        else {
            return;
        };
        let data = serde_json::json!({ "refund": refund.view(), "payment": self.payment_view(&payment) });
        self.courier.dispatch(vec![self.post(&payment, self.clock.now(), event, data)], delivery);
    }

    /// Takes a decision as the buyer would, and announces it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], or that the payment is decided already.
    pub fn decide(
        &self,
        merchant_ref: &str,
        decision: Decision,
        delivery: Delivery,
        even_when_closed: bool,
    ) -> Result<Payment, Refusal> {
        let payment = self.with_books(|books, now| books.decide(merchant_ref, decision, even_when_closed, now))?;
        self.announce(&payment, delivery);
        Ok(payment)
    }

    /// `payment.processing`, from before the payment was decided.
    fn overtaken(&self, payment: &Payment) -> Post {
        let before = self.clock.now().minus(Duration::from_millis(1));
        let earlier = Payment { status: PaymentStatus::Processing, paid: None, ..payment.clone() };
        let data = serde_json::json!({ "payment": self.payment_view(&earlier) });
        self.post(payment, before, PaymentStatus::Processing.event(), data)
    }

    fn post(&self, payment: &Payment, created: Timestamp, kind: &'static str, data: serde_json::Value) -> Post {
        Post::new(&self.account, &payment.merchant_ref, &payment.notify_url, created, kind, data)
    }
}

/// A lock whose holder panicked still guards complete state: each change is
/// made in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
