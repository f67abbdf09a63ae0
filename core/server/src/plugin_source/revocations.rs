//! The signed list of what is revoked, from a file or an address.
//!
//! The signature stands beside the list, with `.minisig` appended to its name.
//! The last good list from an address is kept, so that a server without network
//! still knows what it knew.
//!
//! **Invariant:** a list that cannot be read takes nothing back: what the last
//! good one revoked stays revoked.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::plugin::{
    Plugins, RECONCILE_INTERVAL,
    trust::{Revocations, Signer},
};
use lyceum_store::work::{Nodes, Task};
use reqwest::Url;
use tokio::sync::Mutex;

use super::{Result, SourceError, access::Access, url};
use crate::config::Config;

const LIST_BYTES: usize = 1 << 20;

/// How often an address is asked for the list. A file is read with every
/// comparison of plugins with their records.
const FETCH_INTERVAL: Duration = Duration::from_secs(600);

/// The configured list, read again and again.
pub struct Followed {
    place: String,
    key: Signer,
    kept: PathBuf,
    dev: bool,
    /// What was read last and acted on: the same is not told twice.
    last: Mutex<Option<Result<Revocations>>>,
}

impl Followed {
    /// The list of a configuration; none when it names none.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        let (place, key) = config.plugins.revocations.clone()?;
        let kept = config.data_dir.join("plugin-revocations.toml");
        Some(Self { place, key, kept, dev: config.dev, last: Mutex::default() })
    }

    /// Reads the list, and gives it to the plugins when it is another one than
    /// before. What is on it is stopped. Without a list that can be read the
    /// server goes on, and says so in the log.
    ///
    /// # Errors
    /// Internal; then the next time does it.
    pub async fn apply(&self, plugins: &Plugins) -> lyceum_kernel::Result<()> {
        let mut last = self.last.lock().await;
        let read = read(&self.place, &self.key, &self.kept, self.dev).await;
        if last.as_ref() == Some(&read) {
            return Ok(());
        }
        match &read {
            Ok(list) => {
                for plugin in plugins.revoke(list.clone()).await? {
                    tracing::error!(plugin, "the plugin is revoked and was stopped");
                }
            }
            Err(error) => tracing::error!(%error, "the revocation list cannot be read; what was revoked stays so"),
        }
        *last = Some(read);
        Ok(())
    }
}

/// Stops what is revoked while the server runs.
pub(crate) struct Revoking {
    pub list: Arc<Followed>,
    pub plugins: Arc<Plugins>,
}

#[async_trait]
impl Task for Revoking {
    fn name(&self) -> &'static str {
        "revocation list"
    }

    fn every(&self) -> Duration {
        if is_address(&self.list.place) { FETCH_INTERVAL } else { RECONCILE_INTERVAL }
    }

    fn nodes(&self) -> Nodes {
        Nodes::Each
    }

    async fn run(&self) -> lyceum_kernel::Result<bool> {
        self.list.apply(&self.plugins).await.map(|()| false)
    }
}

fn is_address(place: &str) -> bool {
    place.contains("://")
}

/// Reads the list at `place`, a file or an address, and verifies it. `kept` is
/// where the last good one from an address lies.
///
/// # Errors
/// There is no list, or its signature is not of `key`.
pub async fn read(place: &str, key: &Signer, kept: &Path, dev: bool) -> Result<Revocations> {
    if !is_address(place) {
        return verified(&text(Path::new(place))?, &text(&beside(Path::new(place)))?, key);
    }
    match fetched(place, dev).await {
        Ok((list, signature)) => {
            let (revocations, last) = (verified(&list, &signature, key)?, last(kept, key));
            if let Some(last) = last.filter(|last| last.issued > revocations.issued) {
                tracing::warn!(issued = revocations.issued, "an older revocation list came; the last one is used");
                return Ok(last);
            }
            keep(kept, &list, &signature);
            Ok(revocations)
        }
        Err(error) if kept.exists() => {
            tracing::warn!(%error, "the revocation list cannot be fetched; the last one is used");
            verified(&text(kept)?, &text(&beside(kept))?, key)
        }
        Err(error) => Err(error),
    }
}

fn verified(list: &str, signature: &str, key: &Signer) -> Result<Revocations> {
    Revocations::read(list, signature, key).map_err(SourceError)
}

/// The kept list, if there is one. An old list served anew would bring back
/// what was revoked since.
fn last(kept: &Path, key: &Signer) -> Option<Revocations> {
    verified(&text(kept).ok()?, &text(&beside(kept)).ok()?, key).ok()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| SourceError(format!("{}: {error}", path.display())))
}

/// Not being able to keep it costs the comfort, not the check.
fn keep(path: &Path, list: &str, signature: &str) {
    let written = std::fs::write(path, list).and_then(|()| std::fs::write(beside(path), signature));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "the revocation list cannot be kept");
    }
}

async fn fetched(place: &str, dev: bool) -> Result<(String, String)> {
    let access = Access::typed(dev);
    let client = access.client()?;
    let mut texts = Vec::new();
    for address in [place.to_owned(), format!("{place}.minisig")] {
        let address: Url = address.parse().map_err(|error| SourceError(format!("{address}: {error}")))?;
        access.check(&address)?;
        let answer = client.get(address.clone()).send().await.map_err(|error| url::unreachable(&address, &error))?;
        let bytes = url::body(url::succeeded(&address, answer)?, LIST_BYTES).await?;
        texts.push(String::from_utf8(bytes).map_err(|_| SourceError(format!("{address} is not UTF-8")))?);
    }
    let signature = texts.pop().unwrap_or_default();
    Ok((texts.pop().unwrap_or_default(), signature))
}
