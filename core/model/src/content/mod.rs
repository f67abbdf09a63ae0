//! Content types: what a community writes, defined by files.
//!
//! A file says what a type holds ([`parse`]); from all of them together come
//! the readable types ([`resolve`]) and the tables ([`layout`]).
//!
//! **Invariant:** types and fields are the same as long as their id is the
//! same; names may change.
//! **Invariant:** what [`parse`] accepts has identifiers of at most 63 bytes
//! that differ from each other and from every word of SQL.
//! Absent on purpose: names that the API or the system has. Others make those,
//! and say which come twice.

mod check;
mod definition;
mod file;
mod identifier;
mod layout;
mod reserved;
mod resolve;

#[cfg(test)]
mod tests;

pub use definition::{AccessRule, ContentField, ContentType, Kind};
pub use layout::{Column, ColumnType, Index, IndexColumn, OnDelete, Reference, Table, layout};
pub use resolve::resolve;

/// Why a file does not define a content type, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {at}{message}")]
pub struct ContentError {
    /// The file, or the type when it came from elsewhere.
    pub file: String,
    /// The place in it, as `field "title": `; empty for the whole.
    pub at: String,
    pub message: String,
}

/// The files of the built-in types, with their names.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("article.toml", include_str!("../../../../schema/content/article.toml")),
    ("category.toml", include_str!("../../../../schema/content/category.toml")),
    ("course.toml", include_str!("../../../../schema/content/course.toml")),
    ("lesson.toml", include_str!("../../../../schema/content/lesson.toml")),
    ("tag.toml", include_str!("../../../../schema/content/tag.toml")),
];

/// Reads `(file name, text)` pairs and checks each type and all together.
///
/// # Errors
/// The first fault, with its file and field.
pub fn parse(files: &[(&str, &str)]) -> Result<Vec<ContentType>, ContentError> {
    let mut types = Vec::with_capacity(files.len());
    for (name, text) in files {
        let content_type = file::read(name, text)?;
        check::one(name, &content_type)?;
        types.push(content_type);
    }
    check::together(files, &types)?;
    Ok(types)
}

/// The built-in content types.
///
/// # Errors
/// When a file under `schema/content/` is wrong; a test reads them all.
pub fn built_in() -> Result<Vec<ContentType>, ContentError> {
    parse(&BUILT_IN)
}
