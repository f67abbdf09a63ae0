//! From a selection to a plan: what the read compiler is asked.

use std::sync::Arc;

use lyceum_kernel::{ErrorCode, Failure, Id, Result};
use lyceum_model::{
    Field, FieldKind, Scalar, TypeDef, TypeModel,
    names::{pascal, screaming},
};
use lyceum_store::read::{
    AccessOutput, Connection, ConnectionOutput, Cursor, Direction, EdgeOutput, Entity, Filter, MoneyPart, OfferOutput,
    Output, Page, PageInfoPart, Sort, SortKey,
};
use serde_json::{Map, Value as Json};

use crate::{
    coerce::Coercion,
    extend::{Additions, AskedField, PluginField, Projection, innermost},
    fields::{Selected, Selections},
    filter,
    limits::{Meter, SORT_KEYS, cost},
    schema,
};

/// Builds plans and adds up their cost.
pub struct Planner<'m> {
    pub model: &'m TypeModel,
    pub coercion: Coercion<'m>,
    pub additions: &'m Additions,
    /// The fields of plugins that were met, in the order of their places.
    pub asked: Vec<AskedField>,
    pub meter: Meter,
}

/// How a list is reached: decides its sort when the query names none.
#[derive(Clone, Copy)]
pub enum Reached<'m> {
    Root,
    By(&'m Field),
}

impl<'m> Planner<'m> {
    /// An object of a type of the model.
    pub fn entity(&mut self, def: &'m TypeDef, selections: &Selections<'_>) -> Result<Entity<'m>> {
        let name = pascal(&def.name);
        let mut outputs = Vec::new();
        for selected in selections.fields(&[&name, "Node", "SearchEntry"])? {
            self.meter.field()?;
            outputs.push((selected.key.to_owned(), self.output(def, &selected, selections)?));
        }
        Ok(Entity { def, outputs })
    }

    fn output(&mut self, def: &'m TypeDef, selected: &Selected<'_>, selections: &Selections<'_>) -> Result<Output<'m>> {
        let below = selections.below(selected);
        match selected.name() {
            "__typename" => return Ok(Output::Typename),
            "id" => return Ok(Output::Id),
            "locale" if schema::has_locale(def) => return Ok(Output::Locale),
            "access" if def.gate.is_some() => {
                return self.deeper(1, |p| p.access(&below)).map(Output::Access);
            }
            _ => {}
        }
        let Some(field) = schema::readable_field(def, selected.name()) else {
            let added = self.additions.field(&pascal(&def.name), selected.name());
            let added = added.ok_or_else(|| unknown_field(def, selected.name()))?;
            return self.added(def, added, selected, &below);
        };
        match &field.kind {
            FieldKind::Scalar { .. } => Ok(Output::Scalar(field)),
            FieldKind::Money { .. } => self.money(&below).map(|parts| Output::Money(field, parts)),
            FieldKind::ToOne { target, .. } => {
                let target = self.target(target)?;
                Ok(Output::One(field, self.deeper(1, |p| p.entity(target, &below))?))
            }
            FieldKind::ToMany { target, .. } | FieldKind::ManyToMany { target, .. } => {
                let target = self.target(target)?;
                Ok(Output::Many(field, self.connection(target, selected, &below, Reached::By(field), None)?))
            }
        }
    }

    /// A plugin's field: in its place the row tells the parent, whose fields
    /// cost what they cost, besides the plugin's call.
    fn added(
        &mut self,
        def: &'m TypeDef,
        field: &Arc<PluginField>,
        selected: &Selected<'_>,
        below: &Selections<'_>,
    ) -> Result<Output<'m>> {
        let args = self.coercion.arguments(selected.field, below.variables())?;
        self.meter.spend(cost::PLUGIN_FIELD - 1)?;
        let projection = self.projection(field.object(), below)?;
        let mut parent =
            vec![(self.additions.marker.clone(), Output::Number(self.asked.len())), ("id".to_owned(), Output::Id)];
        for need in &field.needs {
            self.meter.field()?;
            let field = schema::readable_field(def, need).ok_or_else(|| unknown_field(def, need))?;
            parent.push((need.clone(), Output::Scalar(field)));
        }
        let location = below.location(selected);
        self.asked.push(AskedField { field: field.clone(), args: Json::Object(args), projection, location });
        Ok(Output::Group(parent))
    }

    /// What is selected below a plugin's field.
    fn projection(&mut self, object: &str, below: &Selections<'_>) -> Result<Projection> {
        if !self.additions.is_object(object) {
            return Ok(Projection::Value);
        }
        self.deeper(1, |p| {
            let mut fields = Vec::new();
            for selected in below.fields(&[object])? {
                p.meter.field()?;
                let inner = p.additions.object_field(object, selected.name()).map(innermost);
                let projection = match inner {
                    Some(inner) => p.projection(inner, &below.below(&selected))?,
                    None => Projection::Value,
                };
                fields.push((selected.key.to_owned(), selected.name().to_owned(), projection));
            }
            Ok(Projection::Object(fields))
        })
    }

    fn target(&self, name: &str) -> Result<&'m TypeDef> {
        self.model.get(name).ok_or_else(|| Failure::internal(format!("the model has no type {name}")))
    }

    /// One level deeper, each field told `rows` times.
    pub fn deeper<T>(&mut self, rows: u32, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.meter.enter(rows)?;
        let result = inner(self);
        self.meter.leave();
        result
    }

    /// A page of a type, reached as a root field or over a relation.
    pub fn connection(
        &mut self,
        def: &'m TypeDef,
        selected: &Selected<'_>,
        below: &Selections<'_>,
        reached: Reached<'m>,
        extra: Option<Filter<'m>>,
    ) -> Result<Connection<'m>> {
        let arguments = self.coercion.arguments(selected.field, below.variables())?;
        let sort = sort_keys(def, arguments.get("sort"), reached)?;
        let page = self.page(&arguments, def, &sort)?;
        self.meter.spend(cost::LIST + cost::SORT_KEY * sort.len().saturating_sub(1) as u64)?;
        let asked = match arguments.get("filter") {
            None | Some(Json::Null) => None,
            Some(value) => Some(filter::parse(self.model, def, value, &mut self.meter)?),
        };
        let filter = match (asked, extra) {
            (Some(asked), Some(extra)) => Some(Filter::All(vec![extra, asked])),
            (asked, extra) => asked.or(extra),
        };
        let (rows, filtered) = (page.limit, filter.is_some());
        let outputs = self.deeper(1, |p| p.connection_outputs(def, below, rows, filtered))?;
        Ok(Connection { def, filter, sort, page, outputs })
    }

    fn page(&self, arguments: &Map<String, Json>, def: &TypeDef, sort: &[SortKey<'_>]) -> Result<Page> {
        let number = |name: &str| arguments.get(name).and_then(Json::as_i64);
        let text = |name: &str| arguments.get(name).and_then(Json::as_str);
        if (number("first").is_some() || text("after").is_some())
            && (number("last").is_some() || text("before").is_some())
        {
            return Err(Failure::input("last", "Use \"first\" and \"after\", or \"last\" and \"before\", not both."));
        }
        let backward = number("last").is_some() || text("before").is_some();
        let (size, cursor) = if backward { ("last", "before") } else { ("first", "after") };
        let limit = self.meter.page(number(size), size)?;
        let cursor = text(cursor).map(|value| Cursor::parse(value, def, sort).map_err(|f| f.at(cursor))).transpose()?;
        Ok(Page { limit, backward, cursor })
    }

    fn connection_outputs(
        &mut self,
        def: &'m TypeDef,
        below: &Selections<'_>,
        rows: u32,
        filtered: bool,
    ) -> Result<Vec<(String, ConnectionOutput<'m>)>> {
        let name = format!("{}Connection", pascal(&def.name));
        let mut outputs = Vec::new();
        for selected in below.fields(&[&name])? {
            self.meter.field()?;
            let inner = below.below(&selected);
            let output = match selected.name() {
                "nodes" => ConnectionOutput::Nodes(self.deeper(rows, |p| p.entity(def, &inner))?),
                "edges" => ConnectionOutput::Edges(self.deeper(rows, |p| p.edges(def, &inner))?),
                "pageInfo" => ConnectionOutput::PageInfo(self.page_info(&inner)?),
                "totalCount" => {
                    self.meter.spend(if filtered { cost::FILTERED_COUNT } else { cost::TOTAL_COUNT })?;
                    ConnectionOutput::TotalCount
                }
                _ => ConnectionOutput::Typename,
            };
            outputs.push((selected.key.to_owned(), output));
        }
        Ok(outputs)
    }

    fn edges(&mut self, def: &'m TypeDef, below: &Selections<'_>) -> Result<Vec<(String, EdgeOutput<'m>)>> {
        let name = format!("{}Edge", pascal(&def.name));
        let mut outputs = Vec::new();
        for selected in below.fields(&[&name])? {
            self.meter.field()?;
            let output = match selected.name() {
                "node" => EdgeOutput::Node(self.deeper(1, |p| p.entity(def, &below.below(&selected)))?),
                "cursor" => EdgeOutput::Cursor,
                _ => EdgeOutput::Typename,
            };
            outputs.push((selected.key.to_owned(), output));
        }
        Ok(outputs)
    }

    fn access(&mut self, below: &Selections<'_>) -> Result<Vec<(String, AccessOutput<'m>)>> {
        let mut outputs = Vec::new();
        for selected in below.fields(&["Access"])? {
            self.meter.field()?;
            let output = match selected.name() {
                "granted" => AccessOutput::Granted,
                "reason" => AccessOutput::Reason,
                "requirement" => AccessOutput::Requirement,
                "offers" => {
                    self.meter.spend(cost::OFFERS)?;
                    AccessOutput::Offers(self.deeper(OFFERS, |p| p.offer(&below.below(&selected)))?)
                }
                _ => AccessOutput::Typename,
            };
            outputs.push((selected.key.to_owned(), output));
        }
        Ok(outputs)
    }

    fn offer(&mut self, below: &Selections<'_>) -> Result<Vec<(String, OfferOutput<'m>)>> {
        let plan = self.target("plan")?;
        let mut outputs = Vec::new();
        for selected in below.fields(&["Offer"])? {
            self.meter.field()?;
            let inner = below.below(&selected);
            let output = match selected.name() {
                "kind" => OfferOutput::Kind,
                "price" => OfferOutput::Price(self.money(&inner)?),
                "plan" => OfferOutput::Plan(self.deeper(1, |p| p.entity(plan, &inner))?),
                "courseId" => OfferOutput::CourseId,
                _ => OfferOutput::Typename,
            };
            outputs.push((selected.key.to_owned(), output));
        }
        Ok(outputs)
    }
}

impl Planner<'_> {
    fn money(&mut self, below: &Selections<'_>) -> Result<Vec<(String, MoneyPart)>> {
        self.parts(below, "Money", |name| match name {
            "minor" => MoneyPart::Minor,
            "currency" => MoneyPart::Currency,
            _ => MoneyPart::Typename,
        })
    }

    fn page_info(&mut self, below: &Selections<'_>) -> Result<Vec<(String, PageInfoPart)>> {
        self.parts(below, "PageInfo", |name| match name {
            "hasNextPage" => PageInfoPart::HasNextPage,
            "hasPreviousPage" => PageInfoPart::HasPreviousPage,
            "startCursor" => PageInfoPart::StartCursor,
            "endCursor" => PageInfoPart::EndCursor,
            _ => PageInfoPart::Typename,
        })
    }

    /// The fields of an object that has no further objects.
    fn parts<T>(&mut self, below: &Selections<'_>, ty: &str, part: impl Fn(&str) -> T) -> Result<Vec<(String, T)>> {
        let mut parts = Vec::new();
        for selected in below.fields(&[ty])? {
            self.meter.field()?;
            parts.push((selected.key.to_owned(), part(selected.name())));
        }
        Ok(parts)
    }
}

/// How many offers are assumed when the cost is added up.
const OFFERS: u32 = 5;

fn unknown_field(def: &TypeDef, name: &str) -> Failure {
    Failure::new(ErrorCode::GraphqlValidationFailed, format!("{} has no field \"{name}\".", pascal(&def.name)))
}

/// The values of the sort enumeration with what they mean.
pub fn sort_values(def: &TypeDef) -> Vec<(String, SortKey<'_>)> {
    let fields = schema::readable(def).filter(|f| sortable(f)).map(|f| (screaming(&f.name), Sort::Field(f)));
    let all = std::iter::once(("ID".to_owned(), Sort::Id)).chain(fields);
    all.flat_map(|(name, by)| {
        [("ASC", Direction::Ascending), ("DESC", Direction::Descending)]
            .map(|(suffix, direction)| (format!("{name}_{suffix}"), SortKey { by, direction }))
    })
    .collect()
}

/// The meaning of one value of the sort enumeration.
fn sort_key<'m>(def: &'m TypeDef, value: &str) -> Option<SortKey<'m>> {
    let (name, direction) = match value.strip_suffix("_DESC") {
        Some(name) => (name, Direction::Descending),
        None => (value.strip_suffix("_ASC")?, Direction::Ascending),
    };
    let field =
        || schema::readable(def).find(|field| sortable(field) && screaming(&field.name) == name).map(Sort::Field);
    let by = if name == "ID" { Some(Sort::Id) } else { field() };
    by.map(|by| SortKey { by, direction })
}

fn sortable(field: &Field) -> bool {
    let plain = !field.gated && !field.private;
    match &field.kind {
        FieldKind::Scalar { scalar, .. } => {
            plain && !matches!(scalar, Scalar::Markdown | Scalar::Json | Scalar::Boolean | Scalar::Id { .. })
        }
        FieldKind::Money { .. } => plain,
        _ => false,
    }
}

fn sort_keys<'m>(def: &'m TypeDef, asked: Option<&Json>, reached: Reached<'m>) -> Result<Vec<SortKey<'m>>> {
    let names: Vec<&str> =
        asked.and_then(Json::as_array).map(|list| list.iter().filter_map(Json::as_str).collect()).unwrap_or_default();
    distinct(&names)?;
    let mut keys = if names.is_empty() {
        default_sort(def, reached)
    } else {
        let find = |name: &&str| sort_key(def, name);
        names
            .iter()
            .map(|name| find(name).ok_or_else(|| Failure::input("sort", format!("\"{name}\" is not a sort."))))
            .collect::<Result<_>>()?
    };
    // The id makes the order total, so that a cursor names one place in it.
    if !keys.iter().any(|key| matches!(key.by, Sort::Id)) {
        let direction = keys.last().map_or(Direction::Ascending, |key| key.direction);
        keys.push(SortKey { by: Sort::Id, direction });
    }
    Ok(keys)
}

/// At most so many keys, each field once: what a cursor has to compare grows
/// with their square.
fn distinct(names: &[&str]) -> Result<()> {
    if names.len() > SORT_KEYS {
        let message = format!("A sort has at most {SORT_KEYS} keys.");
        return Err(Failure::new(ErrorCode::FilterTooLarge, message).at("sort").with("limit", SORT_KEYS));
    }
    let field = |name: &&str| name.trim_end_matches("_ASC").trim_end_matches("_DESC").to_owned();
    let twice =
        names.iter().enumerate().find(|(at, name)| names[..*at].iter().any(|known| field(known) == field(name)));
    match twice {
        Some((_, name)) => Err(Failure::input("sort", format!("\"{}\" is in the sort twice.", field(name)))),
        None => Ok(()),
    }
}

fn default_sort<'m>(def: &'m TypeDef, reached: Reached<'m>) -> Vec<SortKey<'m>> {
    let by = |name: &str, direction| def.field(name).map(|field| SortKey { by: Sort::Field(field), direction });
    match reached {
        Reached::By(Field { kind: FieldKind::ManyToMany { .. }, .. }) => {
            vec![SortKey { by: Sort::Position, direction: Direction::Ascending }]
        }
        Reached::By(Field { kind: FieldKind::ToMany { order: Some(order), .. }, .. }) => {
            by(order, Direction::Ascending).into_iter().collect()
        }
        _ if def.is_content() => by("publishedAt", Direction::Descending).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The ids in a JSON list of prefixed ids of one type.
pub fn ids(def: &TypeDef, value: &Json, path: &str) -> Result<Vec<Id>> {
    let one = |text: &Json| {
        let text = text.as_str().unwrap_or_default();
        lyceum_kernel::GlobalId::expect(text, &def.prefix).map_err(|error| Failure::input(path, error.to_string()))
    };
    match value {
        Json::Array(items) => items.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}
