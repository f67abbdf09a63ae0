//! The search engines behind the port of `lyceum-domain`: one inside the
//! process, and Meilisearch.
//!
//! Both promise the same: gated text matches only for readers who hold one of
//! the document's reader tokens. What is shown of a hit is not their business;
//! the caller reads it again through the viewer.

mod embedded;
mod meilisearch;
pub mod text;

pub use embedded::{EmbeddedIndex, Opening};
pub use meilisearch::MeilisearchIndex;
