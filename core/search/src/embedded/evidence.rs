//! Filling slots: which documents hold a slot's term, or one close to it.

use std::collections::HashMap;

use lyceum_domain::search::SearchError;
use tantivy::{
    Term,
    postings::TermInfo,
    query::{DfaWrapper, FuzzyTermQuery},
};

use super::{
    corpus::{Area, Corpus, Place},
    schema::failure,
    slots::Slot,
};
use crate::text::{TermKind, WORD_MARK};

/// How much a stand-in is worth beside the term itself.
const PREFIX_CLOSENESS: f32 = 0.85;
const JOINED_CLOSENESS: f32 = 0.9;
const ONE_EDIT_CLOSENESS: f32 = 0.75;
const TWO_EDITS_CLOSENESS: f32 = 0.5;
/// People seldom mistype the first letter.
const OTHER_FIRST_LETTER: f32 = 0.9;

/// Typing errors are considered for a word that at most this share of the
/// documents holds, or [`RARE_COUNT`] documents.
const RARE_SHARE: f64 = 0.02;
const RARE_COUNT: usize = 3;

/// Shorter beginnings are completed from titles and open text only: in bodies
/// they match nearly everything.
const SHORTEST_GATED_PREFIX: usize = 3;

/// One term in one area of one document.
#[derive(Debug, Clone, Copy)]
pub struct Finding {
    pub place: Place,
    pub area: Area,
    /// 1 for the slot's own term.
    pub closeness: f32,
    pub times: u32,
    /// Of the area, in terms.
    pub length: u32,
}

/// All that fills one slot.
#[derive(Debug, Default)]
pub struct Evidence {
    pub findings: Vec<Finding>,
    /// Terms this reader can see, with their closeness.
    pub variants: HashMap<String, f32>,
    pub exact_documents: usize,
    pub documents: usize,
}

impl Evidence {
    pub fn gather(corpus: &Corpus<'_>, slot: &Slot) -> Result<Self, SearchError> {
        let mut evidence = Self::default();
        evidence.add_term(corpus, &slot.text, 1.0)?;
        evidence.exact_documents = evidence.count(corpus);
        for joined in &slot.joined {
            evidence.add_term(corpus, joined, JOINED_CLOSENESS)?;
        }
        if slot.prefix {
            evidence.add_completions(corpus, slot)?;
        }
        if evidence.is_rare(corpus) {
            evidence.add_misspellings(corpus, slot)?;
        }
        evidence.documents = evidence.count(corpus);
        Ok(evidence)
    }

    fn count(&self, corpus: &Corpus<'_>) -> usize {
        let mut seen = corpus.per_document(false);
        for Finding { place, .. } in &self.findings {
            seen[place.segment as usize][place.doc as usize] = true;
        }
        seen.iter().flatten().filter(|seen| **seen).count()
    }

    fn is_rare(&self, corpus: &Corpus<'_>) -> bool {
        let share = (corpus.document_count() as f64 * RARE_SHARE) as usize;
        self.count(corpus) <= share.max(RARE_COUNT)
    }

    fn add_term(&mut self, corpus: &Corpus<'_>, term: &str, closeness: f32) -> Result<(), SearchError> {
        for (segment, _) in corpus.segments() {
            for area in Area::ALL {
                if let Some(info) = corpus.term_info(segment, area, term)? {
                    self.add(corpus, segment, area, &info, term, closeness)?;
                }
            }
        }
        Ok(())
    }

    fn add_completions(&mut self, corpus: &Corpus<'_>, slot: &Slot) -> Result<(), SearchError> {
        let long = slot.kind == TermKind::Pair || slot.text.chars().count() >= SHORTEST_GATED_PREFIX;
        for (segment, _) in corpus.segments() {
            for area in Area::ALL.into_iter().filter(|area| long || *area != Area::Gated) {
                let inverted = corpus.inverted(segment, area)?;
                let mut stream = inverted.terms().range().gt(slot.text.as_bytes()).into_stream().map_err(failure)?;
                while let Some((key, info)) = stream.next() {
                    if !key.starts_with(slot.text.as_bytes()) {
                        break;
                    }
                    let term = String::from_utf8_lossy(key);
                    self.add(corpus, segment, area, info, &term, PREFIX_CLOSENESS)?;
                }
            }
        }
        Ok(())
    }

    /// The fewest edits that lead to something; a word that exists may be meant,
    /// so that it is only ever one edit from another.
    fn add_misspellings(&mut self, corpus: &Corpus<'_>, slot: &Slot) -> Result<(), SearchError> {
        let most = if self.exact_documents > 0 { slot.edits().min(1) } else { slot.edits() };
        let known = self.variants.len();
        for edits in 1..=most {
            self.add_within(corpus, slot, edits)?;
            if self.variants.len() > known {
                break;
            }
        }
        Ok(())
    }

    fn add_within(&mut self, corpus: &Corpus<'_>, slot: &Slot, edits: u8) -> Result<(), SearchError> {
        // The automaton looks at the text alone; which field the term names is of no account.
        let term = Term::from_field_text(corpus.fields.title, &slot.text);
        let automaton = FuzzyTermQuery::new(term, edits, true).automaton().map_err(failure)?;
        for (segment, _) in corpus.segments() {
            for area in Area::ALL {
                for (term, info) in misspellings(corpus, segment, area, &automaton)? {
                    if term != slot.text {
                        let closeness = misspelling_closeness(&slot.text, &term);
                        self.add(corpus, segment, area, &info, &term, closeness)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        corpus: &Corpus<'_>,
        segment: u32,
        area: Area,
        info: &TermInfo,
        term: &str,
        closeness: f32,
    ) -> Result<(), SearchError> {
        let before = self.findings.len();
        corpus.read(segment, area, info, |place, times, length| {
            self.findings.push(Finding { place, area, closeness, times, length });
        })?;
        if self.findings.len() > before {
            let known = self.variants.entry(term.to_owned()).or_insert(closeness);
            *known = known.max(closeness);
        }
        Ok(())
    }
}

/// Terms of the dictionary that the automaton accepts. A swap of two neighbours is one edit.
fn misspellings(
    corpus: &Corpus<'_>,
    segment: u32,
    area: Area,
    automaton: &DfaWrapper,
) -> Result<Vec<(String, TermInfo)>, SearchError> {
    let inverted = corpus.inverted(segment, area)?;
    let mut stream = inverted.terms().search(automaton).into_stream().map_err(failure)?;
    let mut found = Vec::new();
    while let Some((key, info)) = stream.next() {
        let term = String::from_utf8_lossy(key);
        if !term.starts_with(WORD_MARK) {
            found.push((term.into_owned(), info.clone()));
        }
    }
    Ok(found)
}

fn misspelling_closeness(typed: &str, meant: &str) -> f32 {
    let edits = if within_one_edit(typed, meant) { ONE_EDIT_CLOSENESS } else { TWO_EDITS_CLOSENESS };
    if typed.chars().next() == meant.chars().next() { edits } else { edits * OTHER_FIRST_LETTER }
}

/// One letter too many, missing or other, or two neighbours swapped.
fn within_one_edit(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let (short, long) = if left.len() <= right.len() { (&left, &right) } else { (&right, &left) };
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    match long.len() - short.len() {
        0 if same == short.len() => true,
        0 => short[same + 1..] == long[same + 1..] || swapped(&short[same..], &long[same..]),
        1 => short[same..] == long[same + 1..],
        _ => false,
    }
}

fn swapped(left: &[char], right: &[char]) -> bool {
    left.len() >= 2 && left[0] == right[1] && left[1] == right[0] && left[2..] == right[2..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit_is_a_letter_more_less_other_or_swapped() {
        for other in ["patternss", "pattern", "pattenrs", "pattexns", "patterns"] {
            assert!(within_one_edit("patterns", other), "{other}");
        }
        for other in ["patter", "pattrens x", "apttenrs", "pattxxns"] {
            assert!(!within_one_edit("patterns", other), "{other}");
        }
    }
}
