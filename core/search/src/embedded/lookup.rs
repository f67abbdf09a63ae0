//! One search, from the query to the hits.

use std::cmp::Ordering;

use lyceum_domain::search::{Hit, Hits, Query, SearchError};
use tantivy::{Searcher, columnar::StrColumn};

use super::{
    corpus::{Corpus, Place},
    filter::{Passing, has_filters},
    order::{self, Ranked},
    schema::{Fields, failure},
    score::{self, Candidate, Filled},
    slots::slots,
};
use crate::text;

/// As many of the best documents have their order refined.
const REFINED: usize = 160;

/// More stand-ins than these are not named for highlighting.
const MOST_TERMS: usize = 64;

pub fn search(searcher: &Searcher, fields: &Fields, query: &Query) -> Result<Hits, SearchError> {
    let corpus = Corpus::new(searcher, fields, &query.reader_tokens)?;
    if query.text.trim().is_empty() {
        return if has_filters(query) { list(&corpus, query) } else { Ok(Hits::default()) };
    }
    let filled: Vec<Filled> =
        slots(&query.text).into_iter().map(|slot| Filled::new(&corpus, slot)).collect::<Result<_, _>>()?;
    let found = score::candidates(&corpus, &filled, &Passing::new(&corpus, query)?);
    let total = found.len() as u64;
    let page = page(&corpus, &filled, found, query)?;
    let hits = page.into_iter().map(hit).collect::<Result<_, _>>()?;
    Ok(Hits { hits, total, terms: highlights(query, &filled) })
}

/// The best are refined and sorted again; the others follow in their first order.
fn page(
    corpus: &Corpus<'_>,
    filled: &[Filled],
    mut found: Vec<Candidate>,
    query: &Query,
) -> Result<Vec<Ranked>, SearchError> {
    found.sort_by(by_score);
    let rest = found.split_off(found.len().min(REFINED));
    let mut best = order::refine(corpus, filled, found)?;
    best.sort_by(|a, b| b.candidate.score.total_cmp(&a.candidate.score).then_with(|| a.id.cmp(&b.id)));
    let skipped_rest = query.offset.saturating_sub(best.len());
    let from_best = best.into_iter().skip(query.offset).take(query.limit).map(Ok);
    let from_rest = rest.into_iter().skip(skipped_rest).map(|candidate| order::unrefined(corpus, candidate));
    from_best.chain(from_rest).take(query.limit).collect()
}

fn by_score(left: &Candidate, right: &Candidate) -> Ordering {
    right.score.total_cmp(&left.score).then_with(|| left.place.cmp(&right.place))
}

fn hit(ranked: Ranked) -> Result<Hit, SearchError> {
    let Candidate { score, open_match, .. } = ranked.candidate;
    Ok(Hit { id: ranked.id.parse().map_err(failure)?, kind: ranked.kind, score, open_match })
}

/// The query's own words and, best first, what this reader's documents have in their place.
fn highlights(query: &Query, filled: &[Filled]) -> Vec<String> {
    let spaced = filled.iter().filter(|filled| filled.slot.kind == text::TermKind::Spaced);
    let mut stand_ins: Vec<(&String, &f32)> = spaced.flat_map(|filled| &filled.evidence.variants).collect();
    stand_ins.sort_by(|a, b| b.1.total_cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let mut terms = text::surface_words(&query.text);
    terms.truncate(MOST_TERMS);
    for (term, _) in stand_ins {
        if terms.len() < MOST_TERMS && !terms.contains(term) {
            terms.push(term.clone());
        }
    }
    terms
}

/// Without a text: all that pass the filters, newest first.
fn list(corpus: &Corpus<'_>, query: &Query) -> Result<Hits, SearchError> {
    let passing = Passing::new(corpus, query)?;
    let mut ids: Vec<(String, Place)> = Vec::new();
    for (segment, reader) in corpus.segments() {
        let Some(column) = reader.fast_fields().str("id").map_err(failure)? else { continue };
        for doc in reader.doc_ids_alive().filter(|doc| passing.passes(Place { segment, doc: *doc })) {
            ids.push((id(&column, doc)?, Place { segment, doc }));
        }
    }
    ids.sort_by(|a, b| b.0.cmp(&a.0));
    let total = ids.len() as u64;
    let page = ids.into_iter().skip(query.offset).take(query.limit);
    let listed = |place| order::unrefined(corpus, Candidate { place, score: 0.0, open_match: true });
    let hits = page.map(|(_, place)| hit(listed(place)?)).collect::<Result<_, _>>()?;
    Ok(Hits { hits, total, terms: Vec::new() })
}

fn id(column: &StrColumn, doc: u32) -> Result<String, SearchError> {
    let mut id = String::new();
    if let Some(ord) = column.term_ords(doc).next() {
        column.ord_to_str(ord, &mut id).map_err(failure)?;
    }
    Ok(id)
}
