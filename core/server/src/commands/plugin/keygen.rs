//! `lyceum plugin keygen`: a publisher's key.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use lyceum_domain::plugin::trust::{Signer, signer_of};
use minisign::KeyPair;

use crate::StartError;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the secret key goes. The public key goes beside it, with `.pub`.
    #[arg(short, long, value_name = "FILE", default_value = "publisher.key")]
    output: PathBuf,
    /// Writes the secret key without a password, for machines that sign alone.
    #[arg(long)]
    no_password: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), StartError> {
    let signer = generate(arguments)?;
    println!("secret key   {}  (keep it to yourself, and a copy of it elsewhere)", arguments.output.display());
    println!("public key   {}", signer.public_key);
    println!("key id       {}", signer.key_id);
    println!("fingerprint  {}", signer.fingerprint());
    println!("Publish the fingerprint where your users look: they see it when they first install a plugin of yours.");
    Ok(())
}

fn generate(arguments: &Arguments) -> Result<Signer, StartError> {
    let failed = |error: minisign::PError| StartError::Other(format!("no key was made: {error}"));
    let pair = match arguments.no_password {
        true => KeyPair::generate_unencrypted_keypair(),
        false => KeyPair::generate_encrypted_keypair(None),
    };
    let pair = pair.map_err(failed)?;
    let secret = pair.sk.to_box(Some("secret key of a Lyceum plugin publisher")).map_err(failed)?.into_string();
    let public = pair.pk.to_box().map_err(failed)?.into_string();
    write_new(&arguments.output, &secret, 0o600)?;
    write_new(&public_path(&arguments.output), &public, 0o644)?;
    signer_of(&pair.pk.to_base64()).map_err(StartError::Other)
}

/// `publisher.key` → `publisher.pub`.
pub(super) fn public_path(secret: &Path) -> PathBuf {
    secret.with_extension("pub")
}

/// A key is never written over: the old one may be the only copy.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), StartError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(StartError::io(format!("{} is not written", path.display())))
}
