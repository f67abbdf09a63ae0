//! What is reached and what is not, with servers on this machine. A server that
//! must not be reached notes every connection.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect},
    routing::get,
};
use lyceum_domain::plugin::PackageSource as _;

use super::*;
use crate::plugin_source::{Network, Source, sha256};

/// Notes whether anybody came.
struct Door(TcpListener);

impl Door {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// How many have knocked since the last time. They are sent away.
    fn knocks(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }

    /// Resolves when somebody has knocked.
    async fn is_knocked_at(&self) {
        let listener = tokio::net::TcpListener::from_std(self.0.try_clone().expect("a socket")).expect("a listener");
        let (_visitor, _) = listener.accept().await.expect("a client");
    }
}

/// What names lead to; each answer may be another one, the last one stays.
#[derive(Default)]
struct Names {
    answers: BTreeMap<&'static str, Vec<&'static [&'static str]>>,
    asked: AtomicUsize,
}

impl Names {
    fn saying(name: &'static str, answers: &[&'static [&'static str]]) -> Arc<Self> {
        Arc::new(Self { answers: [(name, answers.to_vec())].into(), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Lookup for Names {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let answers = self.answers.get(name).ok_or(io::ErrorKind::NotFound)?;
        let asked = self.asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        Ok(answers[asked].iter().map(|text| text.parse().expect("an address")).collect())
    }
}

/// As an owner asks over the API.
fn over_the_api(private_hosts: &[&str]) -> Network {
    let hosts: Vec<String> = private_hosts.iter().map(ToString::to_string).collect();
    Network::within(Access::asked(false, &hosts))
}

/// As in development mode, which allows HTTP to this machine, but with these
/// hosts instead of all.
fn over_http(private_hosts: &[&str]) -> Network {
    let hosts = private_hosts.iter().filter_map(|host| host_of(host)).collect();
    Network::within(Access { dev: true, addresses: Addresses::Checked(Inside::Of(hosts), Arc::new(System)) })
}

fn looking_up(private_hosts: &[&str], names: &Arc<Names>) -> Network {
    let hosts = private_hosts.iter().filter_map(|host| host_of(host)).collect();
    let lookup: Arc<dyn Lookup> = Arc::<Names>::clone(names);
    Network::within(Access { dev: false, addresses: Addresses::Checked(Inside::Of(hosts), lookup) })
}

fn url(address: &str) -> String {
    format!("{address}#sha256={}", sha256(b"a package"))
}

async fn refusal(network: &Network, source: &str) -> String {
    network.fetch(source).await.expect_err(source)
}

async fn serve(routes: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
    address
}

#[tokio::test]
async fn over_the_api_no_writing_of_an_inner_address_is_reached() {
    let (door, network) = (Door::open(), over_the_api(&[]));
    let port = door.port();
    for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1."] {
        let said = refusal(&network, &url(&format!("https://{host}:{port}/x.tar"))).await;
        assert!(said.contains("plugins.private_hosts"), "{host}: {said}");
    }
    let registry = refusal(&network, &format!("oci://127.0.0.1:{port}/acme/alipay:1.0.0")).await;
    assert!(registry.contains("plugins.private_hosts"), "{registry}");
    for host in ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]", "100.64.0.1"] {
        let said = refusal(&network, &url(&format!("https://{host}:{port}/x.tar"))).await;
        assert!(said.contains("nothing is fetched from"), "{host}: {said}");
    }
    assert_eq!(door.knocks(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed() {
    let door = Door::open();
    let source = url(&format!("https://plugins.example.com:{}/x.tar", door.port()));
    let inner: [&[&str]; 3] = [&["127.0.0.1"], &["93.184.216.34", "127.0.0.1"], &["::ffff:10.0.0.1"]];
    for answer in inner {
        let names = Names::saying("plugins.example.com", &[answer]);
        let said = refusal(&looking_up(&[], &names), &source).await;
        assert!(said.contains("plugins.example.com is inside a network"), "{said}");
    }
    let metadata = Names::saying("plugins.example.com", &[&["169.254.169.254"]]);
    let said = refusal(&looking_up(&["plugins.example.com"], &metadata), &source).await;
    assert!(said.contains("nothing is fetched from"), "{said}");
    assert_eq!(door.knocks(), 0);
}

#[tokio::test]
async fn a_named_host_is_reached_at_the_address_that_was_checked() {
    let door = Door::open();
    let source = url(&format!("https://registry.internal:{}/x.tar", door.port()));
    // A second question would lead elsewhere.
    let names = Names::saying("registry.internal", &[&["127.0.0.1"], &["169.254.169.254"]]);
    let network = looking_up(&["Registry.internal."], &names);
    tokio::select! {
        fetched = network.fetch(&source) => panic!("nobody answers there: {fetched:?}"),
        () = door.is_knocked_at() => {}
    }
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_checked_as_the_first_address_was() {
    let door = Door::open();
    let inside = format!("http://localhost:{}/x.tar", door.port());
    let away = |to: String| get(move || async move { Redirect::temporary(&to) });
    let routes = Router::new()
        .route("/x.tar", get(|| async { "a package" }))
        .route("/here", away("/x.tar".into()))
        .route("/inside", away(inside))
        .route("/metadata", away("https://169.254.169.254/latest".into()))
        .route("/mapped", away("https://[::ffff:10.0.0.1]/x.tar".into()));
    let address = serve(routes).await;
    let (network, at) = (over_http(&["127.0.0.1"]), |path: &str| url(&format!("http://{address}/{path}")));
    assert_eq!(network.fetch(&at("here")).await.expect("it is allowed").0, b"a package");
    for (path, said) in
        [("inside", "localhost is inside"), ("metadata", "nothing is fetched from"), ("mapped", "is inside a network")]
    {
        let refused = refusal(&network, &at(path)).await;
        assert!(refused.contains(said), "{path}: {refused}");
    }
    assert_eq!(door.knocks(), 0);
}

#[tokio::test]
async fn a_registry_cannot_send_for_a_token_inside() {
    let door = Door::open();
    let challenge = format!("Bearer realm=\"http://localhost:{}/token\",service=\"here\"", door.port());
    let refuses =
        get(move || async move { (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response() });
    let address = serve(Router::new().route("/v2/acme/alipay/manifests/1.0.0", refuses)).await;
    let said = refusal(&over_http(&["127.0.0.1"]), &format!("oci://{address}/acme/alipay:1.0.0")).await;
    assert!(said.contains("localhost is inside a network"), "{said}");
    assert_eq!(door.knocks(), 0);
}

#[tokio::test]
async fn in_development_this_machine_is_reached_and_link_local_is_not() {
    let address = serve(Router::new().route("/x.tar", get(|| async { "a package" }))).await;
    let network = Network::within(Access::asked(true, &[]));
    let fetched = network.fetch(&url(&format!("http://{address}/x.tar"))).await.expect("it is allowed");
    assert_eq!(fetched.0, b"a package");
    let said = refusal(&network, &url("https://169.254.169.254/x.tar")).await;
    assert!(said.contains("nothing is fetched from"), "{said}");
}

#[tokio::test]
async fn the_command_line_reaches_inner_addresses() {
    let door = Door::open();
    let source = Source::parse(&url(&format!("https://127.0.0.1:{}/x.tar", door.port()))).expect("a source");
    tokio::select! {
        fetched = source.fetch(false) => panic!("nobody answers there: {fetched:?}"),
        () = door.is_knocked_at() => {}
    }
}

#[test]
fn hosts_are_compared_as_addresses_write_them() {
    for (text, host) in [
        ("Registry.Internal.", "registry.internal"),
        ("10.0.0.5", "10.0.0.5"),
        ("0x7f.1", "127.0.0.1"),
        ("fd00::1", "[fd00::1]"),
        ("[fd00::1]", "[fd00::1]"),
    ] {
        assert_eq!(host_of(text).as_deref(), Some(host), "{text}");
    }
    for text in ["", ".", "registry.internal:5000", "https://registry.internal", "a/b", "*.internal", "a b", "u@a"] {
        assert_eq!(host_of(text), None, "{text}");
    }
}
