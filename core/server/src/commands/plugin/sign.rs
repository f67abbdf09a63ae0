//! `lyceum plugin sign`: the publisher's signature in a package.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lyceum_domain::plugin::trust::{Publisher, Rotation, publisher_of, signer_of};
use lyceum_plugin_host::package::{
    Archive, SIGNATURE_COMMENT,
    archive::{PUBLISHER, ROTATION, ROTATION_SIGNATURE, SIGNATURE, SUMS},
    publisher_file, trusted_comment,
};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

use super::{inspection, pack::report};
use crate::{StartError, replace::replace};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The package. It is written anew, with its signature in it.
    package: PathBuf,
    /// The publisher's secret key.
    #[arg(long, value_name = "FILE", default_value = "publisher.key")]
    key: PathBuf,
    /// The key that users know, when --key is a new one: it states that the new
    /// one follows it.
    #[arg(long, value_name = "FILE")]
    rotate_from: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), StartError> {
    let path = &arguments.package;
    let bytes = fs::read(path).map_err(StartError::io(path.display().to_string()))?;
    let is = inspection(&bytes)?;
    let mut archive = Archive::read(&bytes).map_err(|why| {
        StartError::Other(format!("{why}\nOnly a package can be signed: make one with `lyceum plugin pack`."))
    })?;
    let key = secret_key(&arguments.key)?;
    if let Some(old) = &arguments.rotate_from {
        rotate(&mut archive, &secret_key(old)?, &key, publisher_of(&is.id))?;
    }
    sign(&mut archive, &key, &is.id, &is.version)?;
    let signed = archive.to_bytes();
    print!("{}", report(&archive, &inspection(&signed)?, &signed));
    write_over(path, &signed)
}

/// Puts the public key, the sums and their signature into a package.
pub(crate) fn sign(archive: &mut Archive, key: &SecretKey, id: &str, version: &str) -> Result<(), StartError> {
    archive.remove(SIGNATURE);
    let public = public_key(key)?.to_base64();
    archive.put(PUBLISHER, publisher_file(&public).into_bytes()).map_err(StartError::Other)?;
    // The first seal is without signature, so the check for pairs waits.
    let sums = archive.sums();
    archive.put(SUMS, sums.clone().into_bytes()).map_err(StartError::Other)?;
    let signature = signature(key, &sums, &trusted_comment(id, version), SIGNATURE_COMMENT)?;
    archive.put(SIGNATURE, signature.into_bytes()).map_err(StartError::Other)?;
    archive.seal().map_err(StartError::Other)
}

fn rotate(archive: &mut Archive, old: &SecretKey, new: &SecretKey, publisher: &str) -> Result<(), StartError> {
    let signer = |key: &SecretKey| signer_of(&public_key(key)?.to_base64()).map_err(StartError::Other);
    let known = Publisher { name: publisher.to_owned(), signer: signer(old)? };
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let statement = Rotation::text(&known, &signer(new)?, &date);
    let signature =
        signature(old, &statement, &format!("lyceum publisher {publisher}"), "rotation of a publisher's key")?;
    archive.put(ROTATION, statement.into_bytes()).map_err(StartError::Other)?;
    archive.put(ROTATION_SIGNATURE, signature.into_bytes()).map_err(StartError::Other)
}

fn public_key(key: &SecretKey) -> Result<PublicKey, StartError> {
    PublicKey::from_secret_key(key).map_err(|error| StartError::Other(format!("the key: {error}")))
}

fn signature(key: &SecretKey, text: &str, trusted: &str, untrusted: &str) -> Result<String, StartError> {
    let made = minisign::sign(None, key, text.as_bytes(), Some(trusted), Some(untrusted));
    made.map(|signature| signature.into_string())
        .map_err(|error| StartError::Other(format!("it is not signed: {error}")))
}

/// Reads a key, and asks for its password when it has one.
pub(crate) fn secret_key(path: &Path) -> Result<SecretKey, StartError> {
    let text = fs::read_to_string(path).map_err(StartError::io(path.display().to_string()))?;
    let failed = |error: minisign::PError| StartError::Other(format!("{}: {error}", path.display()));
    let open = SecretKeyBox::from_string(&text).map_err(failed)?.into_unencrypted_secret_key();
    match open {
        Ok(key) => Ok(key),
        Err(_) => SecretKeyBox::from_string(&text).and_then(|locked| locked.into_secret_key(None)).map_err(failed),
    }
}

/// The old package stays until the new one is whole.
fn write_over(path: &Path, bytes: &[u8]) -> Result<(), StartError> {
    replace(path, bytes).map_err(StartError::io(format!("{} is not written", path.display())))
}
