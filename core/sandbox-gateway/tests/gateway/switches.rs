//! Down, hanging, declining.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::harness::{KEY, TestGateway, quiet_order};

#[tokio::test]
async fn down_refuses_every_api_call_and_does_nothing() {
    let gateway = TestGateway::new();
    let (status, switches) = gateway.post("/control", json!({ "down": true })).await;
    let expected = json!({ "deliver": "normal", "down": true, "hang": false, "declineCreate": false });
    assert_eq!((status, switches), (200, expected));
    assert_eq!(gateway.post("/v1/payments", quiet_order()).await.0, 503);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.0, 503);
    gateway.post("/control", json!({ "down": false })).await;
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.0, 404);
}

#[tokio::test]
async fn a_declined_creation_keeps_nothing() {
    let gateway = TestGateway::new();
    gateway.post("/control", json!({ "declineCreate": true })).await;
    let (status, answer) = gateway.post("/v1/payments", quiet_order()).await;
    assert_eq!((status, &answer["error"]["code"]), (402, &json!("declined")));
    gateway.handle.set_decline_create(false);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.0, 404);
    assert_eq!(gateway.post("/v1/payments", quiet_order()).await.0, 200);
}

#[tokio::test]
async fn a_misspelt_switch_is_refused() {
    let gateway = TestGateway::new();
    assert_eq!(gateway.post("/control", json!({ "dwon": true })).await.0, 400);
    assert_eq!(gateway.post("/control", json!({ "deliver": "sometimes" })).await.0, 400);
    assert_eq!(gateway.post("/control/refunds", json!({})).await.0, 400);
}

#[tokio::test]
async fn hanging_commits_and_closes_the_connection_without_a_byte() {
    let gateway = TestGateway::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = gateway.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });

    gateway.handle.set_hang(true);
    let body = quiet_order().to_string();
    let head = format!(
        "POST /v1/payments HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good as an end: either way there is no answer.
    let _ = socket.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");

    gateway.handle.set_hang(false);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["status"], "open");
}

#[tokio::test]
async fn an_enormous_body_is_refused() {
    let gateway = TestGateway::new();
    let request = Request::post("/v1/payments").header(header::AUTHORIZATION, format!("Bearer {KEY}"));
    let answer = gateway.send(request.body(Body::from(vec![b' '; 70_000])).unwrap()).await;
    assert_eq!(answer.status(), 413);
}
