//! Fields that misbehave in the way that their name says, for the host's tests.
//! Any other field is its parent, as it was given.

use std::sync::atomic::{AtomicU32, Ordering};

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    graphql::{FieldResolver, Request},
    host::{Error, Host},
};

/// Misbehaves on demand.
pub struct Hostile;

/// Calls of this instance: what a plugin that keeps no state has not.
static CALLS: AtomicU32 = AtomicU32::new(0);

impl FieldResolver for Hostile {
    fn resolve(_host: &impl Host, request: &Request, parent: &str) -> Result<String, Error> {
        match request.field.as_str() {
            "nonsense" => Ok("no JSON".to_owned()),
            "deep" => Ok("[".repeat(10_000)),
            "error" if parent.contains('2') => Err(Error::unavailable("the test asked for\nan error")),
            "calls-so-far" => Ok(CALLS.load(Ordering::Relaxed).to_string()),
            _ => Ok(parent.to_owned()),
        }
    }

    fn resolve_all(host: &impl Host, request: &Request, parents: &[String]) -> Vec<Result<String, Error>> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        misbehave(host, &request.field);
        match request.field.as_str() {
            "giant" => vec![Ok(format!("\"{}\"", "x".repeat(GIANT))); parents.len()],
            "short" => Vec::new(),
            "count" => vec![Ok(parents.len().to_string()); parents.len()],
            _ => parents.iter().map(|parent| Self::resolve(host, request, parent)).collect(),
        }
    }
}

lyceum_sdk::export_graphql!(Hostile, manifest: "../plugin.toml");
