//! Failures as GraphQL errors.

use lyceum_kernel::{ErrorCode, Failure};
use serde_json::{Map, Value as Json, json};

/// One entry of `errors`. Internal causes go to the log with the request id.
pub fn error_json(failure: &Failure, response_path: &[&str], request_id: &str) -> Json {
    let mut extensions = Map::new();
    extensions.insert("code".into(), failure.code().name().into());
    if !failure.path().is_empty() {
        extensions.insert("path".into(), json!(failure.path()));
    }
    for (name, value) in failure.details() {
        extensions.insert((*name).to_owned(), value.clone());
    }
    if failure.code() == ErrorCode::Internal {
        tracing::error!(request_id, cause = ?failure, "a request failed");
        extensions.insert("requestId".into(), request_id.into());
    }
    let mut error = Map::new();
    error.insert("message".into(), failure.message().into());
    if !response_path.is_empty() {
        error.insert("path".into(), json!(response_path));
    }
    error.insert("extensions".into(), Json::Object(extensions));
    Json::Object(error)
}
