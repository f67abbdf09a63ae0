//! The only SQL of content: rows, translations, joins and revisions.

use lyceum_kernel::{ErrorCode, Failure, Id, Result};
use lyceum_model::{Field, FieldKind, Scalar, TypeDef};
use lyceum_store::{Write, failed, is_foreign_key_violation};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, SqlErr, Statement, Value};
use serde_json::Value as Json;

use super::{Draft, decimal::scaled, slug::slug_forms};

/// What the row of an entry says of itself.
pub(super) struct Head {
    pub published: bool,
    /// It was published before, and is not now.
    pub taken_down: bool,
}

/// A saved state of an entry.
pub(super) struct Revision {
    pub number: i64,
    pub draft: Draft,
}

async fn execute(write: &Write, sql: &str, values: Vec<Value>) -> Result<u64> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().execute_raw(statement).await.map(|done| done.rows_affected()).map_err(refused)
}

async fn one(write: &Write, sql: &str, values: Vec<Value>) -> Result<Option<QueryResult>> {
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, values);
    write.connection().query_one_raw(statement).await.map_err(failed)
}

/// A broken constraint in the words of the one who writes.
fn refused(error: DbErr) -> Failure {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            Failure::new(ErrorCode::Conflict, "Another entry already has this slug.").at("input.slug").caused_by(error)
        }
        // References were looked at before: somebody deleted one meanwhile.
        _ if is_foreign_key_violation(&error) => {
            Failure::input("input", "One of the entries that this refers to does not exist.").caused_by(error)
        }
        _ => failed(error),
    }
}

/// The columns of the main table with their values.
fn columns(def: &TypeDef, draft: &Draft) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for field in def.fields.iter().filter(|f| f.writable && !f.localised) {
        let value = draft.fields.get(&field.name);
        match &field.kind {
            FieldKind::Scalar { scalar, column } => out.push((column.clone(), scalar_value(scalar, value))),
            FieldKind::Money { minor_column, currency_column } => {
                out.push((minor_column.clone(), value.and_then(|v| v["minor"].as_i64()).into()));
                out.push((
                    currency_column.clone(),
                    value.and_then(|v| v["currency"].as_str()).map(str::to_owned).into(),
                ));
            }
            FieldKind::ToOne { column, .. } => {
                out.push((column.clone(), value.and_then(Json::as_str).map(str::to_owned).into()))
            }
            FieldKind::ToMany { .. } | FieldKind::ManyToMany { .. } => {}
        }
    }
    out
}

fn scalar_value(scalar: &Scalar, value: Option<&Json>) -> Value {
    let text = value.and_then(Json::as_str);
    match scalar {
        Scalar::Integer | Scalar::Long => value.and_then(Json::as_i64).into(),
        Scalar::Boolean => value.and_then(Json::as_bool).into(),
        Scalar::Decimal { scale } => text.and_then(|t| scaled(t, *scale)).into(),
        Scalar::Json => value.map(Json::to_string).into(),
        _ => text.map(str::to_owned).into(),
    }
}

/// A parameter, cast where PostgreSQL would not guess the column's type.
fn parameter(write: &Write, number: usize, field_is_json: bool) -> String {
    match (write.dialect(), field_is_json) {
        (lyceum_store::Dialect::Postgres, true) => format!("${number}::json"),
        _ => format!("${number}"),
    }
}

fn is_json(def: &TypeDef, column: &str) -> bool {
    def.fields.iter().any(|f| matches!(&f.kind, FieldKind::Scalar { scalar: Scalar::Json, column: c } if c == column))
}

pub(super) async fn insert(write: &Write, def: &TypeDef, id: Id, author: Option<Id>, draft: &Draft) -> Result<()> {
    let now: Value = write.now().to_string().into();
    let mut all: Vec<(String, Value)> = vec![
        ("id".into(), id.to_string().into()),
        ("status".into(), "draft".into()),
        ("author_id".into(), author.map(|id| id.to_string()).into()),
        ("created_at".into(), now.clone()),
        ("updated_at".into(), now),
    ];
    all.extend(columns(def, draft));
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let places: Vec<String> =
        names.iter().enumerate().map(|(i, name)| parameter(write, i + 1, is_json(def, name))).collect();
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", def.table, names.join(", "), places.join(", "));
    execute(write, &sql, all.into_iter().map(|(_, value)| value).collect()).await?;
    insert_translations(write, def, id, draft).await?;
    insert_joins(write, def, id, draft).await
}

/// Writes a draft over the row.
pub(super) async fn replace(write: &Write, def: &TypeDef, id: Id, draft: &Draft) -> Result<()> {
    let mut all = columns(def, draft);
    all.push(("updated_at".into(), write.now().to_string().into()));
    let sets: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(i, (name, _))| format!("{name} = {}", parameter(write, i + 1, is_json(def, name))))
        .collect();
    let sql = format!("UPDATE {} SET {} WHERE id = ${}", def.table, sets.join(", "), all.len() + 1);
    let mut values: Vec<Value> = all.into_iter().map(|(_, value)| value).collect();
    values.push(id.to_string().into());
    execute(write, &sql, values).await?;
    if let Some(table) = def.locale_table() {
        execute(
            write,
            &format!("DELETE FROM {table} WHERE {} = $1", def.reference_column()),
            vec![id.to_string().into()],
        )
        .await?;
        insert_translations(write, def, id, draft).await?;
    }
    for (join, _) in written_joins(def) {
        execute(write, &format!("DELETE FROM {} WHERE {} = $1", join.table, join.own), vec![id.to_string().into()])
            .await?;
    }
    insert_joins(write, def, id, draft).await
}

async fn insert_translations(write: &Write, def: &TypeDef, id: Id, draft: &Draft) -> Result<()> {
    let Some(table) = def.locale_table() else { return Ok(()) };
    let fields: Vec<(&Field, &str)> =
        def.fields.iter().filter(|f| f.localised).filter_map(|f| Some((f, text_column(f)?))).collect();
    let names: Vec<&str> = fields.iter().map(|(_, column)| *column).collect();
    let (mut rows, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for (locale, texts) in &draft.translations {
        values.push(id.to_string().into());
        values.push(locale.as_str().into());
        values.extend(
            fields
                .iter()
                .map(|(field, _)| Value::from(texts.get(&field.name).and_then(Json::as_str).map(str::to_owned))),
        );
        let first = values.len() - fields.len() - 1;
        let places: Vec<String> = (first..=values.len()).map(|n| format!("${n}")).collect();
        rows.push(format!("({})", places.join(", ")));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {table} ({}, locale, {}) VALUES {}",
        def.reference_column(),
        names.join(", "),
        rows.join(", ")
    );
    execute(write, &sql, values).await.map(drop)
}

fn text_column(field: &Field) -> Option<&str> {
    match &field.kind {
        FieldKind::Scalar { column, .. } => Some(column),
        _ => None,
    }
}

fn written_joins(def: &TypeDef) -> impl Iterator<Item = (&lyceum_model::JoinTable, &Field)> {
    def.fields.iter().filter_map(|field| match &field.kind {
        FieldKind::ManyToMany { join, .. } if !join.inverse && field.writable => Some((join, field)),
        _ => None,
    })
}

async fn insert_joins(write: &Write, def: &TypeDef, id: Id, draft: &Draft) -> Result<()> {
    for (join, field) in written_joins(def) {
        let others: Vec<&str> = draft
            .fields
            .get(&field.name)
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        if others.is_empty() {
            continue;
        }
        let (mut rows, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), vec![id.to_string().into()]);
        for (position, other) in others.into_iter().enumerate() {
            values.push(other.into());
            rows.push(format!("($1, ${}, {position})", values.len()));
        }
        let sql =
            format!("INSERT INTO {} ({}, {}, position) VALUES {}", join.table, join.own, join.other, rows.join(", "));
        execute(write, &sql, values).await?;
    }
    Ok(())
}

/// The row's state; locks it where rows can be locked.
pub(super) async fn head(write: &Write, def: &TypeDef, id: Id) -> Result<Option<Head>> {
    let sql = format!("SELECT status, published_at FROM {} WHERE id = $1{}", def.table, write.dialect().for_update());
    let row = one(write, &sql, vec![id.to_string().into()]).await?;
    row.map(|row| {
        let status: String = row.try_get("", "status").map_err(failed)?;
        let first: Option<String> = row.try_get("", "published_at").map_err(failed)?;
        let published = status == "published";
        Ok(Head { published, taken_down: !published && first.is_some() })
    })
    .transpose()
}

/// Shows the row, which holds the revision with this number. The moment of the
/// first time stays for ever.
pub(super) async fn publish(write: &Write, def: &TypeDef, id: Id, number: i64) -> Result<()> {
    let sql = format!(
        "UPDATE {} SET status = 'published', published_at = coalesce(published_at, $1), updated_at = $1 WHERE id = $2",
        def.table
    );
    execute(write, &sql, vec![write.now().to_string().into(), id.to_string().into()]).await?;
    let sql = "UPDATE revision SET state = 'published' WHERE subject_id = $1 AND number = $2";
    execute(write, sql, vec![id.to_string().into(), number.into()]).await.map(drop)
}

/// Hides the row, and changes nothing else of it.
pub(super) async fn unpublish(write: &Write, def: &TypeDef, id: Id) -> Result<()> {
    let sql = format!("UPDATE {} SET status = 'draft', updated_at = $1 WHERE id = $2", def.table);
    execute(write, &sql, vec![write.now().to_string().into(), id.to_string().into()]).await.map(drop)
}

pub(super) async fn latest_revision(write: &Write, id: Id) -> Result<Option<Revision>> {
    let sql = "SELECT number, snapshot FROM revision WHERE subject_id = $1 ORDER BY number DESC LIMIT 1";
    revision(one(write, sql, vec![id.to_string().into()]).await?)
}

/// What a published entry shows. Where nothing is marked as published, which is
/// so of what was published before there were marks, it is what was saved last
/// before the row was written.
pub(super) async fn published_revision(write: &Write, def: &TypeDef, id: Id) -> Result<Option<Revision>> {
    let sql = format!(
        "SELECT r.number, r.snapshot FROM revision r JOIN {} e ON e.id = r.subject_id \
         WHERE e.id = $1 AND (r.state = 'published' OR r.created_at <= e.updated_at) \
         ORDER BY CASE r.state WHEN 'published' THEN 0 ELSE 1 END, r.number DESC LIMIT 1",
        def.table
    );
    revision(one(write, &sql, vec![id.to_string().into()]).await?)
}

fn revision(row: Option<QueryResult>) -> Result<Option<Revision>> {
    row.map(|row| {
        let snapshot: String = row.try_get("", "snapshot").map_err(failed)?;
        let draft = serde_json::from_str(&snapshot).map_err(Failure::internal)?;
        Ok(Revision { number: i64::from(row.try_get::<i32>("", "number").map_err(failed)?), draft })
    })
    .transpose()
}

/// An entry as it stands: its state and its latest draft.
pub(super) struct Seen {
    pub published: bool,
    pub number: i64,
    pub draft: Draft,
}

/// Reads an entry outside of any transaction.
pub(super) async fn seen(connection: &impl ConnectionTrait, def: &TypeDef, id: Id) -> Result<Option<Seen>> {
    let sql = format!(
        "SELECT e.status, r.number, r.snapshot FROM {} e JOIN revision r ON r.subject_id = e.id \
         WHERE e.id = $1 ORDER BY r.number DESC LIMIT 1",
        def.table
    );
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.to_string().into()]);
    let row = connection.query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| {
        let status: String = row.try_get("", "status").map_err(failed)?;
        let snapshot: String = row.try_get("", "snapshot").map_err(failed)?;
        Ok(Seen {
            published: status == "published",
            number: row.try_get::<i32>("", "number").map_err(failed)?.into(),
            draft: serde_json::from_str(&snapshot).map_err(Failure::internal)?,
        })
    })
    .transpose()
}

/// The number of the latest revision of an entry that is there; from here on
/// no one else adds one before this transaction ends.
pub(super) async fn latest_number(write: &Write, def: &TypeDef, id: Id) -> Result<Option<i64>> {
    if head(write, def, id).await?.is_none() {
        return Ok(None);
    }
    let sql = "SELECT MAX(number) AS number FROM revision WHERE subject_id = $1";
    let row = one(write, sql, vec![id.to_string().into()]).await?;
    row.map(|row| row.try_get::<i32>("", "number").map(i64::from).map_err(failed)).transpose()
}

pub(super) struct NewRevision<'a> {
    pub def: &'a TypeDef,
    pub id: Id,
    pub number: i64,
    pub state: &'a str,
    pub author: Option<Id>,
    pub draft: &'a Draft,
}

pub(super) async fn insert_revision(write: &Write, revision: NewRevision<'_>) -> Result<()> {
    let NewRevision { def, id, number, state, author, draft } = revision;
    let sql = "INSERT INTO revision (id, subject_type, subject_id, number, state, snapshot, author_id, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = vec![
        Id::new().to_string().into(),
        def.name.as_str().into(),
        id.to_string().into(),
        i32::try_from(number).unwrap_or(i32::MAX).into(),
        state.into(),
        serde_json::to_string(draft).map_err(Failure::internal)?.into(),
        author.map(|id| id.to_string()).into(),
        write.now().to_string().into(),
    ];
    execute(write, sql, values).await.map(drop)
}

/// Lets one transaction at a time make a slug of this text, so that each sees
/// what the one before made of it. SQLite has one writer anyway.
pub(super) async fn lock_made_slug(write: &Write, def: &TypeDef, base: &str) -> Result<()> {
    if write.dialect() == lyceum_store::Dialect::Postgres {
        let about = format!("slug/{}/{base}", def.table);
        execute(write, "SELECT pg_advisory_xact_lock(hashtext($1))", vec![about.into()]).await?;
    }
    Ok(())
}

/// The id of the entry with this slug, in whatever writing, within `scope` when
/// slugs are unique only there.
pub(super) async fn find_slug(
    write: &Write,
    def: &TypeDef,
    slug: &str,
    scope: Option<(&str, &str)>,
) -> Result<Option<Id>> {
    for form in slug_forms(slug) {
        let (sql, values): (String, Vec<Value>) = match scope {
            None => (format!("SELECT id FROM {} WHERE slug = $1", def.table), vec![form.into()]),
            Some((column, parent)) => (
                format!("SELECT id FROM {} WHERE slug = $1 AND {column} = $2", def.table),
                vec![form.into(), parent.into()],
            ),
        };
        if let Some(row) = one(write, &sql, values).await? {
            return row.try_get::<String>("", "id").map_err(failed)?.parse().map(Some).map_err(Failure::internal);
        }
    }
    Ok(None)
}
