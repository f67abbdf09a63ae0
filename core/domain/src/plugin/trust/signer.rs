//! Public keys and signatures in the format of minisign: Ed25519 over BLAKE2b,
//! with a trusted comment that a second signature covers.
//!
//! The crate `minisign-verify` does the cryptography; it verifies and cannot sign.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A signature's file has four lines and no more than this many bytes.
const SIGNATURE_BYTES: usize = 1024;
/// Algorithm (2), key id (8), Ed25519 key (32).
const KEY_BYTES: usize = 42;

/// Who signed a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// As minisign prints it: 16 digits. It helps to find a key, it proves nothing.
    pub key_id: String,
    /// The public key as minisign writes it, base64.
    pub public_key: String,
}

impl Signer {
    /// What people compare: the first half of the SHA-256 of the Ed25519 key,
    /// in groups of four digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let bytes = STANDARD.decode(&self.public_key).unwrap_or_default();
        let digest = hex::encode(Sha256::digest(bytes.get(10..).unwrap_or_default()));
        let groups: Vec<&str> = (0..32).step_by(4).map(|at| &digest[at..at + 4]).collect();
        groups.join("-")
    }
}

/// The signer with this public key.
///
/// # Errors
/// It is no public key of minisign.
pub fn signer_of(public_key: &str) -> Result<Signer, String> {
    let wrong = || format!("\"{public_key}\" is no public key: write the second line of the `.pub` file");
    let bytes = STANDARD.decode(public_key).ok().filter(|bytes| bytes.len() == KEY_BYTES).ok_or_else(wrong)?;
    PublicKey::from_base64(public_key).map_err(|_| wrong())?;
    let key_id = hex::encode_upper(bytes[2..10].iter().rev().copied().collect::<Vec<u8>>());
    Ok(Signer { key_id, public_key: public_key.to_owned() })
}

/// Verifies a signature's file over `data`. Returns its trusted comment.
///
/// # Errors
/// The file is no signature, or not one of this key over this data.
pub fn verify_signature(signer: &Signer, data: &[u8], signature: &str) -> Result<String, String> {
    strict(signature)?;
    let key = PublicKey::from_base64(&signer.public_key).map_err(|_| "the public key cannot be read".to_owned())?;
    let signature = Signature::decode(signature).map_err(|_| "the signature cannot be read".to_owned())?;
    match key.verify(data, &signature, false) {
        Ok(()) => Ok(signature.trusted_comment().to_owned()),
        Err(minisign_verify::Error::UnexpectedKeyId) => {
            Err(format!("it was signed by another key than {}", signer.key_id))
        }
        Err(minisign_verify::Error::UnexpectedAlgorithm) => {
            Err("it is a legacy signature: sign again with a current minisign or `lyceum plugin sign`".into())
        }
        Err(_) => Err("the signature does not fit: something was changed after it was signed".into()),
    }
}

/// One way to write a signature: a byte more or less is another file.
fn strict(text: &str) -> Result<(), String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let decodes = |line: &str, bytes: usize| STANDARD.decode(line).is_ok_and(|found| found.len() == bytes);
    match lines.as_slice() {
        [untrusted, signature, trusted, global, ""]
            if text.len() <= SIGNATURE_BYTES
                && untrusted.starts_with("untrusted comment: ")
                && trusted.starts_with("trusted comment: ")
                && decodes(signature, 74)
                && decodes(global, 64)
                && !text.contains('\r') =>
        {
            Ok(())
        }
        _ => Err("the signature is not the four lines that minisign writes".into()),
    }
}
