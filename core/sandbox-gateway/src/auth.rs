//! The bearer key in front of `/v1` and `/control`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};

use crate::{Gateway, Refusal, signature::same_key};

pub(crate) async fn require_key(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    match bearer(request.headers()) {
        Some(key) if same_key(key, &gateway.api_key) => Ok(next.run(request).await),
        _ => Err(Refusal::Unauthorized),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}
