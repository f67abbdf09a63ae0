//! Asking the index on behalf of a viewer.

use std::sync::Arc;

use lyceum_kernel::{Id, Locale, Result, Timestamp, Viewer};
use lyceum_store::read::{Entity, Output, Reading};
use serde_json::Value as Json;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    Hit, SearchIndex, Snippet,
    document::{GATED, OPEN},
    highlight,
    indexer::unavailable,
    question,
};
use crate::content::Contents;

/// Search over published entries.
#[derive(Clone)]
pub struct Search {
    contents: Contents,
    index: Arc<dyn SearchIndex>,
    /// One feeds the index at a time in this process, which last showed that it
    /// lives at this moment.
    feeding: Arc<Mutex<Option<Timestamp>>>,
}

/// A question. Slugs for category and tags, the level in lower case.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub text: String,
    pub kinds: Vec<String>,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub level: Option<String>,
    pub price_min: Option<i64>,
    pub price_max: Option<i64>,
    pub limit: usize,
    pub offset: usize,
    /// Whether snippets are wanted: without them no text is read.
    pub snippets: bool,
}

/// One entry that the viewer may see.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    pub kind: String,
    pub id: Id,
    pub score: f32,
    pub snippets: Vec<Snippet>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    pub hits: Vec<SearchHit>,
    pub total: u64,
    pub more: bool,
}

/// What a hit's entry tells of itself to this viewer, in one language.
type Texts = Vec<(Id, Json)>;

impl Search {
    #[must_use]
    pub fn new(contents: Contents, index: Arc<dyn SearchIndex>) -> Self {
        Self { contents, index, feeding: Arc::default() }
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    pub(super) async fn feeding(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.feeding.lock().await
    }

    #[must_use]
    pub fn index(&self) -> &Arc<dyn SearchIndex> {
        &self.index
    }

    /// The entries that fit, the best first, with snippets in `locale` where
    /// it has the words, else in another language.
    ///
    /// # Errors
    /// `SEARCH_UNAVAILABLE`; internal.
    pub async fn find(&self, viewer: &Viewer, asked: Asked, locale: &Locale) -> Result<Found> {
        let (limit, wants_snippets) = (asked.limit, asked.snippets);
        let Some(query) = question::of(&self.contents, viewer, asked).await? else { return Ok(Found::default()) };
        let answer = self.index.search(&query).await.map_err(unavailable)?;
        let more = answer.hits.len() > limit;
        let hits: Vec<Hit> = answer.hits.into_iter().take(limit).collect();
        let mut found = Vec::new();
        for (place, locale) in self.contents.locales().chain(locale).iter().enumerate() {
            if place == 0 {
                let readable = self.texts(viewer, &hits, locale, wants_snippets).await?;
                found = hits.iter().filter_map(|hit| self.shown(hit, &readable, &answer.terms)).collect();
                continue;
            }
            // The words may stand in another language only.
            let lacks = |hit: &Hit| found.iter().any(|f: &SearchHit| f.id == hit.id && f.snippets.is_empty());
            let lacking: Vec<Hit> = hits.iter().filter(|hit| wants_snippets && lacks(hit)).cloned().collect();
            let readable = self.texts(viewer, &lacking, locale, true).await?;
            for hit in found.iter_mut().filter(|hit| hit.snippets.is_empty()) {
                let row = readable.iter().find(|(id, _)| *id == hit.id);
                hit.snippets = row.map(|(_, row)| self.snippets(row, &answer.terms)).unwrap_or_default();
            }
        }
        // What the index still has and the viewer may not see is not counted.
        let dropped = u64::try_from(hits.len() - found.len()).unwrap_or_default();
        Ok(Found { hits: found, total: answer.total.saturating_sub(dropped), more })
    }

    /// The texts of the hits that this viewer may read; one statement a type.
    async fn texts(&self, viewer: &Viewer, hits: &[Hit], locale: &Locale, snippets: bool) -> Result<Texts> {
        let database = self.contents.database();
        let mut out = Vec::new();
        for kind in super::KINDS {
            let ids: Vec<Id> = hits.iter().filter(|hit| hit.kind == *kind).map(|hit| hit.id).collect();
            if ids.is_empty() {
                continue;
            }
            let def = self.contents.content_type(kind)?;
            let locales = [locale.clone()];
            let reading = Reading {
                model: self.contents.model(),
                viewer,
                locales: &locales,
                exact: true,
                dialect: database.dialect(),
            };
            let texts = std::iter::once(&"title").chain(OPEN).chain(GATED).filter(|_| snippets);
            let fields = texts.chain(&["status"]);
            let outputs = fields.filter_map(|name| Some(((*name).to_owned(), Output::Scalar(def.field(name)?))));
            let granted = (
                "access".to_owned(),
                Output::Access(vec![("granted".into(), lyceum_store::read::AccessOutput::Granted)]),
            );
            let entity = Entity { def, outputs: outputs.chain(std::iter::once(granted)).collect() };
            let found = reading.by_ids(&entity, &ids).fetch(database.reader()).await?;
            let rows: Texts =
                serde_json::from_str(found.as_deref().unwrap_or("[]")).map_err(lyceum_kernel::Failure::internal)?;
            out.extend(rows);
        }
        Ok(out)
    }

    /// The hit as the viewer may see it, if at all.
    fn shown(&self, hit: &Hit, readable: &Texts, terms: &[String]) -> Option<SearchHit> {
        let (_, row) = readable.iter().find(|(id, _)| *id == hit.id)?;
        // The index may lag: drafts, and matches in text that is closed by now.
        let published = row["status"] == "PUBLISHED";
        let open = hit.open_match || row["access"]["granted"] == true;
        (published && open).then(|| SearchHit {
            kind: hit.kind.clone(),
            id: hit.id,
            score: hit.score,
            snippets: self.snippets(row, terms),
        })
    }

    fn snippets(&self, row: &Json, terms: &[String]) -> Vec<Snippet> {
        let fields = std::iter::once(&"title").chain(OPEN).chain(GATED);
        fields.filter_map(|field| self.snippet(field, row[*field].as_str()?, terms)).collect()
    }

    fn snippet(&self, field: &str, text: &str, terms: &[String]) -> Option<Snippet> {
        Some(Snippet { field: field.to_owned(), html: highlight(text, &self.index.places(text, terms))? })
    }
}
