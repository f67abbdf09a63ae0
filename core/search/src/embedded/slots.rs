//! A query as a row of slots, each to be filled by a term of the document.

use unicode_normalization::char::is_combining_mark;

use crate::text::{self, Term, TermKind};

/// What stands behind these in a longer query is not looked at.
const MOST_SLOTS: usize = 48;

/// Shorter joined words say too little.
const SHORTEST_JOINED: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub text: String,
    pub kind: TermKind,
    /// The position in the query.
    pub place: u32,
    /// Whether the term may be the beginning of the document's: the word the
    /// reader is still typing, and single characters of a run.
    pub prefix: bool,
    /// The word together with a neighbour, as in "data set" for "dataset".
    pub joined: Vec<String>,
}

impl Slot {
    /// Dictionary words only add to the score: the pairs already say whether
    /// the text is there.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.kind != TermKind::Word
    }

    /// How many slips of the finger a word of this length may hold.
    #[must_use]
    pub fn edits(&self) -> u8 {
        let wordlike = self.kind == TermKind::Spaced && !self.text.chars().all(|c| c.is_ascii_digit());
        match self.text.chars().count() {
            8.. if wordlike => 2,
            5.. if wordlike => 1,
            _ => 0,
        }
    }
}

#[must_use]
pub fn slots(query: &str) -> Vec<Slot> {
    let mut terms = text::terms(query);
    drop_last_characters(&mut terms);
    terms.truncate(MOST_SLOTS);
    let typing = query.chars().next_back().is_some_and(|c| c.is_alphanumeric() || is_combining_mark(c));
    let last =
        terms.iter().rposition(|term| term.kind == TermKind::Spaced).filter(|at| typing && at + 1 == terms.len());
    let joined: Vec<Vec<String>> = (0..terms.len()).map(|at| joined_with_neighbours(&terms, at)).collect();
    let slot = |(at, (term, joined)): (usize, (Term, Vec<String>))| Slot {
        prefix: Some(at) == last || is_single_character(&term),
        text: term.text,
        kind: term.kind,
        place: term.position,
        joined,
    };
    terms.into_iter().zip(joined).enumerate().map(slot).collect()
}

/// A run of two or more needs its pairs only; its last character alone would
/// ask that the document's run ends there.
fn drop_last_characters(terms: &mut Vec<Term>) {
    let follows_pair = |terms: &[Term], at: usize| {
        let start = terms[at].span.start;
        terms[..at]
            .iter()
            .any(|other| other.kind == TermKind::Pair && other.span.start < start && other.span.end > start)
    };
    let keep: Vec<bool> =
        (0..terms.len()).map(|at| !is_single_character(&terms[at]) || !follows_pair(terms, at)).collect();
    let mut keep = keep.into_iter();
    terms.retain(|_| keep.next().unwrap_or(true));
}

fn is_single_character(term: &Term) -> bool {
    term.kind == TermKind::Pair && term.text.chars().nth(1).is_none()
}

fn joined_with_neighbours(terms: &[Term], at: usize) -> Vec<String> {
    let spaced = |at: usize| terms.get(at).filter(|term| term.kind == TermKind::Spaced);
    let pair = |left: usize| {
        let (left, right) = (spaced(left)?, spaced(left + 1)?);
        let joined = format!("{}{}", left.text, right.text);
        (joined.chars().count() >= SHORTEST_JOINED).then_some(joined)
    };
    at.checked_sub(1).and_then(pair).into_iter().chain(pair(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<String> {
        slots(query).into_iter().filter(Slot::counts).map(|slot| slot.text).collect()
    }

    #[test]
    fn a_run_is_asked_for_by_its_pairs() {
        assert_eq!(texts("级模型"), ["级模", "模型"]);
        assert_eq!(texts("第2章"), ["第", "2", "章"]);
    }

    #[test]
    fn only_the_word_being_typed_is_a_prefix() {
        let prefixes: Vec<bool> = slots("working wit").into_iter().map(|slot| slot.prefix).collect();
        assert_eq!(prefixes, [false, true]);
        assert!(slots("working with ").iter().all(|slot| !slot.prefix));
    }

    #[test]
    fn long_words_bear_more_edits_and_numbers_none() {
        let edits: Vec<u8> = slots("data model learning 12345678").iter().map(Slot::edits).collect();
        assert_eq!(edits, [0, 1, 2, 0]);
    }

    #[test]
    fn neighbours_are_joined() {
        assert_eq!(slots("future s a")[1].joined, ["futures"]);
    }

    #[test]
    fn an_endless_query_is_cut() {
        assert_eq!(slots(&"word ".repeat(2_000)).len(), 48);
    }
}
