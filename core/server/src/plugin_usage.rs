//! What plugins have used, which is in the memory of the server that runs them:
//! told by it to commands on the same data directory, in a file of a few KB.
//!
//! **Invariant:** without plugins nothing is written, and nothing while no
//! figure changes.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::{Domains, plugin::Usage};
use lyceum_kernel::Timestamp;
use lyceum_store::work::{Nodes, Task};
use serde::{Deserialize, Serialize};

use crate::replace::replace;

/// How often figures are looked at.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// The figures of one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures {
    /// The process of the server. It may have ended.
    pub pid: u32,
    /// Since when it counts.
    pub since: Timestamp,
    pub written_at: Timestamp,
    pub plugins: BTreeMap<String, Usage>,
}

pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("plugin-usage.json")
}

/// What the last server on this data directory has written, if one has.
///
/// # Errors
/// The file is there and cannot be read.
pub(crate) fn read(data_dir: &Path) -> io::Result<Option<Figures>> {
    match fs::read(path(data_dir)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(data_dir: &Path, figures: &Figures) -> io::Result<()> {
    replace(&path(data_dir), serde_json::to_vec(figures)?)
}

/// Writes the figures while the server runs, the last ones at its stop.
pub(crate) struct UsageReports {
    data_dir: PathBuf,
    domains: Domains,
    since: Timestamp,
    written: Mutex<BTreeMap<String, Usage>>,
}

impl UsageReports {
    pub fn new(data_dir: PathBuf, domains: Domains) -> Self {
        let since = domains.database.now();
        Self { data_dir, domains, since, written: Mutex::default() }
    }

    fn write(&self) {
        let plugins = self.domains.plugins.usages();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if plugins == *written {
            return;
        }
        let written_at = self.domains.database.now();
        let figures = Figures { pid: std::process::id(), since: self.since, written_at, plugins: plugins.clone() };
        match write(&self.data_dir, &figures) {
            Ok(()) => *written = plugins,
            Err(error) => tracing::warn!(%error, "what plugins have used could not be written down"),
        }
    }
}

#[async_trait]
impl Task for UsageReports {
    fn name(&self) -> &'static str {
        "plugin usage"
    }

    fn every(&self) -> Duration {
        INTERVAL
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> lyceum_kernel::Result<bool> {
        self.write();
        Ok(false)
    }

    async fn stop(&self) -> lyceum_kernel::Result<()> {
        self.write();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path()).expect("nothing is no error"), None);
        let since: Timestamp = "2026-11-21T09:00:00Z".parse().expect("a moment");
        let plugins = [("acme/rank".to_owned(), Usage { calls: 3, ..Usage::default() })].into();
        let figures = Figures { pid: 7, since, written_at: since, plugins };
        write(directory.path(), &figures).expect("written");
        assert_eq!(read(directory.path()).expect("readable"), Some(figures));
        fs::write(path(directory.path()), "{").expect("written");
        assert!(read(directory.path()).is_err());
    }
}
