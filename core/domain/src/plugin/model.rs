//! What the domain talks of.

use std::{collections::BTreeSet, fmt, str::FromStr};

use lyceum_kernel::{Id, Timestamp};
use serde::Serialize;

use super::{
    diff::AskDiff,
    port::{Grants, Inspection, Usage},
    trust,
    vault::SecretKey,
};

/// What the operator decides about plugins.
#[derive(Debug, Clone)]
pub struct PluginSettings {
    pub policy: trust::Policy,
    /// Digests of the components that come with the binary.
    pub built_in: BTreeSet<String>,
    /// Under which secrets stand in the database.
    pub secret_key: SecretKey,
}

#[derive(Debug, Clone, Default)]
pub struct InstallPlugin {
    /// The component with its embedded manifest, or a package file.
    pub package: Vec<u8>,
    /// What the owner allows. Without it the plugin must ask for nothing, or
    /// for no more than was allowed before.
    pub grants: Option<Grants>,
    /// A JSON object. Without it the configuration stays as it was.
    pub config: Option<String>,
    pub source: Source,
    /// The permissions that the owner has read. Others are not consented to.
    pub expected_permission_hash: Option<String>,
}

/// Where a package came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Upload,
    /// A URL or an OCI reference, as the owner wrote it.
    Fetched(String),
    /// A file at the operator's machine, by its name.
    File(String),
    /// It comes with the binary.
    BuiltIn,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload => f.write_str("upload"),
            Self::Fetched(reference) => f.write_str(reference),
            Self::File(name) => write!(f, "file:{name}"),
            Self::BuiltIn => f.write_str("built-in"),
        }
    }
}

/// One installed plugin, without its component and secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstalledPlugin {
    pub id: Id,
    /// `publisher/name`.
    pub name: String,
    pub version: String,
    pub state: PluginState,
    /// It is enabled, and only compared with what serves.
    pub shadow: bool,
    /// SHA-256 of the component, lower-case hex.
    pub digest: String,
    pub manifest: Inspection,
    pub grants: Grants,
    /// A JSON object, as the owner wrote it.
    pub config: String,
    /// Where it came from: `upload`, `built-in`, an address, `file:…`.
    pub source: String,
    /// Why it failed last.
    pub last_error: Option<String>,
    pub installed_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts the changes of the record. It is written only in the place of
    /// this one: what another process has changed meanwhile stays.
    #[serde(skip)]
    pub revision: i64,
}

/// The outcome of an installation.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    pub plugin: InstalledPlugin,
    /// False when exactly this was there already.
    pub changed: bool,
}

/// What is to become of a plugin's data when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginData {
    /// What it stored waits for a later installation.
    Keep,
    Delete,
}

/// What was left and what went with a plugin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uninstalled {
    /// Secrets that were deleted.
    pub secrets_deleted: u64,
    /// Values of its store that were deleted.
    pub values_deleted: u64,
    /// Values of its store that are kept.
    pub values_kept: u64,
    /// Entries that it made. They are content and stay.
    pub entries_kept: u64,
}

/// How one plugin fared at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    pub name: String,
    pub version: String,
    /// Why it does not run.
    pub error: Option<String>,
}

/// What the owner sees of a plugin beside its record.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginOverview {
    pub plugin: InstalledPlugin,
    pub consent: Option<ConsentRecord>,
    pub secrets: Vec<SecretState>,
    pub staged: Option<StagedUpdate>,
    /// Versions to go back to, the latest first.
    pub versions: Vec<KeptVersion>,
    pub usage: Usage,
}

/// Who allowed what the plugin may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentRecord {
    /// None: the operator at the machine, or an account that is gone.
    pub by: Option<Id>,
    pub at: Timestamp,
    pub permission_hash: String,
    /// The publisher's key, when the package was signed.
    pub key_id: Option<String>,
}

/// Whether a secret is there. Its value is never told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretState {
    pub name: String,
    pub is_set: bool,
    /// None: it is not set, or was set before times were recorded.
    pub set_at: Option<Timestamp>,
}

/// An update that waits for consent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedUpdate {
    pub version: String,
    pub manifest: Inspection,
    pub source: String,
    pub staged_at: Timestamp,
    pub diff: AskDiff,
}

/// A version that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptVersion {
    pub version: String,
    pub replaced_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// Never enabled yet.
    Installed,
    Enabled,
    Disabled,
    /// It should run and does not; it is tried again at the next start.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a state of a plugin")]
pub struct UnknownState(String);

impl PluginState {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Installed, "installed"),
        (Self::Enabled, "enabled"),
        (Self::Disabled, "disabled"),
        (Self::Failed, "failed"),
    ];
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(state, _)| state == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for PluginState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(state, _)| *state).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

impl InstalledPlugin {
    /// Whether it runs, or should.
    pub(super) fn is_to_run(&self) -> bool {
        matches!(self.state, PluginState::Enabled | PluginState::Failed)
    }

    /// Whether another record says the same of the plugin, whenever and from
    /// wherever it came.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self == &Self { updated_at: self.updated_at, source: self.source.clone(), ..other.clone() }
    }
}
