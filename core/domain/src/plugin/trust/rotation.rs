//! The old key's word that a new one follows it.
//!
//! One line, signed by the old key:
//! `rotate <publisher> <old key id> <new public key> <YYYY-MM-DD>`

use serde::{Deserialize, Serialize};

use super::{Publisher, Signer, verify_signature};

/// A statement and its signature, as the package brought them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub statement: String,
    /// A minisign signature by the old key.
    pub signature: String,
}

impl Rotation {
    /// The statement for a new key, to be signed by the old one.
    #[must_use]
    pub fn text(old: &Publisher, new: &Signer, date: &str) -> String {
        format!("rotate {} {} {} {date}\n", old.name, old.signer.key_id, new.public_key)
    }

    /// Whether the pinned key says that `new` follows it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self, pinned: &Publisher, new: &Signer) -> Result<(), String> {
        verify_signature(&pinned.signer, self.statement.as_bytes(), &self.signature)
            .map_err(|why| format!("by the pinned key {}, {why}", pinned.signer.fingerprint()))?;
        let date = self.statement.trim_end().rsplit(' ').next().unwrap_or_default();
        if self.statement != Self::text(pinned, new, date) || !is_date(date) {
            return Err(format!(
                "it must read `rotate {} {} {} <YYYY-MM-DD>`",
                pinned.name, pinned.signer.key_id, new.public_key
            ));
        }
        Ok(())
    }
}

fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10
}
