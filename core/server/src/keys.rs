//! The keys of this installation, each kept in a file that only its owner reads.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};

use lyceum_domain::{identity::TokenKey, plugin::SecretKey};

use crate::StartError;

/// Reads the key for access tokens, or makes one at the first start.
pub(crate) fn token_key(data_dir: &Path) -> Result<TokenKey, StartError> {
    let path = data_dir.join("secrets").join("token.key");
    let refused = |cause: String| StartError::TokenKey { path: path.clone(), cause };
    let bytes = kept(&path).map_err(|error| refused(error.to_string()))?;
    TokenKey::new(&bytes).map_err(|error| refused(format!("{error}; delete the file and everybody signs in again")))
}

/// The key for the secrets of plugins: the configured one, or that of the data
/// directory, which is made at the first start.
pub(crate) fn secret_key(data_dir: &Path, configured: Option<&SecretKey>) -> Result<SecretKey, StartError> {
    if let Some(key) = configured {
        return Ok(key.clone());
    }
    let path = data_dir.join("secrets").join("plugin.key");
    let refused = |cause: String| StartError::SecretKey { path: path.clone(), cause };
    let bytes = kept(&path).map_err(|error| refused(error.to_string()))?;
    SecretKey::new(&bytes).map_err(|error| refused(error.to_string()))
}

/// A key of 32 bytes that a file keeps.
fn kept(path: &Path) -> std::io::Result<Vec<u8>> {
    if let Some(directory) = path.parent() {
        private_directory(directory)?;
    }
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        read => read,
    }
}

fn make(path: &Path) -> std::io::Result<Vec<u8>> {
    let key: [u8; 32] = rand::random();
    match private_file(path) {
        Ok(mut file) => {
            file.write_all(&key)?;
            file.sync_all()?;
            Ok(key.to_vec())
        }
        // Another process was quicker.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read(path),
        Err(error) => Err(error),
    }
}

/// A new file that only its owner reads.
pub(crate) fn private_file(path: &Path) -> std::io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(crate) fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
