//! Why a call is refused, with the code that the protocol gives it.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refusal: a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Invalid(String),
    #[error("the API key is missing or wrong")]
    Unauthorized,
    #[error("the payment was declined")]
    Declined,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("this reference was used before with other parameters")]
    IdempotencyConflict,
    #[error("the payment is paid and cannot be closed; refund it")]
    AlreadyPaid,
    #[error("the payment is not open any more")]
    AlreadyDecided,
    #[error("only a paid payment can be refunded")]
    NotPaid,
    #[error("the refunds would exceed what was paid; {left_minor} minor units are left")]
    RefundExceedsPaid { left_minor: i64 },
    #[error("the request body is too large")]
    TooLarge,
    #[error("the sandbox gateway plays dead")]
    Unavailable,
}

impl Refusal {
    /// The code of `error.code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Unauthorized => "unauthorized",
            Self::Declined => "declined",
            Self::NotFound(_) => "not_found",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::AlreadyPaid => "already_paid",
            Self::AlreadyDecided => "already_decided",
            Self::NotPaid => "not_paid",
            Self::RefundExceedsPaid { .. } => "refund_exceeds_paid",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Declined => StatusCode::PAYMENT_REQUIRED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::IdempotencyConflict
            | Self::AlreadyPaid
            | Self::AlreadyDecided
            | Self::NotPaid
            | Self::RefundExceedsPaid { .. } => StatusCode::CONFLICT,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code(), "message": self.to_string() } });
        (self.status(), Json(body)).into_response()
    }
}
