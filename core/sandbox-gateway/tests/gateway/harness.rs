//! A gateway, a shop that receives its webhooks, and short ways to call both.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, Request, Response, StatusCode, header},
    routing::post,
};
use lyceum_kernel::{ManualClock, Timestamp};
use lyceum_sandbox_gateway::{GatewayConfig, GatewayHandle, LATE_HOLD, SIGNATURE_HEADER, gateway};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

pub const NOW_MS: i64 = 1_800_000_000_000;
pub const KEY: &str = "sk_sandbox";
pub const SECRET: &str = "whsec_sandbox";

pub struct TestGateway {
    pub router: Router,
    pub handle: GatewayHandle,
    pub clock: Arc<ManualClock>,
}

impl TestGateway {
    pub fn new() -> Self {
        Self::holding(LATE_HOLD)
    }

    /// Late webhooks are held for this long.
    pub fn holding(late_hold: Duration) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
        let (router, handle) = gateway(GatewayConfig {
            account: "acct_demo".into(),
            api_key: KEY.into(),
            webhook_secret: SECRET.into(),
            public_url: "https://pay.test".into(),
            clock: clock.clone(),
            retry_delays: vec![Duration::from_millis(1), Duration::from_millis(2)],
            late_hold,
        });
        Self { router, handle, clock }
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.api(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.api(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn api(&self, mut request: Request<Body>) -> (u16, Value) {
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {KEY}").parse().unwrap());
        let (status, text) = read(self.send(request).await).await;
        (status.as_u16(), serde_json::from_str(&text).unwrap())
    }

    pub async fn page(&self, pay_url: &str, language: &str) -> (StatusCode, String) {
        let path = pay_url.strip_prefix("https://pay.test").unwrap();
        let request = Request::get(path).header(header::ACCEPT_LANGUAGE, language);
        read(self.send(request.body(Body::empty()).unwrap()).await).await
    }

    /// Presses a button of the pay page; returns where it leads.
    pub async fn press(&self, pay_url: &str, form: &str) -> (u16, String) {
        let path = pay_url.strip_prefix("https://pay.test").unwrap();
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.send(request.body(Body::from(form.to_owned())).unwrap()).await;
        let location = answer.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location.unwrap_or_default())
    }

    pub async fn paid(&self, notify_url: &str) {
        self.post("/v1/payments", order(notify_url)).await;
        self.handle.pay("ORDER1", lyceum_sandbox_gateway::Delivery::Never).await.unwrap();
    }
}

pub async fn read(answer: Response<Body>) -> (StatusCode, String) {
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

pub fn order(notify_url: &str) -> Value {
    json!({
        "merchantRef": "ORDER1", "amountMinor": 9900, "currency": "CNY", "title": "Member, one month",
        "returnUrl": "https://shop.test/return?lang=en", "notifyUrl": notify_url, "expiresMs": NOW_MS + 900_000,
    })
}

/// An order whose webhooks nobody receives.
pub fn quiet_order() -> Value {
    order("http://127.0.0.1:9/hook")
}

pub fn refund(reference: &str, minor: i64) -> Value {
    json!({ "refundRef": reference, "amountMinor": minor, "reason": "asked" })
}

/// A webhook as the shop received it.
#[derive(Clone)]
pub struct Received {
    pub signature: String,
    pub content_type: String,
    pub raw: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap()
    }
}

/// Receives webhooks on a real port, and answers 200 or what it was told to.
#[derive(Clone, Default)]
pub struct Shop {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    received: Arc<Mutex<Vec<Received>>>,
    pub url: String,
}

impl Shop {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shop = Self { url, ..Self::default() };
        let router = Router::new().route("/hook", post(receive)).with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        shop
    }

    pub fn answer_next(&self, statuses: &[StatusCode]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn types(&self) -> Vec<String> {
        self.received().iter().map(|each| each.json()["type"].as_str().unwrap().to_owned()).collect()
    }

    pub fn event_ids(&self) -> Vec<String> {
        self.received().iter().map(|each| each.json()["id"].as_str().unwrap().to_owned()).collect()
    }
}

async fn receive(State(shop): State<Shop>, headers: HeaderMap, raw: String) -> StatusCode {
    let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    let webhook = Received { signature: text(SIGNATURE_HEADER), content_type: text("content-type"), raw };
    shop.received.lock().unwrap().push(webhook);
    shop.answers.lock().unwrap().pop_front().unwrap_or(StatusCode::OK)
}
