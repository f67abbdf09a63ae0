//! The one form of a text, in which it is stored and compared.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Why a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// PostgreSQL holds no such text, and SQLite ends some functions there.
    #[error("A text must not hold the character U+0000.")]
    Nul,
}

/// The text in NFC, so that what looks alike and is typed on another keyboard
/// (`é` of one character or of two) is one text.
///
/// # Errors
/// When it holds U+0000.
pub fn normal(text: String) -> Result<String, TextError> {
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Ok(text),
        IsNormalized::No | IsNormalized::Maybe => Ok(text.nfc().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_has_one_form() {
        assert_eq!(normal("cafe\u{301}".into()).as_deref(), Ok("café"));
        assert_eq!(normal("한글".into()), normal("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}".into()));
        assert_eq!(normal("a\0b".into()), Err(TextError::Nul));
    }
}
