//! Meilisearch as the engine, over its HTTP API.
//!
//! A text is searched twice in one request: in titles and open text of every
//! document, and in all text of those documents that the reader tokens open.
//!
//! **Invariant:** an attribute with gated text is only ever named in a search
//! that carries the filter on `readers`.

mod document;
mod filter;

use std::{collections::HashMap, ops::Range, time::Duration};

use async_trait::async_trait;
use lyceum_domain::search::{Document, Hit, Hits, Query, SearchError, SearchIndex};
use lyceum_kernel::Id;
use meilisearch_sdk::{
    client::Client,
    errors::{Error, ErrorCode},
    indexes::Index,
    search::{SearchQuery, SearchResults, Selectors},
    task_info::TaskInfo,
};
use serde::Deserialize;
use tokio::{sync::OnceCell, time::timeout};

use self::document::{ALL_ATTRIBUTES, OPEN_ATTRIBUTES, PRIMARY_KEY};
use crate::text;

const SEARCH_LIMIT: Duration = Duration::from_secs(5);
const WRITE_LIMIT: Duration = Duration::from_secs(120);
const TASK_POLL: Duration = Duration::from_millis(25);
/// Documents sent in one request.
const BATCH: usize = 500;

pub struct MeilisearchIndex {
    client: Client,
    name: String,
    /// Set once the index exists with its settings.
    prepared: OnceCell<()>,
}

#[derive(Debug, Clone, Deserialize)]
struct Found {
    id: Id,
    #[serde(rename = "type")]
    kind: String,
}

impl MeilisearchIndex {
    /// Does not call the engine: the index is created and set up when it is
    /// first used, so that a start does not depend on it.
    ///
    /// # Errors
    /// When the key cannot be sent in a header.
    pub fn new(url: &str, key: Option<&str>, name: &str) -> Result<Self, SearchError> {
        if key.is_some_and(|key| !key.bytes().all(|byte| (0x21..0x7F).contains(&byte))) {
            return Err(SearchError(
                "the key of the search engine holds characters that no header may hold".to_owned(),
            ));
        }
        let client = Client::new(url.trim_end_matches('/'), key).map_err(failure)?;
        Ok(Self { client, name: name.to_owned(), prepared: OnceCell::new() })
    }

    async fn index(&self) -> Result<Index, SearchError> {
        self.prepared.get_or_try_init(|| limited(WRITE_LIMIT, self.prepare())).await?;
        Ok(self.client.index(&self.name))
    }

    async fn prepare(&self) -> Result<(), SearchError> {
        match self.client.get_raw_index(&self.name).await {
            Ok(_) => {}
            Err(Error::Meilisearch(error)) if error.error_code == ErrorCode::IndexNotFound => {
                self.done(self.client.create_index(&self.name, Some(PRIMARY_KEY)).await).await?;
            }
            Err(error) => return Err(failure(error)),
        }
        let task = self.client.index(&self.name).set_settings(&document::settings()).await;
        self.done(task).await
    }

    /// Waits until the engine has carried out the task.
    async fn done(&self, task: Result<TaskInfo, Error>) -> Result<(), SearchError> {
        let task = task.map_err(failure)?;
        let task = task.wait_for_completion(&self.client, Some(TASK_POLL), Some(WRITE_LIMIT)).await.map_err(failure)?;
        if task.is_failure() { Err(failure(task.unwrap_failure())) } else { Ok(()) }
    }

    /// All that pass the filters, newest first.
    async fn list(&self, query: &Query) -> Result<Hits, SearchError> {
        let index = self.index().await?;
        let clauses = filter::clauses(query);
        let mut search = SearchQuery::new(&index);
        search.with_array_filter(clauses.iter().map(String::as_str).collect());
        search.with_sort(&["id:desc"]).with_limit(query.limit).with_offset(query.offset);
        let found: SearchResults<Found> =
            limited(SEARCH_LIMIT, async { search.execute().await.map_err(failure) }).await?;
        let total = total(&found);
        let hits = found.hits.into_iter().map(|hit| open_hit(hit.result, 0.0)).collect();
        Ok(Hits { hits, total, terms: Vec::new() })
    }

    async fn find(&self, query: &Query) -> Result<Hits, SearchError> {
        let index = self.index().await?;
        let clauses = filter::clauses(query);
        let readable = filter::readable(&query.reader_tokens);
        let clauses: Vec<&str> = clauses.iter().map(String::as_str).collect();
        let mut both = self.client.multi_search();
        both.with_search_query(text_search(&index, query, OPEN_ATTRIBUTES, clauses.clone()));
        if !query.reader_tokens.is_empty() {
            let clauses = clauses.into_iter().chain([readable.as_str()]).collect();
            both.with_search_query(text_search(&index, query, ALL_ATTRIBUTES, clauses));
        }
        let found = limited(SEARCH_LIMIT, async { both.execute::<Found>().await.map_err(failure) }).await?;
        Ok(merged(query, found.results))
    }
}

fn text_search<'a>(
    index: &'a Index,
    query: &'a Query,
    attributes: &'a [&'a str],
    clauses: Vec<&'a str>,
) -> SearchQuery<'a, meilisearch_sdk::DefaultHttpClient> {
    let mut search = SearchQuery::new(index);
    search.with_query(&query.text).with_attributes_to_search_on(attributes);
    search.with_attributes_to_retrieve(Selectors::Some(&["id", "type"])).with_show_ranking_score(true);
    if !clauses.is_empty() {
        search.with_array_filter(clauses);
    }
    // Both lists are needed from their beginning: they are merged.
    search.with_limit(query.offset.saturating_add(query.limit)).build()
}

/// By the engine's ranking score; what both searches found keeps the better one.
fn merged(query: &Query, results: Vec<SearchResults<Found>>) -> Hits {
    let mut total_found = results.iter().map(total).max().unwrap_or(0);
    let mut hits: HashMap<Id, Hit> = HashMap::new();
    for (search, results) in results.into_iter().enumerate() {
        for found in results.hits {
            let score = found.ranking_score.unwrap_or(0.0) as f32;
            let hit = Hit { open_match: search == 0, ..open_hit(found.result, score) };
            hits.entry(hit.id).and_modify(|known| known.score = known.score.max(score)).or_insert(hit);
        }
    }
    total_found = total_found.max(hits.len() as u64);
    let mut hits: Vec<Hit> = hits.into_values().collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    let hits = hits.into_iter().skip(query.offset).take(query.limit).collect();
    Hits { hits, total: total_found, terms: text::surface_words(&query.text) }
}

fn open_hit(found: Found, score: f32) -> Hit {
    Hit { id: found.id, kind: found.kind, score, open_match: true }
}

fn total<T>(results: &SearchResults<T>) -> u64 {
    results.estimated_total_hits.or(results.total_hits).unwrap_or(results.hits.len()) as u64
}

fn failure(error: impl std::fmt::Display) -> SearchError {
    SearchError(error.to_string())
}

async fn limited<T>(limit: Duration, work: impl Future<Output = Result<T, SearchError>>) -> Result<T, SearchError> {
    let late = |_| SearchError(format!("no answer within {} seconds", limit.as_secs()));
    timeout(limit, work).await.map_err(late)?
}

#[async_trait]
impl SearchIndex for MeilisearchIndex {
    async fn put(&self, documents: Vec<Document>) -> Result<(), SearchError> {
        let index = self.index().await?;
        for batch in documents.chunks(BATCH) {
            let stored: Vec<serde_json::Value> = batch.iter().map(document::stored).collect();
            let sending = async { self.done(index.add_or_replace(&stored, Some(PRIMARY_KEY)).await).await };
            limited(WRITE_LIMIT, sending).await?;
        }
        Ok(())
    }

    async fn remove(&self, ids: Vec<Id>) -> Result<(), SearchError> {
        if ids.is_empty() {
            return Ok(());
        }
        let index = self.index().await?;
        let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
        limited(WRITE_LIMIT, async { self.done(index.delete_documents(&ids).await).await }).await
    }

    async fn clear(&self) -> Result<(), SearchError> {
        let index = self.index().await?;
        limited(WRITE_LIMIT, async { self.done(index.delete_all_documents().await).await }).await
    }

    async fn search(&self, query: &Query) -> Result<Hits, SearchError> {
        // The engine answers a text without words, such as "!!", with every document.
        match (query.text.trim().is_empty(), text::surface_words(&query.text).is_empty()) {
            (true, _) if filter::clauses(query).is_empty() => Ok(Hits::default()),
            (true, _) => self.list(query).await,
            (false, true) => Ok(Hits::default()),
            (false, false) => self.find(query).await,
        }
    }

    async fn count(&self) -> Result<u64, SearchError> {
        let index = self.index().await?;
        let stats = limited(SEARCH_LIMIT, async { index.get_stats().await.map_err(failure) }).await?;
        Ok(stats.number_of_documents as u64)
    }

    fn places(&self, text: &str, terms: &[String]) -> Vec<Range<usize>> {
        text::places(text, terms)
    }

    fn engine(&self) -> &'static str {
        "meilisearch"
    }
}
