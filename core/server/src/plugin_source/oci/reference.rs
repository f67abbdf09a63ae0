//! `oci://registry/repository:tag@sha256:<hex>`.

use std::fmt;

use reqwest::Url;

use crate::plugin_source::{Result, SourceError, is_sha256};

/// What to pull. It has a tag or a digest; the digest decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host, with its port when one is named.
    pub registry: String,
    pub repository: String,
    pub tag: Option<String>,
    /// SHA-256 of the manifest, lower-case hex.
    pub sha256: Option<String>,
}

impl Reference {
    /// Reads it without `oci://`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| SourceError::new(format!("oci://{text}: {what}"));
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (registry, path) = rest.split_once('/').ok_or_else(|| wrong("write `oci://registry/repository:tag`"))?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        let sha256 =
            digest.map(|digest| digest.strip_prefix("sha256:").filter(|sum| is_sha256(sum)).map(str::to_owned));
        let reference = Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            sha256: match sha256 {
                Some(None) => return Err(wrong("the digest is `sha256:` and 64 lower-case hex digits")),
                Some(sum) => sum,
                None => None,
            },
        };
        if !repository.split('/').all(is_part) {
            return Err(wrong("a repository is lower-case words, separated by `/`"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("a tag is a word of letters, digits, `.`, `_` and `-`"));
        }
        if reference.tag.is_none() && reference.sha256.is_none() {
            return Err(wrong("name a tag (`:1.0.0`) or a digest (`@sha256:…`)"));
        }
        reference.base(true).map_err(|_| wrong("the registry is no host"))?;
        Ok(reference)
    }

    /// The address of the repository. Plain HTTP is for this machine, in
    /// development mode.
    ///
    /// # Errors
    /// The registry is no host.
    pub(super) fn base(&self, dev: bool) -> Result<Url> {
        let host = self.registry.rsplit_once(':').map_or(self.registry.as_str(), |(host, _)| host);
        let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let scheme = if local && dev { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{}/", self.registry, self.repository);
        let url: Url = text.parse().map_err(|error| SourceError::new(format!("{text}: {error}")))?;
        match url.path() == format!("/v2/{}/", self.repository) && url.username().is_empty() {
            true => Ok(url),
            false => Err(SourceError::new(format!("{text} is no address"))),
        }
    }

    /// What the registry is asked for.
    pub(super) fn name(&self) -> String {
        match (&self.sha256, &self.tag) {
            (Some(sum), _) => format!("sha256:{sum}"),
            (None, tag) => tag.clone().unwrap_or_default(),
        }
    }
}

fn is_part(part: &str) -> bool {
    let ends_well = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    inner && ends_well(part.bytes().next()) && ends_well(part.bytes().last())
}

fn is_tag(tag: &str) -> bool {
    let inner = tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    inner && (1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-'])
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
        self.sha256.as_ref().map_or(Ok(()), |sum| write!(f, "@sha256:{sum}"))
    }
}
