//! Words with a meaning that no list of generated names tells.
//!
//! Absent on purpose: names of the API and of tables. What a type would make
//! twice is found by making it (`lyceum_graphql::clashes`, and the database for
//! tables).

/// A type with this name would have the rules that are about all content.
pub(super) const ALL_CONTENT: &str = "content";

/// Fields by which an entry is opened.
pub(super) const ACCESS: &[&str] = &["access", "accessTier"];

/// Tables and indexes that begin so belong to the database itself.
pub(super) const OF_DATABASES: &[&str] = &["sqlite_", "pg_"];

/// The names and tables of types of the system that content may point to.
pub(super) const TARGETS: &[(&str, &str)] = &[("tier", "tier"), ("user", "user_account")];

/// Words that cannot name a table or column without quotes, in SQLite (its
/// page "SQLite Keywords") or PostgreSQL (its appendix "SQL Key Words",
/// reserved ones), that would be read as a value, or that every table of
/// PostgreSQL has as a column.
pub(super) const SQL: &[&str] = &[
    "abort",
    "add",
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "autoincrement",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "cmax",
    "cmin",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "ctid",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "glob",
    "grant",
    "group",
    "having",
    "if",
    "ilike",
    "in",
    "index",
    "indexed",
    "initially",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "match",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "offset",
    "oid",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "raise",
    "references",
    "regexp",
    "replace",
    "returning",
    "right",
    "rowid",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tableoid",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "trigger",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "view",
    "virtual",
    "when",
    "where",
    "window",
    "with",
    "without",
    "xmax",
    "xmin",
];

pub(super) fn is_sql(word: &str) -> bool {
    SQL.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_words_are_sorted_so_that_they_are_found() {
        assert!(super::SQL.is_sorted());
        assert!(super::is_sql("order") && super::is_sql("abort") && super::is_sql("without"));
        assert!(!super::is_sql("position"));
    }
}
