//! Servers that mean no good, met by the plugins of every world that may send
//! requests, sixteen at a time.
//!
//! The guest says itself what it heard: it ends its call by a trap when that is
//! not what the test told it to expect, and one test shows that it does.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::plugin::{Activation, FailureKind, PluginRuntime as _};
use lyceum_plugin_host::{Limits, Lookup, World};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    lanes::{LOOP_TICKS, Lane, SECRET, Setting, WITH_HTTP, Way, at_once, lane_limits, lanes, sending_to},
    parallel::{the_pool_is_whole, well_behaved},
    support::{generous, host},
};

/// A server on this machine, and how many requests it was sent.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each request with what `answer` makes of it, and hangs up.
    async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let (listener, server) = Self::bind().await;
        let (answer, requests) = (Arc::new(answer), Arc::clone(&server.requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
                tokio::spawn(async move {
                    let request = head(&mut stream).await;
                    requests.fetch_add(1, Ordering::Relaxed);
                    let _ = stream.write_all(answer(&request).as_bytes()).await;
                });
            }
        });
        server
    }

    /// Answers with a body that never ends, a byte at a time.
    async fn dripping() -> Self {
        let (listener, server) = Self::bind().await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
                    let mut open = stream.write_all(head).await.is_ok();
                    while open {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        open = stream.write_all(b"x").await.is_ok();
                    }
                });
            }
        });
        server
    }

    async fn bind() -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Self { port, requests: Arc::default() })
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The same place by its name.
    fn named(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// A request without a body, which it has if it came whole.
async fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut bytes) = (String::new(), [0; 4096]);
    while !head.ends_with("\r\n\r\n") {
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(count) => head.push_str(&String::from_utf8_lossy(&bytes[..count])),
        }
    }
    head
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Gives back what it was sent as authorization.
fn echo(request: &str) -> String {
    let sent = request.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
    assert!(sent.ends_with(SECRET), "{request}");
    answer("200 OK", "", sent)
}

/// This machine at every other question, and a cloud's metadata service in between.
#[derive(Default)]
struct Changing(AtomicUsize);

#[async_trait]
impl Lookup for Changing {
    async fn addresses(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
        let inside = Ipv4Addr::new(169, 254, 169, 254);
        let first = self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        Ok(vec![IpAddr::V4(if first { Ipv4Addr::LOCALHOST } else { inside })])
    }
}

/// What each guest asks for, one call after the other.
fn questions(redirect: &Server, inside: &Server, echo: &Server) -> Vec<String> {
    vec![
        format!("fetch 302 {}/", redirect.origin()),
        // Following it by hand leads to what was not granted.
        format!("fetch denied {}/", inside.origin()),
        format!("fetch 200:Bearer/[secret] {}/", echo.origin()),
        // One name, two answers.
        format!("fetch 302 {}/", redirect.named()),
        format!("fetch denied {}/", redirect.named()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_guests_of_each_world_meet_redirects_echoes_and_names_that_change() {
    let inside = Server::start(|_| answer("200 OK", "", "inside")).await;
    let moved = format!("location: {}/\r\n", inside.origin());
    let redirect = Server::start(move |_| answer("302 Found", &moved, "")).await;
    let echo = Server::start(echo).await;
    let origins = vec![redirect.origin(), redirect.named(), echo.origin()];
    let names = || Some(Arc::new(Changing::default()) as Arc<dyn Lookup>);
    let lanes = lanes(Setting { origins, names, ..Setting::within(lane_limits(64 << 20)) }).await;
    for (way, _, _) in WITH_HTTP {
        for question in questions(&redirect, &inside, &echo) {
            at_once(&lanes, |lane| {
                let question = question.clone();
                async move { lane.misbehave(way, &question, Ok(())).await }
            })
            .await;
        }
    }
    let calls = lanes.len() * WITH_HTTP.len();
    assert_eq!((inside.requests(), redirect.requests(), echo.requests()), (0, 2 * calls, calls));
}

#[tokio::test]
async fn a_guest_that_hears_something_else_than_expected_says_so() {
    let server = Server::start(|_| answer("204 No Content", "", "")).await;
    let setting = Setting { origins: vec![server.origin()], ..Setting::within(lane_limits(64 << 20)) };
    let lane = Lane::open(tempfile::tempdir().unwrap().path(), &setting).await;
    for (way, _, _) in WITH_HTTP {
        lane.misbehave(way, &format!("fetch 204 {}/", server.origin()), Ok(())).await;
        lane.misbehave(way, &format!("fetch 302 {}/", server.origin()), Err(FailureKind::Trap)).await;
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_of_the_world_are_denied() {
    let none = [
        (Way::Verify, World::PaymentVerify, "hostile/payment"),
        (Way::ReviewWithHttp, World::Moderation, "hostile/moderation-http"),
    ];
    for (way, world, plugin) in WITH_HTTP.into_iter().chain(none) {
        let server = Server::start(|_| answer("204 No Content", "", "")).await;
        let mut activation = sending_to(plugin, &[server.origin()]);
        if world == World::Moderation {
            activation.grants = Default::default();
        }
        let host = host(generous());
        host.activate(activation).await.unwrap();
        let word = format!("requests {}/", server.origin());
        assert_eq!(way.call(&host, &word).await, Err(FailureKind::Denied), "{world:?}");
        assert_eq!(server.requests(), world.limits().http_calls as usize, "{world:?}");
        assert_eq!(host.denials(plugin), [("http".to_owned(), 1)].into(), "{world:?}");
    }
    let server = Server::start(|_| answer("204 No Content", "", "")).await;
    let config = format!(r#"{{"configure":"requests {}/"}}"#, server.origin());
    let activation = Activation { config, ..sending_to("hostile/content", &[server.origin()]) };
    assert_eq!(host(generous()).activate(activation).await.unwrap_err().kind, FailureKind::Denied);
    assert_eq!(server.requests(), World::Lifecycle.limits().http_calls as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_slow_bodies_end_with_their_calls_and_hold_nobody_up() {
    let server = Server::dripping().await;
    let wall = Duration::from_secs(3);
    let limits = WITH_HTTP.into_iter().fold(lane_limits(64 << 20), |table, (_, world, _)| {
        table.with(world, Limits { wall, cpu_ticks: 20 * LOOP_TICKS, ..world.limits() })
    });
    let lanes = lanes(Setting { origins: vec![server.origin()], ..Setting::within(limits) }).await;
    let good = Arc::new(well_behaved().await);
    let beside = tokio::spawn({
        let good = Arc::clone(&good);
        async move { the_pool_is_whole(&good).await }
    });
    // Two lanes for each world.
    let next = AtomicUsize::new(0);
    at_once(&lanes, |lane| {
        let (way, _, _) = WITH_HTTP[next.fetch_add(1, Ordering::Relaxed) % WITH_HTTP.len()];
        let question = format!("fetch maybe-sent {}/", server.origin());
        async move { assert_eq!(way.call(&lane.host, &question).await, Ok(()), "{way:?}") }
    })
    .await;
    beside.await.unwrap();
}
