//! `content-read` and `content-write`: entries within the granted scope. The
//! type is checked here, so that a refusal is audited; the entries are the
//! domains' to check.
//!
//! **Invariant:** what a guest sends is read after the grant was checked.

use std::sync::Arc;

use lyceum_domain::plugin::{EntryPage, EntryQuery, EntryWrite, PluginEntry};
use serde_json::Value as Json;
use wasmtime::Result;

use super::{CallState, json::CONTENT_BYTES, services::within};
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
        let filter = query.filter.as_deref().map(|text| self.parsed("filter", text, CONTENT_BYTES));
        let filter = match filter.transpose() {
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
        match self.input("create", &type_name, &input) {
            Ok(input) => Ok(self.change(&type_name, EntryWrite::Create(input)).await),
            Err(refused) => Ok(Err(refused)),
        }
    }

    async fn update(&mut self, type_name: String, id: String, input: String) -> Result<Result<(), Error>> {
        self.enter()?;
        match self.input("update", &type_name, &input) {
            Ok(input) => Ok(self.change(&type_name, EntryWrite::Update { id, input }).await.map(drop)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    async fn publish(&mut self, type_name: String, id: String) -> Result<Result<(), Error>> {
        self.enter()?;
        match self.may(Capability::ContentWrite, "publish", &type_name) {
            Ok(()) => Ok(self.change(&type_name, EntryWrite::Publish(id)).await.map(drop)),
            Err(denied) => Ok(Err(denied)),
        }
    }

    async fn unpublish(&mut self, type_name: String, id: String) -> Result<Result<(), Error>> {
        self.enter()?;
        match self.may(Capability::ContentWrite, "unpublish", &type_name) {
            Ok(()) => Ok(self.change(&type_name, EntryWrite::Unpublish(id)).await.map(drop)),
            Err(denied) => Ok(Err(denied)),
        }
    }

    async fn delete(&mut self, type_name: String, id: String) -> Result<Result<(), Error>> {
        self.enter()?;
        match self.may(Capability::ContentWrite, "delete", &type_name) {
            Ok(()) => Ok(self.change(&type_name, EntryWrite::Delete(id)).await.map(drop)),
            Err(denied) => Ok(Err(denied)),
        }
    }
}

impl CallState {
    fn input(&mut self, function: &'static str, type_name: &str, input: &str) -> Result<Json, Error> {
        self.may(Capability::ContentWrite, function, type_name)?;
        self.parsed("input", input, CONTENT_BYTES)
    }

    /// Does what was granted.
    async fn change(&mut self, type_name: &str, write: EntryWrite) -> Result<String, Error> {
        let context = Arc::clone(&self.context);
        let scope = context.granted.content_write.scope(&context.id);
        within(self.time_to_answer(), context.services.write_entry(&scope, type_name, write)).await
    }

    fn may(&mut self, capability: Capability, function: &'static str, type_name: &str) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::{content_write::Host as _, *};
    use crate::limits::World;

    #[tokio::test]
    async fn what_is_not_granted_is_refused_before_it_is_read() {
        let mut call = CallState::for_test(World::Job.limits());
        let no_json = "[".repeat(1 << 20);
        let created = call.create("course".into(), no_json.clone()).await.expect("host calls are left");
        assert_eq!(created.expect_err("nothing is granted").code, "denied");
        let updated = call.update("course".into(), "1".into(), no_json).await.expect("host calls are left");
        assert_eq!(updated.expect_err("nothing is granted").code, "denied");
        assert_eq!(call.context.tally.denials(), [("content-write".to_owned(), 2)].into());
    }
}
