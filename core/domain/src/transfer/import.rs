//! Reading JSON Lines into the content.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::BufRead,
};

use lyceum_kernel::{
    ErrorCode, Failure, Id, Result, Viewer,
    json::{self, JsonError},
};
use lyceum_model::{Field, FieldKind, TypeDef};
use lyceum_store::Write;
use serde_json::{Map, Value as Json, json};

use super::{
    entry::{Record, below},
    line::{self, LINE_BYTES, Line},
    mapping::Mapping,
    relation,
    report::{Counts, Outcome, Progress, Rejected, Report},
};
use crate::content::{Change, Contents, checked_slug, slugify};

/// An import into these contents.
#[derive(Clone)]
pub struct Import {
    contents: Contents,
}

/// One line on its way into the database.
struct Taking<'a> {
    contents: &'a Contents,
    viewer: &'a Viewer,
    mapping: &'a Mapping,
    write: Write,
    children: BTreeMap<String, Counts>,
}

/// Where an entry stands among others.
#[derive(Clone, Copy)]
struct Place<'m> {
    parent: Id,
    /// The to-one field of the child that points to the parent.
    via: &'m Field,
    order: Option<&'m str>,
    /// Counted from 1.
    number: usize,
}

impl Import {
    #[must_use]
    pub fn new(contents: Contents) -> Self {
        Self { contents }
    }

    /// Takes over every line that is right. `progress` is told of each line.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown type; internal, when the file cannot be read
    /// or the database does not answer. The lines before stay.
    pub async fn run(
        &self,
        viewer: &Viewer,
        mut reader: impl BufRead,
        type_name: &str,
        mapping: Option<&Mapping>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Report> {
        let def = self.contents.content_type(type_name)?;
        let (none, mut report) = (Mapping::default(), Report::default());
        let (mut number, mut bytes) = (0, 0);
        while let Some(line) = line::next(&mut reader, LINE_BYTES).map_err(Failure::internal)? {
            number += 1;
            bytes += line.read();
            let write = self.contents.database().write().await?;
            let children = BTreeMap::new();
            let mut taking =
                Taking { contents: &self.contents, viewer, mapping: mapping.unwrap_or(&none), write, children };
            match taking.line(def, line).await {
                Ok(None) => {}
                Ok(Some(outcome)) => {
                    taking.write.commit().await?;
                    report.take(outcome, taking.children);
                }
                Err(failure) => report.rejected.push(rejected(number, &failure)),
            }
            progress(Progress { line: number, bytes, rejected: report.rejected.len() as u64 });
        }
        Ok(report)
    }
}

impl Line {
    fn read(&self) -> u64 {
        match self {
            Self::Text { read, .. } | Self::TooLong { read } => *read,
        }
    }
}

impl Report {
    fn take(&mut self, own: Outcome, children: BTreeMap<String, Counts>) {
        let changed = own == Outcome::Unchanged && children.values().any(Counts::changed);
        match own {
            Outcome::Created => self.created += 1,
            _ if changed => self.updated += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
        }
        for (name, counts) in children {
            self.children.entry(name).or_default().plus(counts);
        }
    }
}

impl Taking<'_> {
    /// `None` for an empty line.
    async fn line(&mut self, def: &TypeDef, line: Line) -> Result<Option<Outcome>> {
        let Line::Text { bytes, .. } = line else {
            return Err(Failure::input("", format!("A line has at most {} MiB.", LINE_BYTES >> 20)));
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let object = json::parse(bytes).map_err(|error| unread(&error))?;
        self.entry(def, object, None).await.map(|(_, outcome)| Some(outcome))
    }

    /// Saves an object of the file as an entry, its relations and children too.
    async fn entry(&mut self, def: &TypeDef, object: Json, place: Option<Place<'_>>) -> Result<(Id, Outcome)> {
        let Json::Object(object) = object else { return Err(Failure::input("", "An object is needed here.")) };
        let object = match self.mapping.of(&def.name) {
            Some(mapping) => mapping.apply(object),
            None => object,
        };
        let mut record = Record::sort(def, object, self.contents.locales())?;
        let slug = self.slug(def, &mut record)?;
        if let Some(place) = place {
            place.mark(self.contents, &mut record)?;
        }
        for (field, value) in std::mem::take(&mut record.relations) {
            let (name, value) = self.relation(field, value).await.map_err(|failure| below(&field.name, &failure))?;
            record.values.insert(name, value);
        }
        let children = std::mem::take(&mut record.children);
        let known = relation::find(&self.write, def, &slug, place.map(|place| place.parent)).await?;
        let record = if known.is_none() { record.without_nulls() } else { record };
        let (id, outcome) = self.save(def, &slug, record).await?;
        for (field, items) in children {
            Box::pin(self.children(def, id, field, items)).await.map_err(|failure| below(&field.name, &failure))?;
        }
        Ok((id, outcome))
    }

    async fn save(&mut self, def: &TypeDef, slug: &str, mut record: Record<'_>) -> Result<(Id, Outcome)> {
        let plain = std::mem::take(&mut record.plain);
        let input = record.into_input();
        let change = Change::parse(self.contents.model(), def, &input, self.contents.locales())
            .map_err(|failure| as_in_file(&failure, &input, &plain))?;
        let saved = self.contents.put_in(&mut self.write, self.viewer, def, slug, change).await;
        let saved = saved.map_err(|failure| as_in_file(&failure, &input, &plain))?;
        let outcome = match (saved.created, saved.changed) {
            (true, _) => Outcome::Created,
            (false, true) => Outcome::Updated,
            (false, false) => Outcome::Unchanged,
        };
        Ok((saved.id, outcome))
    }

    /// The slug of the object; made of its title when it has none.
    fn slug(&self, def: &TypeDef, record: &mut Record<'_>) -> Result<String> {
        let field = def.slug().ok_or_else(|| Failure::input("", format!("{} has no slug to find it by.", def.name)))?;
        if let Some(slug) = record.slug(def) {
            return checked_slug(slug, &field.name);
        }
        let title = record.title(self.contents.locales()).filter(|title| !title.trim().is_empty());
        let title = title.ok_or_else(|| Failure::input(&field.name, "A slug or a title is needed."))?;
        let slug = match slugify(title) {
            slug if slug.is_empty() => slug_of_signs(def, title),
            slug => slug,
        };
        record.values.insert(field.name.clone(), slug.clone().into());
        Ok(slug)
    }

    async fn children(&mut self, def: &TypeDef, parent: Id, field: &Field, items: Vec<Json>) -> Result<()> {
        let FieldKind::ToMany { target, via, order } = &field.kind else { return Ok(()) };
        let child = self.contents.content_type(target)?;
        let via = child.field(via).filter(|via| via.writable && via.target() == Some(&def.name));
        let via = via.ok_or_else(|| Failure::input("", format!("A {target} cannot be nested here.")))?;
        let mut seen = HashSet::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = Place { parent, via, order: order.as_deref(), number: index + 1 };
            let at = index.to_string();
            let (id, outcome) = self.entry(child, item, Some(place)).await.map_err(|failure| below(&at, &failure))?;
            if !seen.insert(id) {
                return Err(Failure::input(&format!("{index}.slug"), "This slug stands here twice."));
            }
            self.children.entry(child.name.clone()).or_default().add(outcome);
        }
        Ok(())
    }

    /// The input field of a relation, with ids in the place of names.
    async fn relation(&mut self, field: &Field, value: Json) -> Result<(String, Json)> {
        let name = input_name(field);
        if value.is_null() {
            return Ok((name, value));
        }
        if matches!(field.kind, FieldKind::ToOne { .. }) {
            return Ok((name, self.related(field, value).await?));
        }
        let Json::Array(items) = value else { return Err(Failure::input("", "A list is needed here.")) };
        let mut ids = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            ids.push(self.related(field, item).await.map_err(|failure| below(&index.to_string(), &failure))?);
        }
        Ok((name, Json::Array(ids)))
    }

    /// The id of what a slug, a key or an object names.
    async fn related(&mut self, field: &Field, value: Json) -> Result<Json> {
        let model = self.contents.model().clone();
        let target = field.target().and_then(|name| model.get(name)).ok_or_else(|| Failure::not_found("type"))?;
        let id = match value {
            Json::String(name) => match relation::find(&self.write, target, &name, None).await? {
                Some(id) => id,
                None => self.named(target, &name).await?,
            },
            object @ Json::Object(_) if target.is_content() => Box::pin(self.entry(target, object, None)).await?.0,
            _ => return Err(Failure::input("", format!("The slug or key of a {} is needed here.", target.name))),
        };
        Ok(id.with_prefix(&target.prefix).into())
    }

    /// Makes a category or tag of which only the slug is known.
    async fn named(&mut self, target: &TypeDef, slug: &str) -> Result<Id> {
        if !relation::is_made_by_name(target) || relation::scope(target).is_some() {
            return Err(Failure::input("", format!("There is no {} \"{slug}\".", target.name)));
        }
        Box::pin(self.entry(target, json!({ "slug": slug, "name": slug }), None)).await.map(|(id, _)| id)
    }
}

impl Place<'_> {
    /// Points the child at its parent and gives it its place.
    fn mark(&self, contents: &Contents, record: &mut Record<'_>) -> Result<()> {
        let parent = self.via.target().and_then(|name| contents.model().get(name)).map_or("", |def| &def.prefix);
        record.relations.retain(|(field, _)| field.name != self.via.name);
        record.values.insert(input_name(self.via), self.parent.with_prefix(parent).into());
        if let Some(order) = self.order {
            let place = record.values.entry(order.to_owned()).or_insert(Json::Null);
            if place.is_null() {
                *place = json!(self.number);
            }
        }
        Ok(())
    }
}

/// A slug of a title without letters, the same each time: `🙂` is
/// `course-1f642`.
fn slug_of_signs(def: &TypeDef, title: &str) -> String {
    let signs = title.chars().map(|c| format!(" {:x}", u32::from(c))).collect::<String>();
    slugify(&format!("{}{signs}", def.name))
}

fn unread(error: &JsonError) -> Failure {
    match error {
        JsonError::Syntax(error) => Failure::input("", format!("This is not JSON: {error}.")),
        JsonError::Inexact { path, .. } => Failure::input(&path.join("."), error.to_string()),
    }
}

fn input_name(field: &Field) -> String {
    match field.kind {
        FieldKind::ManyToMany { .. } => format!("{}Ids", field.name.strip_suffix('s').unwrap_or(&field.name)),
        _ => format!("{}Id", field.name),
    }
}

/// The failure with its place as the file has it:
/// `input.translations.1.title` → `title.zh-CN`, or `title` where it is among
/// the `plain` ones.
fn as_in_file(failure: &Failure, input: &Map<String, Json>, plain: &BTreeSet<String>) -> Failure {
    let parts: Vec<&str> = failure.path().iter().map(String::as_str).collect();
    let path = match parts.as_slice() {
        ["input", "translations", _, field] if plain.contains(*field) => (*field).to_owned(),
        ["input", "translations", index, field] => {
            let locale = index.parse::<usize>().ok().and_then(|i| input["translations"][i]["locale"].as_str());
            locale.map_or_else(|| (*field).to_owned(), |locale| format!("{field}.{locale}"))
        }
        ["input", rest @ ..] => rest.join("."),
        other => other.join("."),
    };
    let told = Failure::new(failure.code(), failure.message()).at(&path);
    // Who imports is the operator: a reason on our side helps here.
    match failure.code() {
        ErrorCode::Internal => Failure::new(ErrorCode::Internal, format!("{failure:?}")).at(&path),
        _ => told,
    }
}

fn rejected(line: u64, failure: &Failure) -> Rejected {
    Rejected { line, path: failure.path().join("."), reason: failure.message().to_owned() }
}
