//! The engine inside the process: an inverted index in a directory or in memory.
//!
//! Postings, dictionaries and positions are tantivy's; matching and ranking are
//! ours ([`evidence`], [`score`], [`order`]), since they must not depend on
//! gated text that the reader may not see, and the usual ranking does: its
//! frequencies count every document.
//!
//! **Invariant:** what a search returns, its order, its total and its terms
//! included, is the same whatever stands in gated text that the query's reader
//! tokens do not unlock.

mod corpus;
mod directory;
mod evidence;
mod filter;
mod lookup;
mod marks;

mod order;
mod schema;
mod score;
mod slots;

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use lyceum_domain::search::{Document, Hits, OwnIndex, Query, SearchError, SearchIndex};
use lyceum_kernel::Id;
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument,
    indexer::{IndexWriterOptions, LogMergePolicy},
};

pub use self::directory::Opening;
use self::marks::Marks;
use self::schema::{Fields, failure};
use crate::text;

/// Bytes the writer may use while documents are being added; freed after. The
/// least that tantivy allows is 15 MB.
const WRITER_BYTES: usize = 32_000_000;

/// Clones share the index.
#[derive(Clone)]
pub struct EmbeddedIndex(Arc<Shared>);

struct Shared {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    opening: Opening,
    /// None in memory.
    marks: Option<Marks>,
    /// Opened by the first write and kept: one process writes at a time.
    writer: Mutex<Option<IndexWriter>>,
}

impl EmbeddedIndex {
    /// Opens or creates the index in a directory. An index that is damaged or
    /// of another version is emptied; see [`Self::opening`].
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn open(directory: &Path) -> Result<Self, SearchError> {
        let fields = Fields::new();
        let (index, opening) = directory::in_directory(directory, &fields)?;
        Self::of(index, fields, opening, Some(Marks::of(directory)))
    }

    /// # Errors
    /// When memory for it cannot be had.
    pub fn in_memory() -> Result<Self, SearchError> {
        let fields = Fields::new();
        Self::of(directory::in_memory(&fields), fields, Opening::Created, None)
    }

    /// What was found when it was opened; an index that is not `Kept` is empty.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.0.opening
    }

    fn of(index: Index, fields: Fields, opening: Opening, marks: Option<Marks>) -> Result<Self, SearchError> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failure)?;
        Ok(Self(Arc::new(Shared { index, reader, fields, opening, marks, writer: Mutex::new(None) })))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let shared = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(failure)?
    }
}

impl Shared {
    /// Runs the changes, makes them durable and findable. A failure undoes them all.
    fn write(&self, changes: impl FnOnce(&IndexWriter) -> tantivy::Result<()>) -> Result<(), SearchError> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => self.open_writer()?,
        };
        // On an error the writer is dropped with what it had not committed.
        changes(&writer).and_then(|()| writer.commit()).map_err(failure)?;
        *slot = Some(writer);
        self.reader.reload().map_err(failure)
    }

    fn open_writer(&self) -> Result<IndexWriter, SearchError> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(WRITER_BYTES)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter<TantivyDocument> = self.index.writer_with_options(options).map_err(failure)?;
        // No other process writes here now.
        if let Some(marks) = &self.marks {
            directory::sweep(marks.folder()).map_err(failure)?;
        }
        writer.set_merge_policy(Box::new(LogMergePolicy::default()));
        Ok(writer)
    }
}

#[async_trait]
impl SearchIndex for EmbeddedIndex {
    async fn put(&self, documents: Vec<Document>) -> Result<(), SearchError> {
        if documents.is_empty() {
            return Ok(());
        }
        self.blocking(move |shared| {
            shared.write(|writer| {
                for document in &documents {
                    writer.delete_term(shared.fields.id_term(document.id.as_str()));
                    writer.add_document(shared.fields.document(document))?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn remove(&self, ids: Vec<Id>) -> Result<(), SearchError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.blocking(move |shared| {
            shared.write(|writer| {
                for id in &ids {
                    writer.delete_term(shared.fields.id_term(id.as_str()));
                }
                Ok(())
            })
        })
        .await
    }

    async fn clear(&self) -> Result<(), SearchError> {
        self.blocking(|shared| {
            if let Some(marks) = &shared.marks {
                marks.forget_filled()?;
            }
            shared.write(|writer| writer.delete_all_documents().map(|_| ()))
        })
        .await
    }

    async fn search(&self, query: &Query) -> Result<Hits, SearchError> {
        let query = query.clone();
        self.blocking(move |shared| lookup::search(&shared.reader.searcher(), &shared.fields, &query)).await
    }

    async fn count(&self) -> Result<u64, SearchError> {
        Ok(self.0.reader.searcher().num_docs())
    }

    fn places(&self, text: &str, terms: &[String]) -> Vec<Range<usize>> {
        text::places(text, terms)
    }

    fn engine(&self) -> &'static str {
        "embedded"
    }

    fn own(&self) -> Option<&dyn OwnIndex> {
        self.0.marks.as_ref().map(|marks| marks as &dyn OwnIndex)
    }
}
