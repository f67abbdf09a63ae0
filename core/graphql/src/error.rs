//! Failures as GraphQL errors.

use lyceum_kernel::{ErrorCode, Failure};
use serde_json::{Map, Value as Json, json};

/// Why a request failed as a whole: one or more errors, the first of which
/// decides the status.
#[derive(Debug)]
pub struct Refused(pub Vec<Failure>);

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(vec![failure])
    }
}

impl Refused {
    /// The error that decides the status.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.first().map_or(ErrorCode::Internal, Failure::code)
    }
}

/// Characters of a message.
const MESSAGE: usize = 1_000;

/// One entry of `errors`. Internal causes go to the log with the request id.
pub fn error_json(failure: &Failure, response_path: &[Json], request_id: &str) -> Json {
    let mut extensions = Map::new();
    extensions.insert("code".into(), failure.code().name().into());
    if !failure.path().is_empty() {
        extensions.insert("path".into(), json!(failure.path()));
    }
    let mut error = Map::new();
    // A message may repeat what the client wrote, but not at any length.
    let message: String = failure.message().chars().take(MESSAGE).collect();
    error.insert("message".into(), message.into());
    for (name, value) in failure.details() {
        // Where in the query it is stands beside the message.
        match *name {
            "locations" => drop(error.insert("locations".into(), value.clone())),
            name => drop(extensions.insert(name.to_owned(), value.clone())),
        }
    }
    if failure.code() == ErrorCode::Internal {
        tracing::error!(request_id, cause = ?failure, "a request failed");
        extensions.insert("requestId".into(), request_id.into());
    }
    if !response_path.is_empty() {
        error.insert("path".into(), json!(response_path));
    }
    error.insert("extensions".into(), Json::Object(extensions));
    Json::Object(error)
}
