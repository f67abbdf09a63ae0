//! A package at an address, and requests as all sources make them.

use std::error::Error as _;

use reqwest::{Response, Url};

use super::{
    PACKAGE_BYTES, Result, Source, SourceError,
    access::{Access, Refused},
    is_sha256, sha256,
};

/// `https://…#sha256=<hex>`: without the digest nobody could tell what was got.
pub(super) fn parse(text: &str) -> Result<Source> {
    let (address, digest) = text.split_once("#sha256=").unwrap_or((text, ""));
    if !is_sha256(digest) {
        let text =
            format!("{address}: append `#sha256=` and the SHA-256 of the file in lower-case hex (sha256sum prints it)");
        return Err(SourceError(text));
    }
    let url: Url = address.parse().map_err(|error| SourceError(format!("{address}: {error}")))?;
    match url.scheme() {
        "https" | "http" => Ok(Source::Url { url, sha256: digest.to_owned() }),
        other => Err(SourceError(format!("{address}: `{other}` is no way to get a plugin: write https"))),
    }
}

pub(super) async fn fetch(url: &Url, sum: &str, access: &Access) -> Result<Vec<u8>> {
    access.check(url)?;
    let answer = access.client()?.get(url.clone()).send().await.map_err(|error| unreachable(url, &error))?;
    let bytes = body(succeeded(url, answer)?, PACKAGE_BYTES).await?;
    let found = sha256(&bytes);
    match found == sum {
        true => Ok(bytes),
        false => Err(SourceError(format!(
            "{url} has the SHA-256 {found} and not {sum}: the file was changed, or the digest is of another one. Ask the publisher."
        ))),
    }
}

pub(super) fn unreachable(url: &Url, error: &reqwest::Error) -> SourceError {
    let cause = match refused(error) {
        Some(refused) => format!(": {refused}"),
        None => error.source().map(|cause| format!(": {cause}")).unwrap_or_default(),
    };
    SourceError(format!("{url} cannot be fetched{cause}"))
}

/// What the lookup of a name said, somewhere below the error.
fn refused(error: &reqwest::Error) -> Option<&Refused> {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref() {
            return Some(refused);
        }
        cause = found.source();
    }
    None
}

pub(super) fn succeeded(url: &Url, answer: Response) -> Result<Response> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(SourceError(format!("{url} answered {status}: check the address, and that it is public"))),
    }
}

/// The answer's body, of at most so many bytes.
pub(super) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>> {
    let url = answer.url().clone();
    let too_large = || SourceError(format!("{url} has more than {most} bytes: that is not what it should be"));
    if answer.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(&url, &error))? {
        if bytes.len() + chunk.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
