//! Where a plugin's package comes from: a file, an address with its digest, a
//! registry, or the binary itself.
//!
//! **Invariants**
//! - What comes over a network is checked against a digest: the one that was
//!   typed, or for a registry the one that its manifest names.
//! - Who asks over the API reaches nothing inside a network ([`access`]).
//! - Every answer has a limit in bytes, every fetch one in time.

mod access;
mod network;
pub mod oci;
pub mod revocations;

mod file;
mod url;

pub(crate) use access::host_of;
pub(crate) use network::Network;

use std::{fmt, path::PathBuf, time::Duration};

use lyceum_domain::plugin::Source as Origin;
use sha2::{Digest as _, Sha256};

use self::access::Access;
use crate::first_party;

/// Bytes of a package: its files, and a block for each in a `.tar`.
pub const PACKAGE_BYTES: usize = 41 << 20;
/// For one fetch with all its requests.
const TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 3;

/// Why a package was not fetched, for the owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl SourceError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

pub type Result<T, E = SourceError> = std::result::Result<T, E>;

/// A source as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A first-party plugin, by its name without publisher.
    BuiltIn(String),
    File(PathBuf),
    /// An address and the SHA-256 of what is there, lower-case hex.
    Url {
        url: reqwest::Url,
        sha256: String,
    },
    Oci(oci::Reference),
}

/// A package, with what is worth remembering of where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// With the digest that a tag stood for.
    pub origin: Origin,
}

impl Source {
    /// Reads `name`, `./x.tar`, `https://…#sha256=<hex>` or
    /// `oci://registry/repository:tag@sha256:<hex>`. A first-party name is one
    /// unless there is a file of that name.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(reference) = text.strip_prefix("oci://") {
            return oci::Reference::parse(reference).map(Self::Oci);
        }
        if text.contains("://") {
            return url::parse(text);
        }
        let path = PathBuf::from(text);
        match first_party::component(text) {
            Some(_) if !path.exists() => Ok(Self::BuiltIn(text.strip_prefix("lyceum/").unwrap_or(text).to_owned())),
            _ => Ok(Self::File(path)),
        }
    }

    /// Gets the package for who typed the source here: from any address. `dev`
    /// allows plain HTTP to this machine.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub async fn fetch(&self, dev: bool) -> Result<Fetched> {
        self.fetch_within(&Access::typed(dev)).await
    }

    async fn fetch_within(&self, access: &Access) -> Result<Fetched> {
        let (bytes, origin) = match tokio::time::timeout(TIMEOUT, self.bytes(access)).await {
            Ok(found) => found?,
            Err(_) => {
                return Err(SourceError(format!("{self} did not answer within {} s: try again", TIMEOUT.as_secs())));
            }
        };
        Ok(Fetched { bytes, origin })
    }

    async fn bytes(&self, access: &Access) -> Result<(Vec<u8>, Origin)> {
        match self {
            Self::BuiltIn(name) => match first_party::component(name) {
                Some(wasm) => Ok((wasm.to_vec(), Origin::BuiltIn)),
                None => Err(SourceError(format!("there is no first-party plugin {name}"))),
            },
            Self::File(path) => file::read(path).map(|bytes| (bytes, Origin::File(path.display().to_string()))),
            Self::Url { url, sha256 } => {
                Ok((url::fetch(url, sha256, access).await?, Origin::Fetched(self.to_string())))
            }
            Self::Oci(reference) => {
                let (bytes, exact) = oci::pull(reference, access).await?;
                Ok((bytes, Origin::Fetched(exact.to_string())))
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => write!(f, "lyceum/{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url { url, sha256 } => write!(f, "{url}#sha256={sha256}"),
            Self::Oci(reference) => write!(f, "{reference}"),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_source_is_read_as_typed_and_written_the_same() {
        for text in [
            "./x.tar".to_owned(),
            format!("https://plugins.example.com/a/b.tar#sha256={SUM}"),
            "oci://registry.example.com/acme/alipay:1.4.0".to_owned(),
            format!("oci://127.0.0.1:5000/acme/alipay:1.4.0@sha256:{SUM}"),
            format!("oci://registry.example.com/acme/alipay@sha256:{SUM}"),
        ] {
            assert_eq!(Source::parse(&text).expect("a source").to_string(), text);
        }
        assert_eq!(Source::parse("ranking-default"), Ok(Source::BuiltIn("ranking-default".into())));
        assert_eq!(Source::parse("lyceum/ranking-default"), Ok(Source::BuiltIn("ranking-default".into())));
        assert_eq!(Source::parse("no-such-plugin"), Ok(Source::File("no-such-plugin".into())));
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        for (text, said) in [
            ("https://plugins.example.com/b.tar".to_owned(), "#sha256="),
            ("https://plugins.example.com/b.tar#sha256=12".to_owned(), "#sha256="),
            (format!("ftp://plugins.example.com/b.tar#sha256={SUM}"), "https"),
            ("oci://registry.example.com".to_owned(), "oci://registry/repository"),
            ("oci://registry.example.com/acme/alipay".to_owned(), "a tag"),
            ("oci://registry.example.com/acme/../x:1".to_owned(), "repository"),
            ("oci://registry.example.com/acme/x:1@sha256:zz".to_owned(), "digest"),
        ] {
            let error = Source::parse(&text).expect_err(&text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
