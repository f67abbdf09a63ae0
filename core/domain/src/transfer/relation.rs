//! Rows that a line names by slug or key.

use lyceum_kernel::{Failure, Id, Result};
use lyceum_model::{FieldKind, Scalar, TypeDef};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::content::slug_forms;

/// The column by which a file names rows of a type: the slug, or `key`.
pub(super) fn naming_column(def: &TypeDef) -> Option<&str> {
    let named = def.slug().or_else(|| def.field("key"))?;
    match &named.kind {
        FieldKind::Scalar { column, .. } => Some(column),
        _ => None,
    }
}

/// The to-one field within which the slug of a type is unique, with its column.
pub(super) fn scope(def: &TypeDef) -> Option<(&str, &str)> {
    let FieldKind::Scalar { scalar: Scalar::Slug { scope: Some(scope) }, .. } = &def.slug()?.kind else { return None };
    match &def.field(scope)?.kind {
        FieldKind::ToOne { column, .. } => Some((scope, column)),
        _ => None,
    }
}

/// The row with this slug, in whatever writing, or key, under `parent` where
/// slugs are scoped.
pub(super) async fn find(write: &Write, def: &TypeDef, name: &str, parent: Option<Id>) -> Result<Option<Id>> {
    let Some(column) = naming_column(def) else { return Ok(None) };
    let mut sql = format!("SELECT id FROM {} WHERE {column} = $1", def.table);
    let within = scope(def).zip(parent);
    if let Some(((_, column), _)) = within {
        sql.push_str(&format!(" AND {column} = $2"));
    }
    for form in slug_forms(name) {
        let mut values: Vec<Value> = vec![form.into()];
        values.extend(within.map(|(_, parent)| parent.to_string().into()));
        let statement = Statement::from_sql_and_values(write.dialect().backend(), &sql, values);
        if let Some(row) = write.connection().query_one_raw(statement).await.map_err(failed)? {
            return row.try_get::<String>("", "id").map_err(failed)?.parse().map(Some).map_err(Failure::internal);
        }
    }
    Ok(None)
}

/// Whether an entry needs nothing but a name, so that its slug can make it.
pub(super) fn is_made_by_name(def: &TypeDef) -> bool {
    let mut required = def.fields.iter().filter(|field| field.writable && field.required);
    def.is_content()
        && def.field("name").is_some()
        && required.all(|field| field.name == "name" || field.name == "slug")
}
