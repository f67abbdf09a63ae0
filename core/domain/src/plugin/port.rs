//! What the domains ask of the plugin host. The host implements these traits;
//! no domain knows how a plugin runs.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub(super) use super::usage::Usage;
use super::{Extends, FieldResolver, HostServices};
use crate::{
    content::{AfterHook, BeforeHook},
    identity::AuthProvider,
    job::JobRunner,
    moderation::Moderator,
    notification::Notifier,
    payment::PaymentProvider,
    ranking::Ranker,
};

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
    /// The plugin failed on this very input again and again and was not called.
    Quarantined,
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

/// A call that failed, and whether the same call may succeed later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{failure}")]
pub struct FailedAttempt {
    pub failure: PluginFailure,
    pub retryable: bool,
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
    /// `http`: origins (`https://host:443`). `smtp`: servers (`smtps://host:465`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// `secret-ref`: secret names. `events`: names of events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// `kv`: bytes the plugin may store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
    /// `content-read`, `content-write`: names of content types, or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<String>,
    /// `content-read`, `content-write`: `own`, `published` or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `limits`, which is no interface: what exceeds the world's limits
    /// (`memory` and `component` in bytes, `cpu_ms`, `wall_ms`, `http_calls`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The permission under which a plugin asks for more than its world's limits.
pub const LIMITS: &str = "limits";

/// A package, read and checked but not run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// JSON Schema of its configuration.
    #[serde(default)]
    pub config_schema: Option<serde_json::Value>,
    /// Whose signature the package carries; it was verified against this key.
    #[serde(default)]
    pub signer: Option<super::trust::Signer>,
    /// The older key's word that the signer's key follows it; not verified yet.
    #[serde(default)]
    pub rotation: Option<super::trust::Rotation>,
    /// SHA-256 of the whole package file, lower-case hex.
    #[serde(default)]
    pub package_digest: String,
    /// What it asks for beyond its world's limits, as in `asks` under `limits`.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// What it takes part in: hooks, jobs and fields of the API.
    #[serde(default)]
    pub extends: Extends,
}

/// A plugin as it is to run.
pub struct Activation {
    pub wasm: Arc<[u8]>,
    pub grants: Grants,
    /// The plugin's configuration as JSON text; `{}` when it has none.
    pub config: String,
    /// Secret values by name. They stay in the host.
    pub secrets: BTreeMap<String, Secret>,
    /// The version that ran before, when it was another one.
    pub previous_version: Option<String>,
    /// Whether it serves, or runs beside what serves.
    pub role: Role,
}

/// What an active plugin is there for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Role {
    #[default]
    Active,
    /// It gets the calls of the active ones too, and its answers are only compared.
    Shadow,
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

/// The host's management side.
#[async_trait]
pub trait PluginRuntime: Send + Sync + 'static {
    /// Gives the host what it asks of the domains. Called once, before any plugin starts.
    fn attach(&self, services: Arc<dyn HostServices>) {
        drop(services);
    }

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

    /// It is uninstalled: what the host kept of its calls goes.
    fn forget(&self, id: &str) {
        let _ = id;
    }

    fn usage(&self, id: &str) -> Usage;
}

/// The active plugins, by what they do.
pub trait Extensions: Send + Sync + 'static {
    /// The payment provider with this key: the plugin's name without its
    /// publisher and without `payment-` (`lyceum/payment-sandbox` → `sandbox`).
    fn payment_provider(&self, key: &str) -> Option<Arc<dyn PaymentProvider>> {
        let _ = key;
        None
    }

    /// The keys of all active payment providers.
    fn payment_providers(&self) -> Vec<String> {
        Vec::new()
    }

    fn ranker(&self) -> Option<Arc<dyn Ranker>> {
        None
    }

    fn moderators(&self) -> Vec<Arc<dyn Moderator>> {
        Vec::new()
    }

    /// Rankers that run beside the active one, to be compared with it.
    fn shadow_rankers(&self) -> Vec<Arc<dyn Ranker>> {
        Vec::new()
    }

    /// Moderators that run beside the active ones, to be compared with them.
    fn shadow_moderators(&self) -> Vec<Arc<dyn Moderator>> {
        Vec::new()
    }

    fn before_hooks(&self) -> Vec<Arc<dyn BeforeHook>> {
        Vec::new()
    }

    fn after_hooks(&self) -> Vec<Arc<dyn AfterHook>> {
        Vec::new()
    }

    fn notifiers(&self) -> Vec<Arc<dyn Notifier>> {
        Vec::new()
    }

    fn auth_providers(&self) -> Vec<Arc<dyn AuthProvider>> {
        Vec::new()
    }

    fn job_runners(&self) -> Vec<Arc<dyn JobRunner>> {
        Vec::new()
    }

    fn field_resolvers(&self) -> Vec<Arc<dyn FieldResolver>> {
        Vec::new()
    }

    /// Counts up whenever the set of active plugins changes.
    fn generation(&self) -> u64 {
        0
    }
}

/// No plugins at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoExtensions;

impl Extensions for NoExtensions {}
