//! Where packages come from, against servers in this process. The registry here
//! speaks as much of the OCI distribution specification 1.1 as pulling and
//! pushing need: tokens, manifests by tag and digest, blobs, uploads.
#![allow(clippy::unwrap_used)]

#[path = "plugin_sources/revoked.rs"]
mod revoked;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use lyceum::plugin_source::{
    Source,
    oci::{Account, Manifest, Reference, of_archive, push},
    revocations,
};
use lyceum_domain::plugin::trust::signer_of;
use lyceum_plugin_host::package::{Archive, archive};
use sha2::{Digest, Sha256};

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A package as the registry sees it: what is in its files does not matter here.
fn package() -> Archive {
    let mut archive = Archive::default();
    archive.put(archive::MANIFEST, b"[plugin]".to_vec()).unwrap();
    archive.put(archive::COMPONENT, b"\0asm component".to_vec()).unwrap();
    archive.put("README.md", b"Read me.".to_vec()).unwrap();
    archive.put("locales/zh-CN.json", b"{}".to_vec()).unwrap();
    archive.seal().unwrap();
    archive
}

#[derive(Default)]
struct Shelf {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
    /// Whether a token is needed, and what was asked for.
    guarded: bool,
    scopes: Vec<String>,
}

#[derive(Clone, Default)]
struct Registry {
    shelf: Arc<Mutex<Shelf>>,
    address: Arc<Mutex<String>>,
}

impl Registry {
    async fn start() -> Self {
        let registry = Self::default();
        let routes = Router::new()
            .route("/token", get(token))
            .route("/elsewhere/{digest}", get(elsewhere))
            .route("/v2/acme/alipay/manifests/{name}", any(manifest))
            .route("/v2/acme/alipay/blobs/{digest}", any(blob))
            .route("/v2/acme/alipay/blobs/uploads/", any(begin))
            .route("/v2/acme/alipay/blobs/uploads/one", any(upload))
            .with_state(registry.clone());
        *registry.address.lock().unwrap() = serve(routes).await.to_string();
        registry
    }

    fn reference(&self, rest: &str) -> String {
        format!("oci://{}/acme/alipay{rest}", self.address.lock().unwrap())
    }

    fn holds(&self, archive: &Archive, change: impl Fn(&mut Manifest)) -> String {
        let (mut manifest, blobs) = of_archive(archive, BTreeMap::new()).unwrap();
        change(&mut manifest);
        let mut shelf = self.shelf.lock().unwrap();
        for blob in blobs {
            shelf.blobs.insert(blob.descriptor.digest, blob.bytes);
        }
        let text = manifest.to_bytes();
        let digest = format!("sha256:{}", sum(&text));
        shelf.manifests.insert("1.0.0".into(), text.clone());
        shelf.manifests.insert(digest.clone(), text);
        digest
    }

    fn refuses(&self, headers: &HeaderMap) -> Option<Response> {
        let allowed = headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer let-me-in");
        if allowed || !self.shelf.lock().unwrap().guarded {
            return None;
        }
        let realm = self.address.lock().unwrap().clone();
        let challenge = format!(
            "Bearer realm=\"http://{realm}/token\",service=\"here\",scope=\"repository:acme/alipay:pull,push\""
        );
        Some((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response())
    }
}

async fn serve(routes: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    address
}

async fn token(State(registry): State<Registry>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    registry.shelf.lock().unwrap().scopes.push(query["scope"].clone());
    r#"{"token":"let-me-in"}"#.into_response()
}

async fn manifest(
    State(registry): State<Registry>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = registry.refuses(&headers) {
        return refusal;
    }
    let mut shelf = registry.shelf.lock().unwrap();
    if method == Method::PUT {
        shelf.manifests.insert(name, body.to_vec());
        return StatusCode::CREATED.into_response();
    }
    shelf.manifests.get(&name).map_or(StatusCode::NOT_FOUND.into_response(), |text| text.clone().into_response())
}

/// As many registries do, blobs are given by another place.
async fn blob(State(registry): State<Registry>, Path(digest): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refusal) = registry.refuses(&headers) {
        return refusal;
    }
    match registry.shelf.lock().unwrap().blobs.contains_key(&digest) {
        true => Redirect::temporary(&format!("/elsewhere/{digest}")).into_response(),
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn elsewhere(State(registry): State<Registry>, Path(digest): Path<String>) -> Response {
    registry.shelf.lock().unwrap().blobs[&digest].clone().into_response()
}

async fn begin(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let there = [(header::LOCATION, "/v2/acme/alipay/blobs/uploads/one?state=7")];
    registry.refuses(&headers).unwrap_or_else(|| (StatusCode::ACCEPTED, there).into_response())
}

async fn upload(
    State(registry): State<Registry>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = registry.refuses(&headers) {
        return refusal;
    }
    assert_eq!(query["state"], "7");
    assert_eq!(query["digest"], format!("sha256:{}", sum(&body)));
    registry.shelf.lock().unwrap().blobs.insert(query["digest"].clone(), body.to_vec());
    StatusCode::CREATED.into_response()
}

async fn fetched(source: &str) -> Result<(Vec<u8>, String), String> {
    let fetched = Source::parse(source).unwrap().fetch(true).await.map_err(|error| error.to_string())?;
    Ok((fetched.bytes, fetched.origin.to_string()))
}

#[tokio::test]
async fn what_is_pulled_is_the_package_and_the_tag_becomes_a_digest() {
    let registry = Registry::start().await;
    let digest = registry.holds(&package(), |_| {});
    let exact = registry.reference(&format!(":1.0.0@{digest}"));
    for asked in [registry.reference(":1.0.0"), exact.clone()] {
        assert_eq!(fetched(&asked).await, Ok((package().to_bytes(), exact.clone())));
    }
    let by_digest = registry.reference(&format!("@{digest}"));
    assert_eq!(fetched(&by_digest).await, Ok((package().to_bytes(), by_digest)));
}

#[tokio::test]
async fn a_registry_that_wants_a_token_is_asked_for_one_once() {
    let registry = Registry::start().await;
    registry.holds(&package(), |_| {});
    registry.shelf.lock().unwrap().guarded = true;
    assert_eq!(fetched(&registry.reference(":1.0.0")).await.unwrap().0, package().to_bytes());
    assert_eq!(registry.shelf.lock().unwrap().scopes, ["repository:acme/alipay:pull,push"]);
}

#[tokio::test]
async fn a_registry_that_gives_something_else_is_not_believed() {
    let registry = Registry::start().await;
    let digest = registry.holds(&package(), |_| {});
    let component = format!("sha256:{}", sum(b"\0asm component"));
    registry.shelf.lock().unwrap().blobs.insert(component.clone(), b"\0asm Component".to_vec());
    assert!(fetched(&registry.reference(":1.0.0")).await.unwrap_err().contains("gave something else"));
    registry.shelf.lock().unwrap().blobs.insert(component, b"\0asm component and more".to_vec());
    assert!(fetched(&registry.reference(":1.0.0")).await.unwrap_err().contains("more than 14 bytes"));
    registry.shelf.lock().unwrap().manifests.insert(digest.clone(), b"{}".to_vec());
    let moved = fetched(&registry.reference(&format!("@{digest}"))).await.unwrap_err();
    assert!(moved.contains(&format!("and not {digest}")), "{moved}");
    assert!(fetched(&registry.reference(":2.0.0")).await.unwrap_err().contains("404"));
}

#[tokio::test]
async fn an_artifact_of_another_kind_is_refused() {
    let registry = Registry::start().await;
    type Change = fn(&mut Manifest);
    let changes: [(Change, &str); 5] = [
        (|manifest| manifest.config.media_type = "application/vnd.oci.image.config.v1+json".into(), "no Lyceum plugin"),
        (|manifest| manifest.layers[0].media_type = "application/octet-stream".into(), "without a meaning"),
        (|manifest| manifest.layers[1].annotations.clear(), "without a meaning"),
        (|manifest| manifest.layers[1].size = 1 << 40, "at most"),
        (|manifest| manifest.layers.push(manifest.layers[0].clone()), "two files `plugin.wasm`"),
    ];
    for (change, said) in changes {
        registry.holds(&package(), change);
        let error = fetched(&registry.reference(":1.0.0")).await.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    registry.holds(&package(), |manifest| {
        let title = manifest.layers[1].annotations.values_mut().next().unwrap();
        *title = "../../evil".into();
    });
    assert!(fetched(&registry.reference(":1.0.0")).await.unwrap_err().contains("path out of the package"));
}

#[tokio::test]
async fn what_is_pushed_can_be_pulled() {
    let registry = Registry::start().await;
    registry.shelf.lock().unwrap().guarded = true;
    let (manifest, blobs) = of_archive(&package(), BTreeMap::new()).unwrap();
    let text = registry.reference(":1.0.0");
    let reference = Reference::parse(text.strip_prefix("oci://").unwrap()).unwrap();
    let account = Account { name: "acme".into(), password: "s3cret".into() };
    let exact = push(&reference, &manifest, &blobs, Some(account), true).await.unwrap();
    assert_eq!(exact.sha256, Some(sum(&manifest.to_bytes())));
    assert_eq!(fetched(&text).await, Ok((package().to_bytes(), exact.to_string())));
}

#[tokio::test]
async fn plain_http_is_for_this_machine_in_development_mode() {
    let registry = Registry::start().await;
    registry.holds(&package(), |_| {});
    let reference = Source::parse(&registry.reference(":1.0.0")).unwrap();
    assert!(reference.fetch(false).await.is_err());
    let address = registry.address.lock().unwrap().clone();
    let url = format!("http://{address}/x.tar#sha256={}", sum(b""));
    let error = Source::parse(&url).unwrap().fetch(false).await.unwrap_err().to_string();
    assert!(error.contains("only https"), "{error}");
    let far = Source::parse(&format!("http://plugins.example.com/x.tar#sha256={}", sum(b""))).unwrap();
    assert!(far.fetch(true).await.unwrap_err().to_string().contains("only https"));
}

/// `/0` is the file, `/n` redirects to `/n-1`.
async fn hop(Path(hops): Path<u32>) -> Response {
    match hops {
        0 => b"a package".to_vec().into_response(),
        n => Redirect::temporary(&format!("/{}", n - 1)).into_response(),
    }
}

#[tokio::test]
async fn what_is_at_an_address_has_the_digest_that_was_typed() {
    let away = get(|| async { Redirect::temporary("http://plugins.example.com/0") });
    let missing = get(|| async { StatusCode::NOT_FOUND });
    let address = serve(Router::new().route("/{hops}", get(hop)).route("/x/away", away).route("/x/no", missing)).await;
    let at = |path: &str, bytes: &[u8]| format!("http://{address}/{path}#sha256={}", sum(bytes));
    for hops in ["0", "3"] {
        let source = at(hops, b"a package");
        assert_eq!(fetched(&source).await, Ok((b"a package".to_vec(), source)));
    }
    let other = fetched(&at("0", b"another")).await.unwrap_err();
    assert!(other.contains(&sum(b"a package")) && other.contains(&sum(b"another")), "{other}");
    assert!(fetched(&at("4", b"a package")).await.unwrap_err().contains("3 redirects"));
    assert!(fetched(&at("x/away", b"a package")).await.unwrap_err().contains("only https"));
    assert!(fetched(&at("x/no", b"a package")).await.unwrap_err().contains("404"));
}

#[tokio::test]
async fn a_file_is_read_up_to_the_largest_package() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.tar");
    std::fs::write(&path, b"a package").unwrap();
    assert_eq!(fetched(path.to_str().unwrap()).await.unwrap().0, b"a package");
    std::fs::File::create(&path).unwrap().set_len(42 << 20).unwrap();
    assert!(fetched(path.to_str().unwrap()).await.unwrap_err().contains("more than 41 MiB"));
    let missing = directory.path().join("y.tar");
    assert!(fetched(missing.to_str().unwrap()).await.unwrap_err().contains("no first-party plugin"));
}

#[tokio::test]
async fn the_last_good_revocation_list_is_kept_for_when_there_is_no_network() {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let key = signer_of(&pair.pk.to_base64()).unwrap();
    let list = "issued = \"2026-11-21T00:00:00Z\"\n[[revoked]]\nid = \"acme/alipay\"\n";
    let signature = minisign::sign(None, &pair.sk, list.as_bytes(), Some("list"), None).unwrap().into_string();
    let served = Arc::new(Mutex::new((list.to_owned(), signature.clone())));
    let at = |part: fn(&(String, String)) -> &String| {
        let served = Arc::clone(&served);
        get(move || async move { part(&served.lock().unwrap()).clone() })
    };
    let routes = Router::new().route("/list.toml", at(|it| &it.0)).route("/list.toml.minisig", at(|it| &it.1));
    let place = format!("http://{}/list.toml", serve(routes).await);
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept.toml");

    let read = revocations::read(&place, &key, &kept, true).await.unwrap();
    assert_eq!(read.revoked[0].id.as_deref(), Some("acme/alipay"));
    assert_eq!(revocations::read("http://127.0.0.1:1/list.toml", &key, &kept, true).await.unwrap(), read);
    assert_eq!(revocations::read(kept.to_str().unwrap(), &key, &kept, false).await.unwrap(), read);

    let older = "issued = \"2026-11-20T00:00:00Z\"\n";
    let theirs = minisign::sign(None, &pair.sk, older.as_bytes(), Some("list"), None).unwrap().into_string();
    *served.lock().unwrap() = (older.to_owned(), theirs);
    assert_eq!(revocations::read(&place, &key, &kept, true).await.unwrap(), read);
    *served.lock().unwrap() = (format!("{list}#"), signature);
    let changed = revocations::read(&place, &key, &kept, true).await.unwrap_err().to_string();
    assert!(changed.contains("does not fit"), "{changed}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), list);
    let other = directory.path().join("none.toml");
    assert!(revocations::read("http://127.0.0.1:1/list.toml", &key, &other, true).await.is_err());
}
