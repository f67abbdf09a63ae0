//! The first pass of ranking: every document that holds enough of the query.
//!
//! A slot's weight is its inverse document frequency (Robertson and Sparck
//! Jones, as in BM25), its strength in an area the saturated term frequency of
//! BM25. Lengths are compared with fixed ones and not with averages: an
//! average over texts would tell something of texts the reader may not see.

use lyceum_domain::search::SearchError;

use super::{
    corpus::{Corpus, Place},
    evidence::{Evidence, Finding},
    filter::Passing,
    slots::Slot,
};

const SATURATION: f32 = 1.2;
const LENGTH_INFLUENCE: f32 = 0.6;
/// Terms of a title, an open text and a gated text of the usual size.
const USUAL_LENGTH: [f32; 3] = [12.0, 30.0, 2_000.0];
const AREA_WEIGHT: [f32; 3] = [3.0, 1.0, 1.0];
/// What a dictionary word adds to the pairs it is made of.
const WORD_WEIGHT: f32 = 0.4;
/// The part of the query's weight that a document must hold to be found.
const LEAST_SHARE: f32 = 0.45;

/// A slot with what fills it. `weight` is 0 for slots that nothing fills.
pub struct Filled {
    pub slot: Slot,
    pub weight: f32,
    /// The weight of its stand-ins, never more than `weight`.
    stand_in_weight: f32,
    pub evidence: Evidence,
}

impl Filled {
    pub fn new(corpus: &Corpus<'_>, slot: Slot) -> Result<Self, SearchError> {
        let evidence = Evidence::gather(corpus, &slot)?;
        let all = inverse_frequency(corpus, evidence.documents);
        let exact = inverse_frequency(corpus, evidence.exact_documents);
        let weight = match (evidence.documents, evidence.exact_documents) {
            (0, _) => 0.0,
            (_, 0) => all,
            _ if slot.prefix => all,
            _ => exact,
        };
        Ok(Self { slot, weight, stand_in_weight: all.min(weight), evidence })
    }

    fn value(&self, finding: &Finding) -> f32 {
        let weight = if finding.closeness < 1.0 { self.stand_in_weight } else { self.weight };
        weight * finding.closeness * strength(finding) * AREA_WEIGHT[finding.area as usize]
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    pub place: Place,
    pub score: f32,
    pub open_match: bool,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    score: f32,
    held: f32,
    held_openly: f32,
}

/// The weight of all slots that say whether a document is found.
#[must_use]
pub fn total_weight(filled: &[Filled]) -> f32 {
    filled.iter().filter(|filled| filled.slot.counts()).map(|filled| filled.weight).sum()
}

/// In no particular order.
pub fn candidates(corpus: &Corpus<'_>, filled: &[Filled], passing: &Passing) -> Vec<Candidate> {
    let least = total_weight(filled) * LEAST_SHARE;
    let mut tallies = corpus.per_document(Tally::default());
    let mut best = corpus.per_document([0.0_f32; 3]);
    for filled in filled {
        add_slot(filled, &mut tallies, &mut best);
    }
    let places = (0..)
        .zip(&tallies)
        .flat_map(|(segment, tallies)| (0..).zip(tallies).map(move |(doc, tally)| (Place { segment, doc }, *tally)));
    places
        .filter(|(place, tally)| tally.score > 0.0 && tally.held >= least && passing.passes(*place))
        .map(|(place, tally)| Candidate { place, score: tally.score, open_match: tally.held_openly >= least })
        .collect()
}

/// `best` is zero before and after.
fn add_slot(filled: &Filled, tallies: &mut [Vec<Tally>], best: &mut [Vec<[f32; 3]>]) {
    for finding in &filled.evidence.findings {
        let value = &mut best[finding.place.segment as usize][finding.place.doc as usize][finding.area as usize];
        *value = value.max(filled.value(finding));
    }
    for Finding { place, .. } in &filled.evidence.findings {
        let values = std::mem::take(&mut best[place.segment as usize][place.doc as usize]);
        add_values(filled, values, &mut tallies[place.segment as usize][place.doc as usize]);
    }
}

fn add_values(filled: &Filled, values: [f32; 3], tally: &mut Tally) {
    let sum: f32 = values.iter().sum();
    if !filled.slot.counts() {
        tally.score += sum * WORD_WEIGHT;
        return;
    }
    tally.score += sum;
    tally.held += if sum > 0.0 { filled.weight } else { 0.0 };
    tally.held_openly += if values[0] + values[1] > 0.0 { filled.weight } else { 0.0 };
}

fn strength(finding: &Finding) -> f32 {
    let length = finding.length as f32 / USUAL_LENGTH[finding.area as usize];
    let times = finding.times as f32;
    times * (SATURATION + 1.0) / (times + SATURATION * (1.0 - LENGTH_INFLUENCE + LENGTH_INFLUENCE * length))
}

fn inverse_frequency(corpus: &Corpus<'_>, documents: usize) -> f32 {
    let all = corpus.document_count() as f32;
    let held = documents as f32;
    (1.0 + (all - held + 0.5) / (held + 0.5)).ln()
}
