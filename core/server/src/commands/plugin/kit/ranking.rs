//! Rankers: scores belong to items, not to places, and nothing is remembered.

use lyceum_domain::{
    plugin::Extensions as _,
    ranking::{Column, RankContext, Ranker},
};

use super::{Kit, expect, told};
use crate::commands::plugin::test::NOW_MS;

const WORLD: &str = "ranking";
/// Scores differ when they differ by more than this share.
const TOLERANCE: f32 = 1e-4;

pub(super) async fn run(kit: &mut Kit<'_>) {
    let Some(ranker) = kit.host().ranker() else { return };
    let ranker = ranker.as_ref();
    for count in [0, 1, 500, 5_000] {
        let outcome = scores(ranker, &numbers(count)).await.map(drop);
        kit.note(WORLD, &format!("{count} items have {count} finite scores"), outcome);
    }
    let outcome = repeated(ranker).await;
    kit.note(WORLD, "the same question has the same answer", outcome);
    let outcome = permuted(ranker).await;
    kit.note(WORLD, "scores follow the items", outcome);
    let outcome = tied(ranker).await;
    kit.note(WORLD, "equal items have equal scores", outcome);
    let outcome = extreme(ranker).await;
    kit.note(WORLD, "huge ages and counts have finite scores", outcome);
    let outcome = shuffled(ranker).await;
    kit.note(WORLD, "an earlier call leaves no trace", outcome);
}

fn numbers(count: u32) -> Vec<u32> {
    (0..count).collect()
}

async fn scores(ranker: &dyn Ranker, items: &[u32]) -> Result<Vec<f32>, String> {
    let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    ranker.rank(&context(count), columns(ranker.columns(), items)).await.map_err(told)
}

pub(super) fn context(count: u32) -> RankContext {
    RankContext { surface: "recommended-courses".into(), locale: "en".into(), now_ms: NOW_MS, count }
}

/// The columns of these items. An item's values depend on its number alone.
pub(super) fn columns(names: &[String], items: &[u32]) -> Vec<(String, Column)> {
    names.iter().map(|name| (name.clone(), column(name, items))).collect()
}

fn column(name: &str, items: &[u32]) -> Column {
    match name {
        "age-hours" => Column::F32(items.iter().map(|n| (n * 37 % 9_973) as f32).collect()),
        "affinity" | "co-enrolment" | "author-affinity" => {
            Column::F32(items.iter().map(|n| (n * 31 % 101) as f32 / 101.0).collect())
        }
        "price-minor" => Column::U64(items.iter().map(|n| u64::from(n * 700 % 9_901)).collect()),
        _ => Column::U32(items.iter().map(|n| n * 13 % 997).collect()),
    }
}

async fn repeated(ranker: &dyn Ranker) -> Result<(), String> {
    let items = numbers(100);
    let (first, second) = (scores(ranker, &items).await?, scores(ranker, &items).await?);
    same("the first time", &first, &second)
}

async fn permuted(ranker: &dyn Ranker) -> Result<(), String> {
    let items = numbers(97);
    // 41 and 97 have no common divisor: every item comes once.
    let other: Vec<u32> = items.iter().map(|n| n * 41 % 97).collect();
    let (straight, mixed) = (scores(ranker, &items).await?, scores(ranker, &other).await?);
    let expected: Vec<f32> = other.iter().map(|n| straight[*n as usize]).collect();
    same("in another order of the items", &expected, &mixed)
}

async fn tied(ranker: &dyn Ranker) -> Result<(), String> {
    let scores = scores(ranker, &[7; 10]).await?;
    same("for the first of ten equal items", &[scores[0]; 10], &scores)
}

async fn extreme(ranker: &dyn Ranker) -> Result<(), String> {
    let values = |name: &String| {
        let column = match column(name, &[0]) {
            Column::F32(_) => Column::F32(vec![0.0, 1e6, 1e12, f32::MAX]),
            Column::U32(_) => Column::U32(vec![0, 1, u32::MAX - 1, u32::MAX]),
            Column::U64(_) => Column::U64(vec![0, 1, u64::MAX - 1, u64::MAX]),
        };
        (name.clone(), column)
    };
    ranker.rank(&context(4), ranker.columns().iter().map(values).collect()).await.map(drop).map_err(told)
}

async fn shuffled(ranker: &dyn Ranker) -> Result<(), String> {
    let (small, large) = (numbers(50), (1_000..1_400).collect::<Vec<u32>>());
    let before = scores(ranker, &small).await?;
    scores(ranker, &large).await?;
    let after = scores(ranker, &small).await?;
    same("before a call with other items", &before, &after)
}

fn same(when: &str, expected: &[f32], came: &[f32]) -> Result<(), String> {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1e-3);
    let place = expected.iter().zip(came).position(|pair| !near(pair));
    expect(place.is_none(), || {
        let place = place.unwrap_or_default();
        let (was, is) = (expected[place], came[place]);
        format!("item {place} had {was} {when}, and has {is}: let a score depend on the item's own columns alone")
    })
}
