//! Opening the index's directory, and what happens when it cannot be read.
//!
//! **Invariant:** only the sub-directory [`FOLDER`] is ever deleted, so that a
//! mistaken path in the configuration costs nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lyceum_domain::search::SearchError;
use tantivy::{Index, TantivyError, directory::MmapDirectory, tokenizer::TokenizerManager};

use super::schema::{Fields, MixedTokenizer, TOKENIZER, VERSION, failure};

pub(super) const FOLDER: &str = "embedded-index";
const VERSION_FILE: &str = "lyceum-version";

/// What was found at the place of the index. Whether it was ever filled to the
/// end is another question; see [`super::marks`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// An index of this version, in order.
    Kept,
    /// Nothing; the index is new and empty.
    Created,
    /// An index that could not be used, for the reason given. It was deleted
    /// and the index is empty.
    Replaced(String),
}

impl Opening {
    /// Whether the index is empty and wants to be filled from the database.
    #[must_use]
    pub fn wants_reindex(&self) -> bool {
        *self != Self::Kept
    }
}

pub fn in_memory(fields: &Fields) -> Index {
    let mut index = Index::create_in_ram(fields.schema.clone());
    index.set_tokenizers(tokenizers());
    index
}

pub fn in_directory(parent: &Path, fields: &Fields) -> Result<(Index, Opening), SearchError> {
    let folder = parent.join(FOLDER);
    if !folder.exists() {
        return Ok((create(&folder, fields)?, Opening::Created));
    }
    match reopen(&folder, fields) {
        Ok(index) => Ok((index, Opening::Kept)),
        Err(reason) => {
            fs::remove_dir_all(&folder).map_err(failure)?;
            tracing::warn!(%reason, "the search index was unusable and has been emptied");
            Ok((create(&folder, fields)?, Opening::Replaced(reason)))
        }
    }
}

fn create(folder: &PathBuf, fields: &Fields) -> Result<Index, SearchError> {
    fs::create_dir_all(folder).map_err(failure)?;
    let directory = MmapDirectory::open(folder).map_err(failure)?;
    let mut index = Index::open_or_create(directory, fields.schema.clone()).map_err(failure)?;
    index.set_tokenizers(tokenizers());
    fs::write(folder.join(VERSION_FILE), VERSION.to_string()).map_err(failure)?;
    Ok(index)
}

/// Removes what a killed process has left: the library writes small files under
/// names like these first.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(".tmp")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The error is the reason why this index cannot be used.
fn reopen(folder: &Path, fields: &Fields) -> Result<Index, String> {
    let version = fs::read_to_string(folder.join(VERSION_FILE)).map_err(|error| format!("no version: {error}"))?;
    if version.trim() != VERSION.to_string() {
        return Err(format!("version {} instead of {VERSION}", version.trim()));
    }
    let mut index = Index::open_in_dir(folder).map_err(|error| error.to_string())?;
    if index.schema() != fields.schema {
        return Err("other fields".to_owned());
    }
    index.set_tokenizers(tokenizers());
    check(&index).map_err(|error| error.to_string())?;
    Ok(index)
}

/// Reads every file once: about a second a gigabyte.
fn check(index: &Index) -> Result<(), TantivyError> {
    let damaged = index.validate_checksum()?;
    if !damaged.is_empty() {
        return Err(TantivyError::InternalError(format!("damaged files: {damaged:?}")));
    }
    index.reader().map(|_| ())
}

fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(TOKENIZER, MixedTokenizer);
    tokenizers
}
