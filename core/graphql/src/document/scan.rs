//! One pass over the tokens of a query before it is parsed: it bounds what the
//! parser has to do, and takes out what the parser does not know.
//!
//! **Invariant:** nothing that recurses sees a text that is longer or nested
//! deeper than [`Limits`](crate::Limits) says.

use std::borrow::Cow;

use apollo_parser::{Lexer, Token, TokenKind};
use lyceum_kernel::{ErrorCode, Failure, Result};

use super::too_large;
use crate::limits::Limits;

/// Levels of brackets of any kind in a query. What the depth of fields allows
/// fits into it with its arguments.
pub const NESTING: usize = 64;

/// The text as the parser takes it. Blanked, so that positions stay, are
/// descriptions of operations, fragments and variables (September 2025), which
/// it does not know, and commas, which mean nothing and which it does not skip
/// everywhere.
///
/// # Errors
/// QUERY_TOO_LARGE, QUERY_TOO_DEEP.
pub fn scan(query: &str, limits: Limits) -> Result<Cow<'_, str>> {
    if query.len() > limits.query_bytes {
        return Err(too_large("bytes", limits.query_bytes));
    }
    let mut scan = Scan::default();
    for token in Lexer::new(query) {
        // What is no token is the parser's to report.
        let Ok(token) = token else { continue };
        match token.kind() {
            TokenKind::Whitespace | TokenKind::Comment => {}
            TokenKind::Comma => scan.blanks.push((token.index(), token.index() + 1)),
            _ => scan.take(&token, limits)?,
        }
    }
    Ok(scan.blanked(query))
}

/// Where a scan stands.
#[derive(Default)]
struct Scan<'q> {
    tokens: usize,
    depth: usize,
    /// The number of tokens since a definition began, its keyword first.
    in_definition: usize,
    /// The depth within the parentheses after an operation's name.
    in_variables: usize,
    before: Option<Token<'q>>,
    /// A text that is a description if what follows it can be described.
    candidate: Option<(usize, usize)>,
    /// What is blanked.
    blanks: Vec<(usize, usize)>,
}

impl<'q> Scan<'q> {
    fn take(&mut self, token: &Token<'q>, limits: Limits) -> Result<()> {
        self.tokens += 1;
        if self.tokens > limits.tokens {
            return Err(too_large("tokens", limits.tokens));
        }
        if let Some(description) = self.candidate.take()
            && self.can_be_described(token)
        {
            self.blanks.push(description);
        }
        match token.kind() {
            TokenKind::LCurly | TokenKind::LParen | TokenKind::LBracket => self.open(token.kind())?,
            TokenKind::RCurly | TokenKind::RParen | TokenKind::RBracket => self.close(token.kind()),
            TokenKind::StringValue if self.may_describe() => {
                self.candidate = Some((token.index(), token.index() + token.data().len()));
            }
            TokenKind::Name if self.depth == 0 && self.in_definition == 0 => self.in_definition = 1,
            _ if self.in_definition > 0 && self.depth == 0 => self.in_definition += 1,
            _ => {}
        }
        self.before = Some(token.clone());
        Ok(())
    }

    fn open(&mut self, kind: TokenKind) -> Result<()> {
        self.depth += 1;
        if self.depth > NESTING {
            let message = format!("The query is nested deeper than {NESTING} levels of brackets.");
            return Err(Failure::new(ErrorCode::QueryTooDeep, message).with("limit", NESTING));
        }
        let begins_variables = kind == TokenKind::LParen && self.depth == 1 && matches!(self.in_definition, 1 | 2);
        if self.in_variables > 0 || begins_variables {
            self.in_variables += 1;
        }
        Ok(())
    }

    fn close(&mut self, kind: TokenKind) {
        self.depth = self.depth.saturating_sub(1);
        self.in_variables = self.in_variables.saturating_sub(1);
        if kind == TokenKind::RCurly && self.depth == 0 {
            self.in_definition = 0;
        } else if self.depth == 0 && self.in_definition > 0 {
            self.in_definition = 3;
        }
    }

    /// Whether a text at this place can be a description.
    fn may_describe(&self) -> bool {
        let is_default = self.before.as_ref().is_some_and(|token| token.kind() == TokenKind::Eq);
        (self.depth == 0 && self.in_definition == 0) || (self.in_variables == 1 && self.depth == 1 && !is_default)
    }

    fn can_be_described(&self, token: &Token<'_>) -> bool {
        match token.kind() {
            TokenKind::Name => {
                self.depth == 0 && matches!(token.data(), "query" | "mutation" | "subscription" | "fragment")
            }
            TokenKind::Dollar => self.in_variables == 1,
            _ => false,
        }
    }

    fn blanked(mut self, query: &str) -> Cow<'_, str> {
        if self.blanks.is_empty() {
            return Cow::Borrowed(query);
        }
        // A description is known for one only when what it describes follows.
        self.blanks.sort_unstable();
        let mut text = String::with_capacity(query.len());
        let mut from = 0;
        for (start, end) in self.blanks {
            text.push_str(&query[from..start]);
            // Line breaks stay, and each character remains one column.
            text.extend(query[start..end].chars().map(|c| if matches!(c, '\n' | '\r') { c } else { ' ' }));
            from = end;
        }
        text.push_str(&query[from..]);
        Cow::Owned(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(query: &str) -> String {
        scan(query, Limits::default()).map(Cow::into_owned).unwrap_or_else(|failure| failure.code().name().into())
    }

    #[test]
    fn descriptions_are_blanked_where_they_may_stand() {
        assert_eq!(scanned("\"a\" query Q{b}"), "    query Q{b}");
        assert_eq!(scanned("\"\"\"a\nb\"\"\" fragment F on Q{b}"), "    \n     fragment F on Q{b}");
        assert_eq!(scanned("query Q(\"x\" $a: Int, \"y\" $b: Int){b}"), "query Q(    $a: Int      $b: Int){b}");
        assert_eq!(scanned("query(\"x\" $a: Int){b}"), "query(    $a: Int){b}");
    }

    #[test]
    fn commas_are_blanked_outside_of_texts() {
        assert_eq!(scanned("{a,(b: [1,,2]),...,F}"), "{a (b: [1  2]) ... F}");
        assert_eq!(scanned("{a(b: \"1,2\") # c, d\n}"), "{a(b: \"1,2\") # c, d\n}");
    }

    #[test]
    fn other_texts_stay() {
        for query in [
            "\"a\" {b}",
            "query Q($a: String = \"x\" $b: Int){b}",
            "query Q($a: [String] = [\"x\"] $b: Int){b(c: \"x\")}",
            "query Q @d(a: \"x\" $b: 1){b}",
            "{a(b: \"x\") query}",
            "\"a\" schema",
        ] {
            assert_eq!(scanned(query), query);
        }
        assert_eq!(scanned("\"a\" \"b\" query Q{c}"), "\"a\"     query Q{c}", "one description is allowed, not two");
    }

    #[test]
    fn size_and_nesting_are_bounded_before_anything_else() {
        assert_eq!(scanned(&format!("{{a(b: {}{})}}", "[".repeat(63), "]".repeat(63))), "QUERY_TOO_DEEP");
        assert_eq!(scanned(&format!("{{a(b: {})}}", "{c:".repeat(5000))), "QUERY_TOO_DEEP");
        assert_eq!(scanned(&"a ".repeat(20_001)), "QUERY_TOO_LARGE");
        assert_eq!(scanned(&format!("{{a(b: \"{}\")}}", "x".repeat(65_536))), "QUERY_TOO_LARGE");
        let fine = format!("{{a(b: {}{})}}", "[".repeat(62), "]".repeat(62));
        assert_eq!(scanned(&fine), fine);
    }
}
