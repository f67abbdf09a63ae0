//! Texts cut into tokens, with look-alike forms undone.

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Letters, in lower case.
    Word(String),
    /// The digits of a number.
    Number(String),
    /// A Chinese character.
    Chinese(char),
    Sign(char),
}

/// The character that is meant: full-width forms become plain, invisible
/// characters go, all kinds of space are one.
#[must_use]
pub fn plain(char: char) -> Option<char> {
    match char {
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => None,
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(char as u32 - 0xff01 + '!' as u32),
        '\u{2018}' | '\u{2019}' => Some('\''),
        '\u{201c}' | '\u{201d}' => Some('"'),
        _ if char.is_whitespace() => Some(' '),
        _ => Some(char),
    }
}

#[must_use]
pub fn is_chinese(char: char) -> bool {
    matches!(char, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// The tokens of a plain text. Spaces part tokens and are none themselves.
#[must_use]
pub fn tokens(plain: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = plain;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            ' ' => (None, 1),
            _ if first.is_ascii_digit() => number(rest),
            _ if is_chinese(first) => (Some(Token::Chinese(first)), first.len_utf8()),
            _ if first.is_alphabetic() => word(rest),
            _ => (Some(Token::Sign(first)), first.len_utf8()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

fn word(rest: &str) -> (Option<Token>, usize) {
    let goes_on = |char: char| (char.is_alphabetic() && !is_chinese(char)) || char == '\'';
    let length = rest.find(|char| !goes_on(char)).unwrap_or(rest.len());
    let word = rest[..length].trim_end_matches('\'').to_lowercase();
    (Some(Token::Word(unstretched(&word))), length)
}

/// Digits, and single separators between them.
fn number(rest: &str) -> (Option<Token>, usize) {
    let bytes = rest.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let parted = |at: usize| matches!(bytes.get(at), Some(b'.' | b',' | b':')) && digit(at + 1);
    let mut length = 1;
    while digit(length) || parted(length) {
        length += 1;
    }
    let digits = rest[..length].chars().filter(char::is_ascii_digit).collect();
    (Some(Token::Number(digits)), length)
}

/// A letter said four times or more is said thrice.
fn unstretched(word: &str) -> String {
    let mut short = String::with_capacity(word.len());
    let (mut last, mut times) = ('\0', 0);
    for char in word.chars() {
        times = if char == last { times + 1 } else { 1 };
        last = char;
        if times <= 3 {
            short.push(char);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Token> {
        let plain: String = text.chars().filter_map(plain).collect();
        tokens(&plain)
    }

    fn word(text: &str) -> Token {
        Token::Word(text.into())
    }

    #[test]
    fn words_numbers_signs_and_chinese_are_parted() {
        let expected =
            [word("call"), Token::Number("09061701461".into()), Token::Sign('!'), Token::Chinese('加'), word("v")];
        assert_eq!(of("Call 09061.701.461! 加V"), expected);
    }

    #[test]
    fn tricks_of_writing_are_undone() {
        assert_eq!(of("ＦＲＥＥ"), [word("free")]);
        assert_eq!(of("fr\u{200b}ee"), [word("free")]);
        assert_eq!(of("freeeeeeee"), [word("freee")]);
        assert_eq!(of("don’t"), [word("don't")]);
    }

    #[test]
    fn a_separator_at_the_end_is_not_of_the_number() {
        assert_eq!(of("7."), [Token::Number("7".into()), Token::Sign('.')]);
    }
}
