//! The search engine as the domain sees it: it finds ids. What is shown of a
//! hit is read again through the viewer, so a stale index can leak nothing.

use std::ops::Range;

use async_trait::async_trait;
use lyceum_kernel::Id;
use serde::{Deserialize, Serialize};

/// One published entry, in every language it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub id: Id,
    /// The API name of the type in lower camel case: `course`, `lesson`.
    pub kind: String,
    pub slug: String,
    pub texts: Vec<DocumentText>,
    /// Its id, so that the index knows no name that may change.
    pub category: Option<String>,
    /// Their ids.
    pub tags: Vec<String>,
    pub level: Option<String>,
    /// Minor units.
    pub price_minor: Option<i64>,
    /// Who may have matches in the gated text (see [`Document`] texts):
    /// any one of these tokens. `public`, `signed-in`, `tier:<id>`, `entry:<id>`.
    pub readers: Vec<String>,
}

/// One language of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentText {
    /// `en`, `zh-CN`.
    pub locale: String,
    pub title: String,
    /// Text that everyone may see: summary, section.
    pub open: String,
    /// Text that only those with one of the document's reader tokens may see.
    pub gated: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    pub text: String,
    pub kinds: Vec<String>,
    /// An id.
    pub category: Option<String>,
    /// Ids; all of these.
    pub tags: Vec<String>,
    pub level: Option<String>,
    pub price_min: Option<i64>,
    pub price_max: Option<i64>,
    /// The tokens of the viewer; gated text matches only where one of them is
    /// among the document's `readers`.
    pub reader_tokens: Vec<String>,
    pub limit: usize,
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub id: Id,
    pub kind: String,
    pub score: f32,
    /// Whether title or open text alone matched. A hit without it is dropped
    /// when the viewer turns out not to be entitled.
    pub open_match: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hits {
    pub hits: Vec<Hit>,
    /// How many match in all, as far as the engine knows.
    pub total: u64,
    /// The words to mark in snippets: the query's terms and what typo
    /// tolerance made of them, lower case.
    pub terms: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("the search engine failed: {0}")]
pub struct SearchError(pub String);

/// A full-text index over published entries.
#[async_trait]
pub trait SearchIndex: Send + Sync + 'static {
    /// Adds or replaces documents and makes them findable before it returns.
    async fn put(&self, documents: Vec<Document>) -> Result<(), SearchError>;

    async fn remove(&self, ids: Vec<Id>) -> Result<(), SearchError>;

    /// Empties the index.
    async fn clear(&self) -> Result<(), SearchError>;

    async fn search(&self, query: &Query) -> Result<Hits, SearchError>;

    /// How many documents it holds.
    async fn count(&self) -> Result<u64, SearchError>;

    /// Where terms of an answer stand in a text, in bytes, found as the engine
    /// matches.
    fn places(&self, text: &str, terms: &[String]) -> Vec<Range<usize>>;

    /// `embedded` or `meilisearch`.
    fn engine(&self) -> &'static str;

    /// What an index that belongs to one node remembers of itself. None for one
    /// that all nodes share, or that ends with the process.
    fn own(&self) -> Option<&dyn OwnIndex> {
        None
    }
}

/// What an index that belongs to one node remembers of itself.
pub trait OwnIndex: Send + Sync {
    /// Whether it was filled from the database to the end.
    /// [`SearchIndex::clear`] makes it unfilled, before anything is removed.
    fn is_filled(&self) -> bool;

    /// Stores that it was filled to the end.
    ///
    /// # Errors
    /// It cannot be written.
    fn mark_filled(&self) -> Result<(), SearchError>;

    /// The event up to which it holds what happened, as [`Self::set_last_event`]
    /// was told it.
    fn last_event(&self) -> Option<String>;

    /// Stores that everything up to this event is in the index.
    ///
    /// # Errors
    /// It cannot be written.
    fn set_last_event(&self, event: &str) -> Result<(), SearchError>;

    /// The name under which it reads events, if it has one.
    fn consumer(&self) -> Option<String>;

    /// Stores that name.
    ///
    /// # Errors
    /// It cannot be written.
    fn set_consumer(&self, name: &str) -> Result<(), SearchError>;
}
