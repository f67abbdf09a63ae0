//! What a server in development mode tells commands on the same data directory:
//! that it runs, and when its plugins changed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::{
    Domains,
    plugin::{Extensions, Plugins},
};
use lyceum_store::work::{Nodes, Task};
use serde::{Deserialize, Serialize};

use crate::replace::replace;

/// How often it is told.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);
/// Of this age, what was told is of a server that is gone.
const STALE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presence {
    pub pid: u32,
    /// Counts the changes of the active plugins.
    pub generation: u64,
    /// The revisions of the rows that it has acted on, by plugin.
    pub plugins: BTreeMap<String, i64>,
}

impl Presence {
    pub fn of(active: &dyn Extensions, plugins: &Plugins) -> Self {
        // First: what has been acted on shows in the generation.
        let acted_on = plugins.acted_on();
        Self { pid: std::process::id(), generation: active.generation(), plugins: acted_on }
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("running.json")
}

/// The server that runs now, if one does.
pub(crate) fn read(data_dir: &Path) -> Option<Presence> {
    let path = path(data_dir);
    let age = fs::metadata(&path).ok()?.modified().ok()?.elapsed().unwrap_or_default();
    let text = fs::read_to_string(&path).ok().filter(|_| age < STALE)?;
    serde_json::from_str(&text).ok()
}

/// Writes that this server runs, as long as it does.
pub(crate) struct PresenceReports {
    pub data_dir: PathBuf,
    pub domains: Domains,
}

#[async_trait]
impl Task for PresenceReports {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn every(&self) -> Duration {
        INTERVAL
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> lyceum_kernel::Result<bool> {
        write(&self.data_dir, &Presence::of(self.domains.extensions.as_ref(), &self.domains.plugins));
        Ok(false)
    }

    async fn stop(&self) -> lyceum_kernel::Result<()> {
        remove(&self.data_dir);
        Ok(())
    }
}

/// Tells how things stand.
fn write(data_dir: &Path, now: &Presence) {
    if let Err(error) = replace(&path(data_dir), serde_json::json!(now).to_string()) {
        tracing::warn!(%error, "commands cannot be told that this server runs");
    }
}

/// The server stops.
fn remove(data_dir: &Path) {
    // It goes stale when it stays.
    drop(fs::remove_file(path(data_dir)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_there_until_it_says_that_it_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path()), None);
        let plugins = [("acme/rank".to_owned(), 3)].into();
        let now = Presence { pid: std::process::id(), generation: 7, plugins };
        write(directory.path(), &now);
        assert_eq!(read(directory.path()), Some(now));
        remove(directory.path());
        assert_eq!(read(directory.path()), None);
    }
}
