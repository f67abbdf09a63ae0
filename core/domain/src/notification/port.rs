//! The carrier of messages as the domain sees it.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::plugin::PluginFailure;

/// One message to one person, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Ours, the same over retries.
    pub id: String,
    /// `mail`, `sms` or `push`.
    pub channel: String,
    /// A mail address, a phone number, or a device's token.
    pub address: String,
    pub name: Option<String>,
    pub locale: String,
    /// `verify-email`, `reset-password`, `test` …
    pub template: String,
    pub subject: String,
    pub text: String,
    /// The values the text was made from.
    pub values: BTreeMap<String, String>,
}

/// What became of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryStatus {
    Sent,
    /// Not now; the carrier's own wish for the pause, when it has one.
    Retry(Option<Duration>),
    /// Never.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The delivery's id.
    pub id: String,
    pub status: DeliveryStatus,
    /// The provider's id of the message.
    pub provider_ref: Option<String>,
    /// For the owner.
    pub note: Option<String>,
}

/// Carries messages to people.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The plugin's id.
    fn name(&self) -> &str;

    /// The channels it serves.
    fn channels(&self) -> &[String];

    /// At most one result for each delivery; one without is tried again.
    ///
    /// # Errors
    /// All of them are tried again.
    async fn deliver(&self, batch: &[Delivery]) -> Result<Vec<Delivered>, PluginFailure>;
}
