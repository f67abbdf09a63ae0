//! Whose plugins are installed: signatures, pinned keys, revocation.
//!
//! The publisher is the namespace of a plugin's id. Its key is pinned with the
//! first plugin of it that is installed; from then on everything of this
//! publisher is signed by that key, or brings the old key's word that another
//! one follows it. A key that is revoked has no word any more.
//!
//! **Invariant:** keys are compared whole. A key id is chosen by who made the
//! key and proves nothing.
//! **Invariant:** deciding reads nothing and writes nothing: [`judge`] gets all
//! it needs, and what it says is recorded with the installation, in one
//! transaction ([`pin`]).
//!
//! Absent on purpose: certificates and authorities; everything works offline.

mod pins;
mod revocation;
mod rotation;
mod signer;

use lyceum_kernel::{ErrorCode, Failure};

pub use pins::{forget, pin, publisher};
pub use revocation::{Revocations, Revoked};
pub use rotation::Rotation;
pub use signer::{Signer, signer_of, verify_signature};

use super::port::Inspection;

/// The publisher whose plugins come with the binary.
pub const BUILT_IN_PUBLISHER: &str = "lyceum";

/// What the owner decides about signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub unsigned: Unsigned,
    /// Development mode.
    pub dev: bool,
}

/// What happens to a package without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    Deny,
    /// It is installed in development mode only.
    DevOnly,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// It is compiled into the binary and trusted as the binary is.
    BuiltIn,
    #[default]
    Elsewhere,
}

/// A publisher with its pinned key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    pub name: String,
    pub signer: Signer,
}

/// Why a package is trusted, and what is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    BuiltIn,
    /// Not signed, in development mode.
    Development,
    /// Signed by the key that is pinned.
    Known,
    /// The first of this publisher: pin this key.
    First(Publisher),
    /// The pinned key names this one as the next: pin it instead.
    Rotated(Publisher),
}

impl Verdict {
    /// The key to pin.
    #[must_use]
    pub fn to_pin(&self) -> Option<&Publisher> {
        match self {
            Self::First(publisher) | Self::Rotated(publisher) => Some(publisher),
            Self::BuiltIn | Self::Development | Self::Known => None,
        }
    }
}

/// Why a package is not trusted. `plugin` is id and version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error(
        "{plugin} is not signed. Ask its publisher for a signed package. Unsigned ones are installed in development mode only (`dev = true`)."
    )]
    Unsigned { plugin: String },
    #[error(
        "{plugin} is signed by the key {found}, and the key of {publisher} is {pinned}. Ask the publisher; if the key has changed, the package must bring a rotation statement of the old one."
    )]
    OtherKey { plugin: String, publisher: String, pinned: String, found: String },
    #[error("{plugin} brings a rotation statement that does not hold: {why}. Ask its publisher for a correct one.")]
    Rotation { plugin: String, why: String },
    #[error(
        "{plugin} brings a rotation statement of the key {pinned}, which is revoked: {reason} Whoever has it may have written the statement. Ask the publisher for the new key some other way."
    )]
    RevokedKey { plugin: String, pinned: String, reason: String },
    #[error("{plugin} is revoked: {reason} Install another version.")]
    Revoked { plugin: String, reason: String },
    #[error(
        "{plugin} claims to come with Lyceum and does not: the publisher \"lyceum\" is that of the binary. Install a first-party plugin by its name."
    )]
    Reserved { plugin: String },
}

impl From<Untrusted> for Failure {
    fn from(error: Untrusted) -> Self {
        let failure = Self::new(ErrorCode::PluginUntrusted, error.to_string());
        match error {
            Untrusted::OtherKey { plugin, publisher, pinned, found } => failure
                .with("plugin", plugin)
                .with("publisher", publisher)
                .with("pinnedFingerprint", pinned)
                .with("fingerprint", found),
            Untrusted::RevokedKey { plugin, pinned, .. } => {
                failure.with("plugin", plugin).with("pinnedFingerprint", pinned)
            }
            Untrusted::Unsigned { plugin }
            | Untrusted::Rotation { plugin, .. }
            | Untrusted::Revoked { plugin, .. }
            | Untrusted::Reserved { plugin } => failure.with("plugin", plugin),
        }
    }
}

/// The publisher of a plugin: the namespace of its id.
#[must_use]
pub fn publisher_of(id: &str) -> &str {
    id.split_once('/').map_or(id, |(publisher, _)| publisher)
}

/// Whether a package may be installed. Its signature was verified when it was
/// read; here is decided whether the key is the right one.
///
/// # Errors
/// Why it may not, for the owner.
pub fn judge(
    policy: Policy,
    origin: Origin,
    is: &Inspection,
    pinned: Option<&Publisher>,
    revocations: &Revocations,
) -> Result<Verdict, Untrusted> {
    let plugin = format!("{} {}", is.id, is.version);
    if let Some(revoked) = revocations.of(is) {
        return Err(Untrusted::Revoked { plugin, reason: revoked.reason() });
    }
    let is_ours = publisher_of(&is.id) == BUILT_IN_PUBLISHER;
    match (&is.signer, pinned) {
        _ if origin == Origin::BuiltIn && is_ours => Ok(Verdict::BuiltIn),
        (None, _) if policy.dev && policy.unsigned == Unsigned::DevOnly => Ok(Verdict::Development),
        (None, _) => Err(Untrusted::Unsigned { plugin }),
        (Some(signer), Some(pinned)) if pinned.signer.public_key == signer.public_key => Ok(Verdict::Known),
        (Some(signer), Some(pinned)) => succeeds(is, pinned, signer, revocations),
        (Some(_), None) if is_ours => Err(Untrusted::Reserved { plugin }),
        (Some(signer), None) => Ok(Verdict::First(named(is, signer))),
    }
}

fn named(is: &Inspection, signer: &Signer) -> Publisher {
    Publisher { name: publisher_of(&is.id).to_owned(), signer: signer.clone() }
}

/// Another key than the pinned one: the pinned one must have said so, and still
/// be one to listen to.
fn succeeds(
    is: &Inspection,
    pinned: &Publisher,
    signer: &Signer,
    revocations: &Revocations,
) -> Result<Verdict, Untrusted> {
    let (plugin, pinned_key) = (format!("{} {}", is.id, is.version), pinned.signer.fingerprint());
    let Some(rotation) = &is.rotation else {
        let found = signer.fingerprint();
        return Err(Untrusted::OtherKey { plugin, publisher: pinned.name.clone(), pinned: pinned_key, found });
    };
    if let Some(revoked) = revocations.of_key(&pinned.signer) {
        return Err(Untrusted::RevokedKey { plugin, pinned: pinned_key, reason: revoked.reason() });
    }
    match rotation.check(pinned, signer) {
        Ok(()) => Ok(Verdict::Rotated(named(is, signer))),
        Err(why) => Err(Untrusted::Rotation { plugin, why }),
    }
}
