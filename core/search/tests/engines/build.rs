//! Documents and queries for the tests.

use lyceum_domain::search::{Document, DocumentText, Hits, Query, SearchIndex};
use lyceum_kernel::Id;
use lyceum_search::EmbeddedIndex;

pub fn id(number: u128) -> Id {
    Id::from_bits(number)
}

pub fn lesson(number: u128, title: &str) -> Document {
    Document {
        id: id(number),
        kind: "lesson".to_owned(),
        slug: format!("lesson-{number}"),
        texts: vec![DocumentText {
            locale: "en".to_owned(),
            title: title.to_owned(),
            open: String::new(),
            gated: String::new(),
        }],
        category: None,
        tags: Vec::new(),
        level: None,
        price_minor: None,
        readers: Vec::new(),
    }
}

pub fn gated(number: u128, title: &str, gated: &str, reader: &str) -> Document {
    let mut document = lesson(number, title);
    document.texts[0].gated = gated.to_owned();
    document.readers = vec![reader.to_owned()];
    document
}

pub fn query(text: &str) -> Query {
    Query { text: text.to_owned(), limit: 10, ..Query::default() }
}

pub fn query_as(text: &str, token: &str) -> Query {
    Query { reader_tokens: vec![token.to_owned()], ..query(text) }
}

pub fn ids(hits: &Hits) -> Vec<Id> {
    hits.hits.iter().map(|hit| hit.id).collect()
}

pub async fn holding(documents: Vec<Document>) -> EmbeddedIndex {
    let index = EmbeddedIndex::in_memory().unwrap();
    index.put(documents).await.unwrap();
    index
}

pub async fn found(index: &impl SearchIndex, text: &str) -> Vec<Id> {
    ids(&index.search(&query(text)).await.unwrap())
}
