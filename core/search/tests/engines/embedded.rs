//! The embedded engine behind the port.

use std::{fs, path::Path};

use lyceum_domain::search::{DocumentText, Query, SearchIndex};
use lyceum_search::{EmbeddedIndex, Opening};

use crate::build::{found, holding, id, ids, lesson, query};

async fn library() -> EmbeddedIndex {
    holding(vec![
        lesson(1, "Ownership and Borrowing"),
        lesson(2, "Visualizations of Proportions"),
        lesson(3, "强化学习与数据处理入门"),
        lesson(4, "第2章：模型蒸馏 Distillation"),
        lesson(5, "Crème Brûlée"),
    ])
    .await
}

#[tokio::test]
async fn every_chinese_substring_of_a_title_finds_it() {
    let index = library().await;
    let title: Vec<char> = "强化学习与数据处理入门".chars().collect();
    for from in 0..title.len() {
        for to in from + 1..=title.len() {
            let part: String = title[from..to].iter().collect();
            assert_eq!(found(&index, &part).await, [id(3)], "{part}");
        }
    }
}

#[tokio::test]
async fn one_slip_in_five_letters_and_two_in_eight_are_forgiven() {
    let index = library().await;
    for typed in ["ownershop", "onwership", "ownershipp", "wnership", "ownreshop", "borowinng"] {
        assert_eq!(found(&index, typed).await, [id(1)], "{typed}");
    }
    for typed in ["owxyrshop", "andd"] {
        assert_eq!(found(&index, typed).await, [], "{typed}");
    }
}

#[tokio::test]
async fn stand_ins_are_named_for_highlighting() {
    let hits = library().await.search(&query("Visualizzations 数据处理")).await.unwrap();
    for term in ["visualizzations", "visualizations", "数据处理", "数据", "处理"] {
        assert!(hits.terms.iter().any(|known| known == term), "{term} in {:?}", hits.terms);
    }
}

#[tokio::test]
async fn the_word_being_typed_is_completed() {
    let index = library().await;
    assert_eq!(found(&index, "visualizations of pro").await, [id(2)]);
    assert_eq!(found(&index, "pro ").await, []);
}

#[tokio::test]
async fn full_width_accents_and_mixed_scripts_are_one() {
    let index = library().await;
    for (typed, wanted) in [("ＯＷＮＥＲＳＨＩＰ", 1), ("creme brulee", 5), ("蒸馏Distillation", 4), ("第２章", 4)]
    {
        assert_eq!(found(&index, typed).await, [id(wanted)], "{typed}");
    }
}

#[tokio::test]
async fn a_title_asked_for_comes_before_its_course_and_its_neighbours() {
    let mut course = lesson(1, "Rust for Beginners: Ownership, Threads and Patterns");
    course.kind = "course".to_owned();
    course.texts[0].open = "Ownership in depth. Understanding ownership in six steps.".to_owned();
    let mut longer = lesson(3, "Understanding Ownership and Threads");
    longer.texts[0].gated = "Understanding Ownership. ".repeat(50);
    longer.readers = vec!["public".to_owned()];
    let index = holding(vec![course, lesson(2, "Understanding Ownership"), longer]).await;
    let query = Query { reader_tokens: vec!["public".to_owned()], ..query("understanding ownership") };
    assert_eq!(ids(&index.search(&query).await.unwrap())[0], id(2));
}

#[tokio::test]
async fn words_that_stand_together_come_before_scattered_ones() {
    let (mut near, mut far) = (lesson(1, "One"), lesson(2, "Two"));
    near.texts[0].open = "we met a silver fox by a river bank in may".to_owned();
    far.texts[0].open = "the fox met silver at the bank of a river we may".to_owned();
    let index = holding(vec![far, near]).await;
    assert_eq!(found(&index, "silver fox").await, [id(1), id(2)]);
}

#[tokio::test]
async fn every_language_of_an_entry_finds_it() {
    let mut both = lesson(1, "Data types");
    both.texts.push(DocumentText {
        locale: "zh-CN".to_owned(),
        title: "数据类型".to_owned(),
        open: String::new(),
        gated: String::new(),
    });
    let index = holding(vec![both, lesson(2, "Control flow")]).await;
    assert_eq!(found(&index, "data types").await, [id(1)]);
    assert_eq!(found(&index, "类型 data").await, [id(1)]);
}

#[tokio::test]
async fn filters_narrow_and_an_empty_text_lists_newest_first() {
    let mut documents: Vec<_> = (1..=4).map(|number| lesson(number, "Rust")).collect();
    documents[0].kind = "course".to_owned();
    documents[1].tags = vec!["web".to_owned(), "free".to_owned()];
    documents[2].category = Some("systems".to_owned());
    documents[2].price_minor = Some(500);
    documents[3].level = Some("beginner".to_owned());
    documents[3].price_minor = Some(1_500);
    let index = holding(documents).await;
    let lists = async |query: Query| ids(&index.search(&Query { limit: 10, ..query }).await.unwrap());
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    assert_eq!(lists(Query { kinds: tags(&["course"]), ..Query::default() }).await, [id(1)]);
    assert_eq!(lists(Query { kinds: tags(&["course", "lesson"]), ..Query::default() }).await, [4, 3, 2, 1].map(id));
    assert_eq!(lists(Query { tags: tags(&["web", "free"]), ..Query::default() }).await, [id(2)]);
    assert_eq!(lists(Query { tags: tags(&["web", "paid"]), ..Query::default() }).await, []);
    assert_eq!(lists(Query { category: Some("systems".into()), ..Query::default() }).await, [id(3)]);
    assert_eq!(lists(Query { level: Some("beginner".into()), ..query("rust") }).await, [id(4)]);
    assert_eq!(lists(Query { price_min: Some(500), price_max: Some(1_000), ..query("rust") }).await, [id(3)]);
    assert_eq!(lists(Query { price_min: Some(500), ..Query::default() }).await, [id(4), id(3)]);
}

#[tokio::test]
async fn nothing_asked_finds_nothing() {
    let index = library().await;
    for text in ["", "   ", "!!!", "🦀🦀"] {
        assert_eq!(found(&index, text).await, [], "{text:?}");
    }
}

#[tokio::test]
async fn strange_queries_do_not_fail() {
    let index = library().await;
    let long = "Ownership 数据 ".repeat(700);
    for text in ["\"", "a AND OR NOT (", "title:x", "*", "a*?~2^3", "\\", "\0", "🦀 rust", "=学习", "'; --", &long]
    {
        assert!(index.search(&query(text)).await.is_ok(), "{text:?}");
    }
    assert_eq!(found(&index, &long).await.len(), 2);
}

#[tokio::test]
async fn pages_join_without_gap_or_repetition() {
    let index = holding((1..=230).map(|number| lesson(number, "Rust lesson")).collect()).await;
    let mut all = Vec::new();
    for offset in (0..240).step_by(30) {
        let hits = index.search(&Query { offset, limit: 30, ..query("rust lesson") }).await.unwrap();
        assert_eq!(hits.total, 230);
        all.extend(ids(&hits));
    }
    let mut distinct = all.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((all.len(), distinct.len()), (230, 230));
}

#[tokio::test]
async fn put_replaces_and_what_is_removed_never_comes_back() {
    let index = library().await;
    index.put(vec![lesson(1, "Lifetimes")]).await.unwrap();
    assert_eq!(found(&index, "ownership").await, []);
    assert_eq!(found(&index, "lifetimes").await, [id(1)]);
    assert_eq!(index.count().await.unwrap(), 5);
    index.remove(vec![id(1), id(99)]).await.unwrap();
    // Enough commits for segments to be merged on the way.
    for number in 100..130 {
        index.put(vec![lesson(number, "Closures")]).await.unwrap();
        assert_eq!(found(&index, "lifetimes").await, []);
    }
    assert_eq!(index.count().await.unwrap(), 34);
    index.clear().await.unwrap();
    assert_eq!((index.count().await.unwrap(), found(&index, "closures").await), (0, vec![]));
    index.put(vec![lesson(1, "Lifetimes")]).await.unwrap();
    assert_eq!(found(&index, "lifetimes").await, [id(1)]);
}

async fn filled(directory: &Path) {
    let index = EmbeddedIndex::open(directory).unwrap();
    assert_eq!(index.opening(), &Opening::Created);
    index.put(vec![lesson(1, "Ownership")]).await.unwrap();
}

#[tokio::test]
async fn an_index_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let index = EmbeddedIndex::open(directory.path()).unwrap();
    assert_eq!(index.opening(), &Opening::Kept);
    assert_eq!(found(&index, "ownership").await, [id(1)]);
}

#[tokio::test]
async fn an_index_of_another_version_is_emptied() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    fs::write(directory.path().join("embedded-index/lyceum-version"), "0").unwrap();
    let index = EmbeddedIndex::open(directory.path()).unwrap();
    assert_eq!(index.opening(), &Opening::Replaced("version 0 instead of 2".to_owned()));
    assert_eq!(index.count().await.unwrap(), 0);
    index.put(vec![lesson(2, "Borrowing")]).await.unwrap();
    assert_eq!(found(&index, "borrowing").await, [id(2)]);
}

#[tokio::test]
async fn a_damaged_index_is_emptied_and_other_files_are_kept() {
    for extension in ["json", "term", "store", "idx"] {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path()).await;
        fs::write(directory.path().join("mine.txt"), "kept").unwrap();
        for entry in fs::read_dir(directory.path().join("embedded-index")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                let mut bytes = fs::read(&path).unwrap();
                bytes[0] ^= 0xFF;
                fs::write(&path, bytes).unwrap();
            }
        }
        let index = EmbeddedIndex::open(directory.path()).unwrap();
        assert!(index.opening().wants_reindex(), "{extension}");
        assert_eq!(index.count().await.unwrap(), 0);
        assert_eq!(fs::read_to_string(directory.path().join("mine.txt")).unwrap(), "kept");
    }
}

#[tokio::test]
async fn an_index_remembers_that_it_was_filled_until_it_is_emptied() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let reopened = || EmbeddedIndex::open(directory.path()).unwrap();
    // It has documents, but nobody said that these are all.
    assert!(!reopened().own().unwrap().is_filled());
    reopened().own().unwrap().mark_filled().unwrap();
    reopened().own().unwrap().set_consumer("search:one").unwrap();
    assert!(reopened().own().unwrap().is_filled());
    assert_eq!(reopened().own().unwrap().consumer().as_deref(), Some("search:one"));
    reopened().clear().await.unwrap();
    assert!(!reopened().own().unwrap().is_filled());
    assert_eq!(reopened().own().unwrap().consumer().as_deref(), Some("search:one"));
    assert!(EmbeddedIndex::in_memory().unwrap().own().is_none());
}
