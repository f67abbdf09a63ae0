//! What makes an answer wrong.

use lyceum_domain::plugin::FailureKind;

use crate::bindings::host::lyceum::types::common::Ext;

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotTaken {
    pub kind: FailureKind,
    pub detail: String,
}

impl NotTaken {
    /// The answer breaks a rule of its world.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self { kind: FailureKind::InvalidOutput, detail: detail.into() }
    }

    /// The guest said, in its world's words, that it cannot.
    pub fn refused(code: &str, message: &str) -> Self {
        let kind = if code == "denied" { FailureKind::Denied } else { FailureKind::Refused };
        let message: String = message.chars().filter(|c| !c.is_control()).take(500).collect();
        Self { kind, detail: format!("{code}: {message}") }
    }
}

/// Longest of each kind of text, in bytes.
pub(crate) const ID: usize = 255;
pub(crate) const TEXT: usize = 2_048;
pub(crate) const URL: usize = 8_192;
/// Pairs of an `ext`.
const PAIRS: usize = 64;

/// A text that is not too long.
pub(crate) fn text(what: &str, text: String, most: usize) -> Result<String, NotTaken> {
    match text.len() {
        length if length > most => Err(NotTaken::invalid(format!("{what} has {length} bytes; at most {most}"))),
        _ => Ok(text),
    }
}

/// Pairs that are not too many or too long.
pub(crate) fn ext(what: &str, ext: Ext) -> Result<Ext, NotTaken> {
    if ext.len() > PAIRS || ext.iter().any(|(name, value)| name.len() > ID || value.len() > URL) {
        return Err(NotTaken::invalid(format!("{what} has too many or too long pairs")));
    }
    Ok(ext)
}

/// One value for each item.
pub(crate) fn count(what: &str, given: usize, wanted: usize) -> Result<(), NotTaken> {
    if given == wanted {
        return Ok(());
    }
    Err(NotTaken::invalid(format!("{given} {what} for {wanted} items")))
}
