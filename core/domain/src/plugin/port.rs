//! What the domains ask of the plugin host. The host implements these traits;
//! no domain knows how a plugin runs.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{moderation::Moderator, payment::PaymentProvider, ranking::Ranker};

/// How a plugin call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The guest trapped or panicked.
    Trap,
    /// The wall clock or the CPU limit ended the call.
    Timeout,
    /// The summed memory limit was reached.
    Memory,
    /// The guest used what was not granted and gave up.
    Denied,
    /// The answer broke the world's rules.
    InvalidOutput,
    /// The input is larger than the world takes; the guest was not called.
    InvalidInput,
    /// The component could not be compiled or linked.
    Compile,
    /// The breaker is open: the plugin failed too often and was not called.
    Tripped,
    /// The guest answered with an error of its own.
    Refused,
}

/// A failed plugin call, with everything an owner needs to find the fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("plugin {plugin}@{version}: {world}/{function} failed ({kind:?}): {detail}")]
pub struct PluginFailure {
    pub plugin: String,
    pub version: String,
    pub world: String,
    pub function: String,
    pub kind: FailureKind,
    pub detail: String,
}

/// What the owner allows a plugin, a subset of what its manifest asks.
/// Keys are host interfaces (`http`, `secret-ref`, `kv` …).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(pub BTreeMap<String, Permission>);

/// One permission: the host interface's own quantities and the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Permission {
    /// `http`: origins (`https://host:443`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// `secret-ref`: secret names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// `kv`: bytes the plugin may store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A package, read and checked but not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// `publisher/name`.
    pub id: String,
    pub version: String,
    pub license: String,
    /// Summary by language (`en`, `zh`).
    pub summary: BTreeMap<String, String>,
    /// The worlds it implements, with versions (`lyceum:payment/provider@1.0.0`).
    pub implements: Vec<String>,
    /// What it asks for.
    pub asks: Grants,
    /// SHA-256 of the component, lower-case hex.
    pub digest: String,
    /// SHA-256 over the permission set, lower-case hex: what a consent is given to.
    pub permission_hash: String,
}

/// A plugin as it is to run.
pub struct Activation {
    pub wasm: Arc<[u8]>,
    pub grants: Grants,
    /// The plugin's configuration as JSON text; `{}` when it has none.
    pub config: String,
    /// Secret values by name. They stay in the host.
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret value. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Calls, failures and time spent, since the start of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub calls: u64,
    pub failures: u64,
    pub last_failure: Option<PluginFailure>,
    pub breaker_open: bool,
}

/// The host's management side.
#[async_trait]
pub trait PluginRuntime: Send + Sync + 'static {
    /// Reads and checks a component with its embedded manifest. Runs nothing.
    ///
    /// # Errors
    /// Why it is not a plugin that this host can run.
    #[allow(clippy::result_large_err, reason = "a failed inspection is rare and tells all it knows")]
    fn inspect(&self, wasm: &[u8]) -> Result<Inspection, PluginFailure>;

    /// Compiles (or takes from the cache), links, checks its health, and puts
    /// it in the place of an earlier version in one step. Ungranted interfaces
    /// are linked to implementations that refuse.
    ///
    /// # Errors
    /// The old version, if any, keeps running.
    async fn activate(&self, activation: Activation) -> Result<Inspection, PluginFailure>;

    /// Takes a plugin out of service. Calls under way end normally.
    fn deactivate(&self, id: &str);

    fn usage(&self, id: &str) -> Usage;
}

/// The active plugins, by what they do.
pub trait Extensions: Send + Sync + 'static {
    /// The payment provider with this key: the plugin's name without its
    /// publisher and without `payment-` (`lyceum/payment-sandbox` → `sandbox`).
    fn payment_provider(&self, key: &str) -> Option<Arc<dyn PaymentProvider>>;

    /// The keys of all active payment providers.
    fn payment_providers(&self) -> Vec<String>;

    fn ranker(&self) -> Option<Arc<dyn Ranker>>;

    fn moderators(&self) -> Vec<Arc<dyn Moderator>>;
}

/// No plugins at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoExtensions;

impl Extensions for NoExtensions {
    fn payment_provider(&self, _key: &str) -> Option<Arc<dyn PaymentProvider>> {
        None
    }

    fn payment_providers(&self) -> Vec<String> {
        Vec::new()
    }

    fn ranker(&self) -> Option<Arc<dyn Ranker>> {
        None
    }

    fn moderators(&self) -> Vec<Arc<dyn Moderator>> {
        Vec::new()
    }
}
