//! No search tells anything of gated text that its reader may not see.

use lyceum_domain::search::{Document, Hits, Query, SearchIndex};
use lyceum_search::EmbeddedIndex;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::build::{gated, holding, id, ids, lesson, query, query_as};

const OPEN_WORDS: [&str; 8] = ["garden", "river", "mountain", "数据", "处理", "forest", "lantern", "模型"];
const SECRET_WORDS: [&str; 6] = ["orchestra", "telescope", "密码学原理", "gardens", "quicksilver", "数据模型"];

fn some(random: &mut StdRng, words: &[&str], count: usize) -> String {
    let picked: Vec<&str> = (0..count).filter_map(|_| words.choose(random).copied()).collect();
    picked.join(" ")
}

/// Exact, mistyped, unfinished, joined, in pairs, as a phrase.
fn ways_to_ask(word: &str) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    let mut swapped = chars.clone();
    swapped.swap(1, 2);
    let part = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    vec![
        word.to_owned(),
        swapped.into_iter().collect(),
        part(0, chars.len() - 1),
        part(0, chars.len().min(3)),
        part(1, chars.len()),
        part(0, 1),
        format!("{} {}", part(0, 2), part(2, chars.len())),
        format!("{word} garden"),
        format!("garden {word} 数据"),
    ]
}

#[tokio::test]
async fn gated_text_never_matches_without_a_token() {
    for seed in 0..4 {
        let mut random = StdRng::seed_from_u64(seed);
        let documents: Vec<Document> = (0..40)
            .map(|number| {
                let secret = some(&mut random, &SECRET_WORDS, 5);
                gated(number, &format!("Entry {number}"), &secret, &format!("tier:{}", number % 3))
            })
            .collect();
        let index = holding(documents).await;
        for asked in SECRET_WORDS.iter().flat_map(|word| ways_to_ask(word)).filter(|asked| !asked.contains("garden")) {
            for tokens in [vec![], vec!["public".to_owned()], vec!["tier:".to_owned(), "Tier:1".to_owned()]] {
                let hits = index.search(&Query { reader_tokens: tokens, ..query(&asked) }).await.unwrap();
                let leaked: Vec<_> = hits.hits.iter().filter(|hit| hit.kind == "lesson").collect();
                // The single letter may complete to "entry"; nothing else may be found.
                assert!(leaked.is_empty() || asked.chars().count() == 1, "{asked:?} found {leaked:?}");
            }
            let hits = index.search(&Query { limit: 50, ..query_as(&asked, "tier:1") }).await.unwrap();
            assert!(ids(&hits).iter().all(|found| (0..40).any(|number| number % 3 == 1 && id(number) == *found)));
        }
        let hits = index.search(&query_as("orchestra", "tier:1")).await.unwrap();
        assert!(!hits.hits.is_empty() && hits.hits.iter().all(|hit| !hit.open_match), "seed {seed}");
    }
}

/// Two libraries that differ only in what reader `tier:1` may not see.
async fn twins(seed: u64) -> (EmbeddedIndex, EmbeddedIndex) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut plain = Vec::new();
    let mut laden = Vec::new();
    for number in 0..60 {
        let mut document = lesson(number, &some(&mut random, &OPEN_WORDS, 3));
        document.texts[0].open = some(&mut random, &OPEN_WORDS, 6);
        document.readers = vec![format!("tier:{}", number % 2)];
        let readable = number % 2 == 1;
        document.texts[0].gated =
            if readable { some(&mut random, &SECRET_WORDS, 3) } else { "其他 other".to_owned() };
        plain.push(document.clone());
        if !readable {
            let words = random.random_range(1..400);
            document.texts[0].gated = some(&mut random, &[OPEN_WORDS.as_slice(), &SECRET_WORDS].concat(), words);
        }
        laden.push(document);
    }
    (holding(plain).await, holding(laden).await)
}

#[tokio::test]
async fn hits_scores_totals_and_terms_do_not_depend_on_unreadable_text() {
    for seed in 0..4 {
        let (plain, laden) = twins(seed).await;
        let words = OPEN_WORDS.iter().chain(&SECRET_WORDS).filter(|word| word.chars().count() > 2);
        for asked in words.flat_map(|word| ways_to_ask(word)) {
            let query = Query { limit: 60, ..query_as(&asked, "tier:1") };
            let (expected, got) = (plain.search(&query).await.unwrap(), laden.search(&query).await.unwrap());
            assert_eq!(expected, got, "{asked:?}, seed {seed}");
        }
    }
}

#[tokio::test]
async fn a_mistyped_secret_word_is_not_corrected_for_strangers() {
    let index = holding(vec![gated(1, "Entry", "quicksilver", "tier:1"), lesson(2, "Quick guide")]).await;
    let terms = |hits: Hits| hits.terms;
    assert_eq!(terms(index.search(&query("quicksilvre")).await.unwrap()), ["quicksilvre"]);
    assert_eq!(terms(index.search(&query_as("quicksilvre", "tier:1")).await.unwrap()), ["quicksilvre", "quicksilver"]);
}

#[tokio::test]
async fn a_hit_says_whether_open_text_alone_would_have_matched() {
    let index = holding(vec![gated(1, "Entry", "quicksilver", "t"), gated(2, "Quicksilver", "quicksilver", "t")]).await;
    let hits = index.search(&query_as("quicksilver", "t")).await.unwrap();
    let matches: Vec<_> = hits.hits.iter().map(|hit| (hit.id, hit.open_match)).collect();
    assert_eq!(matches, [(id(2), true), (id(1), false)]);
}

#[tokio::test]
async fn taking_a_token_away_takes_the_text_away() {
    let index = holding(vec![gated(1, "Entry", "quicksilver", "tier:1")]).await;
    index.put(vec![gated(1, "Entry", "quicksilver", "tier:2")]).await.unwrap();
    assert_eq!(ids(&index.search(&query_as("quicksilver", "tier:1")).await.unwrap()), []);
    assert_eq!(ids(&index.search(&query_as("quicksilver", "tier:2")).await.unwrap()), [id(1)]);
}
