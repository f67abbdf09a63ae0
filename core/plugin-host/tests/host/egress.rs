//! Requests of a guest to servers that mean no good.

use std::{net::SocketAddr, time::Duration};

use lyceum_domain::plugin::Permission;
use lyceum_plugin_host::{LimitTable, Limits, World};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    permissions::Bench,
    support::{generous, grants},
};

/// A server that gives each client these bytes, then more of them, slowly, if
/// it is to dribble. It tells how many clients came.
async fn server(answer: Vec<u8>, dribble: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                while dribble && stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    address
}

fn response(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn asked(address: SocketAddr) -> Json {
    asked_within(address, generous()).await
}

async fn asked_within(address: SocketAddr, limits: LimitTable) -> Json {
    sent_within(address, limits, json!({ "secret": "key" })).await
}

/// What the guest says that it got, for a request with this in it.
async fn sent_within(address: SocketAddr, limits: LimitTable, mut request: Json) -> Json {
    let origin = format!("http://{address}");
    let http = Permission { hosts: vec![origin.clone()], ..Permission::default() };
    let secret = Permission { names: vec!["key".into()], ..Permission::default() };
    let bench = Bench::within(limits, grants(&[("http", http), ("secret-ref", secret)])).await;
    request["url"] = format!("{origin}/").into();
    bench.call("http.send", request).await
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = server(response("", b"inside"), false).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: http://{inside}/\r\ncontent-length: 0\r\n\r\n");
    let answer = asked(server(moved.into_bytes(), false).await).await;
    assert_eq!((&answer["ok"]["status"], &answer["ok"]["body"]), (&json!(302), &json!("")));
}

#[tokio::test]
async fn an_echoed_secret_does_not_reach_the_guest() {
    let body = b"you sent Bearer hunter2hunter2hunter2, aHVudGVyMmh1bnRlcjJodW50ZXIy in base64";
    let echo = response("x-echo: hunter2hunter2hunter2\r\n", body);
    let answer = asked(server(echo, false).await).await;
    assert_eq!(answer["ok"]["body"], "you sent Bearer [secret], [secret] in base64");
    let headers = answer["ok"]["headers"].to_string();
    assert!(headers.contains(r#"["x-echo","[secret]"]"#), "{headers}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_taken() {
    // The guest tells the whole body, with a few words around it.
    let roomy = generous().with(World::Job, Limits { output: 4 << 20, ..generous().of(World::Job) });
    let exact = asked_within(server(response("", &vec![b'x'; 1 << 20]), false).await, roomy).await;
    assert_eq!(exact["ok"]["status"], 200);
    let answer = asked(server(response("", &vec![b'x'; (1 << 20) + 1]), false).await).await;
    assert_eq!(answer["error"], "maybe-sent");
    assert!(answer["message"].as_str().unwrap().contains("1048576 bytes"), "{answer}");
}

#[tokio::test]
async fn a_compressed_body_comes_as_it_is() {
    // The header of gzip and ten bytes: decompressed, it would be an error.
    let body = b"\x1f\x8b\x08\x01\x01\x01\x01\x01\x01\x03";
    let server = server(response("content-encoding: gzip\r\n", body), false).await;
    let answer = sent_within(server, generous(), json!({})).await;
    assert_eq!(answer["ok"]["status"], 200);
    assert!(answer["ok"]["headers"].to_string().contains(r#"["content-encoding","gzip"]"#));
}

#[tokio::test]
async fn an_answer_to_a_secret_must_not_be_compressed() {
    let body = b"\x1f\x8b\x08\x01\x01\x01\x01\x01\x01\x03";
    let answer = asked(server(response("content-encoding: gzip\r\n", body), false).await).await;
    assert_eq!(answer["error"], "maybe-sent", "{answer}");
    assert_eq!(answer["message"], "the answer to a request with a secret is compressed");
    let plain = asked(server(response("content-encoding: identity\r\n", b"plain"), false).await).await;
    assert_eq!(plain["ok"]["body"], "plain");
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_call_and_the_guest_can_still_tell() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
    let job = World::Job.limits();
    let short = generous().with(World::Job, Limits { wall: Duration::from_secs(1), ..job });
    let answer = asked_within(server(endless, true).await, short).await;
    assert_eq!(answer["error"], "maybe-sent", "{answer}");
}
