//! The switches under `/control`, and the moods they put the API in.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Delivery, Gateway, RefundOutcome, Refusal, model::Refund, strict::Strict};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Change {
    deliver: Option<Delivery>,
    down: Option<bool>,
    hang: Option<bool>,
    decline_create: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundChange {
    outcome: RefundOutcome,
}

/// Sets the switches that the body names, and answers with all of them.
pub(crate) async fn switch(State(gateway): State<Arc<Gateway>>, Strict(change): Strict<Change>) -> Json<Value> {
    gateway.set(|switches| {
        switches.delivery = change.deliver.unwrap_or(switches.delivery);
        switches.down = change.down.unwrap_or(switches.down);
        switches.hang = change.hang.unwrap_or(switches.hang);
        switches.decline_create = change.decline_create.unwrap_or(switches.decline_create);
    });
    let now = gateway.switches();
    Json(json!({
        "deliver": now.delivery, "down": now.down, "hang": now.hang, "declineCreate": now.decline_create,
    }))
}

/// Sends what is held, and answers when each webhook was acknowledged or given up.
pub(crate) async fn flush(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    Json(json!({ "sent": gateway.courier.flush().await }))
}

/// Sets how refunds end from now on; those under way end so too.
pub(crate) async fn refunds(State(gateway): State<Arc<Gateway>>, Strict(change): Strict<RefundChange>) -> Json<Value> {
    let settled = settle_refunds(&gateway, change.outcome);
    Json(json!({ "outcome": change.outcome, "settled": settled.iter().map(Refund::view).collect::<Vec<_>>() }))
}

pub(crate) fn settle_refunds(gateway: &Gateway, outcome: RefundOutcome) -> Vec<Refund> {
    gateway.set(|switches| switches.refunds = outcome);
    let settled = gateway.with_books(|books, _| books.settle_refunds(outcome));
    for refund in &settled {
        gateway.announce_refund(refund, gateway.switches().delivery);
    }
    settled
}

pub(crate) async fn events(State(gateway): State<Arc<Gateway>>) -> Json<Value> {
    Json(json!({ "events": gateway.courier.log() }))
}

/// `down` refuses before anything happens; `hang` lets the call commit and
/// then closes the connection.
pub(crate) async fn moods(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    if gateway.switches().down {
        return Refusal::Unavailable.into_response();
    }
    let answer = next.run(request).await;
    if gateway.switches().hang { no_answer() } else { answer }
}

/// A body that fails at its first poll. The HTTP/1 server has not flushed the
/// head by then and drops the connection, so the client gets not one byte; a
/// test reads the socket to make sure.
fn no_answer() -> Response {
    let broken = stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("the sandbox hangs up")) });
    Body::from_stream(broken).into_response()
}
