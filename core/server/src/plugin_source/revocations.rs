//! The signed list of what is revoked, from a file or an address.
//!
//! The signature stands beside the list, with `.minisig` appended to its name.
//! The last good list from an address is kept, so that a server without network
//! still knows what it knew.

use std::path::{Path, PathBuf};

use lyceum_domain::plugin::{
    Plugins,
    trust::{Revocations, Signer},
};
use reqwest::Url;

use super::{Result, SourceError, url};
use crate::config::Config;

const LIST_BYTES: usize = 1 << 20;

/// Gives the configured list to the plugins. What is on it is stopped. Without
/// a list that can be read the server goes on, and says so in the log.
///
/// # Errors
/// Internal.
pub(crate) async fn apply(config: &Config, plugins: &Plugins) -> lyceum_kernel::Result<()> {
    let Some((place, key)) = &config.plugins.revocations else { return Ok(()) };
    let kept = config.data_dir.join("plugin-revocations.toml");
    match read(place, key, &kept, config.dev).await {
        Ok(list) => {
            for plugin in plugins.revoke(list).await? {
                tracing::error!(plugin, "the plugin is revoked and was stopped");
            }
        }
        Err(error) => tracing::error!(%error, "there is no revocation list"),
    }
    Ok(())
}

/// Reads the list at `place`, a file or an address, and verifies it. `kept` is
/// where the last good one from an address lies.
///
/// # Errors
/// There is no list, or its signature is not of `key`.
pub async fn read(place: &str, key: &Signer, kept: &Path, dev: bool) -> Result<Revocations> {
    if !place.contains("://") {
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
    let client = url::client(dev)?;
    let mut texts = Vec::new();
    for address in [place.to_owned(), format!("{place}.minisig")] {
        let address: Url = address.parse().map_err(|error| SourceError(format!("{address}: {error}")))?;
        url::check_scheme(&address, dev)?;
        let answer = client.get(address.clone()).send().await.map_err(|error| url::unreachable(&address, &error))?;
        let bytes = url::body(url::succeeded(&address, answer)?, LIST_BYTES).await?;
        texts.push(String::from_utf8(bytes).map_err(|_| SourceError(format!("{address} is not UTF-8")))?);
    }
    let signature = texts.pop().unwrap_or_default();
    Ok((texts.pop().unwrap_or_default(), signature))
}
