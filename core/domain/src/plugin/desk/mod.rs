//! The desk: where a running plugin's wishes reach the domains.
//!
//! The host has checked the permission. What a grant says about entries is
//! enforced here: a plugin reads and writes as a viewer whose rules say exactly
//! its scope, so that no second reading of the access rules exists.
//!
//! **Invariant:** a plugin's key-value store never exceeds its quota, also when
//! two servers write at once.
//! **Invariant:** whose an entry is, is written in the transaction that makes it.
//! **Invariant:** telling a notice never waits and never fails a call.
//!
//! Entries that a plugin was granted to read come with their gated fields: the
//! owner granted it, and a plugin has no tier.

mod entries;
mod events;
mod filter;
mod input;
mod kv;
mod notices;
mod own;
mod viewer;
mod writes;

use async_trait::async_trait;
use lyceum_kernel::Result;
use lyceum_store::Database;
use serde_json::Value as Json;

use super::services::{
    ContentScope, EntryPage, EntryQuery, EntryWrite, HostServices, PluginEntry, PluginEvent, PluginNotice,
};
use crate::content::Contents;

pub use notices::{KeptNotice, NOTICES_KEPT, Notices};
pub(crate) use own::{claim, forget_entries};

/// What the domains do for running plugins.
pub struct Desk {
    contents: Contents,
    notices: Notices,
}

impl Desk {
    /// Starts the task that writes notices; it ends when the desk is dropped.
    #[must_use]
    pub fn new(contents: Contents) -> Self {
        let notices = Notices::start(contents.database().clone());
        Self { contents, notices }
    }

    /// What happened to plugins, for their owner.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    fn database(&self) -> &Database {
        self.contents.database()
    }
}

#[async_trait]
impl HostServices for Desk {
    async fn kv_get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>> {
        kv::get(self.database(), plugin, key).await
    }

    async fn kv_set(&self, plugin: &str, key: &str, value: &[u8], quota: u64) -> Result<bool> {
        kv::set(self.database(), plugin, key, value, quota).await
    }

    async fn kv_delete(&self, plugin: &str, key: &str) -> Result<()> {
        kv::delete(self.database(), plugin, key).await
    }

    async fn kv_keys(&self, plugin: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        kv::keys(self.database(), plugin, prefix, after, limit).await
    }

    async fn entry(
        &self,
        scope: &ContentScope,
        type_name: &str,
        id: &str,
        locale: Option<&str>,
    ) -> Result<Option<PluginEntry>> {
        entries::one(&self.contents, scope, type_name, id, locale).await
    }

    async fn entries(&self, scope: &ContentScope, query: &EntryQuery) -> Result<EntryPage> {
        entries::page(&self.contents, scope, query).await
    }

    async fn write_entry(&self, scope: &ContentScope, type_name: &str, write: EntryWrite) -> Result<String> {
        writes::write(&self.contents, scope, type_name, write).await
    }

    async fn emit_event(&self, plugin: &str, name: &str, subject: Option<&str>, data: &Json) -> Result<()> {
        events::emit(&self.contents, plugin, name, subject, data).await
    }

    async fn events(&self, names: &[String], after: i64, limit: u32) -> Result<Vec<PluginEvent>> {
        events::read(&self.contents, names, after, limit).await
    }

    fn notice(&self, notice: PluginNotice) {
        self.notices.tell(notice);
    }
}
