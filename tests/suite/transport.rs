//! Connections, clients and headers, through real sockets: what is slow, what
//! is too many, who is asking, and from where.

use std::{fs, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    Request, StatusCode,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lyceum::{
    Stop,
    app::App,
    config::{Config, Server, TlsFiles},
    serve,
};
use lyceum_kernel::SystemClock;
use lyceum_tests::{Place, TestApp, at_root, code_of, each_database, skipped, until};
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Method, header};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer},
};

/// For limits that a test waits for; the others stay far beyond it.
const SHORT: std::time::Duration = std::time::Duration::from_secs(1);

async fn connected(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.address.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Everything up to the end of the connection, which the server makes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    drop(stream.read_to_end(&mut text).await);
    String::from_utf8_lossy(&text).into_owned()
}

fn post_head(length: usize) -> String {
    format!("POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_is_not_waited_for() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.timeouts.head = SHORT).start().await;
        for begun in ["", "GET /healthz HTTP/1.1\r\nhost: a\r\n", "POST /graphql HTTP/1.1\r\nx: "] {
            let mut stream = connected(&app).await;
            stream.write_all(begun.as_bytes()).await.unwrap();
            assert_eq!(rest(stream).await, "", "{begun}");
        }
        let mut second = connected(&app).await;
        second.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert!(second.read(&mut [0; 1024]).await.unwrap() > 0);
        second.write_all(b"GET").await.unwrap();
        assert!(!rest(second).await.contains("HTTP/1.1"));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_end_is_answered_and_not_waited_for() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.timeouts.body = SHORT).start().await;
        let mut silent = connected(&app).await;
        silent.write_all(format!("{}{{", post_head(1000)).as_bytes()).await.unwrap();
        let (reading, mut writing) = connected(&app).await.into_split();
        writing.write_all(post_head(1_000_000).as_bytes()).await.unwrap();
        // A byte now and then gives no more time.
        let dripping = tokio::spawn(async move {
            while writing.write_all(b" ").await.is_ok() {
                tokio::time::sleep(SHORT / 20).await;
            }
        });
        let mut dripped = String::new();
        let mut reading = tokio::io::BufReader::new(reading);
        while !dripped.contains("QUERY_TIMEOUT") {
            let mut part = [0; 1024];
            let read = reading.read(&mut part).await.unwrap();
            assert!(read > 0, "{dripped}");
            dripped.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
        drop(reading);
        dripping.await.unwrap();
        for answer in [rest(silent).await, dripped] {
            assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("QUERY_TIMEOUT"), "{answer}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.timeouts.idle = SHORT).start().await;
        let mut stream = connected(&app).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert!(rest(stream).await.ends_with("ok\n"));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answers_is_left() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.timeouts.write = SHORT).start().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let address = app.address.strip_prefix("http://").unwrap().parse().unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        // More answers than the system buffers.
        let page = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(400);
        stream.write_all(page.as_bytes()).await.unwrap();
        let gone = |error: std::io::Error| (error.kind() != std::io::ErrorKind::WouldBlock).then_some(());
        until("the server leaves", async || stream.try_write(b"GET").err().and_then(gone)).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_send_nothing_make_room_for_those_that_do() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.capacity.per_network = 5).start().await;
        let mut held = Vec::new();
        for _ in 0..20 {
            let mut stream = connected(&app).await;
            stream.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
            held.push(stream);
        }
        assert_eq!(app.visitor().get("/healthz").await.status(), StatusCode::OK);
        held.truncate(10);
        for stream in held {
            assert_eq!(rest(stream).await, "");
        }
        app.stop().await;
    })
    .await;
}

/// A transaction beside which nobody can register, until it is dropped.
async fn blocked_registrations(app: &TestApp, place: &Place) -> lyceum_store::Write {
    let write = app.app.domains().database.write().await.unwrap();
    if place.name == "PostgreSQL" {
        // SQLite has one writer; here the table has to be locked.
        let lock = "LOCK TABLE user_account IN ACCESS EXCLUSIVE MODE";
        write.connection().execute_unprepared(lock).await.unwrap();
    }
    write
}

fn registration(app: &TestApp) -> reqwest::RequestBuilder {
    let register = "mutation { register(input: { email: \"a@example.com\", password: \"correct horse battery\", name: \"A\" }) { user { name } } }";
    app.visitor().post("/graphql").json(&json!({ "query": register }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_at_once_is_refused_and_what_runs_goes_on() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.capacity.requests = 1).start().await;
        let held = blocked_registrations(&app, place).await;
        let running = tokio::spawn(registration(&app).send());
        let refused = until("a request is refused", async || {
            Some(app.visitor().get("/healthz").await).filter(|answer| answer.status() != StatusCode::OK)
        })
        .await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(code_of(&refused.json::<Json>().await.unwrap()), "UNAVAILABLE");
        drop(held);
        let answer: Json = running.await.unwrap().unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["register"]["user"]["name"], "A", "{answer}");
        assert_eq!(app.visitor().get("/healthz").await.status(), StatusCode::OK);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_refused_when_all_of_its_network_are_worked_for() {
    each_database(async |place| {
        let start = place.app().configured(|config| {
            config.server.capacity.per_network = 1;
            config.server.capacity.requests = 1;
        });
        let app = start.start().await;
        let held = blocked_registrations(&app, place).await;
        let running = tokio::spawn(registration(&app).send());
        // Another network sees when the server is at work, and closes nothing of ours.
        let other = reqwest::Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, 2])).build().unwrap();
        until("the server is at work", async || {
            let answer = other.get(format!("{}/healthz", app.address)).send().await.unwrap();
            (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
        let mut stream = connected(&app).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let refused = rest(stream).await;
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
        assert!(refused.contains("UNAVAILABLE") && refused.contains("connections"), "{refused}");
        drop(held);
        assert_eq!(running.await.unwrap().unwrap().status(), StatusCode::OK);
        assert_eq!(app.visitor().get("/healthz").await.status(), StatusCode::OK);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_takes_too_long_is_ended() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.timeouts.request = SHORT).start().await;
        let held = blocked_registrations(&app, place).await;
        let answer = registration(&app).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(code_of(&answer.json::<Json>().await.unwrap()), "QUERY_TIMEOUT");
        drop(held);
        let answer: Json = registration(&app).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["register"]["user"]["name"], "A", "nothing of the first one is left: {answer}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_clear_only_http_1_is_spoken() {
    each_database(async |place| {
        let app = place.app().start().await;
        let mut stream = connected(&app).await;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
        stream.write_all(preface).await.unwrap();
        let answer = rest(stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer:?}");
        app.stop().await;
    })
    .await;
}

/// A certificate for `localhost`, written where the server reads it.
fn write_certificate(directory: &Path) -> (TlsFiles, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    let files = TlsFiles { certificate: directory.join("tls.crt"), key: directory.join("tls.key") };
    fs::write(&files.key, pem("PRIVATE KEY", key.serialized_der())).unwrap();
    fs::write(&files.certificate, pem("CERTIFICATE", certificate.der())).unwrap();
    (files, certificate.der().clone())
}

/// A server with a certificate.
struct EncryptedServer {
    directory: TempDir,
    port: u16,
    stop: Stop,
    serving: tokio::task::JoinHandle<()>,
}

fn encrypted(directory: &Path, files: TlsFiles, port: u16) -> Config {
    let config = Config::default();
    let server = Server { port, tls: Some(files), ..config.server };
    Config { data_dir: directory.join("data"), dev: true, server, ..config }
}

impl EncryptedServer {
    async fn start() -> (Self, CertificateDer<'static>) {
        Self::configured(|_| ()).await
    }

    async fn configured(change: impl Fn(&mut Config)) -> (Self, CertificateDer<'static>) {
        let directory = TempDir::new().unwrap();
        let (files, certificate) = write_certificate(directory.path());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut config = encrypted(directory.path(), files, port);
        change(&mut config);
        let app = App::open(&config, Arc::new(SystemClock)).await.unwrap();
        let stop = Stop::default();
        let told = stop.clone();
        let serving = tokio::spawn(async move {
            serve(&app, listener, &told, std::time::Duration::from_secs(5)).await.unwrap();
        });
        (Self { directory, port, stop, serving }, certificate)
    }

    /// A connection of a client that trusts exactly this certificate.
    async fn connect(&self, trusted: &CertificateDer<'static>, alpn: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
    }

    async fn stop(self) {
        self.stop.now();
        self.serving.await.unwrap();
    }
}

fn health() -> Request<String> {
    Request::get("https://localhost/healthz").header("host", "localhost").body(String::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_the_client_chooses_between_http_2_and_1() {
    let (server, certificate) = EncryptedServer::start().await;
    let stream = server.connect(&certificate, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let running = tokio::spawn(connection);
    let answer = sender.send_request(health()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    for alpn in [&["http/1.1"][..], &[]] {
        let stream = server.connect(&certificate, alpn).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        assert_eq!(sender.send_request(health()).await.unwrap().status(), StatusCode::OK);
    }
    let mut clear = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    clear.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(!rest(clear).await.contains("HTTP/1.1 200"));
    drop(sender);
    server.stop().await;
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_end_is_not_waited_for() {
    let (server, _) = EncryptedServer::configured(|config| config.server.timeouts.head = SHORT).await;
    // The first bytes of a record of 512 that does not come.
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.write_all(begun).await.unwrap();
        assert_eq!(rest(stream).await, "");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_http_2_that_nobody_takes_ends_the_connection() {
    let (server, certificate) = EncryptedServer::configured(|config| config.server.timeouts.write = SHORT).await;
    let stream = server.connect(&certificate, &["h2"]).await.unwrap();
    let mut client = http2::Builder::new(TokioExecutor::new());
    client.initial_stream_window_size(1);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    let running = tokio::spawn(connection);
    let page = Request::get("https://localhost/").body(String::new()).unwrap();
    let answer = sender.send_request(page).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(running.await.unwrap());
    assert!(sender.is_closed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_used_and_open_connections_stay() {
    let (server, old) = EncryptedServer::start().await;
    let stream = server.connect(&old, &[]).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (_, new) = write_certificate(server.directory.path());
    until("the new certificate", async || server.connect(&new, &[]).await.ok()).await;
    assert_eq!(sender.send_request(health()).await.unwrap().status(), StatusCode::OK);
    // One that cannot be used leaves the one before it in place.
    fs::write(server.directory.path().join("tls.crt"), "no certificate").unwrap();
    assert!(server.connect(&new, &[]).await.is_ok());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_is_reported_at_the_start() {
    let directory = TempDir::new().unwrap();
    let (files, _) = write_certificate(directory.path());
    let other = TempDir::new().unwrap();
    let (others, _) = write_certificate(other.path());
    let missing = TlsFiles { key: directory.path().join("none.key"), ..files.clone() };
    let foreign = TlsFiles { key: others.key, ..files.clone() };
    let swapped = TlsFiles { certificate: files.key.clone(), key: files.certificate.clone() };
    for (files, says) in [(missing, "none.key"), (foreign, "does not belong"), (swapped, "no certificate")] {
        let config = encrypted(directory.path(), files, 0);
        let Err(error) = App::open(&config, Arc::new(SystemClock)).await else { panic!("it started: {says}") };
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("server.tls_certificate"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_who_asks_and_nobody_else_does() {
    each_database(async |place| {
        for (proxies, each_has_its_own) in [(vec!["127.0.0.1/32".parse().unwrap()], true), (vec![], false)] {
            let start = place.app().configured(|config| {
                config.server.trusted_proxies = proxies.clone();
                config.limits.webhooks_per_minute = 2;
            });
            let app = start.start().await;
            let from = async |client: &str| {
                let request = app.visitor().post("/webhooks/payments/none").header("x-forwarded-for", client);
                request.send().await.unwrap()
            };
            for _ in 0..2 {
                assert_eq!(from("1.2.3.4, 203.0.113.7").await.status(), StatusCode::NOT_FOUND);
            }
            let refused = from("9.9.9.9, 203.0.113.7").await;
            assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
            let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            let answer: Json = refused.json().await.unwrap();
            assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "RATE_LIMITED", "retryAfterSeconds": wait }));
            let other = from("203.0.113.8").await.status();
            assert_eq!(other != StatusCode::TOO_MANY_REQUESTS, each_has_its_own, "{other}");
            app.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_the_api_count_the_clients_of_a_proxy_apart() {
    each_database(async |place| {
        let start = place.app().configured(|config| {
            config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            config.identity.0.register_per_address.tries = 1;
        });
        let app = start.start().await;
        let register = async |name: &str, client: &str| {
            let query = "mutation ($email: String!) { register(input: { email: $email, password: \"correct horse battery\", name: \"A\" }) { user { id } } }";
            let body = json!({ "query": query, "variables": { "email": format!("{name}@example.com") } });
            let request = app.visitor().post("/graphql").header("forwarded", format!("for={client}")).json(&body);
            request.send().await.unwrap().json::<Json>().await.unwrap()
        };
        assert!(register("a", "203.0.113.7").await["errors"].is_null());
        assert_eq!(code_of(&register("b", "203.0.113.7").await), "RATE_LIMITED");
        assert!(register("c", "\"[2001:db8::1]:4711\"").await["errors"].is_null());
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_this_machine_may_know_no_proxy_passes_on() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.metrics.enabled = true).start().await;
        assert_eq!(app.visitor().get("/metrics").await.status(), StatusCode::OK);
        for name in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
            let get = async |path: &str| {
                let request = app.visitor().http.get(format!("{}{path}", app.address)).header(name, "127.0.0.1");
                request.send().await.unwrap()
            };
            assert_eq!(get("/metrics").await.status(), StatusCode::FORBIDDEN, "{name}");
            assert_eq!(get("/readyz").await.json::<Json>().await.unwrap(), json!({ "status": "ready" }), "{name}");
        }
        app.stop().await;
    })
    .await;
}

const SHOP: &str = "https://shop.example";

/// A preflight for the API, as a browser sends it.
async fn preflight(app: &TestApp, origin: &str) -> reqwest::Response {
    let request = app.visitor().http.request(Method::OPTIONS, format!("{}/graphql", app.address));
    request
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_configured_origins_may_call_the_api_and_no_others() {
    each_database(async |place| {
        let start = place.app().configured(|config| {
            config.dev = false;
            config.server.cors_origins = vec![SHOP.to_owned()];
        });
        let app = start.start().await;
        let allowed = preflight(&app, SHOP).await;
        assert_eq!(allowed.status(), StatusCode::OK);
        let headers = allowed.headers();
        assert_eq!(headers["access-control-allow-origin"], SHOP);
        assert_eq!(headers["access-control-max-age"], "7200");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let listed = headers["access-control-allow-headers"].to_str().unwrap();
        assert!(
            ["authorization", "content-type", "accept-language"].iter().all(|name| listed.contains(name)),
            "{listed}"
        );
        for origin in ["https://shop.example.evil.example", "http://shop.example", "http://localhost:3000", "null"] {
            let refused = preflight(&app, origin).await;
            assert_eq!(refused.status(), StatusCode::OK, "{origin}");
            assert!(!refused.headers().contains_key("access-control-allow-origin"), "{origin}");
        }
        let asked = app.visitor().post("/graphql").header("origin", SHOP).json(&json!({ "query": "{ __typename }" }));
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], SHOP);
        let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
        for name in ["x-request-id", "retry-after", "ratelimit", "ratelimit-policy", "etag", "content-language"] {
            assert!(exposed.split(',').any(|own| own == name), "{name} is not in {exposed}");
        }
        // Only the API: what is open to this machine is not open to its browser.
        let page = app.visitor().http.get(format!("{}/readyz", app.address)).header("origin", SHOP);
        assert!(!page.send().await.unwrap().headers().contains_key("access-control-allow-origin"));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_development_pages_of_this_machine_may_call_the_api() {
    each_database(async |place| {
        let app = place.app().start().await;
        for (origin, allowed) in [("http://localhost:3000", true), ("http://127.0.0.1:5173", true), (SHOP, false)] {
            let answer = preflight(&app, origin).await;
            assert_eq!(answer.headers().contains_key("access-control-allow-origin"), allowed, "{origin}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.dev = false).start().await;
        let get = async |query: &str, etag: Option<&str>| {
            let request = app.visitor().http.get(format!("{}/graphql", app.address)).query(&[("query", query)]);
            let request = etag.map_or(request.try_clone().unwrap(), |etag| request.header("if-none-match", etag));
            request.send().await.unwrap()
        };
        let first = get("{ courses { totalCount } }", None).await;
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        let vary = "Accept, Accept-Encoding, Accept-Language, Authorization, Origin";
        assert_eq!(first.headers()["vary"], vary);
        assert_eq!(first.headers().get_all("vary").iter().count(), 1);
        assert_eq!(first.headers()["cache-control"], "private, no-cache", "it may be kept, and asked about");
        let again = get("{ courses { totalCount } }", Some(&etag)).await;
        assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::NOT_MODIFIED, &etag.parse().unwrap()));
        assert_eq!(again.text().await.unwrap(), "");
        let other = get("{ tiers { totalCount } }", Some(&etag)).await;
        assert_eq!(other.status(), StatusCode::OK);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_to_a_person_stays_out_of_caches() {
    each_database(async |place| {
        let app = place.app().start().await;
        let query = json!({ "query": "{ me { name } }" });
        let answer = app.admin.post("/graphql").json(&query).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        let sign_in = json!({ "query": "mutation { signIn(input: { email: \"admin@example.com\", password: \"correct horse battery\" }) { accessToken } }" });
        let answer = app.visitor().post("/graphql").json(&sign_in).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_and_small_ones_are_not() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.dev = false).start().await;
        let get = async |query: &str, encoding: &str, etag: &str| {
            let request = app.visitor().http.get(format!("{}/graphql", app.address)).query(&[("query", query)]);
            request.header("accept-encoding", encoding).header("if-none-match", etag).send().await.unwrap()
        };
        let large = format!(
            "{{ {} }}",
            (0..25)
                .map(|i| format!("a_name_that_is_rather_long_for_what_it_holds_{i}: __typename "))
                .collect::<String>()
        );
        for (accepted, used) in [("gzip", "gzip"), ("br", "br"), ("gzip, br", "br")] {
            let answer = get(&large, accepted, "\"none\"").await;
            assert_eq!(answer.headers()["content-encoding"], used, "{accepted}");
            let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
            assert!(etag.ends_with(&format!("-{used}\"")), "{etag}");
            assert!(answer.bytes().await.unwrap().len() < 800);
            assert_eq!(get(&large, accepted, &etag).await.status(), StatusCode::NOT_MODIFIED);
        }
        assert!(get(&large, "identity", "\"none\"").await.headers().get(header::CONTENT_ENCODING).is_none());
        assert!(get("{ __typename }", "gzip", "\"none\"").await.headers().get(header::CONTENT_ENCODING).is_none());
        app.stop().await;
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn data_is_for_the_user_of_the_server_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    each_database(async |place| {
        let data = place.directory.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        let app = place.app().configured(|config| config.data_dir = data.clone()).start().await;
        let mut unseen = vec![data.clone()];
        while let Some(path) = unseen.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
            if metadata.is_dir() {
                unseen.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_ide_runs_its_own_script_only() {
    each_database(async |place| {
        let app = place.app().start().await;
        let page = app.visitor().get("/").await;
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let html = page.text().await.unwrap();
        let script = html.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
        let hash = STANDARD.encode(Sha256::digest(script));
        assert!(policy.contains(&format!("script-src 'sha256-{hash}';")), "{policy}");
        assert_eq!(html.matches("<script").count(), 1, "a script with attributes would have no hash");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ide_can_be_switched_off() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.server.ide = false).start().await;
        assert_eq!(app.visitor().get("/").await.status(), StatusCode::NOT_FOUND);
        let answer = app.visitor().ask("{ __typename }", json!({})).await;
        assert_eq!(answer["data"]["__typename"], "Query");
        app.stop().await;
    })
    .await;
}

/// The nginx block of the documentation, with the addresses and files of a test.
fn nginx_configuration(directory: &Path, port: u16, app: &TestApp, files: &TlsFiles) -> String {
    let page = fs::read_to_string(at_root("docs/deploy/proxy.md")).unwrap();
    let block = page.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut block = block.to_owned();
    for (documented, here) in [
        ("listen 443 ssl http2;", format!("listen 127.0.0.1:{port} ssl http2;")),
        ("/etc/ssl/example.org/fullchain.pem", files.certificate.display().to_string()),
        ("/etc/ssl/example.org/privkey.pem", files.key.display().to_string()),
        ("127.0.0.1:8080", app.address.strip_prefix("http://").unwrap().to_owned()),
    ] {
        assert!(block.contains(documented), "the block has no {documented}");
        block = block.replace(documented, &here);
    }
    let place = |name: &str| directory.join(name).display().to_string();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {};\n", place(name)))
        .collect();
    format!(
        "daemon off;\npid {};\nerror_log {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{block}}}\n",
        place("pid"),
        place("error.log")
    )
}

/// A program that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // `quit` rather than a kill: the workers end too.
        drop(std::process::Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status());
        self.0.wait().unwrap();
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_as_documented_each_client_has_its_own_address() {
    if std::process::Command::new("nginx").arg("-v").output().is_err() {
        return skipped("behind nginx: it is not installed");
    }
    each_database(async |place| {
        let start = place.app().configured(|config| {
            config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            config.limits.webhooks_per_minute = 1;
        });
        let app = start.start().await;
        let directory = TempDir::new().unwrap();
        let (files, certificate) = write_certificate(directory.path());
        // Taken and let go: nginx cannot be told to choose one.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let path = directory.path().join("nginx.conf");
        fs::write(&path, nginx_configuration(directory.path(), port, &app, &files)).unwrap();
        let mut command = std::process::Command::new("nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&path).stderr(std::process::Stdio::null());
        let _nginx = Running(command.spawn().unwrap());
        let from = |address: [u8; 4]| {
            let certificate = reqwest::Certificate::from_der(&certificate).unwrap();
            let builder = reqwest::Client::builder().add_root_certificate(certificate);
            builder.local_address(std::net::IpAddr::from(address)).build().unwrap()
        };
        let (first, second) = (from([127, 0, 0, 2]), from([127, 0, 0, 3]));
        let url = |path: &str| format!("https://localhost:{port}{path}");
        until("nginx answers", async || first.get(url("/healthz")).send().await.ok().filter(|a| a.status() == 200))
            .await;
        let webhook = async |client: &reqwest::Client| {
            let request = client.post(url("/webhooks/payments/none"));
            let request = request.header("x-forwarded-for", "203.0.113.9").header("forwarded", "for=203.0.113.9");
            request.send().await.unwrap().status()
        };
        assert_eq!(webhook(&first).await, StatusCode::NOT_FOUND);
        assert_eq!(webhook(&first).await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(webhook(&second).await, StatusCode::NOT_FOUND, "another client has its own allowance");
        let ready = second.get(url("/readyz")).send().await.unwrap();
        assert_eq!(ready.json::<Json>().await.unwrap(), json!({ "status": "ready" }));
        app.stop().await;
    })
    .await;
}
