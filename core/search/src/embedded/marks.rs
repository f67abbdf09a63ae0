//! What the index remembers of itself, in files beside its own: that it was
//! filled to the end, the event up to which it was fed, and the name under which
//! its node reads events. With the folder all are gone.
//!
//! **Invariant:** a file is there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use lyceum_domain::search::{OwnIndex, SearchError};

use super::{directory::FOLDER, schema::failure};

const FILLED: &str = "lyceum-filled";
const CONSUMER: &str = "lyceum-consumer";
const LAST_EVENT: &str = "lyceum-last-event";

pub(super) struct Marks(PathBuf);

impl Marks {
    /// `parent` is the directory in which the index has its folder.
    pub(super) fn of(parent: &Path) -> Self {
        Self(parent.join(FOLDER))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn forget_filled(&self) -> Result<(), SearchError> {
        match fs::remove_file(self.0.join(FILLED)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failure(error)),
            _ => self.sync().map_err(failure),
        }
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let beside = self.0.join(format!("{name}.part"));
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, self.0.join(name))?;
        self.sync()
    }

    /// The directory holds the names.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl OwnIndex for Marks {
    fn is_filled(&self) -> bool {
        self.0.join(FILLED).exists()
    }

    fn mark_filled(&self) -> Result<(), SearchError> {
        self.write(FILLED, "").map_err(failure)
    }

    fn last_event(&self) -> Option<String> {
        fs::read_to_string(self.0.join(LAST_EVENT)).ok()
    }

    fn set_last_event(&self, event: &str) -> Result<(), SearchError> {
        self.write(LAST_EVENT, event).map_err(failure)
    }

    fn consumer(&self) -> Option<String> {
        fs::read_to_string(self.0.join(CONSUMER)).ok().filter(|name| !name.is_empty())
    }

    fn set_consumer(&self, name: &str) -> Result<(), SearchError> {
        self.write(CONSUMER, name).map_err(failure)
    }
}
