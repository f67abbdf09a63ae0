//! Cutting text into terms, the same way for documents and queries.
//!
//! Latin and other spaced scripts give one term a word: lower case, accents
//! folded, full-width letters narrowed, composed and decomposed text alike. The
//! marks of a script that cannot be written without them (vowel signs, a virama)
//! belong to the word. Chinese, Japanese and Korean runs give
//! overlapping pairs of characters, and the last character alone, so that every
//! substring of two characters or more is a phrase of terms and every single
//! character is the beginning of one. Chinese runs give, besides, the words
//! that a dictionary finds in them, as terms of their own that start with
//! [`WORD_MARK`]: a pair that is a word counts for more than one that happens
//! to meet across two words.
//!
//! What is marked in a snippet is found by the same cutting and folding
//! ([`places`]): what matches is marked, and nothing else.
//!
//! **Invariant:** terms of a text come in the order of their positions; a word
//! takes one position, a character of a run takes one.

use std::{ops::Range, sync::LazyLock};

use jieba_rs::Jieba;
use tantivy::tokenizer::{AsciiFoldingFilter, RawTokenizer, TextAnalyzer, TokenStream};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Begins a term that is a Chinese dictionary word. No other term can hold it.
pub const WORD_MARK: char = '=';

/// Longer words are cut off here, in documents and queries alike.
const LONGEST_WORD: usize = 48;

/// Loaded when the first Chinese text is met: it costs some tens of megabytes.
static DICTIONARY: LazyLock<Jieba> = LazyLock::new(Jieba::new);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermKind {
    /// A word of a script that writes spaces.
    Spaced,
    /// Two neighbouring characters of a run, or its last one.
    Pair,
    /// A dictionary word inside a run.
    Word,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    pub kind: TermKind,
    /// Counted in words and run characters.
    pub position: u32,
    /// Bytes of the source text.
    pub span: Range<usize>,
}

/// A stretch of one script. `chars` are normalised, each with its source bytes.
struct Stretch {
    chars: Vec<(char, Range<usize>)>,
    spaced: bool,
}

/// All terms of a text, dictionary words included.
#[must_use]
pub fn terms(text: &str) -> Vec<Term> {
    cut(text, true)
}

/// The terms of a text without dictionary words.
#[must_use]
pub fn plain_terms(text: &str) -> Vec<Term> {
    cut(text, false)
}

/// The words to mark in a snippet for a query: spaced words, and of each run
/// the run and its dictionary words of two characters or more.
#[must_use]
pub fn surface_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for stretch in stretches(text) {
        let run = joined(&stretch.chars);
        if stretch.spaced {
            words.push(word_text(&run));
            continue;
        }
        words.extend(dictionary_words(&run).into_iter().map(|(_, word)| word));
        words.push(run);
    }
    let mut seen = std::collections::HashSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

fn cut(text: &str, with_words: bool) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut position = 0;
    for stretch in stretches(text) {
        if stretch.spaced {
            terms.push(spaced_term(&stretch, position));
            position += 1;
        } else {
            run_terms(&stretch, position, with_words, &mut terms);
            position += u32::try_from(stretch.chars.len()).unwrap_or(u32::MAX / 2);
        }
    }
    terms
}

fn spaced_term(stretch: &Stretch, position: u32) -> Term {
    let text = word_text(&joined(&stretch.chars));
    Term { text, kind: TermKind::Spaced, position, span: span(&stretch.chars) }
}

fn run_terms(stretch: &Stretch, start: u32, with_words: bool, terms: &mut Vec<Term>) {
    let chars = &stretch.chars;
    let words = if with_words { dictionary_words(&joined(chars)) } else { Vec::new() };
    let mut words = words.into_iter().peekable();
    for place in 0..chars.len() {
        let pair = &chars[place..chars.len().min(place + 2)];
        let position = start + u32::try_from(place).unwrap_or(0);
        terms.push(Term { text: joined(pair), kind: TermKind::Pair, position, span: span(pair) });
        while let Some((_, word)) = words.next_if(|(at, _)| *at == place) {
            let covered = &chars[place..chars.len().min(place + word.chars().count())];
            let text = format!("{WORD_MARK}{word}");
            terms.push(Term { text, kind: TermKind::Word, position, span: span(covered) });
        }
    }
}

/// Words of two characters or more with the place of their first character, in order.
fn dictionary_words(run: &str) -> Vec<(usize, String)> {
    if !run.chars().any(is_han) {
        return Vec::new();
    }
    let mut words: Vec<_> = DICTIONARY
        .cut_for_search(run, false)
        .into_iter()
        .filter(|token| token.word.chars().nth(1).is_some())
        .map(|token| (token.start, token.word.to_owned()))
        .collect();
    words.sort();
    words.dedup();
    words
}

/// Where terms of an answer stand in a text, in bytes: at the beginning of a
/// word, anywhere in a run.
#[must_use]
pub fn places(text: &str, terms: &[String]) -> Vec<Range<usize>> {
    let terms: Vec<Vec<char>> =
        terms.iter().map(|term| term.chars().collect()).filter(|t: &Vec<char>| !t.is_empty()).collect();
    stretches(text).iter().flat_map(|stretch| places_in(stretch, &terms)).collect()
}

fn places_in(stretch: &Stretch, terms: &[Vec<char>]) -> Vec<Range<usize>> {
    let folded: Vec<(char, &Range<usize>)> = stretch
        .chars
        .iter()
        .flat_map(|(c, span)| word_text(&c.to_string()).chars().map(move |c| (c, span)).collect::<Vec<_>>())
        .collect();
    let last_start = if stretch.spaced { 0 } else { folded.len() };
    let mut places = Vec::new();
    for start in 0..folded.len().min(last_start + 1) {
        for term in terms {
            let here = folded.get(start..start + term.len());
            if let Some(here) = here.filter(|here| here.iter().map(|(c, _)| c).eq(term)) {
                places.push(here[0].1.start..here[here.len() - 1].1.end);
            }
        }
    }
    places
}

fn stretches(text: &str) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    let mut open = false;
    for (c, span) in clusters(text).into_iter().flat_map(|span| normalised(text, span)) {
        // A mark alone is no word, but it does not end one either.
        if !(c.is_alphanumeric() || (open && is_combining_mark(c))) {
            open = false;
            continue;
        }
        let spaced = !is_unspaced(c);
        match all.last_mut().filter(|last| open && last.spaced == spaced) {
            Some(last) => last.chars.push((c, span)),
            None => all.push(Stretch { chars: vec![(c, span)], spaced }),
        }
        open = true;
    }
    all
}

/// Characters with the marks and parts that are written onto them.
fn clusters(text: &str) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        match all.last_mut().filter(|_| continues(c)) {
            Some(last) => last.end = end,
            None => all.push(at..end),
        }
    }
    all
}

/// Marks; vowels and finals of a Hangul syllable; half-width voice marks; and
/// what is not seen: joiners, soft hyphens.
fn continues(c: char) -> bool {
    is_combining_mark(c) || is_unseen(c) || matches!(c, '\u{1160}'..='\u{11FF}' | '\u{FF9E}' | '\u{FF9F}')
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}')
}

/// A cluster in its usual form, without accents. Each character has the span of
/// the whole.
fn normalised(text: &str, span: Range<usize>) -> Vec<(char, Range<usize>)> {
    let seen = text[span.clone()].chars().filter(|c| !is_unseen(*c));
    seen.nfkc().map(without_accents).filter(|c| !is_accent(*c)).map(|c| (c, span.clone())).collect()
}

/// `й` as `и`, so that it is the same as when the accent stands by itself. What
/// a character consists of otherwise stays together: `が`, `각`.
fn without_accents(c: char) -> char {
    let mut parts = std::iter::once(c).nfd();
    match parts.next() {
        Some(base) if base != c && parts.all(is_accent) => base,
        _ => c,
    }
}

fn joined(chars: &[(char, Range<usize>)]) -> String {
    chars.iter().map(|(c, _)| *c).collect()
}

fn span(chars: &[(char, Range<usize>)]) -> Range<usize> {
    match (chars.first(), chars.last()) {
        (Some((_, first)), Some((_, last))) => first.start..last.end,
        _ => 0..0,
    }
}

fn word_text(word: &str) -> String {
    let lower = word.chars().flat_map(char::to_lowercase).filter(|c| !is_accent(*c));
    // The form that sigma has at the end of a word depends on its place.
    let lower: String = lower.map(|c| if c == 'ς' { 'σ' } else { c }).collect();
    let folded = if lower.is_ascii() { lower } else { fold_accents(&lower) };
    folded.chars().take(LONGEST_WORD).collect()
}

fn fold_accents(word: &str) -> String {
    let mut folding = TextAnalyzer::builder(RawTokenizer::default()).filter(AsciiFoldingFilter).build();
    let mut stream = folding.token_stream(word);
    if stream.advance() { stream.token().text.to_lowercase() } else { word.to_owned() }
}

/// Combining diacritical marks, and the points of Hebrew and Arabic: texts have
/// them or not, and mean the same.
fn is_accent(c: char) -> bool {
    let points = matches!(c, '\u{0591}'..='\u{05C7}' | '\u{064B}'..='\u{065F}' | '\u{0670}');
    matches!(c, '\u{0300}'..='\u{036F}') || (points && is_combining_mark(c))
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}' | '々' | '〇')
}

/// Scripts written without spaces: Han, Kana, Hangul (which has spaces, but
/// glues particles to words), Thai, Lao and Khmer.
fn is_unspaced(c: char) -> bool {
    is_han(c)
        || matches!(c, '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9F}')
        || matches!(c, '\u{1100}'..='\u{11FF}' | '\u{AC00}'..='\u{D7AF}')
        || matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1780}'..='\u{17FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        plain_terms(text).into_iter().map(|term| term.text).collect()
    }

    #[test]
    fn spaced_words_are_lowered_and_folded() {
        assert_eq!(texts("Crème BRÛLÉE, e\u{301}tude No.5"), ["creme", "brulee", "etude", "no", "5"]);
    }

    #[test]
    fn composed_and_decomposed_text_is_the_same_in_every_script() {
        for (one, other) in [
            ("Й", "и\u{306}"),
            ("ΛΌΓΟΣ", "λο\u{301}γος"),
            ("ガイド", "カ\u{3099}イト\u{3099}"),
            ("ｶﾞｲﾄﾞ", "ガイド"),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
            ("İstanbul", "istanbul"),
            ("STRASSE", "Straße"),
            ("ŁÓDŹ", "lodz"),
            ("مُدَرِّس", "مدرس"),
            ("soft\u{ad}ware", "software"),
        ] {
            assert_eq!(texts(one), texts(other), "{one}");
        }
    }

    #[test]
    fn marks_do_not_cut_a_word() {
        assert_eq!(texts("हिन्दी में").len(), 2);
        assert_eq!(texts("தமிழ் கதை").len(), 2);
        assert_eq!(terms("ง่าย").iter().filter(|term| term.position == 0).count(), 1);
        assert_eq!(texts("\u{94d}"), Vec::<String>::new());
    }

    #[test]
    fn places_fold_as_terms_do() {
        let marked = |text: &str, query: &str| {
            let found = places(text, &surface_words(query));
            found.into_iter().map(|place| text[place].to_owned()).collect::<Vec<_>>()
        };
        for (text, query, wanted) in [
            ("Crème brûlée", "CREME", "Crème"),
            ("Cre\u{300}me", "crème", "Cre\u{300}me"),
            ("ΟΙ ΛΌΓΟΙ, ΛΌΓΟΣ", "λογος", "ΛΌΓΟΣ"),
            ("ＲＵＳＴ", "rust", "ＲＵＳＴ"),
            ("Straße", "STRASSE", "Straße"),
            ("यह हिन्दी है", "हिन्दी", "हिन्दी"),
            ("先学所有权。", "所有权", "所有权"),
        ] {
            assert!(marked(text, query).contains(&wanted.to_owned()), "{text}: {:?}", marked(text, query));
        }
        assert_eq!(marked("borrow", "row"), Vec::<String>::new());
    }

    #[test]
    fn chinese_runs_become_pairs_and_a_last_character() {
        assert_eq!(texts("工具使用"), ["工具", "具使", "使用", "用"]);
    }

    #[test]
    fn mixed_text_is_cut_at_the_change_of_script() {
        assert_eq!(texts("第2章AI代理"), ["第", "2", "章", "ai", "代理", "理"]);
    }

    #[test]
    fn full_width_letters_are_narrowed() {
        assert_eq!(texts("ＲＵＳＴ　１２"), ["rust", "12"]);
    }

    #[test]
    fn dictionary_words_are_marked_and_ordered() {
        let all = terms("强化学习");
        assert!(all.iter().any(|term| term.text == "=学习" && term.position == 2));
        assert!(all.windows(2).all(|two| two[0].position <= two[1].position));
    }

    #[test]
    fn spans_are_bytes_of_the_source() {
        let text = "读 Ｒust 书";
        let spans: Vec<_> = plain_terms(text).into_iter().map(|term| text[term.span].to_owned()).collect();
        assert_eq!(spans, ["读", "Ｒust", "书"]);
    }

    #[test]
    fn symbols_and_emoji_give_no_terms() {
        assert_eq!(texts("🦀 !!! -- \"'"), Vec::<String>::new());
    }

    #[test]
    fn surface_words_hold_the_run_and_its_words() {
        let words = surface_words("Streaming 数据处理");
        assert!(words.contains(&"streaming".to_owned()) && words.contains(&"数据处理".to_owned()));
        assert!(words.contains(&"数据".to_owned()) && words.contains(&"处理".to_owned()));
    }
}
