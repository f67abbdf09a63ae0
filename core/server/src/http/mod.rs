//! HTTP: what stands around the API.

mod envelope;
mod health;
pub(crate) mod metrics;
mod payments;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use lyceum_domain::Domains;
use lyceum_graphql::Api;

/// The largest webhook: 1 MiB.
const WEBHOOK_BYTES: usize = 1 << 20;

/// Every route of the server.
pub(crate) fn router(api: Arc<Api>, domains: Domains, figures: metrics::Figures) -> Router {
    Router::new()
        .route("/webhooks/payments/{provider}", post(payments::webhook).layer(DefaultBodyLimit::max(WEBHOOK_BYTES)))
        .route("/payments/return/{provider}", get(payments::come_back))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(domains)
        .merge(api.router())
        .merge(figures.router())
        .layer(middleware::from_fn(envelope::around))
}
