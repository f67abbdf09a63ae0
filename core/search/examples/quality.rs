//! Measures the embedded engine on known-item queries.
//!
//! Reads a JSON Lines file of courses with nested lessons and a query file
//! beside it: `quality [DIRECTORY]`, by default `../shared/data`, holding
//! `courses.jsonl` and `search-queries.jsonl`. A course's title and summary and
//! a lesson's title and section are open; a lesson's body and assignment are
//! gated, for the reader token `public`. Set `MISSES=1` to see what was not
//! found first.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lyceum_domain::search::{Document, DocumentText, Query, SearchIndex};
use lyceum_kernel::Id;
use lyceum_search::EmbeddedIndex;
use serde::Deserialize;

type Fallible<T> = Result<T, Box<dyn Error>>;

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Localized {
    en: Option<String>,
    zh: Option<String>,
}

#[derive(Deserialize)]
struct Course {
    slug: String,
    title: Localized,
    summary: Option<Localized>,
    lessons: Vec<Lesson>,
}

#[derive(Deserialize)]
struct Lesson {
    slug: String,
    title: Localized,
    section: Option<Localized>,
    body_markdown: Option<Localized>,
    assignment_markdown: Option<Localized>,
}

#[derive(Deserialize)]
struct Known {
    query: String,
    kind: String,
    expected_slug: String,
    lang: String,
    #[serde(default)]
    also_ok: Vec<String>,
}

#[derive(Default)]
struct Tally {
    queries: f64,
    first: f64,
    tenth: f64,
    reciprocal: f64,
}

impl Tally {
    fn add(&mut self, rank: Option<usize>) {
        self.queries += 1.0;
        if let Some(rank) = rank {
            self.first += if rank == 1 { 1.0 } else { 0.0 };
            self.tenth += 1.0;
            self.reciprocal += 1.0 / f64::from(u8::try_from(rank).unwrap_or(u8::MAX));
        }
    }

    fn print(&self, name: &str) {
        let share = |sum: f64| sum / self.queries;
        let (first, tenth, reciprocal) = (share(self.first), share(self.tenth), share(self.reciprocal));
        println!("| {name:<16} | {:>7} | {first:.3} | {tenth:.3} | {reciprocal:.3} |", self.queries);
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "../shared/data".to_owned()));
    let place = std::env::temp_dir().join(format!("lyceum-quality-{}", std::process::id()));
    fs::create_dir_all(&place)?;
    let outcome = measure(&directory, &place).await;
    fs::remove_dir_all(&place)?;
    outcome
}

async fn measure(directory: &Path, place: &Path) -> Fallible<()> {
    let (documents, slugs) = documents(&fs::read_to_string(directory.join("courses.jsonl"))?)?;
    let index = EmbeddedIndex::open(place)?;
    let started = Instant::now();
    index.put(documents).await?;
    println!("{} documents indexed in {:.2?}, {} kB", index.count().await?, started.elapsed(), size(place)? / 1024);
    let queries = lines(&fs::read_to_string(directory.join("search-queries.jsonl"))?)?;
    let started = Instant::now();
    index.search(&Query { text: "frist mistypd qeury 预热".to_owned(), limit: 10, ..Query::default() }).await?;
    println!("first query, which builds the automata for typing errors: {:.2?}", started.elapsed());
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut overall = Tally::default();
    let mut times = Vec::new();
    for known in &queries {
        let started = Instant::now();
        let rank = rank(&index, known, &slugs).await?;
        times.push(started.elapsed());
        overall.add(rank);
        tallies.entry(format!("{}/{}", known.kind, known.lang)).or_default().add(rank);
    }
    println!("| kind             | queries | hit@1 | hit@10 | MRR@10 |");
    tallies.iter().for_each(|(name, tally)| tally.print(name));
    overall.print("all");
    print_times(times);
    Ok(())
}

async fn rank(index: &EmbeddedIndex, known: &Known, slugs: &HashMap<Id, String>) -> Fallible<Option<usize>> {
    let query =
        Query { text: known.query.clone(), reader_tokens: vec!["public".to_owned()], limit: 10, ..Query::default() };
    let hits = index.search(&query).await?;
    let found: Vec<&str> = hits.hits.iter().map(|hit| slugs[&hit.id].as_str()).collect();
    let rank = found.iter().position(|slug| *slug == known.expected_slug || known.also_ok.iter().any(|ok| ok == slug));
    if rank != Some(0) && std::env::var_os("MISSES").is_some() {
        println!("{} {:?} total {}: wanted {}", known.kind, known.query, hits.total, known.expected_slug);
        for (hit, slug) in hits.hits.iter().zip(&found).take(rank.unwrap_or(2).min(5) + 1) {
            println!("    {:.1} {slug}", hit.score);
        }
    }
    Ok(rank.map(|rank| rank + 1))
}

fn print_times(mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("query time: p50 {:.2?}, p99 {:.2?}", at(50), at(99));
}

fn lines<T: for<'a> Deserialize<'a>>(text: &str) -> Fallible<Vec<T>> {
    text.lines().map(|line| serde_json::from_str(line).map_err(Into::into)).collect()
}

fn documents(text: &str) -> Fallible<(Vec<Document>, HashMap<Id, String>)> {
    let mut documents = Vec::new();
    for course in lines::<Course>(text)? {
        let none = Localized::default();
        let texts = texts(&course.title, &[course.summary.as_ref()], &[]);
        documents.push(document("course", course.slug.clone(), texts));
        for lesson in &course.lessons {
            let gated = [lesson.body_markdown.as_ref(), lesson.assignment_markdown.as_ref()];
            let texts = self::texts(&lesson.title, &[lesson.section.as_ref().or(Some(&none))], &gated);
            documents.push(document("lesson", format!("{}/{}", course.slug, lesson.slug), texts));
        }
    }
    let slugs = documents.iter().map(|document| (document.id, document.slug.clone())).collect();
    Ok((documents, slugs))
}

fn document(kind: &str, slug: String, texts: Vec<DocumentText>) -> Document {
    Document {
        id: Id::new(),
        kind: kind.to_owned(),
        slug,
        texts,
        category: None,
        tags: Vec::new(),
        level: None,
        price_minor: None,
        readers: vec!["public".to_owned()],
    }
}

fn texts(title: &Localized, open: &[Option<&Localized>], gated: &[Option<&Localized>]) -> Vec<DocumentText> {
    let pick = |of: fn(&Localized) -> &Option<String>, parts: &[Option<&Localized>]| {
        let parts: Vec<&str> = parts.iter().flatten().filter_map(|part| of(part).as_deref()).collect();
        parts.join("\n\n")
    };
    let text = |locale: &str, of: fn(&Localized) -> &Option<String>| DocumentText {
        locale: locale.to_owned(),
        title: pick(of, &[Some(title)]),
        open: pick(of, open),
        gated: pick(of, gated),
    };
    let both = [text("en", |localized| &localized.en), text("zh-CN", |localized| &localized.zh)];
    both.into_iter().filter(|text| !(text.title.is_empty() && text.gated.is_empty())).collect()
}

fn size(directory: &Path) -> Fallible<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
