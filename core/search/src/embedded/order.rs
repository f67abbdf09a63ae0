//! The second pass of ranking: the order of words, for the best of the first.
//!
//! A title is compared with the query as a whole (how much of each is in the
//! other, neighbours, the beginning); in texts neighbours of the query that
//! stand together count. What is compared is stored titles and positions that
//! the [`Corpus`] shows, so that the reader's limits hold here too.

use std::collections::HashMap;

use lyceum_domain::search::SearchError;
use tantivy::{
    DocId, TantivyDocument,
    schema::{Field, Value},
};

use super::{
    corpus::{Area, Corpus, Place},
    schema::failure,
    score::{Candidate, Filled, total_weight},
};
use crate::text::{self, TermKind};

const TITLE_WEIGHT: f32 = 4.0;
const NEIGHBOUR_WEIGHT: f32 = 1.5;
/// What a title is worth that holds the whole query in no order.
const ORDERLESS: f32 = 0.4;
/// What it is worth besides to be the query and nothing more: no text that
/// repeats the query comes before the entry that bears it as its name.
const WHOLE_TITLE: f32 = 2.0;
/// And to begin with the query.
const BEGINNING: f32 = 0.4;
/// What a text is worth besides that holds the query word by word.
const WHOLE_PHRASE: f32 = 2.0;
/// Fewer words in a row are no phrase.
const SHORTEST_PHRASE: usize = 3;
/// Stand-ins that are looked up in texts, for each slot.
const MOST_VARIANTS: usize = 6;
/// Neighbours this far apart count for [`NEAR`] of touching ones.
const NEAR_DISTANCE: i64 = 4;
const NEAR: f32 = 0.4;

/// A found document with its stored fields.
pub struct Ranked {
    pub candidate: Candidate,
    pub id: String,
    pub kind: String,
}

/// Adds to the candidates' scores; they stay in their order.
pub fn refine(corpus: &Corpus<'_>, filled: &[Filled], candidates: Vec<Candidate>) -> Result<Vec<Ranked>, SearchError> {
    let counting: Vec<&Filled> = filled.iter().filter(|filled| filled.slot.counts() && filled.weight > 0.0).collect();
    let weight = total_weight(filled);
    let nearness = nearness(corpus, &counting, &candidates)?;
    let refined = candidates.into_iter().map(|candidate| {
        let mut ranked = stored(corpus, candidate)?;
        let titles = ranked.1.iter().map(|title| title_likeness(title, &counting, weight));
        let title = titles.fold(across_languages(&ranked.1, &counting, weight), f32::max);
        let near = nearness.get(&candidate.place).copied().unwrap_or(0.0);
        ranked.0.candidate.score += weight * (TITLE_WEIGHT * title + near);
        Ok(ranked.0)
    });
    refined.collect()
}

/// Reads a candidate's id and kind without changing its score.
pub fn unrefined(corpus: &Corpus<'_>, candidate: Candidate) -> Result<Ranked, SearchError> {
    stored(corpus, candidate).map(|(ranked, _)| ranked)
}

fn stored(corpus: &Corpus<'_>, candidate: Candidate) -> Result<(Ranked, Vec<String>), SearchError> {
    let Place { segment, doc } = candidate.place;
    let address = tantivy::DocAddress::new(segment, doc);
    let document: TantivyDocument = corpus.searcher.doc(address).map_err(failure)?;
    let texts = |field: Field| document.get_all(field).filter_map(|value| value.as_str()).map(str::to_owned);
    let one = |field| texts(field).next().unwrap_or_default();
    let ranked = Ranked { candidate, id: one(corpus.fields.id), kind: one(corpus.fields.kind) };
    Ok((ranked, texts(corpus.fields.title).collect()))
}

/// For a query that mixes languages: how much of it the titles hold together.
/// Their order of words says nothing here.
fn across_languages(titles: &[String], counting: &[&Filled], weight: f32) -> f32 {
    let terms: Vec<text::Term> = titles.iter().flat_map(|title| text::plain_terms(title)).collect();
    let share: f32 = counting.iter().map(|filled| filled.weight * held_positions(&terms, filled).1).sum();
    (share / weight).powi(2) * ORDERLESS
}

/// 0 for a title without a word of the query, 1 for one that holds all of it in
/// order, more for one that begins with it or is it.
fn title_likeness(title: &str, counting: &[&Filled], weight: f32) -> f32 {
    let terms = text::plain_terms(title);
    let held: Vec<(Vec<u32>, f32)> = counting.iter().map(|filled| held_positions(&terms, filled)).collect();
    let share: f32 = counting.iter().zip(&held).map(|(filled, (_, closeness))| filled.weight * closeness).sum();
    if share == 0.0 {
        return 0.0;
    }
    let share = share / weight;
    let neighbours = neighbours(counting, |slot| &held[slot].0);
    let begins = held.first().is_some_and(|(positions, _)| positions.contains(&0));
    let covered = covered(&terms, &held);
    let likeness = ORDERLESS + 0.25 * neighbours + 0.2 * covered + if begins { 0.15 } else { 0.0 };
    let beginning = match (begins && neighbours >= 1.0, covered >= 1.0) {
        (true, true) => WHOLE_TITLE,
        (true, false) => BEGINNING,
        _ => 0.0,
    };
    share * (share * likeness + beginning)
}

fn held_positions(terms: &[text::Term], filled: &Filled) -> (Vec<u32>, f32) {
    let mut best = 0.0;
    let mut positions = Vec::new();
    for term in terms {
        if let Some(closeness) = filled.evidence.variants.get(&term.text) {
            best = f32::max(best, *closeness);
            positions.push(term.position);
        }
    }
    (positions, best)
}

/// The part of the title's words and characters that the query holds.
fn covered(terms: &[text::Term], held: &[(Vec<u32>, f32)]) -> f32 {
    let mut places = vec![false; terms.last().map_or(0, |term| term.position as usize + 1)];
    for term in terms.iter().filter(|term| held.iter().any(|(positions, _)| positions.contains(&term.position))) {
        let width = if term.kind == TermKind::Pair { term.text.chars().count() } else { 1 };
        places.iter_mut().skip(term.position as usize).take(width).for_each(|place| *place = true);
    }
    places.iter().filter(|place| **place).count() as f32 / places.len().max(1) as f32
}

/// The part of the query's neighbours that are neighbours here too, by weight.
fn neighbours<'a>(counting: &[&Filled], positions: impl Fn(usize) -> &'a Vec<u32>) -> f32 {
    if counting.len() < 2 {
        return 1.0;
    }
    let (mut together, mut all) = (0.0, 0.0);
    for left in 0..counting.len() - 1 {
        let (first, second) = (counting[left], counting[left + 1]);
        let step = i64::from(second.slot.place) - i64::from(first.slot.place);
        let weight = first.weight + second.weight;
        together += weight * closest(positions(left), positions(left + 1), step);
        all += weight;
    }
    together / all
}

/// Both lists are ascending.
fn closest(left: &[u32], right: &[u32], step: i64) -> f32 {
    let mut best = 0.0;
    let mut from = 0;
    for &position in left {
        let wanted = i64::from(position) + step;
        while from < right.len() && i64::from(right[from]) < wanted - NEAR_DISTANCE {
            from += 1;
        }
        for &other in right[from..].iter().take_while(|other| i64::from(**other) <= wanted + NEAR_DISTANCE) {
            if i64::from(other) == wanted {
                return 1.0;
            }
            best = NEAR;
        }
    }
    best
}

/// How well the query's words stand together in each document's texts, in the
/// better of its two areas.
fn nearness(
    corpus: &Corpus<'_>,
    counting: &[&Filled],
    candidates: &[Candidate],
) -> Result<HashMap<Place, f32>, SearchError> {
    let mut nearness = HashMap::new();
    if counting.len() < 2 {
        return Ok(nearness);
    }
    for (segment, _) in corpus.segments() {
        let mut docs: Vec<DocId> =
            candidates.iter().filter(|one| one.place.segment == segment).map(|one| one.place.doc).collect();
        docs.sort_unstable();
        for area in [Area::Open, Area::Gated] {
            for (doc, positions) in area_positions(corpus, counting, segment, area, &docs)? {
                let near = nearness.entry(Place { segment, doc }).or_insert(0.0_f32);
                let phrase = if holds_phrase(counting, &positions) { WHOLE_PHRASE } else { 0.0 };
                *near = near.max(phrase + NEIGHBOUR_WEIGHT * neighbours(counting, |slot| &positions[slot]));
            }
        }
    }
    Ok(nearness)
}

/// Whether all slots stand somewhere as they stand in the query. The lists are ascending.
fn holds_phrase(counting: &[&Filled], positions: &[Vec<u32>]) -> bool {
    let Some(start) = counting.first().map(|filled| filled.slot.place) else { return false };
    let follows =
        |from: u32, slot: usize| positions[slot].binary_search(&(from + counting[slot].slot.place - start)).is_ok();
    counting.len() >= SHORTEST_PHRASE
        && positions[0].iter().any(|from| (1..counting.len()).all(|slot| follows(*from, slot)))
}

/// For each document the positions of each slot.
fn area_positions(
    corpus: &Corpus<'_>,
    counting: &[&Filled],
    segment: u32,
    area: Area,
    docs: &[DocId],
) -> Result<HashMap<DocId, Vec<Vec<u32>>>, SearchError> {
    let mut found: HashMap<DocId, Vec<Vec<u32>>> = HashMap::new();
    for (slot, filled) in counting.iter().enumerate() {
        for variant in best_variants(filled) {
            let Some(info) = corpus.term_info(segment, area, variant)? else { continue };
            corpus.positions(segment, area, &info, docs, |doc, positions| {
                found.entry(doc).or_insert_with(|| vec![Vec::new(); counting.len()])[slot].extend(positions);
            })?;
        }
    }
    found.values_mut().flatten().for_each(|positions| positions.sort_unstable());
    Ok(found)
}

fn best_variants(filled: &Filled) -> Vec<&str> {
    let mut variants: Vec<(&str, f32)> =
        filled.evidence.variants.iter().map(|(term, closeness)| (term.as_str(), *closeness)).collect();
    variants.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    variants.into_iter().take(MOST_VARIANTS).map(|(term, _)| term).collect()
}
