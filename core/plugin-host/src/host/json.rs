//! JSON from a guest: limited, and parsed on the guest's account.

use lyceum_kernel::json::{self, JsonError};
use serde_json::Value as Json;

use super::{CallState, services::error};
use crate::bindings::host::lyceum::types::common::Error;

/// Largest input or filter of content, in bytes.
pub(crate) const CONTENT_BYTES: usize = 256 << 10;
/// Largest facts of one event, in bytes.
pub(crate) const EVENT_BYTES: usize = 16 << 10;

impl CallState {
    /// # Errors
    /// `invalid`: it is longer than `most` bytes, or no JSON.
    pub fn parsed(&mut self, name: &str, text: &str, most: usize) -> Result<Json, Error> {
        if text.len() > most {
            return Err(error("invalid", &format!("{name}: at most {} KiB fit here", most >> 10)));
        }
        match self.charged(|_| json::parse(text.as_bytes())) {
            Ok(value) => Ok(value),
            Err(JsonError::Syntax(_)) => Err(error("invalid", &format!("{name}: this is no JSON"))),
            Err(why @ JsonError::Inexact { .. }) => Err(error("invalid", &format!("{name}: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::World;

    #[test]
    fn json_is_limited_and_its_parsing_is_cpu_time_of_the_call() {
        let mut call = CallState::for_test(World::Job.limits());
        let whole = format!("[{}0]", "0,".repeat((CONTENT_BYTES - 3) / 2));
        assert_eq!(whole.len(), CONTENT_BYTES - 1);
        assert!(call.parsed("input", &format!("{whole} "), CONTENT_BYTES).is_ok());
        let long = call.parsed("input", &format!("{whole}  "), CONTENT_BYTES).expect_err("a byte too many");
        assert_eq!((long.code.as_str(), long.message.as_str()), ("invalid", "input: at most 256 KiB fit here"));
        (0..40).for_each(|_| drop(call.parsed("input", &whole, CONTENT_BYTES)));
        assert!(call.spent(Duration::ZERO).cpu_ms > 0, "ten mebibytes cost something");
    }
}
