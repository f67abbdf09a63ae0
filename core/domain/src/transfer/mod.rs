//! Import and export: entries of a content type as JSON Lines, one a line with
//! its children.
//!
//! **Invariant:** a line is one transaction: entry and children, or nothing.
//! **Invariant:** importing the same file again changes nothing.
//! **Invariant:** one line is in memory at a time, at most [`LINE_BYTES`] long.
//! **Invariant:** what [`export`] writes, [`Import::run`] reads.
//!
//! A key that a line does not have keeps its value, `null` clears it. Children
//! that a line does not name stay. What is imported is published; what is
//! exported is what is published.

mod entry;
mod export;
mod import;
mod line;
mod mapping;
mod relation;
mod report;

pub use export::export;
pub use import::Import;
pub use line::LINE_BYTES;
pub use mapping::{Mapping, MappingError};
pub use report::{Counts, Progress, Rejected, Report};
