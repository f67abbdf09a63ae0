//! What every hostile plugin can do, whatever its world: use up what it was
//! given, and more.

use std::hint::black_box;

use lyceum_sdk::host::{HeaderValue, Host, HttpFailure, Level, Request, Response};

/// Bytes beyond the output limit of every world.
pub const GIANT: usize = 3 << 20;

/// Bytes beyond what a guest may copy into the host in one call.
pub const COPIES: usize = 9 << 20;

/// Does what the word says. Any other word does nothing.
pub fn misbehave(host: &impl Host, word: &str) {
    match word {
        "log" => flood(host),
        "copies" => host.log(Level::Info, &"x".repeat(COPIES)),
        "calls" => endless_calls(host),
        "denied" => drop(host.kv_get("key").expect("the test refuses it")),
        _ => match word.split_once(' ') {
            Some(("fetch", asked)) => fetch(host, asked),
            Some(("requests", url)) => all_requests(host, url),
            _ => use_up(word),
        },
    }
}

/// The same for a plugin that asks nothing of the host.
pub fn use_up(word: &str) {
    match word {
        "loop" => endless(),
        "trap" => panic!("the test asked for a trap"),
        "memory" => all_memory(),
        "stack" => drop(black_box(deep(1))),
        _ => {}
    }
}

fn endless() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory until there is none, and says so by a panic.
fn all_memory() {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        taken.push(black_box(vec![1; 1 << 20]));
    }
}

/// Never comes back; what it adds keeps it from being a loop.
#[allow(unconditional_recursion)]
fn deep(depth: u64) -> u64 {
    black_box(deep(black_box(depth + 1))) + 1
}

/// Ten lines, each longer than a call may write in all.
fn flood(host: &impl Host) {
    let line = "x".repeat(20 << 10);
    for _ in 0..10 {
        host.log(Level::Info, &line);
    }
}

/// Calls the host without end.
pub fn endless_calls(host: &impl Host) {
    loop {
        black_box(host.now_ms());
    }
}

/// Sends the secret `key` to an address, and ends the call unless it hears what
/// the test says: `302 http://…`, `200:hello http://…`, `denied http://…`.
fn fetch(host: &impl Host, asked: &str) {
    let (expected, url) = asked.split_once(' ').expect("an answer and an address");
    assert_eq!(heard(host.send(&request(url))), expected);
}

/// Sends until the host refuses, and says so by a panic.
fn all_requests(host: &impl Host, url: &str) {
    while !matches!(host.send(&request(url)), Err(HttpFailure::Denied)) {}
    panic!("the host refuses");
}

fn request(url: &str) -> Request {
    let secret = HeaderValue::Secret(("Bearer/".to_owned(), "key".to_owned()));
    let headers = vec![("authorization".to_owned(), secret)];
    Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: Vec::new() }
}

fn heard(answer: Result<Response, HttpFailure>) -> String {
    match answer {
        Ok(Response { status, body, .. }) if body.is_empty() => status.to_string(),
        Ok(Response { status, body, .. }) => format!("{status}:{}", String::from_utf8_lossy(&body)),
        Err(HttpFailure::Denied) => "denied".to_owned(),
        Err(HttpFailure::NotSent(_)) => "not-sent".to_owned(),
        Err(HttpFailure::MaybeSent(_)) => "maybe-sent".to_owned(),
        Err(HttpFailure::Other(_)) => "other".to_owned(),
    }
}
