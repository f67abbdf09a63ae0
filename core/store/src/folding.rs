//! Upper and lower case alike, in all scripts and on both databases.
//!
//! A text is folded by Unicode's full mapping to upper case, which needs no
//! context and no language (`ß` is `SS`, `ς` and `σ` are `Σ`), and by a few
//! exchanges that the mapping lacks: `ẞ` is `ß`, and the dotted and the
//! dotless `I` of Turkish are one letter with `i`. Marks count: `é` is not `e`.
//!
//! SQLite has only a mapping of ASCII; there the function of [`folded`] is
//! added to each connection. PostgreSQL maps by the collation that is named,
//! `und-x-icu`, and not by that of the database, which may know ASCII only.
//!
//! **Invariant:** [`folded`] and what [`expression`] computes are the same
//! text, for all characters that the ICU of the PostgreSQL server knows.

use crate::Dialect;

/// The name of the function on SQLite.
pub(crate) const FUNCTION: &str = "lyceum_fold";

/// The collation of ICU without a language.
pub(crate) const COLLATION: &str = "und-x-icu";

/// What the mapping to upper case leaves apart, in this order.
const EXCHANGES: [(&str, &str); 4] = [("ẞ", "SS"), ("İ", "I"), ("I\u{307}", "I"), ("ϴ", "Θ")];

/// The text in the form in which upper and lower case are alike.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\u{7f}' => folded.push(c.to_ascii_uppercase()),
            'ẞ' => folded.push_str("SS"),
            'İ' => folded.push('I'),
            '\u{307}' if folded.ends_with('I') => {}
            'ϴ' => folded.push('Θ'),
            // Nothing from the radicals of Han to Vai has cases: no table is asked.
            '\u{2e80}'..='\u{a63f}' => folded.push(c),
            _ => folded.extend(c.to_uppercase()),
        }
    }
    folded
}

/// The SQL before and after a value that is to be folded.
#[must_use]
pub fn expression(dialect: Dialect) -> (String, String) {
    if dialect == Dialect::Sqlite {
        return (format!("{FUNCTION}("), ")".to_owned());
    }
    let mut after = format!(" COLLATE \"{COLLATION}\")");
    for (from, to) in EXCHANGES {
        after += &format!(",'{from}','{to}')");
    }
    (format!("{}upper(", "replace(".repeat(EXCHANGES.len())), after)
}

#[cfg(test)]
mod tests {
    use lyceum_kernel::text::normal;

    use super::*;

    #[test]
    fn upper_and_lower_case_are_alike_for_every_character() {
        // Stored texts are NFC, which has made Greek and Latin letters of the signs of Ohm and Kelvin.
        for c in ('\u{1}'..=char::MAX).filter_map(|c| normal(c.into()).ok()) {
            assert_eq!(folded(&c), folded(&c.to_lowercase()), "{c}");
            assert_eq!(folded(&c), folded(&c.to_uppercase()), "{c}");
            assert_eq!(folded(&c), folded(&folded(&c)), "{c}");
        }
    }

    #[test]
    fn the_hard_letters_are_alike() {
        for (one, other) in [
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΟΔΟΣ", "οδος"),
            ("İstanbul", "ISTANBUL"),
            ("ışık", "IŞIK"),
            ("ﬁn", "FIN"),
            ("Иван", "иВАН"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("é"), folded("e"));
    }
}
