//! HTTP: what stands around the API.
//!
//! A request passes, from the outside in: the envelope (id, client, log,
//! security headers), headers for caches, CORS, compression, the limits of what
//! runs at once and for how long, tags of answers, the route.

mod admission;
mod caching;
mod client;
mod compression;
mod cors;
mod envelope;
mod health;
mod ide;
pub(crate) mod metrics;
mod payments;
mod rate;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use lyceum_domain::Domains;
use lyceum_graphql::{Api, error_json};
use lyceum_kernel::Failure;

use crate::config::{Limits, Server};

/// The largest webhook: 1 MiB.
const WEBHOOK_BYTES: usize = 1 << 20;

/// How the routes are to be served.
#[derive(Clone)]
pub(crate) struct Settings {
    pub server: Server,
    pub limits: Limits,
    pub development: bool,
}

/// Every route of the server.
pub(crate) fn router(api: Arc<Api>, domains: Domains, figures: metrics::Figures, settings: &Settings) -> Router {
    let server = &settings.server;
    let admission = admission::Admission::new(server.timeouts, server.capacity);
    let envelope =
        envelope::Envelope { trusted_proxies: server.trusted_proxies.clone().into(), encrypted: server.tls.is_some() };
    let routes = payment_routes(settings.limits)
        .with_state(domains.clone())
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready).with_state(health::Checks::new(domains)))
        .merge(api.router())
        .merge(figures.router());
    // The last layer is the outermost one.
    routes
        .layer(middleware::from_fn_with_state(server.ide, ide::page))
        .layer(middleware::from_fn(caching::tag))
        .layer(middleware::from_fn_with_state(admission, admission::limited))
        .layer(compression::layer())
        .layer(cors::layer(&server.cors_origins, settings.development))
        .layer(middleware::from_fn(caching::headers))
        .layer(middleware::from_fn_with_state(envelope, envelope::around))
}

fn payment_routes(limits: Limits) -> Router<Domains> {
    let webhooks = payments::limiter(limits.webhooks_per_minute);
    let returns = payments::limiter(limits.payment_returns_per_minute);
    let webhook = post(payments::webhook)
        .layer(DefaultBodyLimit::max(WEBHOOK_BYTES))
        .layer(middleware::from_fn_with_state(webhooks, payments::limited));
    let come_back = get(payments::come_back).layer(middleware::from_fn_with_state(returns, payments::limited));
    Router::new().route("/webhooks/payments/{provider}", webhook).route("/payments/return/{provider}", come_back)
}

/// The failure of a whole request, as the API reports its own.
fn refused(status: StatusCode, failure: &Failure, request_id: &str) -> Response {
    let body = serde_json::json!({ "errors": [error_json(failure, &[], request_id)] });
    let headers = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, headers, Body::from(body.to_string())).into_response()
}
