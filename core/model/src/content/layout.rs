//! The tables of content types: names, columns, keys and indexes, for any
//! database.
//!
//! **Invariant:** keys of tables and columns come from stable ids and from
//! what is stored, so that a rename keeps the key and a change that would lose
//! values does not.

use super::{AccessRule, ContentField, ContentType, Kind, identifier::fit_with, reserved};
use crate::Access;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Stable over renames.
    pub key: String,
    pub name: String,
    pub columns: Vec<Column>,
    pub primary_key: Vec<String>,
    /// Rows lie in the primary key itself, where the database can do that.
    pub clustered: bool,
    pub indexes: Vec<Index>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Stable over renames; unique among all columns of all types.
    pub key: String,
    pub name: String,
    pub column_type: ColumnType,
    pub not_null: bool,
    /// An SQL literal that every database reads alike.
    pub default: Option<&'static str>,
    pub references: Option<Reference>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// In the order of the database's own collation.
    Text,
    /// Text in the order of its bytes: ids, slugs, moments.
    Bytewise,
    Integer,
    Boolean,
    /// JSON that keeps the order of its keys.
    Json,
}

/// To the column `id` of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub table: String,
    pub on_delete: OnDelete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    Restrict,
    Cascade,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub unique: bool,
    pub columns: Vec<IndexColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexColumn {
    pub name: String,
    /// Descending, rows without a value last.
    pub descending: bool,
}

/// The tables of all types: theirs first, then those of languages and joins.
#[must_use]
pub fn layout(types: &[ContentType]) -> Vec<Table> {
    let main = types.iter().map(|own| main_table(types, own));
    let locale = types.iter().filter(|own| own.is_localised()).map(locale_table);
    main.chain(locale).chain(types.iter().flat_map(|own| join_tables(types, own))).collect()
}

fn main_table(types: &[ContentType], own: &ContentType) -> Table {
    let mut columns = system_columns(own);
    let mut fields: Vec<&ContentField> = own.fields.iter().filter(|f| f.is_stored() && !f.localised).collect();
    fields.sort_by_key(|field| is_long(field));
    columns.extend(fields.into_iter().flat_map(|field| field_columns(types, own, field)));
    let indexes = main_indexes(types, own);
    Table {
        key: own.id.clone(),
        name: own.table(),
        columns,
        primary_key: vec!["id".to_owned()],
        clustered: false,
        indexes,
    }
}

fn system_columns(own: &ContentType) -> Vec<Column> {
    let key = |name: &str| format!("{}#{name}", own.id);
    let column = |name: &str, column_type| Column::new(key(name), name, column_type);
    let mut columns = vec![
        column("id", ColumnType::Bytewise).required(),
        column("status", ColumnType::Text).required().default("'draft'"),
        column("created_at", ColumnType::Bytewise).required(),
        column("updated_at", ColumnType::Bytewise).required(),
        column("published_at", ColumnType::Bytewise),
        // As `user_account.id` and `tier.id`, whose order is the database's
        // own: PostgreSQL uses an index only under its own collation.
        column("author_id", ColumnType::Text).references("user_account", OnDelete::Restrict),
    ];
    if own.access == Some(AccessRule::Own) {
        columns.push(column("access", ColumnType::Text).required().default("'public'"));
        columns.push(column("access_tier_id", ColumnType::Text).references("tier", OnDelete::Restrict));
    }
    columns
}

/// Long values stand behind the short ones, so that a row's short values are
/// read without them.
fn is_long(field: &ContentField) -> bool {
    matches!(field.kind, Kind::Markdown | Kind::Json)
}

fn field_columns(types: &[ContentType], own: &ContentType, field: &ContentField) -> Vec<Column> {
    let key = |class: &str| format!("{}/{}:{class}", own.id, field.id);
    let column = |class: &str, column_type| Column::new(key(class), &field.column(), column_type);
    match &field.kind {
        Kind::Text { .. } | Kind::Markdown | Kind::Enumeration { .. } => vec![column("text", ColumnType::Text)],
        Kind::Slug { .. } | Kind::DateTime => vec![column(field.kind.name(), ColumnType::Bytewise)],
        Kind::Integer => vec![column("integer", ColumnType::Integer)],
        Kind::Decimal { scale } => vec![column(&format!("decimal{scale}"), ColumnType::Integer)],
        Kind::Boolean => vec![column("boolean", ColumnType::Boolean).default("FALSE")],
        Kind::Json => vec![column("json", ColumnType::Json)],
        Kind::Money => {
            let (minor, currency) = field.money_columns();
            let minor = Column::new(key("minor"), &minor, ColumnType::Integer);
            vec![minor, Column::new(key("currency"), &currency, ColumnType::Text)]
        }
        Kind::ToOne { target } => {
            let (id, table, column_type) = referenced(types, target);
            let on_delete = if field.required { OnDelete::Cascade } else { OnDelete::Restrict };
            vec![column(&format!("id:{id}"), column_type).references(&table, on_delete)]
        }
        Kind::ToMany { .. } | Kind::ManyToMany { .. } | Kind::Inverse { .. } => Vec::new(),
    }
}

/// The stable id and the table of a type, and the type of columns with its id.
fn referenced(types: &[ContentType], target: &str) -> (String, String, ColumnType) {
    if let Some(other) = types.iter().find(|t| t.name == target) {
        return (other.id.clone(), other.table(), ColumnType::Bytewise);
    }
    let table = reserved::TARGETS.iter().find(|(name, _)| *name == target).map_or(target, |(_, table)| table);
    (target.to_owned(), table.to_owned(), ColumnType::Text)
}

fn locale_table(own: &ContentType) -> Table {
    let key = |name: &str| format!("{}#locale.{name}", own.id);
    let entry = Column::new(key("entry"), &own.reference_column(), ColumnType::Bytewise);
    let mut columns = vec![
        entry.required().references(&own.table(), OnDelete::Cascade),
        Column::new(key("locale"), "locale", ColumnType::Bytewise).required(),
    ];
    let mut fields: Vec<&ContentField> = own.fields.iter().filter(|f| f.localised).collect();
    fields.sort_by_key(|field| is_long(field));
    columns.extend(fields.iter().flat_map(|field| field_columns(&[], own, field)));
    let name = own.locale_table();
    let searched = fields.iter().filter(|f| f.indexed);
    let indexes = searched.map(|f| Index::new(&name, false, &[("locale", false), (&f.column(), false)])).collect();
    let primary_key = vec![own.reference_column(), "locale".to_owned()];
    Table { key: format!("{}#locale", own.id), name, columns, primary_key, clustered: true, indexes }
}

fn join_tables(types: &[ContentType], own: &ContentType) -> Vec<Table> {
    let joins = own.fields.iter().filter_map(|field| match &field.kind {
        Kind::ManyToMany { target, join } => Some((field, target, join)),
        _ => None,
    });
    joins
        .map(|(field, target, join)| {
            let (id, table, column_type) = referenced(types, target);
            let key = |name: &str| format!("{}/{}#join:{id}.{name}", own.id, field.id);
            let (left, right) = join_columns(own, target, &table);
            let columns = vec![
                Column::new(key("own"), &left, ColumnType::Bytewise)
                    .required()
                    .references(&own.table(), OnDelete::Cascade),
                Column::new(key("other"), &right, column_type).required().references(&table, OnDelete::Cascade),
                Column::new(key("position"), "position", ColumnType::Integer).required().default("0"),
            ];
            let indexes = vec![Index::new(join, false, &[(&right, false)])];
            Table {
                key: key("table"),
                name: join.clone(),
                columns,
                primary_key: vec![left, right],
                clustered: true,
                indexes,
            }
        })
        .collect()
}

/// The columns of a join table: the side that owns the field, then the other.
pub(super) fn join_columns(own: &ContentType, target: &str, target_table: &str) -> (String, String) {
    let other = fit_with(target_table, "_id");
    if target == own.name {
        (own.reference_column(), fit_with(&format!("other_{target_table}"), "_id"))
    } else {
        (own.reference_column(), other)
    }
}

fn main_indexes(types: &[ContentType], own: &ContentType) -> Vec<Index> {
    let table = own.table();
    let index = |unique, columns: &[(&str, bool)]| Index::new(&table, unique, columns);
    let mut indexes = vec![index(false, &[("status", false), ("published_at", true), ("id", true)])];
    for field in own.fields.iter().filter(|f| f.is_stored() && !f.localised) {
        let column = field.column();
        match &field.kind {
            Kind::Slug { scope } => {
                let scope = scope.as_deref().and_then(|name| own.field(name)).map(ContentField::column);
                let scoped = scope.iter().map(|name| (name.as_str(), false)).chain([(column.as_str(), false)]);
                indexes.push(index(true, &scoped.collect::<Vec<_>>()));
            }
            _ if field.unique => indexes.push(index(true, &[(&column, false)])),
            Kind::ToOne { .. } => indexes.extend(child_indexes(types, own, field)),
            _ if field.indexed => {
                indexes.push(index(false, &[(&column, false), ("status", false), ("published_at", true), ("id", true)]))
            }
            _ => {}
        }
    }
    indexes.push(index(false, &[("author_id", false)]));
    if own.access == Some(AccessRule::Own) {
        indexes.push(index(false, &[("access_tier_id", false)]));
    }
    indexes
}

/// The column by itself, or with each order in which a parent lists the rows.
fn child_indexes(types: &[ContentType], own: &ContentType, field: &ContentField) -> Vec<Index> {
    let column = field.column();
    let lists = types.iter().flat_map(|t| &t.fields).filter_map(|f| match &f.kind {
        Kind::ToMany { target, via, order: Some(order) } if *target == own.name && *via == field.name => {
            own.field(order)
        }
        _ => None,
    });
    let mut orders: Vec<String> = lists.map(ContentField::column).collect();
    orders.sort();
    orders.dedup();
    let table = own.table();
    if orders.is_empty() {
        return vec![Index::new(&table, false, &[(&column, false)])];
    }
    orders.iter().map(|order| Index::new(&table, false, &[(&column, false), (order, false)])).collect()
}

impl Column {
    fn new(key: String, name: &str, column_type: ColumnType) -> Self {
        Self { key, name: name.to_owned(), column_type, not_null: false, default: None, references: None }
    }

    fn required(self) -> Self {
        Self { not_null: true, ..self }
    }

    fn default(self, literal: &'static str) -> Self {
        Self { default: Some(literal), ..self }
    }

    fn references(self, table: &str, on_delete: OnDelete) -> Self {
        Self { references: Some(Reference { table: table.to_owned(), on_delete }), ..self }
    }
}

impl Index {
    /// Named after what it is on, so that two alike have one name.
    fn new(table: &str, unique: bool, columns: &[(&str, bool)]) -> Self {
        let words: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let name = fit_with(&format!("{table}_{}", words.join("_")), if unique { "_key" } else { "_idx" });
        let columns =
            columns.iter().map(|(name, descending)| IndexColumn { name: (*name).to_owned(), descending: *descending });
        Self { name, unique, columns: columns.collect() }
    }
}

/// What `access` may hold, for those who write it.
#[must_use]
pub(super) fn access_values() -> Vec<String> {
    Access::ALL.iter().map(|access| access.as_str().to_owned()).collect()
}
