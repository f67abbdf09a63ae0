//! Drift: how the real tables differ from what was applied.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use lyceum_kernel::Result;
use lyceum_model::content::Table;
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use super::statement::column_type;
use crate::{Database, Dialect, failed};

/// Something that somebody else changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    MissingTable {
        table: String,
    },
    MissingColumn {
        table: String,
        column: String,
    },
    /// A column that no field has. Lyceum leaves it alone.
    ExtraColumn {
        table: String,
        column: String,
    },
    WrongType {
        table: String,
        column: String,
        expected: String,
        found: String,
    },
    MissingIndex {
        table: String,
        index: String,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingTable { table } => write!(f, "! {table}: the table is missing"),
            Self::MissingColumn { table, column } => write!(f, "! {table}.{column}: the column is missing"),
            Self::ExtraColumn { table, column } => write!(f, "! {table}.{column}: no field has this column"),
            Self::WrongType { table, column, expected, found } => {
                write!(f, "! {table}.{column}: the column is {found} and should be {expected}")
            }
            Self::MissingIndex { table, index } => write!(f, "! {table}: the index {index} is missing"),
        }
    }
}

/// What is really there.
struct Actual {
    /// Types of columns, in upper case, by table and column.
    columns: HashMap<String, HashMap<String, String>>,
    indexes: HashSet<String>,
}

pub(super) async fn find(database: &Database, expected: &[Table]) -> Result<Vec<Drift>> {
    let actual = inspect(database).await?;
    Ok(expected.iter().flat_map(|table| compare(table, &actual, database.dialect())).collect())
}

async fn inspect(database: &Database) -> Result<Actual> {
    let (columns, indexes) = match database.dialect() {
        Dialect::Sqlite => (
            "SELECT m.name AS a, p.name AS b, p.type AS c FROM sqlite_master m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table'",
            "SELECT name AS a FROM sqlite_master WHERE type = 'index'",
        ),
        Dialect::Postgres => (
            "SELECT table_name::text AS a, column_name::text AS b, data_type::text AS c \
             FROM information_schema.columns WHERE table_schema = current_schema()",
            "SELECT indexname::text AS a FROM pg_indexes WHERE schemaname = current_schema()",
        ),
    };
    let mut actual = Actual { columns: HashMap::new(), indexes: HashSet::new() };
    for row in rows(database, columns).await? {
        let column_type = text(&row, "c")?.to_ascii_uppercase();
        actual.columns.entry(text(&row, "a")?).or_default().insert(text(&row, "b")?, column_type);
    }
    for row in rows(database, indexes).await? {
        actual.indexes.insert(text(&row, "a")?);
    }
    Ok(actual)
}

async fn rows(database: &Database, sql: &str) -> Result<Vec<QueryResult>> {
    let statement = Statement::from_string(database.dialect().backend(), sql);
    database.reader().query_all_raw(statement).await.map_err(failed)
}

fn text(row: &QueryResult, column: &str) -> Result<String> {
    row.try_get("", column).map_err(failed)
}

fn compare(table: &Table, actual: &Actual, dialect: Dialect) -> Vec<Drift> {
    let Some(found) = actual.columns.get(&table.name) else {
        return vec![Drift::MissingTable { table: table.name.clone() }];
    };
    let name = || table.name.clone();
    let mut drift = Vec::new();
    for column in &table.columns {
        let expected = column_type(column.column_type, dialect);
        match found.get(&column.name) {
            None => drift.push(Drift::MissingColumn { table: name(), column: column.name.clone() }),
            Some(other) if other != expected => {
                let (expected, found) = (expected.to_owned(), other.clone());
                drift.push(Drift::WrongType { table: name(), column: column.name.clone(), expected, found });
            }
            Some(_) => {}
        }
    }
    let mut extra: Vec<&String> = found.keys().filter(|name| table.columns.iter().all(|c| c.name != **name)).collect();
    extra.sort();
    drift.extend(extra.into_iter().map(|column| Drift::ExtraColumn { table: name(), column: column.clone() }));
    let missing = table.indexes.iter().filter(|index| !actual.indexes.contains(&index.name));
    drift.extend(missing.map(|index| Drift::MissingIndex { table: name(), index: index.name.clone() }));
    drift
}
