//! What the plugin host asks of the domains on behalf of a running plugin.
//!
//! The host has checked the permission before it calls; the scope of content
//! is enforced here, where the entries are.

use async_trait::async_trait;
use lyceum_kernel::{Result, Timestamp};
use serde_json::Value as Json;

use super::PluginFailure;

/// Which entries a plugin may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentScope {
    /// The plugin's id.
    pub plugin: String,
    /// Names of content types; `*` is all of them.
    pub collections: Vec<String>,
    pub entries: EntryScope,
}

/// Which entries of these types. A later one is wider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryScope {
    /// Those that the plugin made. So it is when a permission names no scope.
    #[default]
    Own,
    Published,
    All,
}

impl EntryScope {
    /// As a permission writes it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "own" => Some(Self::Own),
            "published" => Some(Self::Published),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// One entry, its fields in one language.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginEntry {
    /// The global id.
    pub id: String,
    pub type_name: String,
    pub published: bool,
    pub locale: String,
    /// A JSON object, named as in the API.
    pub fields: Json,
}

/// Which entries are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryQuery {
    pub type_name: String,
    /// A filter of the API.
    pub filter: Option<Json>,
    pub locale: Option<String>,
    pub after: Option<String>,
    /// 1 to 100.
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EntryPage {
    pub entries: Vec<PluginEntry>,
    pub next: Option<String>,
}

/// A change that a plugin makes.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryWrite {
    /// An input object of the API.
    Create(Json),
    Update {
        id: String,
        input: Json,
    },
    Publish(String),
    Unpublish(String),
    Delete(String),
}

/// One event, as plugins see it.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginEvent {
    pub position: i64,
    /// `course.published`; a plugin's own is `acme/badges.awarded`.
    pub name: String,
    /// The global id of what it is about.
    pub subject: Option<String>,
    pub at: Timestamp,
    pub data: Json,
}

/// Whether a granted name covers an event's: `course.*` covers every name that
/// begins with `course.`.
#[must_use]
pub fn event_name_covers(granted: &str, name: &str) -> bool {
    match granted.strip_suffix('*') {
        Some(prefix) if prefix.ends_with('.') => name.starts_with(prefix),
        _ => granted == name,
    }
}

/// Something the owner should know of, told by the host as it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum PluginNotice {
    /// The breaker opened.
    Tripped { plugin: String, failure: PluginFailure },
    /// A new version failed soon after it was put in place; the one before
    /// serves again.
    RolledBack { plugin: String, from: String, to: String, failure: PluginFailure },
    /// The same input failed twice and is not given to the plugin again.
    Quarantined { plugin: String, world: String, function: String, input_digest: String, failure: PluginFailure },
    /// A permission was used that is not granted.
    Denied { plugin: String, version: String, permission: String, function: String, reason: String },
}

/// The domains, as the plugin host sees them.
#[async_trait]
pub trait HostServices: Send + Sync + 'static {
    /// # Errors
    /// Internal.
    async fn kv_get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>>;

    /// Whether it fitted into the quota, which counts keys and values in bytes.
    ///
    /// # Errors
    /// Internal.
    async fn kv_set(&self, plugin: &str, key: &str, value: &[u8], quota: u64) -> Result<bool>;

    /// # Errors
    /// Internal.
    async fn kv_delete(&self, plugin: &str, key: &str) -> Result<()>;

    /// In byte order, after the given key.
    ///
    /// # Errors
    /// Internal.
    async fn kv_keys(&self, plugin: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>>;

    /// # Errors
    /// BAD_USER_INPUT.
    async fn entry(
        &self,
        scope: &ContentScope,
        type_name: &str,
        id: &str,
        locale: Option<&str>,
    ) -> Result<Option<PluginEntry>>;

    /// # Errors
    /// BAD_USER_INPUT.
    async fn entries(&self, scope: &ContentScope, query: &EntryQuery) -> Result<EntryPage>;

    /// The id of the entry.
    ///
    /// # Errors
    /// As for everybody who changes content.
    async fn write_entry(&self, scope: &ContentScope, type_name: &str, write: EntryWrite) -> Result<String>;

    /// # Errors
    /// BAD_USER_INPUT.
    async fn emit_event(&self, plugin: &str, name: &str, subject: Option<&str>, data: &Json) -> Result<()>;

    /// Events with one of these names (`course.published`, `course.*`) after a position.
    ///
    /// # Errors
    /// Internal.
    async fn events(&self, names: &[String], after: i64, limit: u32) -> Result<Vec<PluginEvent>>;

    /// Takes a notice; never waits.
    fn notice(&self, notice: PluginNotice);
}
