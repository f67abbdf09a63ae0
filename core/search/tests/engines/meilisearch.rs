//! The Meilisearch engine against a fake server that speaks its REST API.

use lyceum_domain::search::{Query, SearchIndex};
use lyceum_search::MeilisearchIndex;
use serde_json::json;

use crate::{
    build::{found, gated, id, ids, lesson, query, query_as},
    fake::{self, Shared},
};

async fn engine() -> (MeilisearchIndex, Shared) {
    let (address, engine) = fake::start().await;
    let index = MeilisearchIndex::new(&address, Some("key"), "entries").unwrap();
    let mut course = lesson(1, "Rust course");
    course.kind = "course".to_owned();
    course.price_minor = Some(900);
    course.tags = vec!["Systems \"low\" level".to_owned()];
    let documents = vec![course, gated(2, "Ownership", "quicksilver", "tier:1"), gated(3, "Rust quicksilver", "", "t")];
    index.put(documents).await.unwrap();
    (index, engine)
}

#[tokio::test]
async fn the_index_is_set_up_before_its_first_use() {
    let (index, engine) = engine().await;
    assert_eq!((index.count().await.unwrap(), index.engine()), (3, "meilisearch"));
    let settings = engine.lock().unwrap().settings.clone();
    assert_eq!(settings["filterableAttributes"], json!(["kind", "category", "tags", "level", "price", "readers"]));
    assert_eq!(settings["displayedAttributes"], json!(["id", "type"]));
    assert_eq!(settings["searchableAttributes"][0], "title_en");
    assert_eq!(settings["searchableAttributes"][8], "gated_other");
}

#[tokio::test]
async fn gated_text_is_searched_only_with_the_filter_on_readers() {
    let (index, engine) = engine().await;
    assert_eq!(found(&index, "quicksilver").await, [id(3)]);
    let hits = index.search(&query_as("quicksilver", "tier:1")).await.unwrap();
    let matches: Vec<_> = hits.hits.iter().map(|hit| (hit.id, hit.open_match)).collect();
    assert_eq!(matches, [(id(2), false), (id(3), true)]);
    for search in &engine.lock().unwrap().searches {
        let names_gated = search["attributesToSearchOn"].to_string().contains("gated");
        let filtered = search["filter"].to_string().contains("readers IN");
        assert!(search["attributesToSearchOn"].is_array() && names_gated == filtered, "{search}");
    }
}

#[tokio::test]
async fn filters_cannot_be_broken_out_of() {
    let (index, _) = engine().await;
    let hostile = [r#"tier:x"] OR readers EXISTS"#, r#"x" OR kind = "lesson"#, r"x\", r#"\" OR kind = "lesson"#, "'"];
    for value in hostile {
        let as_reader = query_as("quicksilver", value);
        assert_eq!(ids(&index.search(&as_reader).await.unwrap()), [id(3)], "{value}");
        let by_level = Query { level: Some(value.to_owned()), ..query("rust") };
        assert_eq!(ids(&index.search(&by_level).await.unwrap()), [], "{value}");
    }
    let by_tag = Query { tags: vec!["Systems \"low\" level".to_owned()], ..query("rust") };
    assert_eq!(ids(&index.search(&by_tag).await.unwrap()), [id(1)]);
}

#[tokio::test]
async fn filters_alone_list_newest_first_and_nothing_asked_finds_nothing() {
    let (index, _) = engine().await;
    let list = async |query: Query| ids(&index.search(&Query { limit: 10, ..query }).await.unwrap());
    assert_eq!(list(Query { kinds: vec!["lesson".into()], ..Query::default() }).await, [id(3), id(2)]);
    assert_eq!(list(Query { price_min: Some(900), price_max: Some(900), ..Query::default() }).await, [id(1)]);
    for text in ["", "!!!", "🦀"] {
        assert_eq!(list(query(text)).await, [], "{text}");
    }
}

#[tokio::test]
async fn removed_and_cleared_documents_are_gone() {
    let (index, _) = engine().await;
    index.remove(vec![id(1)]).await.unwrap();
    assert_eq!(found(&index, "rust").await, [id(3)]);
    index.clear().await.unwrap();
    assert_eq!(index.count().await.unwrap(), 0);
}

#[tokio::test]
async fn an_engine_that_is_down_is_an_error_and_its_return_is_noticed() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let index = MeilisearchIndex::new(&address, None, "entries").unwrap();
    assert!(index.search(&query("rust")).await.is_err());
    assert!(index.put(vec![lesson(1, "Rust")]).await.is_err());
    assert!(index.count().await.is_err());
    assert!(MeilisearchIndex::new(&address, Some("line\nbreak"), "entries").is_err());
}
