//! What plugins ask of the domains, kept in memory: for tests, for
//! `lyceum plugin test`, and for a host that nobody attached to a server.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use lyceum_domain::plugin::{
    ContentScope, EntryPage, EntryQuery, EntryScope, EntryWrite, HostServices, PluginEntry, PluginEvent, PluginNotice,
    event_name_covers,
};
use lyceum_kernel::{ErrorCode, Failure, Result, Timestamp};
use serde_json::Value as Json;

/// Stores, entries, events and notices of a test.
#[derive(Default)]
pub struct MemoryServices(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    /// The time of events, in milliseconds since 1970.
    now: i64,
    kv: BTreeMap<(String, String), Vec<u8>>,
    entries: Vec<Kept>,
    events: Vec<PluginEvent>,
    notices: Vec<PluginNotice>,
}

struct Kept {
    entry: PluginEntry,
    made_by: Option<String>,
}

impl MemoryServices {
    /// With these entries, which no plugin made.
    #[must_use]
    pub fn with_entries(entries: Vec<PluginEntry>) -> Self {
        let entries = entries.into_iter().map(|entry| Kept { entry, made_by: None }).collect();
        Self(Mutex::new(Memory { entries, ..Memory::default() }))
    }

    /// The time that events get from now on.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = now.as_millis();
    }

    /// The entries as they are now.
    #[must_use]
    pub fn entries(&self) -> Vec<PluginEntry> {
        self.lock().entries.iter().map(|kept| kept.entry.clone()).collect()
    }

    /// Adds an event as if it had happened.
    pub fn happened(&self, name: &str, subject: Option<&str>, data: Json) {
        self.lock().tell(name.to_owned(), subject, data);
    }

    /// The events so far.
    #[must_use]
    pub fn all_events(&self) -> Vec<PluginEvent> {
        self.lock().events.clone()
    }

    /// The notices so far.
    #[must_use]
    pub fn notices(&self) -> Vec<PluginNotice> {
        self.lock().notices.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn tell(&mut self, name: String, subject: Option<&str>, data: Json) {
        let position = i64::try_from(self.events.len()).unwrap_or(i64::MAX) + 1;
        let at = Timestamp::from_millis(self.now);
        self.events.push(PluginEvent { position, name, subject: subject.map(str::to_owned), at, data });
    }

    fn create(&mut self, plugin: &str, type_name: &str, input: &Json) -> Result<String> {
        if !input.is_object() {
            return Err(Failure::input("input", "An object is needed here."));
        }
        let id = format!("{}_{}", type_name.to_ascii_lowercase(), lyceum_kernel::Id::new());
        let (type_name, fields) = (type_name.to_owned(), input.clone());
        let entry = PluginEntry { id: id.clone(), type_name, published: false, locale: "en".into(), fields };
        self.entries.push(Kept { entry, made_by: Some(plugin.to_owned()) });
        Ok(id)
    }

    fn place(&self, scope: &ContentScope, type_name: &str, id: &str) -> Result<usize> {
        let found = self.entries.iter().position(|kept| kept.entry.id == id && kept.is_open(scope, type_name));
        found.ok_or_else(|| Failure::not_found(type_name))
    }
}

impl Kept {
    fn is_open(&self, scope: &ContentScope, type_name: &str) -> bool {
        let scoped = match scope.entries {
            EntryScope::Own => self.made_by.as_deref() == Some(&scope.plugin),
            EntryScope::Published => self.entry.published,
            EntryScope::All => true,
        };
        scoped && self.entry.type_name == type_name
    }

    /// Only `eq`: enough for a fixture.
    fn fits(&self, filter: Option<&Json>) -> bool {
        let Some(Json::Object(fields)) = filter else { return true };
        fields.iter().all(|(name, conditions)| match conditions.get("eq") {
            Some(wanted) => self.entry.fields.get(name) == Some(wanted),
            None => true,
        })
    }
}

#[async_trait]
impl HostServices for MemoryServices {
    async fn kv_get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().kv.get(&(plugin.to_owned(), key.to_owned())).cloned())
    }

    async fn kv_set(&self, plugin: &str, key: &str, value: &[u8], quota: u64) -> Result<bool> {
        let mut memory = self.lock();
        let others = memory.kv.iter().filter(|((of, other), _)| of == plugin && other != key);
        let others: usize = others.map(|((_, other), value)| other.len() + value.len()).sum();
        let fits = u64::try_from(others + key.len() + value.len()).is_ok_and(|size| size <= quota);
        if fits {
            memory.kv.insert((plugin.to_owned(), key.to_owned()), value.to_vec());
        }
        Ok(fits)
    }

    async fn kv_delete(&self, plugin: &str, key: &str) -> Result<()> {
        self.lock().kv.remove(&(plugin.to_owned(), key.to_owned()));
        Ok(())
    }

    async fn kv_keys(&self, plugin: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded((plugin.to_owned(), after.to_owned())),
            _ => Bound::Included((plugin.to_owned(), prefix.to_owned())),
        };
        let memory = self.lock();
        let found = memory.kv.range((start, Bound::Unbounded)).map(|((of, key), _)| (of, key));
        let found = found.take_while(|(of, key)| *of == plugin && key.starts_with(prefix));
        Ok(found.take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|(_, key)| key.clone()).collect())
    }

    async fn entry(
        &self,
        scope: &ContentScope,
        type_name: &str,
        id: &str,
        _locale: Option<&str>,
    ) -> Result<Option<PluginEntry>> {
        let memory = self.lock();
        Ok(memory.place(scope, type_name, id).ok().map(|place| memory.entries[place].entry.clone()))
    }

    async fn entries(&self, scope: &ContentScope, query: &EntryQuery) -> Result<EntryPage> {
        let memory = self.lock();
        let open = memory.entries.iter().filter(|kept| kept.is_open(scope, &query.type_name));
        let mut found: Vec<PluginEntry> =
            open.filter(|kept| kept.fits(query.filter.as_ref())).map(|kept| kept.entry.clone()).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.retain(|entry| query.after.as_ref().is_none_or(|after| entry.id > *after));
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|entry| entry.id.clone());
        Ok(EntryPage { entries: found, next })
    }

    async fn write_entry(&self, scope: &ContentScope, type_name: &str, write: EntryWrite) -> Result<String> {
        let mut memory = self.lock();
        if scope.entries == EntryScope::Published {
            return Err(Failure::new(ErrorCode::Forbidden, "Entries are written with the scope `own` or `all`."));
        }
        let (id, what) = match write {
            EntryWrite::Create(input) => (memory.create(&scope.plugin, type_name, &input)?, "created"),
            EntryWrite::Update { id, input } => {
                let place = memory.place(scope, type_name, &id)?;
                let fields = memory.entries[place].entry.fields.as_object_mut();
                fields.into_iter().for_each(|fields| fields.extend(input.as_object().cloned().unwrap_or_default()));
                (id, "updated")
            }
            EntryWrite::Publish(id) => {
                let place = memory.place(scope, type_name, &id)?;
                memory.entries[place].entry.published = true;
                (id, "published")
            }
            EntryWrite::Unpublish(id) => {
                let place = memory.place(scope, type_name, &id)?;
                memory.entries[place].entry.published = false;
                (id, "unpublished")
            }
            EntryWrite::Delete(id) => {
                let place = memory.place(scope, type_name, &id)?;
                memory.entries.remove(place);
                (id, "deleted")
            }
        };
        memory.tell(format!("{type_name}.{what}"), Some(&id), serde_json::json!({ "plugin": scope.plugin }));
        Ok(id)
    }

    async fn emit_event(&self, plugin: &str, name: &str, subject: Option<&str>, data: &Json) -> Result<()> {
        if !data.is_object() {
            return Err(Failure::input("data", "An object is needed here."));
        }
        self.lock().tell(format!("{plugin}.{name}"), subject, data.clone());
        Ok(())
    }

    async fn events(&self, names: &[String], after: i64, limit: u32) -> Result<Vec<PluginEvent>> {
        let wanted = |event: &&PluginEvent| {
            event.position > after && names.iter().any(|name| event_name_covers(name, &event.name))
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.lock().events.iter().filter(wanted).take(limit).cloned().collect())
    }

    fn notice(&self, notice: PluginNotice) {
        self.lock().notices.push(notice);
    }
}
