//! The keys of this installation: configured, or in a file that only its owner
//! can read.
//!
//! **Invariant:** a key file is written whole or not at all. One that is empty
//! all the same (a full disk, a restored backup) is made anew when it protects
//! nothing, else it is reported with what to do.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use lyceum_domain::{identity::TokenKey, plugin::SecretKey};

use crate::{StartError, config::Secret, replace};

/// The key for access tokens: the configured one, or that of the data
/// directory, which is made at the first start.
pub(crate) fn token_key(data_dir: &Path, configured: Option<&Secret>) -> Result<TokenKey, StartError> {
    let path = data_dir.join("secrets").join("token.key");
    let refused = |cause: String| StartError::TokenKey { path: path.clone(), cause };
    let bytes = match configured {
        Some(digits) => hex::decode(digits.expose()).map_err(|error| refused(error.to_string()))?,
        // An empty key has signed nothing.
        None => stored(&path, true).map_err(|error| refused(error.to_string()))?,
    };
    TokenKey::new(&bytes).map_err(|error| refused(format!("{error}; delete the file and everybody signs in again")))
}

/// The key for the secrets of plugins: the configured one, or that of the data
/// directory, which is made at the first start. `used`: whether secrets are
/// stored that were sealed with a key.
pub(crate) fn secret_key(data_dir: &Path, configured: Option<&SecretKey>, used: bool) -> Result<SecretKey, StartError> {
    if let Some(key) = configured {
        return Ok(key.clone());
    }
    let path = data_dir.join("secrets").join("plugin.key");
    let refused = |cause: String| StartError::SecretKey { path: path.clone(), cause };
    let bytes = stored(&path, !used).map_err(|error| refused(error.to_string()))?;
    SecretKey::new(&bytes).map_err(|error| {
        refused(format!(
            "{error}, this file {}. Restore it from a backup, or delete it and set the secrets of all plugins again",
            bytes.len()
        ))
    })
}

/// A key of 32 bytes in a file, which is made when there is none. An empty file
/// is made anew if it may be.
fn stored(path: &Path, renewable: bool) -> io::Result<Vec<u8>> {
    if let Some(directory) = path.parent() {
        private_directory(directory)?;
    }
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Ok(bytes) if bytes.is_empty() && renewable => {
            tracing::warn!(path = %path.display(), "the key file was empty, so it protected nothing; it is made anew");
            let key: [u8; 32] = rand::random();
            replace::replace(path, key)?;
            Ok(key.to_vec())
        }
        read => read,
    }
}

fn make(path: &Path) -> io::Result<Vec<u8>> {
    let key: [u8; 32] = rand::random();
    // Another process may have been quicker.
    if replace::create(path, key)? { Ok(key.to_vec()) } else { fs::read(path) }
}

pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(name: &str, content: &[u8]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        private_directory(&directory.path().join("secrets")).expect("it can be made");
        fs::write(directory.path().join("secrets").join(name), content).expect("it can be written");
        directory
    }

    fn length(directory: &tempfile::TempDir, name: &str) -> usize {
        fs::read(directory.path().join("secrets").join(name)).expect("it is there").len()
    }

    #[test]
    fn an_empty_key_that_protects_nothing_is_made_anew() {
        let directory = with_file("token.key", b"");
        token_key(directory.path(), None).expect("it is made anew");
        assert_eq!(length(&directory, "token.key"), 32);
        let directory = with_file("plugin.key", b"");
        secret_key(directory.path(), None, false).expect("it is made anew");
        assert_eq!(length(&directory, "plugin.key"), 32);
    }

    #[test]
    fn a_key_that_is_lost_is_reported_with_what_to_do() {
        for content in [b"".as_slice(), b"half"] {
            let directory = with_file("plugin.key", content);
            let error = secret_key(directory.path(), None, true).expect_err("the secrets need it").to_string();
            assert!(error.contains("plugin.key") && error.contains("backup"), "{error}");
            assert_eq!(length(&directory, "plugin.key"), content.len(), "it is not touched");
        }
        let directory = with_file("token.key", b"half");
        let error = token_key(directory.path(), None).map(drop).expect_err("it is too short").to_string();
        assert!(error.contains("delete the file"), "{error}");
    }

    #[test]
    fn the_configured_token_key_needs_no_file() {
        let directory = tempfile::tempdir().expect("a directory");
        token_key(directory.path(), Some(&Secret::new("ab".repeat(32)))).expect("it is a key");
        assert!(!directory.path().join("secrets").exists());
    }
}
