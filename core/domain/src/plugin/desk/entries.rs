//! Entries as a plugin reads them: compiled reads for the plugin's viewer.

use lyceum_kernel::{Failure, GlobalId, Id, Locale, Result};
use lyceum_model::{Field, FieldKind, TypeDef};
use lyceum_store::read::{
    Connection, ConnectionOutput, Cursor, Direction, Entity, Filter, Lookup, MoneyPart, Operator, Output, Page,
    PageInfoPart, Reading, Sort, SortKey,
};
use serde_json::{Map, Value as Json};

use super::{ContentScope, Contents, EntryPage, EntryQuery, PluginEntry, filter, own, viewer};
use crate::plugin::EntryScope;

/// Where the id stands in an answer; no field has this name.
const ID: &str = "__id";
/// Related entries told of one entry.
const RELATED: u32 = 100;
/// Own entries looked through at once, and how often for one page.
const CHUNK: u32 = 100;
const CHUNKS: usize = 10;

pub(super) async fn one(
    contents: &Contents,
    scope: &ContentScope,
    type_name: &str,
    id: &str,
    locale: Option<&str>,
) -> Result<Option<PluginEntry>> {
    let def = viewer::granted_type(contents, scope, type_name)?;
    let id = GlobalId::expect(id, &def.prefix).map_err(|error| Failure::input("id", error.to_string()))?;
    if scope.entries == EntryScope::Own && !own::is_own(contents.database(), &scope.plugin, id).await? {
        return Ok(None);
    }
    let shelf = Shelf::new(contents, scope, def, locale)?;
    let reading = shelf.reading();
    let found = reading.one(&shelf.entity(), &Lookup::Id(id)).fetch(contents.database().reader()).await?;
    found.map(|text| shelf.entry(&text)).transpose()
}

pub(super) async fn page(contents: &Contents, scope: &ContentScope, query: &EntryQuery) -> Result<EntryPage> {
    let def = viewer::granted_type(contents, scope, &query.type_name)?;
    let shelf = Shelf::new(contents, scope, def, query.locale.as_deref())?;
    let asked = query.filter.as_ref().map(|wanted| filter::parse(def, wanted)).transpose()?;
    if scope.entries == EntryScope::Own {
        return shelf.own_page(scope, query, asked).await;
    }
    let found = shelf.page(asked, query.after.as_deref(), query.limit).await?;
    let next = (found["pageInfo"]["hasNextPage"] == true).then(|| found["pageInfo"]["endCursor"].as_str()).flatten();
    Ok(EntryPage { next: next.map(str::to_owned), entries: shelf.entries(found)? })
}

/// The entries of one type, for one plugin, in one language.
struct Shelf<'c> {
    contents: &'c Contents,
    def: &'c TypeDef,
    viewer: lyceum_kernel::Viewer,
    locales: Vec<Locale>,
}

impl<'c> Shelf<'c> {
    fn new(contents: &'c Contents, scope: &ContentScope, def: &'c TypeDef, locale: Option<&str>) -> Result<Self> {
        let known = contents.locales();
        let first = match locale {
            Some(asked) => known.find(asked).map_err(|error| Failure::input("locale", error.to_string()))?,
            None => known.default_locale(),
        };
        Ok(Self { contents, def, viewer: viewer::reader(scope, def), locales: known.chain(first) })
    }

    fn reading(&self) -> Reading<'_> {
        let dialect = self.contents.database().dialect();
        Reading { model: self.contents.model(), viewer: &self.viewer, locales: &self.locales, exact: false, dialect }
    }

    fn entity(&self) -> Entity<'_> {
        let mut outputs = vec![(ID.to_owned(), Output::Id)];
        let told = self.def.fields.iter().filter(|field| !field.private && !self.is_gate(field));
        outputs.extend(told.filter_map(|field| Some((field.name.clone(), self.output(field)?))));
        Entity { def: self.def, outputs }
    }

    /// In the API `access` is an object about the viewer, and a plugin is none.
    fn is_gate(&self, field: &Field) -> bool {
        self.def.gate.is_some() && field.name == "access"
    }

    /// Of related entries only the ids are told, and only of granted types.
    fn output<'m>(&'m self, field: &'m Field) -> Option<Output<'m>> {
        Some(match &field.kind {
            FieldKind::Scalar { .. } => Output::Scalar(field),
            FieldKind::Money { .. } => {
                let parts = [("minor", MoneyPart::Minor), ("currency", MoneyPart::Currency)];
                Output::Money(field, parts.map(|(name, part)| (name.to_owned(), part)).to_vec())
            }
            FieldKind::ToOne { target, .. } => Output::One(field, self.reference(target)?),
            FieldKind::ManyToMany { target, join } if !join.inverse => {
                let nodes = ConnectionOutput::Nodes(self.reference(target)?);
                let list = list(self.contents.model().get(target)?, Sort::Position, RELATED, vec![("nodes", nodes)]);
                Output::Many(field, list)
            }
            FieldKind::ManyToMany { .. } | FieldKind::ToMany { .. } => return None,
        })
    }

    fn reference(&self, target: &str) -> Option<Entity<'_>> {
        let def = self.contents.model().get(target)?;
        Some(Entity { def, outputs: vec![("id".to_owned(), Output::Id)] })
    }

    async fn page(&self, filter: Option<Filter<'_>>, after: Option<&str>, limit: u32) -> Result<Json> {
        let info = [("hasNextPage", PageInfoPart::HasNextPage), ("endCursor", PageInfoPart::EndCursor)];
        let info = ConnectionOutput::PageInfo(info.map(|(name, part)| (name.to_owned(), part)).to_vec());
        let outputs = vec![("nodes", ConnectionOutput::Nodes(self.entity())), ("pageInfo", info)];
        let mut wanted = list(self.def, Sort::Id, limit, outputs);
        let cursor = after.map(|text| Cursor::parse(text, self.def, &wanted.sort)).transpose()?;
        (wanted.filter, wanted.page.cursor) = (filter, cursor);
        let found = self.reading().list(&wanted).fetch(self.contents.database().reader()).await?;
        serde_json::from_str(found.as_deref().unwrap_or("{}")).map_err(Failure::internal)
    }

    /// A page of the plugin's own entries. The cursor is the last id.
    async fn own_page(&self, scope: &ContentScope, query: &EntryQuery, asked: Option<Filter<'_>>) -> Result<EntryPage> {
        let mut after = query.after.clone().unwrap_or_default();
        let (mut entries, limit) = (Vec::new(), usize::try_from(query.limit).unwrap_or(usize::MAX));
        for _ in 0..CHUNKS {
            let ids = own::ids(self.contents.database(), &scope.plugin, self.def, &after, CHUNK).await?;
            let Some(last) = ids.last().map(Id::to_string) else { return Ok(EntryPage { entries, next: None }) };
            let is_last = ids.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
            let mut parts = vec![Filter::Id { operator: Operator::In, values: ids }];
            parts.extend(asked.clone());
            let found = self.entries(self.page(Some(Filter::All(parts)), None, CHUNK).await?)?;
            let room = limit - entries.len();
            let more = found.len() > room;
            entries.extend(found.into_iter().take(room));
            if entries.len() == limit && (more || !is_last) {
                let next = entries.last().and_then(|entry| entry.id.rsplit_once('_')).map(|(_, id)| id.to_owned());
                return Ok(EntryPage { entries, next });
            }
            if is_last {
                return Ok(EntryPage { entries, next: None });
            }
            after = last;
        }
        Ok(EntryPage { entries, next: Some(after) })
    }

    fn entries(&self, mut page: Json) -> Result<Vec<PluginEntry>> {
        let Json::Array(nodes) = page["nodes"].take() else { return Ok(Vec::new()) };
        nodes.into_iter().map(|node| self.told(node)).collect()
    }

    fn entry(&self, text: &str) -> Result<PluginEntry> {
        self.told(serde_json::from_str(text).map_err(Failure::internal)?)
    }

    fn told(&self, node: Json) -> Result<PluginEntry> {
        let Json::Object(mut fields) = node else { return Err(Failure::internal("an entry is no object")) };
        let id = fields.shift_remove(ID).and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
        Ok(PluginEntry {
            id,
            type_name: self.def.name.clone(),
            published: is_published(&fields),
            locale: self.locales[0].to_string(),
            fields: Json::Object(fields),
        })
    }
}

fn is_published(fields: &Map<String, Json>) -> bool {
    fields.get("status").and_then(Json::as_str) == Some("PUBLISHED")
}

fn list<'m>(def: &'m TypeDef, by: Sort<'m>, limit: u32, outputs: Vec<(&str, ConnectionOutput<'m>)>) -> Connection<'m> {
    Connection {
        def,
        filter: None,
        sort: vec![SortKey { by, direction: Direction::Ascending }],
        page: Page { limit, backward: false, cursor: None },
        outputs: outputs.into_iter().map(|(name, output)| (name.to_owned(), output)).collect(),
    }
}
