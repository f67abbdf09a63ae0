//! The payment plugin against a gateway on this machine: what is granted works,
//! what is not is denied and audited, and no secret reaches the guest.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use hmac::{Hmac, Mac};
use lyceum_domain::{
    payment::{Account, InboundRequest, NextAction, PaymentProvider, ProviderError, ProviderOrder, Refusal, Status},
    plugin::{Activation, Extensions, FailureKind, Grants, Permission, PluginRuntime},
};
use lyceum_kernel::{Currency, Money, Timestamp};
use lyceum_plugin_host::PluginHost;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{activation, component, generous, grants, host, secrets, with_manifest};

const REFERENCE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const API_KEY: &str = "sk_test_4242";
const NOW_SECONDS: i64 = 1_700_000_000;

/// What the gateway was told.
type Seen = Arc<Mutex<Vec<String>>>;

/// A gateway that answers every payment, and echoes the key in its answer.
async fn gateway() -> (SocketAddr, Seen) {
    async fn create(State(seen): State<Seen>, headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
        let authorization = headers["authorization"].to_str().unwrap().to_owned();
        let echo = format!("http://pay.example/{}", authorization.replace(' ', "/"));
        seen.lock().unwrap().push(authorization);
        Json(json!({
            "id": "pay_1", "merchantRef": body["merchantRef"], "status": "open", "amountMinor": body["amountMinor"],
            "currency": body["currency"], "payUrl": echo, "createdMs": 5, "expiresMs": 6,
        }))
    }
    let seen = Seen::default();
    let router = Router::new().route("/v1/payments", post(create)).with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, seen)
}

/// The sandbox plugin, asking for any port of this machine.
fn sandbox() -> Activation {
    let any_port = |manifest: &str| {
        let start = manifest.find("hosts = [").unwrap();
        let end = start + manifest[start..].find(']').unwrap() + 1;
        format!("{}hosts = [\"http://127.0.0.1:*\"]{}", &manifest[..start], &manifest[end..])
    };
    let secrets = secrets(&[("api_key", API_KEY), ("webhook_secret", "whsec_1")]);
    Activation { secrets, ..activation(with_manifest(&component("payment-sandbox"), any_port)) }
}

fn everything(origin: &str) -> Grants {
    let names = ["api_key", "webhook_secret"].map(str::to_owned).to_vec();
    grants(&[
        ("http", Permission { hosts: vec![origin.to_owned()], ..Permission::default() }),
        ("crypto", Permission::default()),
        ("secret-ref", Permission { names, ..Permission::default() }),
    ])
}

async fn provider(host: &PluginHost, grants: Grants) -> Arc<dyn PaymentProvider> {
    host.activate(Activation { grants, ..sandbox() }).await.unwrap();
    assert_eq!(host.payment_providers(), ["sandbox"]);
    host.payment_provider("sandbox").unwrap()
}

fn account(gateway: &str) -> Account {
    Account { id: "acc_1".into(), live: false, settings: vec![("gateway-url".into(), gateway.into())] }
}

fn order() -> ProviderOrder {
    ProviderOrder {
        merchant_ref: REFERENCE.into(),
        amount: Money::new(9_900, Currency::CNY),
        flow: "redirect".into(),
        title: "一年会员".into(),
        manual_capture: false,
        expires: Timestamp::from_millis(1_700_000_900_000),
        return_url: "http://127.0.0.1:8090/return".into(),
        notify_url: "http://127.0.0.1:8090/webhooks/payments/sandbox".into(),
        metadata: Vec::new(),
    }
}

fn signed(body: &str, secret: &str) -> InboundRequest {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{NOW_SECONDS}.{body}").as_bytes());
    let signature = format!("t={NOW_SECONDS},v1={}", hex::encode(mac.finalize().into_bytes()));
    InboundRequest {
        method: "POST".into(),
        path: "/webhooks/payments/sandbox".into(),
        query: String::new(),
        headers: vec![("sandbox-signature".into(), signature)],
        body: body.as_bytes().to_vec(),
        received: Timestamp::from_millis(NOW_SECONDS * 1_000),
    }
}

fn notification() -> String {
    let payment = json!({
        "id": "pay_1", "merchantRef": REFERENCE, "status": "paid", "amountMinor": 9900, "currency": "CNY",
        "paidMs": 7, "createdMs": 5,
    });
    let event = json!({
        "id": "evt_1", "type": "payment.succeeded", "createdMs": 8, "account": "acc_1", "data": { "payment": payment },
    });
    event.to_string()
}

#[tokio::test]
async fn a_payment_is_created_with_a_key_the_guest_never_sees() {
    let (address, seen) = gateway().await;
    let (host, url) = (host(generous()), format!("http://{address}"));
    let provider = provider(&host, everything(&url)).await;
    assert_eq!(provider.describe().await.unwrap().flows, ["redirect"]);
    let view = provider.create(&account(&url), &order()).await.unwrap();
    assert_eq!(seen.lock().unwrap().as_slice(), [format!("Bearer {API_KEY}")]);
    assert_eq!((view.status, view.amount), (Status::ActionRequired, Some(Money::new(9_900, Currency::CNY))));
    assert_eq!(view.about.merchant.as_deref(), Some(REFERENCE));
    assert_eq!(view.next, NextAction::Redirect("http://pay.example/Bearer/[secret]".into()), "the echo is redacted");
}

#[tokio::test]
async fn a_genuine_notification_is_taken_and_a_forged_one_refused() {
    let host = host(generous());
    let provider = provider(&host, everything("http://127.0.0.1:8092")).await;
    let account = account("http://127.0.0.1:8092");
    let accepted = provider.verify(&account, &signed(&notification(), "whsec_1")).await.unwrap().unwrap();
    assert_eq!(accepted.events[0].id, "evt_1");
    assert_eq!(accepted.events[0].view.as_ref().unwrap().status, Status::Succeeded);
    let refused = provider.verify(&account, &signed(&notification(), "whsec_2")).await.unwrap().unwrap_err();
    assert_eq!((refused.why, refused.answer.status), (Refusal::BadSignature, 401));
}

#[tokio::test]
async fn what_was_not_granted_is_denied_and_counted_and_nothing_leaves() {
    let (address, seen) = gateway().await;
    let (host, url) = (host(generous()), format!("http://{address}"));
    let provider = provider(&host, Grants::default()).await;
    let error = provider.create(&account(&url), &order()).await.unwrap_err();
    assert!(matches!(error, ProviderError::NotSent(_)), "{error:?}");
    let refused = provider.verify(&account(&url), &signed(&notification(), "whsec_1")).await.unwrap().unwrap_err();
    assert_eq!(refused.why, Refusal::Other("denied".into()));
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(host.denials("lyceum/payment-sandbox"), [("crypto".to_owned(), 1), ("http".to_owned(), 1)].into());
}

#[tokio::test]
async fn another_origin_than_the_granted_one_is_denied() {
    let (address, seen) = gateway().await;
    let host = host(generous());
    let provider = provider(&host, everything("http://127.0.0.1:9")).await;
    let error = provider.create(&account(&format!("http://{address}")), &order()).await.unwrap_err();
    assert!(matches!(error, ProviderError::NotSent(_)), "{error:?}");
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(host.denials("lyceum/payment-sandbox"), [("http".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_secret_that_was_not_granted_is_no_secret() {
    let (address, seen) = gateway().await;
    let (host, url) = (host(generous()), format!("http://{address}"));
    let mut grants = everything(&url);
    grants.0.get_mut("secret-ref").unwrap().names.clear();
    let provider = provider(&host, grants).await;
    assert!(provider.create(&account(&url), &order()).await.is_err());
    assert!(seen.lock().unwrap().is_empty());
    let refused = provider.verify(&account(&url), &signed(&notification(), "whsec_1")).await.unwrap().unwrap_err();
    assert!(matches!(refused.why, Refusal::Other(_)), "{:?}", refused.why);
}

#[tokio::test]
async fn a_withdrawn_permission_takes_effect_on_the_next_call() {
    let (address, seen) = gateway().await;
    let (host, url) = (host(generous()), format!("http://{address}"));
    provider(&host, everything(&url)).await.create(&account(&url), &order()).await.unwrap();
    assert!(provider(&host, Grants::default()).await.create(&account(&url), &order()).await.is_err());
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_gateway_that_is_away_is_not_sent_and_one_that_hangs_up_is_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let host = host(generous());
    let provider = provider(&host, everything(&url)).await;
    let hang_up = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
    });
    let error = provider.create(&account(&url), &order()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown(_)), "{error:?}");
    hang_up.await.unwrap();
    let error = provider.create(&account(&url), &order()).await.unwrap_err();
    assert!(matches!(error, ProviderError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn a_gateway_that_never_answers_is_unknown_within_the_wall() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let world = lyceum_plugin_host::World::Payment;
    let limits = lyceum_plugin_host::Limits { wall: Duration::from_millis(500), cpu_ticks: 1_000, ..world.limits() };
    let host = host(generous().with(world, limits));
    let provider = provider(&host, everything(&url)).await;
    let error = provider.create(&account(&url), &order()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown(_)), "{error:?}");
}

#[tokio::test]
async fn a_grant_beyond_the_ask_is_refused_and_changes_nothing() {
    let host = host(generous());
    let wide = Activation { grants: everything("http://127.0.0.1:*"), ..sandbox() };
    assert_eq!(host.activate(wide).await.unwrap_err().kind, FailureKind::Denied);
    let other = Activation { grants: everything("https://evil.example"), ..sandbox() };
    assert_eq!(host.activate(other).await.unwrap_err().kind, FailureKind::Denied);
    assert!(host.payment_providers().is_empty());
}

#[tokio::test]
async fn two_plugins_cannot_have_one_provider_key() {
    let host = host(generous());
    provider(&host, Grants::default()).await;
    let twin = |manifest: &str| manifest.replace("lyceum/payment-sandbox", "acme/sandbox");
    let failure = host.activate(activation(with_manifest(&component("payment-sandbox"), twin))).await.unwrap_err();
    assert!(failure.detail.contains("lyceum/payment-sandbox"), "{}", failure.detail);
}
