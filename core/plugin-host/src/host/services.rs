//! What the host functions share that ask the domains: the time they may take,
//! and how a failure is told to the guest.

use std::{future::Future, time::Duration};

use lyceum_kernel::{ErrorCode, Failure};

use super::CallState;
use crate::{bindings::host::lyceum::types::common::Error, interface::Capability};

/// Kept back of the wall time, so that the guest can still tell of a time-out.
const TO_ANSWER: Duration = Duration::from_millis(100);

impl CallState {
    /// What a host function may take: the rest of the wall time, less a tenth
    /// of it and at most [`TO_ANSWER`].
    pub fn time_to_answer(&self) -> Duration {
        let rest = self.remaining();
        rest.saturating_sub((rest / 10).min(TO_ANSWER))
    }

    /// Refuses one use of a granted interface, with the audit notice.
    pub fn refuse(&mut self, capability: Capability, function: &'static str, reason: &str) -> Error {
        self.deny(capability, function, reason);
        error("denied", reason)
    }
}

/// Waits for the domains, but not beyond the time.
pub(super) async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Error> {
    match tokio::time::timeout(time, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(told(&failure)),
        Err(_) => Err(Error { retryable: true, ..error("unavailable", "there was no time left for an answer") }),
    }
}

pub(super) fn error(code: &str, message: &str) -> Error {
    Error { code: code.to_owned(), message: message.to_owned(), retryable: false }
}

/// The text for the client only; the cause stays in the log.
fn told(failure: &Failure) -> Error {
    let code = match failure.code() {
        ErrorCode::BadUserInput | ErrorCode::BadCursor | ErrorCode::PageTooLarge => "invalid",
        ErrorCode::NotFound => "not-found",
        ErrorCode::Conflict => "conflict",
        ErrorCode::InvalidState => "invalid-state",
        ErrorCode::Unauthenticated | ErrorCode::Forbidden => "denied",
        // Another plugin was in the way; trying again ends the same.
        ErrorCode::PluginFailed | ErrorCode::ChangeRejected => "rejected",
        _ => {
            tracing::error!(cause = ?failure, "a host function failed");
            return Error { retryable: true, ..error("unavailable", "the host could not do this now") };
        }
    };
    let message = match failure.path() {
        [] => failure.message().to_owned(),
        path => format!("{}: {}", path.join("."), failure.message()),
    };
    error(code, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_plugin_rejects_is_told_with_its_reason_and_not_tried_again() {
        let refused = told(&Failure::new(ErrorCode::ChangeRejected, "Too loud.").at("title"));
        assert_eq!((refused.code.as_str(), refused.message.as_str()), ("rejected", "title: Too loud."));
        assert!(!refused.retryable);
        let down = told(&Failure::internal("the database is away"));
        assert_eq!((down.code.as_str(), down.retryable), ("unavailable", true));
    }
}
