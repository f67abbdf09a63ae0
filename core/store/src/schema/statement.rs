//! Operations as SQL. Names come from checked definitions and need no quotes.

use lyceum_kernel::Locale;
use lyceum_model::{
    content::{Column, ColumnType, Index, OnDelete, Reference, Table},
    plan::Operation,
};

use crate::Dialect;

/// The statements of one operation, in order; none where a database has
/// nothing to do.
pub(super) fn of(operation: &Operation, dialect: Dialect, locale: &Locale) -> Vec<String> {
    let sql = match operation {
        Operation::DropIndex { name } => format!("DROP INDEX {name}"),
        Operation::DropColumn { table, column } => format!("ALTER TABLE {table} DROP COLUMN {column}"),
        Operation::DropTable { name } => format!("DROP TABLE {name}"),
        Operation::RenameTable { from, to } => format!("ALTER TABLE {from} RENAME TO {to}"),
        Operation::RenameColumn { table, from, to } => format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}"),
        Operation::CreateTable(table) => create_table(table, dialect),
        Operation::AddColumn { table, column } => {
            format!("ALTER TABLE {table} ADD COLUMN {}", column_definition(column, dialect))
        }
        Operation::AddReference { table, column, reference } => match dialect {
            // There it is part of the column.
            Dialect::Sqlite => return Vec::new(),
            Dialect::Postgres => format!("ALTER TABLE {table} ADD FOREIGN KEY ({column}){}", references(reference)),
        },
        Operation::CopyToLocale { .. } | Operation::CopyFromLocale { .. } => copy(operation, locale),
        Operation::CreateIndex { table, index } => create_index(table, index, dialect),
    };
    vec![sql]
}

fn create_table(table: &Table, dialect: Dialect) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| column_definition(column, dialect)).collect();
    let clustered = if table.clustered && dialect == Dialect::Sqlite { " WITHOUT ROWID" } else { "" };
    let key = table.primary_key.join(", ");
    format!("CREATE TABLE {} ({}, PRIMARY KEY ({key})){clustered}", table.name, columns.join(", "))
}

fn column_definition(column: &Column, dialect: Dialect) -> String {
    let mut sql = format!("{} {}", column.name, column_type(column.column_type, dialect));
    if column.column_type == ColumnType::Bytewise && dialect == Dialect::Postgres {
        sql += " COLLATE \"C\"";
    }
    if column.not_null {
        sql += " NOT NULL";
    }
    if let Some(default) = column.default {
        sql += " DEFAULT ";
        sql += default;
    }
    // PostgreSQL looks for the other table at once, so there the references
    // come when all tables are made.
    if let (Some(reference), Dialect::Sqlite) = (&column.references, dialect) {
        sql += &references(reference);
    }
    sql
}

/// The type of a column, as both databases tell it back.
pub(super) fn column_type(column_type: ColumnType, dialect: Dialect) -> &'static str {
    match (column_type, dialect) {
        (ColumnType::Text | ColumnType::Bytewise, _) | (ColumnType::Json, Dialect::Sqlite) => "TEXT",
        (ColumnType::Integer, _) => "BIGINT",
        (ColumnType::Boolean, Dialect::Sqlite) => "INTEGER",
        (ColumnType::Boolean, Dialect::Postgres) => "BOOLEAN",
        // Not JSONB: it sorts the keys.
        (ColumnType::Json, Dialect::Postgres) => "JSON",
    }
}

fn references(reference: &Reference) -> String {
    let on_delete = match reference.on_delete {
        OnDelete::Restrict => "RESTRICT",
        OnDelete::Cascade => "CASCADE",
    };
    format!(" REFERENCES {} (id) ON DELETE {on_delete}", reference.table)
}

/// A locale is letters, digits and `-`, so it needs no parameter.
fn copy(operation: &Operation, locale: &Locale) -> String {
    match operation {
        Operation::CopyToLocale { table, from, locale_table, entry, to } => format!(
            "INSERT INTO {locale_table} ({entry}, locale, {to}) SELECT id, '{locale}', {from} FROM {table} \
             WHERE {from} IS NOT NULL ON CONFLICT ({entry}, locale) DO UPDATE SET {to} = excluded.{to}"
        ),
        Operation::CopyFromLocale { table, to, locale_table, entry, from } => format!(
            "UPDATE {table} SET {to} = (SELECT l.{from} FROM {locale_table} l \
             WHERE l.{entry} = {table}.id AND l.locale = '{locale}')"
        ),
        _ => String::new(),
    }
}

fn create_index(table: &str, index: &Index, dialect: Dialect) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    // SQLite sorts what is null last when descending; PostgreSQL must be told.
    let descending = match dialect {
        Dialect::Sqlite => " DESC",
        Dialect::Postgres => " DESC NULLS LAST",
    };
    let columns = index.columns.iter().map(|c| format!("{}{}", c.name, if c.descending { descending } else { "" }));
    format!("CREATE {unique}INDEX {} ON {table} ({})", index.name, columns.collect::<Vec<_>>().join(", "))
}
