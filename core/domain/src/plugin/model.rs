//! What the domain talks of.

use std::{fmt, str::FromStr};

use lyceum_kernel::{Id, Timestamp};
use serde::Serialize;

use super::port::{Grants, Inspection};

#[derive(Debug, Clone, Default)]
pub struct InstallPlugin {
    /// The component with its embedded manifest.
    pub wasm: Vec<u8>,
    /// What the owner allows. Without it the plugin must ask for nothing, or
    /// for no more than was allowed before.
    pub grants: Option<Grants>,
    /// A JSON object. Without it the configuration stays as it was.
    pub config: Option<String>,
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
    /// SHA-256 of the component, lower-case hex.
    pub digest: String,
    pub manifest: Inspection,
    pub grants: Grants,
    /// A JSON object.
    pub config: String,
    /// Why it failed last.
    pub last_error: Option<String>,
    pub installed_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The outcome of an installation.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    pub plugin: InstalledPlugin,
    /// False when exactly this was there already.
    pub changed: bool,
}

/// How one plugin fared at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    pub name: String,
    pub version: String,
    /// Why it does not run.
    pub error: Option<String>,
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
