//! Strict JSON: unknown fields, repeated fields and trailing text are refused,
//! so that a plugin's spelling mistake shows in a test and not in production.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::IntoResponse,
};
use serde::de::DeserializeOwned;

use crate::Refusal;

/// A JSON body. The type must carry `deny_unknown_fields`.
pub(crate) struct Strict<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Strict<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
                _ => Refusal::Invalid("the request body cannot be read".to_owned()),
            }
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| Refusal::Invalid(error.to_string()))
    }
}
