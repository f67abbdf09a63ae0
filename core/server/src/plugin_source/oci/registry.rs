//! Requests to a registry: who may, what is there, bring and take blobs.

use lyceum_plugin_host::package::Archive;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::Deserialize;

use super::{
    manifest::{Blob, Descriptor, MANIFEST_TYPE, Manifest},
    reference::Reference,
};
use crate::plugin_source::{Result, SourceError, access::Access, sha256, url};

const MANIFEST_BYTES: usize = 1 << 20;
const TOKEN_BYTES: usize = 64 << 10;

/// Who pushes.
#[derive(Clone)]
pub struct Account {
    pub name: String,
    pub password: String,
}

/// A repository and the right to use it.
struct Repository {
    client: Client,
    base: Url,
    access: Access,
    account: Option<Account>,
    token: Option<String>,
}

/// Gets a package. Returns its `.tar` and the reference with the digest that
/// the tag stood for.
///
/// # Errors
/// Why it is not there, or not what its digests say.
pub(in crate::plugin_source) async fn pull(reference: &Reference, access: &Access) -> Result<(Vec<u8>, Reference)> {
    let mut repository = Repository::open(reference, access, None)?;
    let address = repository.address(&format!("manifests/{}", reference.name()))?;
    let answer =
        repository.send(Method::GET, &address, |request| request.header(header::ACCEPT, MANIFEST_TYPE)).await?;
    let text = url::body(url::succeeded(&address, answer)?, MANIFEST_BYTES).await?;
    let found = sha256(&text);
    if let Some(wanted) = reference.sha256.as_ref().filter(|wanted| **wanted != found) {
        return Err(SourceError::new(format!("{address} has the digest sha256:{found} and not sha256:{wanted}")));
    }
    let mut archive = Archive::default();
    for (name, blob) in Manifest::read(&text)?.blobs() {
        if archive.get(name).is_some() {
            return Err(SourceError::new(format!("the artifact has two files `{name}`")));
        }
        let bytes = repository.blob(blob).await?;
        archive.put(name, bytes).map_err(SourceError::new)?;
    }
    Ok((archive.to_bytes(), Reference { sha256: Some(found), ..reference.clone() }))
}

/// Brings a package to a registry under the reference's tag. Returns the
/// reference with its digest.
///
/// # Errors
/// The registry does not take it.
pub async fn push(
    reference: &Reference,
    manifest: &Manifest,
    blobs: &[Blob],
    account: Option<Account>,
    dev: bool,
) -> Result<Reference> {
    let Some(tag) = &reference.tag else {
        return Err(SourceError::new(format!("{reference}: name the tag to publish it under")));
    };
    let mut repository = Repository::open(reference, &Access::typed(dev), account)?;
    for blob in blobs {
        repository.bring(blob).await?;
    }
    let text = manifest.to_bytes();
    let address = repository.address(&format!("manifests/{tag}"))?;
    let with = |request: RequestBuilder| request.header(header::CONTENT_TYPE, MANIFEST_TYPE).body(text.clone());
    let answer = repository.send(Method::PUT, &address, with).await?;
    url::succeeded(&address, answer)?;
    Ok(Reference { sha256: Some(sha256(&text)), ..reference.clone() })
}

impl Repository {
    fn open(reference: &Reference, access: &Access, account: Option<Account>) -> Result<Self> {
        let (client, base) = (access.client()?, reference.base(access.dev())?);
        access.check(&base)?;
        Ok(Self { client, base, access: access.clone(), account, token: None })
    }

    fn address(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(|error| SourceError::new(format!("{path}: {error}")))
    }

    /// Sends it, and once more with a token when the registry asks for one.
    async fn send(
        &mut self,
        method: Method,
        address: &Url,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let answer = self.once(method.clone(), address, &with).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || self.token.is_some() {
            return Ok(answer);
        }
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let Some(challenge) = challenge.and_then(Challenge::read) else { return Ok(answer) };
        self.token = Some(self.new_token(&challenge).await?);
        self.once(method, address, &with).await
    }

    async fn once(
        &self,
        method: Method,
        address: &Url,
        with: &impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let mut request = with(self.client.request(method, address.clone()));
        // A registry names upload places elsewhere too; they get no token.
        let ours = address.origin() == self.base.origin();
        match (&self.token, &self.account) {
            (Some(token), _) if ours => request = request.bearer_auth(token),
            (None, Some(account)) if ours => request = request.basic_auth(&account.name, Some(&account.password)),
            _ => {}
        }
        request.send().await.map_err(|error| url::unreachable(address, &error))
    }

    async fn new_token(&self, challenge: &Challenge) -> Result<String> {
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let realm: Url =
            challenge.realm.parse().map_err(|_| SourceError::new("the registry's sign-in has no address"))?;
        self.access.check(&realm)?;
        let mut request = self.client.get(realm.clone()).query(&challenge.query);
        if let Some(account) = &self.account {
            request = request.basic_auth(&account.name, Some(&account.password));
        }
        let answer = request.send().await.map_err(|error| url::unreachable(&realm, &error))?;
        let text = url::body(url::succeeded(&realm, answer)?, TOKEN_BYTES).await?;
        let token: Token =
            serde_json::from_slice(&text).map_err(|error| SourceError::new(format!("{realm}: {error}")))?;
        token.token.or(token.access_token).ok_or_else(|| SourceError::new(format!("{realm} gave no token")))
    }

    async fn blob(&mut self, blob: &Descriptor) -> Result<Vec<u8>> {
        let size = usize::try_from(blob.size).unwrap_or(usize::MAX);
        let address = self.address(&format!("blobs/{}", blob.sha256()?))?;
        let answer = self.send(Method::GET, &address, |request| request).await?;
        let bytes = url::body(url::succeeded(&address, answer)?, size).await?;
        let found = format!("sha256:{}", sha256(&bytes));
        match found == blob.digest && bytes.len() == size {
            true => Ok(bytes),
            false => {
                Err(SourceError::new(format!("{address} has the digest {found}: the registry gave something else")))
            }
        }
    }

    /// Uploads a blob unless it is there.
    async fn bring(&mut self, blob: &Blob) -> Result<()> {
        let digest = &blob.descriptor.digest;
        let there = self.address(&format!("blobs/{digest}"))?;
        if self.send(Method::HEAD, &there, |request| request).await?.status().is_success() {
            return Ok(());
        }
        let uploads = self.address("blobs/uploads/")?;
        let begun = self.send(Method::POST, &uploads, |request| request.header(header::CONTENT_LENGTH, 0)).await?;
        let begun = url::succeeded(&uploads, begun)?;
        let place = begun.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
        let place = place.ok_or_else(|| SourceError::new(format!("{uploads} names no place to upload to")))?;
        let mut place = uploads.join(place).map_err(|error| SourceError::new(format!("{place}: {error}")))?;
        self.access.check(&place)?;
        place.query_pairs_mut().append_pair("digest", digest);
        let with = |request: RequestBuilder| {
            request.header(header::CONTENT_TYPE, "application/octet-stream").body(blob.bytes.clone())
        };
        let answer = self.send(Method::PUT, &place, with).await?;
        url::succeeded(&place, answer).map(drop)
    }
}

/// `Bearer realm="…",service="…",scope="…"`.
struct Challenge {
    realm: String,
    query: Vec<(String, String)>,
}

impl Challenge {
    fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut challenge = Self { realm: String::new(), query: Vec::new() };
        let mut rest = rest.trim();
        // A scope may hold commas, so values end at their quote.
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"')?;
            match name.trim() {
                "realm" => challenge.realm = value.to_owned(),
                name @ ("service" | "scope") => challenge.query.push((name.to_owned(), value.to_owned())),
                _ => {}
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        Some(challenge).filter(|challenge| !challenge.realm.is_empty())
    }
}
