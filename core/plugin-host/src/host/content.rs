//! `content-read` and `content-write`: entries within the granted scope. The
//! type is checked here, so that a refusal is audited; the entries are the
//! domains' to check.

use std::sync::Arc;

use lyceum_domain::plugin::{EntryPage, EntryQuery, EntryWrite, PluginEntry};
use serde_json::Value as Json;
use wasmtime::Result;

use super::{
    CallState,
    services::{error, within},
};
use crate::{
    bindings::host::{
        content_read::{self, Entry, Page, Query},
        content_write,
        lyceum::types::common::Error,
    },
    interface::Capability,
    quantities::ContentGrant,
};

/// Entries of one page.
const PAGE: u32 = 100;

impl content_read::Host for CallState {
    async fn get(
        &mut self,
        type_name: String,
        id: String,
        locale: Option<String>,
    ) -> Result<Result<Option<Entry>, Error>> {
        self.enter()?;
        if let Err(denied) = self.may(Capability::ContentRead, "get", &type_name) {
            return Ok(Err(denied));
        }
        let context = Arc::clone(&self.context);
        let scope = context.granted.content_read.scope(&context.id);
        let work = context.services.entry(&scope, &type_name, &id, locale.as_deref());
        Ok(within(self.time_to_answer(), work).await.map(|found| found.map(entry)))
    }

    async fn list(&mut self, query: Query) -> Result<Result<Page, Error>> {
        self.enter()?;
        if let Err(denied) = self.may(Capability::ContentRead, "list", &query.type_name) {
            return Ok(Err(denied));
        }
        let filter = match query.filter.as_deref().map(|text| parsed("filter", text)).transpose() {
            Ok(filter) => filter,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let Query { type_name, locale, after, limit, .. } = query;
        let query = EntryQuery { type_name, filter, locale, after, limit: limit.clamp(1, PAGE) };
        let context = Arc::clone(&self.context);
        let scope = context.granted.content_read.scope(&context.id);
        Ok(within(self.time_to_answer(), context.services.entries(&scope, &query)).await.map(page))
    }
}

impl content_write::Host for CallState {
    async fn create(&mut self, type_name: String, input: String) -> Result<Result<String, Error>> {
        self.enter()?;
        match parsed("input", &input) {
            Ok(input) => Ok(self.change("create", &type_name, EntryWrite::Create(input)).await),
            Err(wrong) => Ok(Err(wrong)),
        }
    }

    async fn update(&mut self, type_name: String, id: String, input: String) -> Result<Result<(), Error>> {
        self.enter()?;
        match parsed("input", &input) {
            Ok(input) => Ok(self.change("update", &type_name, EntryWrite::Update { id, input }).await.map(drop)),
            Err(wrong) => Ok(Err(wrong)),
        }
    }

    async fn publish(&mut self, type_name: String, id: String) -> Result<Result<(), Error>> {
        self.enter()?;
        Ok(self.change("publish", &type_name, EntryWrite::Publish(id)).await.map(drop))
    }

    async fn unpublish(&mut self, type_name: String, id: String) -> Result<Result<(), Error>> {
        self.enter()?;
        Ok(self.change("unpublish", &type_name, EntryWrite::Unpublish(id)).await.map(drop))
    }

    async fn delete(&mut self, type_name: String, id: String) -> Result<Result<(), Error>> {
        self.enter()?;
        Ok(self.change("delete", &type_name, EntryWrite::Delete(id)).await.map(drop))
    }
}

impl CallState {
    async fn change(&mut self, function: &str, type_name: &str, write: EntryWrite) -> Result<String, Error> {
        self.may(Capability::ContentWrite, function, type_name)?;
        let context = Arc::clone(&self.context);
        let scope = context.granted.content_write.scope(&context.id);
        within(self.time_to_answer(), context.services.write_entry(&scope, type_name, write)).await
    }

    fn may(&mut self, capability: Capability, function: &str, type_name: &str) -> Result<(), Error> {
        let granted = &self.context.granted;
        let grant: &ContentGrant = match capability {
            Capability::ContentRead => &granted.content_read,
            _ => &granted.content_write,
        };
        if grant.names(type_name) {
            return Ok(());
        }
        Err(self.refuse(capability, function, "the content type is not granted"))
    }
}

fn parsed(name: &str, text: &str) -> Result<Json, Error> {
    serde_json::from_str(text).map_err(|_| error("invalid", &format!("{name}: this is no JSON")))
}

fn page(page: EntryPage) -> Page {
    Page { entries: page.entries.into_iter().map(entry).collect(), next: page.next }
}

fn entry(entry: PluginEntry) -> Entry {
    Entry {
        id: entry.id,
        type_name: entry.type_name,
        status: if entry.published { "published" } else { "draft" }.to_owned(),
        locale: entry.locale,
        fields: entry.fields.to_string(),
        ext: Vec::new(),
    }
}
