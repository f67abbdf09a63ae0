//! Who signed a package.
//!
//! The signature covers `lyceum.sums`, which covers every other file, the public
//! key among them. Its trusted comment names plugin and version, so that the
//! signature of one release is none of another.
//!
//! **Invariant:** a signature that is there and does not fit is an error, never
//! "unsigned".

use lyceum_domain::plugin::trust::{Rotation, Signer, signer_of, verify_signature};

use super::archive::{Archive, PUBLISHER, ROTATION, ROTATION_SIGNATURE, SIGNATURE, SUMS};

/// First line of every signature in a package: nothing in it is free text.
pub const SIGNATURE_COMMENT: &str = "signature of a Lyceum plugin package";
/// First line of the public key in a package.
pub const PUBLISHER_COMMENT: &str = "untrusted comment: publisher of a Lyceum plugin package";

/// What a package's signature says besides its bytes.
#[must_use]
pub fn trusted_comment(id: &str, version: &str) -> String {
    format!("lyceum plugin {id} {version}")
}

/// `publisher.pub` of a public key.
#[must_use]
pub fn publisher_file(public_key: &str) -> String {
    format!("{PUBLISHER_COMMENT}\n{public_key}\n")
}

/// The signer of a package whose sums were checked; none when it is unsigned.
///
/// # Errors
/// There is a signature and it does not fit.
pub(super) fn signer(archive: &Archive, id: &str, version: &str) -> Result<Option<Signer>, String> {
    if archive.get(SIGNATURE).is_none() {
        return Ok(None);
    }
    let signer = publisher(archive.text(PUBLISHER)?)?;
    let signature = archive.text(SIGNATURE)?;
    if !signature.starts_with(&format!("untrusted comment: {SIGNATURE_COMMENT}\n")) {
        return Err(format!(
            "`{SIGNATURE}` does not begin with \"untrusted comment: {SIGNATURE_COMMENT}\": sign it again"
        ));
    }
    let comment = verify_signature(&signer, archive.text(SUMS)?.as_bytes(), signature)
        .map_err(|why| format!("`{SIGNATURE}`: {why}"))?;
    let right = trusted_comment(id, version);
    match comment == right {
        true => Ok(Some(signer)),
        false => Err(format!("`{SIGNATURE}` is for \"{comment}\" and this is \"{right}\": sign this version")),
    }
}

fn publisher(text: &str) -> Result<Signer, String> {
    let key = text.strip_prefix(PUBLISHER_COMMENT).and_then(|rest| rest.strip_prefix('\n')?.strip_suffix('\n'));
    key.ok_or_else(|| format!("`{PUBLISHER}` is not the two lines that `lyceum plugin sign` writes: sign it again"))
        .and_then(|key| signer_of(key).map_err(|why| format!("`{PUBLISHER}`: {why}")))
}

pub(super) fn rotation(archive: &Archive) -> Result<Option<Rotation>, String> {
    if archive.get(ROTATION).is_none() {
        return Ok(None);
    }
    let (statement, signature) = (archive.text(ROTATION)?, archive.text(ROTATION_SIGNATURE)?);
    Ok(Some(Rotation { statement: statement.to_owned(), signature: signature.to_owned() }))
}
