//! Packages and keys that are not to be trusted any more.
//!
//! ```toml
//! issued = "2026-11-21T00:00:00Z"
//! [[revoked]]
//! id = "acme/alipay"        # every key that is given must fit
//! version = "1.4.0"
//! reason = "It tells order numbers to a third party."
//! ```

use serde::Deserialize;

use super::{Inspection, Signer, verify_signature};

/// Bytes of the list.
pub const LIST_BYTES: usize = 1 << 20;

/// A signed list of what is revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocations {
    /// When the list was made, in UTC as `2026-11-21T00:00:00Z`. Of two lists the
    /// later one holds.
    #[serde(default)]
    pub issued: String,
    #[serde(default)]
    pub revoked: Vec<Revoked>,
}

/// One entry. Every value that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    pub id: Option<String>,
    pub version: Option<String>,
    /// Of the component or of the package, SHA-256 in lower-case hex.
    pub digest: Option<String>,
    /// A public key.
    pub key: Option<String>,
    #[serde(default)]
    reason: String,
}

impl Revocations {
    /// Reads a list that `key` signed.
    ///
    /// # Errors
    /// The signature does not fit, or the list is not one.
    pub fn read(list: &str, signature: &str, key: &Signer) -> Result<Self, String> {
        if list.len() > LIST_BYTES {
            return Err(format!("the revocation list has more than {LIST_BYTES} bytes"));
        }
        verify_signature(key, list.as_bytes(), signature).map_err(|why| format!("the revocation list: {why}"))?;
        let read: Self = toml::from_str(list).map_err(|error| format!("the revocation list: {error}"))?;
        match read.revoked.iter().position(Revoked::is_empty) {
            Some(place) => Err(format!("entry {} of the revocation list names nothing", place + 1)),
            None => Ok(read),
        }
    }

    /// The entry that revokes this package.
    #[must_use]
    pub fn of(&self, is: &Inspection) -> Option<&Revoked> {
        self.revoked.iter().find(|revoked| revoked.fits(is))
    }

    /// An entry that names this key. Be it for one plugin only: who cannot be
    /// trusted with that one does not say who comes next.
    #[must_use]
    pub fn of_key(&self, key: &Signer) -> Option<&Revoked> {
        self.revoked.iter().find(|revoked| revoked.key.as_deref() == Some(key.public_key.as_str()))
    }
}

impl Revoked {
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.version.is_none() && self.digest.is_none() && self.key.is_none()
    }

    fn fits(&self, is: &Inspection) -> bool {
        let given = |value: &Option<String>, found: &[&str]| value.as_deref().is_none_or(|v| found.contains(&v));
        let key = is.signer.as_ref().map(|signer| signer.public_key.as_str());
        given(&self.id, &[&is.id])
            && given(&self.version, &[&is.version])
            && given(&self.digest, &[&is.digest, &is.package_digest])
            && given(&self.key, key.as_slice())
            && !self.is_empty()
    }

    /// Why, for the owner.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.reason.trim() {
            "" => "the list gives no reason.".to_owned(),
            reason => reason.to_owned(),
        }
    }
}
