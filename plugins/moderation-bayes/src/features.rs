//! What of a text the classifier looks at, as hashes.
//!
//! Latin text: words, pairs of neighbouring words, the 4 and 5 letters in a row of
//! each word, and 4 characters in a row about numbers, signs and spaces. Chinese: 1
//! to 3 characters in a row. Both: numbers, how long the text is, its digits, its
//! capitals, links and money.

use crate::normal::{Token, is_chinese, plain, tokens};

/// Which of the two tables judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    Latin,
    Chinese,
}

/// In the order of the model's tables.
pub const SCRIPTS: [Script; 2] = [Script::Latin, Script::Chinese];

/// A text with Chinese in it is judged as Latin text too from this many Latin
/// words on, so that one character does not hide an English text.
const LATIN_WORDS: usize = 5;

/// Digits of a number that is looked at whole.
const SHORT_NUMBER: usize = 5;

/// A text ready for taking features.
pub struct Text {
    plain: String,
    tokens: Vec<Token>,
    chinese: bool,
}

impl Text {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let plain = without_marks(&text.chars().filter_map(plain).collect::<String>());
        let tokens = tokens(&plain);
        let chinese = plain.chars().any(is_chinese);
        Self { plain, tokens, chinese }
    }

    #[must_use]
    pub fn has(&self, script: Script) -> bool {
        let words = || self.tokens.iter().filter(|token| matches!(token, Token::Word(_))).count();
        match script {
            Script::Chinese => self.chinese,
            Script::Latin => !self.chinese || words() >= LATIN_WORDS,
        }
    }

    /// The hashes of the text's features, each once.
    #[must_use]
    pub fn hashes(&self, script: Script) -> Vec<u32> {
        let mut sink = Sink(Vec::new());
        self.words(&mut sink, script);
        match script {
            Script::Chinese => self.characters(&mut sink),
            Script::Latin => self.rows(&mut sink),
        }
        self.shape(&mut sink);
        sink.0.sort_unstable();
        sink.0.dedup();
        sink.0
    }

    /// 4 characters in a row that are not all letters: what stands about numbers,
    /// signs and the edges of words.
    fn rows(&self, sink: &mut Sink) {
        let any_digit = |char: char| if char.is_ascii_digit() { '0' } else { char };
        let row: Vec<char> = self.plain.chars().flat_map(char::to_lowercase).map(any_digit).collect();
        for gram in row.windows(4).filter(|gram| !gram.iter().all(|char| char.is_alphabetic())) {
            sink.add(Hash::of_row(b'r', gram));
        }
    }

    fn words(&self, sink: &mut Sink, script: Script) {
        let mut before = None;
        for token in self.tokens.iter().filter(|token| !matches!(token, Token::Chinese(_))) {
            let hash = token_hash(token);
            sink.add(hash);
            if let Token::Number(digits) = token {
                number(sink, digits);
            }
            if let Some(before) = before {
                sink.add(Hash(before).then(b" ").then(&hash.0.to_le_bytes()));
            }
            before = Some(hash.0);
            if let (Token::Word(word), Script::Latin) = (token, script) {
                letters(sink, word);
            }
        }
    }

    /// 1 to 3 neighbours with a Chinese character among them. Spaces are left
    /// out, since they part nothing there; a number is one neighbour.
    fn characters(&self, sink: &mut Sink) {
        let row: Vec<char> = self.tokens.iter().flat_map(neighbours).collect();
        for length in 1..=3 {
            for gram in row.windows(length).filter(|gram| gram.iter().any(|char| is_chinese(*char))) {
                sink.add(Hash::of_row(b'z', gram));
            }
        }
    }

    fn shape(&self, sink: &mut Sink) {
        let digits =
            self.tokens.iter().filter_map(|token| if let Token::Number(n) = token { Some(n.len()) } else { None });
        let (numbers, longest) = digits.fold((0, 0), |(numbers, longest), n| (numbers + 1, n.max(longest)));
        let count = |of: fn(char) -> bool| self.plain.chars().filter(|char| of(*char)).count();
        let letters = count(|char| char.is_ascii_alphabetic());
        let capitals = count(|char| char.is_ascii_uppercase());
        let length = self.plain.chars().count();
        sink.add_shape(0, longest.min(12));
        sink.add_shape(1, numbers.min(5));
        // Half octaves: a length of 0, 1, 3, 7, … 1023 is 0, 2, 4, 6, … 20.
        sink.add_shape(2, (((length + 1) as f32).log2() * 2.0).min(20.0) as usize);
        sink.add_shape(3, (capitals * 5).checked_div(letters).unwrap_or(9));
        sink.add_shape(4, count(|char| char == '!').min(3));
        sink.add_shape(5, count(|char| char == '?').min(2));
        sink.add_shape(6, usize::from(has_link(&self.plain)));
        sink.add_shape(7, usize::from(has_money(&self.tokens)));
    }
}

/// Without what tells where a text was written and not what it says: names
/// after an at sign, and characters written as `&…;`.
fn without_marks(plain: &str) -> String {
    let word = |word: &str| !(word.starts_with('@') || word == "RT");
    let kept: Vec<&str> = plain.split(' ').filter(|part| word(part)).collect();
    without_entities(&kept.join(" "))
}

fn without_entities(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        kept.push_str(&rest[..start]);
        let length = entity_length(&rest[start..]);
        kept.push(if length == 1 { '&' } else { ' ' });
        rest = &rest[start + length..];
    }
    kept + rest
}

/// Bytes of the `&…;` that the text begins with, or 1 when it is only a sign.
fn entity_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let end = bytes.iter().take(9).position(|byte| *byte == b';').unwrap_or(0);
    let is_name = end > 1 && bytes[1..end].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#');
    if is_name { end + 1 } else { 1 }
}

fn neighbours(token: &Token) -> Vec<char> {
    match token {
        Token::Word(word) => word.chars().collect(),
        Token::Number(_) => vec!['0'],
        Token::Chinese(char) | Token::Sign(char) => vec![*char],
    }
}

fn token_hash(token: &Token) -> Hash {
    match token {
        Token::Word(word) => Hash::new(b'w').then(word.as_bytes()),
        Token::Number(digits) => Hash::new(b'#').then(&[digits.len().min(12) as u8]),
        Token::Chinese(char) | Token::Sign(char) => Hash::new(b's').then(&u32::from(*char).to_le_bytes()),
    }
}

/// A short number as it is, of a long one how it begins: price, short code and
/// area code tell apart who writes.
fn number(sink: &mut Sink, digits: &str) {
    let digits = digits.as_bytes();
    if digits.len() <= SHORT_NUMBER {
        sink.add(Hash::new(b'N').then(digits));
    } else {
        sink.add(Hash::new(b'N').then(&digits[..3]));
        sink.add(Hash::new(b'M').then(&digits[..2]));
    }
}

/// 4 and 5 letters in a row, with the edges of the word as letters.
fn letters(sink: &mut Sink, word: &str) {
    let row: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
    if row.len() < 5 {
        return;
    }
    for length in 4..=5 {
        for gram in row.windows(length) {
            sink.add(Hash::of_row(b'c', gram));
        }
    }
}

fn has_link(plain: &str) -> bool {
    let lower = plain.to_ascii_lowercase();
    ["http:", "https:", "www.", ".com", ".net", ".org", ".co.", ".cn", ".ly/"].iter().any(|mark| lower.contains(mark))
}

fn has_money(tokens: &[Token]) -> bool {
    let sign = |token: &Token| matches!(token, Token::Sign('£' | '$' | '€' | '¥'));
    let unit = |token: &Token| {
        matches!(token, Token::Chinese('元' | '块')) || matches!(token, Token::Word(word) if word == "p" || word == "r")
    };
    let number = |token: &Token| matches!(token, Token::Number(_));
    tokens.windows(2).any(|pair| (sign(&pair[0]) && number(&pair[1])) || (number(&pair[0]) && unit(&pair[1])))
}

struct Sink(Vec<u32>);

impl Sink {
    fn add(&mut self, hash: Hash) {
        self.0.push(hash.folded());
    }

    fn add_shape(&mut self, kind: u8, value: usize) {
        self.add(Hash::new(b'S').then(&[kind, value as u8]));
    }
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
#[derive(Debug, Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    fn new(kind: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).then(&[kind])
    }

    fn then(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    fn of_row(kind: u8, row: &[char]) -> Self {
        row.iter().fold(Self::new(kind), |hash, char| hash.then(&u32::from(*char).to_le_bytes()))
    }

    fn folded(self) -> u32 {
        (self.0 ^ (self.0 >> 32)) as u32
    }

    /// The hash of a whole text, by which it falls into a part for training or
    /// into the part held out.
    #[must_use]
    pub fn of_text(text: &str) -> u64 {
        Self(0xcbf2_9ce4_8422_2325).then(text.as_bytes()).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_counts_once() {
        let hashes = Text::new("so so so").hashes(Script::Latin);
        // One word, one pair of words, three rows of characters, and eight features of shape.
        assert_eq!(hashes.len(), 13);
    }

    #[test]
    fn one_chinese_character_does_not_hide_an_english_text() {
        let text = Text::new("call now to claim your prize 的");
        assert!(text.has(Script::Latin) && text.has(Script::Chinese));
        assert!(!Text::new("加我 vx").has(Script::Latin));
    }

    #[test]
    fn marks_of_the_place_are_left_out() {
        assert_eq!(without_marks("RT @user: well &#128514; done &amp; so"), "well   done   so");
        assert_eq!(without_marks("a & b; c"), "a & b; c");
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // From the test vectors of its authors.
        assert_eq!(Hash::of_text(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Hash::of_text("foobar"), 0x8594_4171_f739_67e8);
    }
}
