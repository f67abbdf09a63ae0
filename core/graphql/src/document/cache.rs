//! Caches of documents and of persisted queries, bounded in bytes.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest as _, Sha256};

use super::Document;

/// A longer text is loaded anew for each request.
const LONGEST: usize = 16 << 10;
/// Bytes of all texts that are kept. A parsed document takes some twenty
/// times its text.
const BYTES: u64 = 2 << 20;
/// Bytes of all persisted queries.
const PERSISTED_BYTES: u64 = 8 << 20;

#[derive(Clone)]
struct TextBytes;

impl<V> Weighter<String, V> for TextBytes {
    fn weight(&self, key: &String, _: &V) -> u64 {
        key.len() as u64 + 64
    }
}

/// The documents seen lately.
pub struct Documents(Cache<String, Arc<Document>, TextBytes>);

impl Default for Documents {
    fn default() -> Self {
        Self(Cache::with_weighter(1000, BYTES, TextBytes))
    }
}

impl Documents {
    pub fn get(&self, query: &str) -> Option<Arc<Document>> {
        if query.len() > LONGEST { None } else { self.0.get(query) }
    }

    pub fn insert(&self, query: &str, document: &Arc<Document>) {
        if query.len() <= LONGEST {
            self.0.insert(query.to_owned(), document.clone());
        }
    }
}

#[derive(Clone)]
struct QueryBytes;

impl Weighter<[u8; 32], Arc<str>> for QueryBytes {
    fn weight(&self, _: &[u8; 32], query: &Arc<str>) -> u64 {
        query.len() as u64 + 64
    }
}

/// Queries by the SHA-256 of their text, as automatic persisted queries name
/// them.
pub struct PersistedQueries(Cache<[u8; 32], Arc<str>, QueryBytes>);

impl Default for PersistedQueries {
    fn default() -> Self {
        Self(Cache::with_weighter(1000, PERSISTED_BYTES, QueryBytes))
    }
}

impl PersistedQueries {
    pub fn get(&self, hash: &[u8; 32]) -> Option<Arc<str>> {
        self.0.get(hash)
    }

    /// Keeps a query under its hash. Returns whether it is its hash.
    pub fn insert(&self, hash: [u8; 32], query: &str) -> bool {
        let fits = <[u8; 32]>::from(Sha256::digest(query)) == hash;
        if fits && query.len() <= LONGEST {
            self.0.insert(hash, query.into());
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_kept_only_under_its_own_hash() {
        let queries = PersistedQueries::default();
        let hash = <[u8; 32]>::from(Sha256::digest("{__typename}"));
        assert!(!queries.insert(hash, "{me{id}}"));
        assert_eq!(queries.get(&hash), None);
        assert!(queries.insert(hash, "{__typename}"));
        assert_eq!(queries.get(&hash).as_deref(), Some("{__typename}"));
    }
}
