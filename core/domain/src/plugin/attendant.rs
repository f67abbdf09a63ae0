//! The desk, with an ear for what concerns the record: a version that the host
//! took back.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use lyceum_kernel::Result;
use serde_json::Value as Json;

use super::{
    desk::Desk,
    service::Plugins,
    services::{ContentScope, EntryPage, EntryQuery, EntryWrite, HostServices, PluginEntry, PluginEvent, PluginNotice},
};

/// What the plugin host is given.
pub struct Attendant {
    desk: Arc<Desk>,
    /// The plugins hold the host, and the host holds this.
    plugins: Weak<Plugins>,
}

impl Attendant {
    #[must_use]
    pub fn new(desk: Arc<Desk>, plugins: &Arc<Plugins>) -> Self {
        Self { desk, plugins: Arc::downgrade(plugins) }
    }

    fn record(&self, notice: PluginNotice) {
        let Some(plugins) = self.plugins.upgrade() else { return };
        tokio::spawn(async move {
            if let Err(failure) = plugins.on_notice(notice).await {
                tracing::error!(cause = ?failure, "a rollback by the plugin host could not be recorded");
            }
        });
    }
}

#[async_trait]
impl HostServices for Attendant {
    async fn kv_get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.desk.kv_get(plugin, key).await
    }

    async fn kv_set(&self, plugin: &str, key: &str, value: &[u8], quota: u64) -> Result<bool> {
        self.desk.kv_set(plugin, key, value, quota).await
    }

    async fn kv_delete(&self, plugin: &str, key: &str) -> Result<()> {
        self.desk.kv_delete(plugin, key).await
    }

    async fn kv_keys(&self, plugin: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        self.desk.kv_keys(plugin, prefix, after, limit).await
    }

    async fn entry(
        &self,
        scope: &ContentScope,
        type_name: &str,
        id: &str,
        locale: Option<&str>,
    ) -> Result<Option<PluginEntry>> {
        self.desk.entry(scope, type_name, id, locale).await
    }

    async fn entries(&self, scope: &ContentScope, query: &EntryQuery) -> Result<EntryPage> {
        self.desk.entries(scope, query).await
    }

    async fn write_entry(&self, scope: &ContentScope, type_name: &str, write: EntryWrite) -> Result<String> {
        self.desk.write_entry(scope, type_name, write).await
    }

    async fn emit_event(&self, plugin: &str, name: &str, subject: Option<&str>, data: &Json) -> Result<()> {
        self.desk.emit_event(plugin, name, subject, data).await
    }

    async fn events(&self, names: &[String], after: i64, limit: u32) -> Result<Vec<PluginEvent>> {
        self.desk.events(names, after, limit).await
    }

    fn notice(&self, notice: PluginNotice) {
        if matches!(notice, PluginNotice::RolledBack { .. }) {
            self.record(notice.clone());
        }
        self.desk.notice(notice);
    }
}
