//! Names of tables and indexes that somebody else has.

use std::collections::HashSet;

use lyceum_kernel::Result;
use lyceum_model::content::{ContentType, Table, layout};
use sea_orm::{ConnectionTrait, Statement};

use super::applied;
use crate::{Database, Dialect, failed};

/// A table or index that a content type needs and the database has already,
/// for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub type_name: String,
    /// Of a join table.
    pub field: Option<String>,
    pub name: String,
}

/// What is in the way of the tables of these types: the tables of the system,
/// and whatever else shares the database.
///
/// # Errors
/// Internal.
pub async fn taken(database: &Database, wanted: &[ContentType]) -> Result<Vec<Taken>> {
    let mut others = names(database).await?;
    for name in layout(&applied(database).await?).iter().flat_map(names_of) {
        others.remove(name);
    }
    let tables = layout(wanted);
    let in_the_way = tables.iter().filter_map(|table| {
        let name = names_of(table).find(|name| others.contains(*name))?;
        Some(of_type(wanted, table, name))
    });
    Ok(in_the_way.collect())
}

fn names_of(table: &Table) -> impl Iterator<Item = &String> {
    std::iter::once(&table.name).chain(table.indexes.iter().map(|index| &index.name))
}

fn of_type(wanted: &[ContentType], table: &Table, name: &str) -> Taken {
    let id = table.key.split(['#', '/']).next().unwrap_or_default();
    let own = wanted.iter().find(|own| own.id == id);
    let field =
        own.and_then(|own| own.fields.iter().find(|field| table.key.starts_with(&format!("{id}/{}#", field.id))));
    Taken {
        type_name: own.map_or(id, |own| &own.name).to_owned(),
        field: field.map(|field| field.name.clone()),
        name: name.to_owned(),
    }
}

/// Every name in the space of tables and indexes. PostgreSQL looks at its own
/// catalogue first.
async fn names(database: &Database) -> Result<HashSet<String>> {
    let sql = match database.dialect() {
        Dialect::Sqlite => "SELECT name FROM sqlite_master",
        Dialect::Postgres => {
            "SELECT relname::text AS name FROM pg_class \
             WHERE relnamespace IN (current_schema()::regnamespace, 'pg_catalog'::regnamespace)"
        }
    };
    let statement = Statement::from_string(database.dialect().backend(), sql);
    let rows = database.reader().query_all_raw(statement).await.map_err(failed)?;
    rows.iter().map(|row| row.try_get("", "name").map_err(failed)).collect()
}
