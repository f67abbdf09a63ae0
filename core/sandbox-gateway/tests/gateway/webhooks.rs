//! What the shop receives, and when.

use std::time::Duration;

use axum::http::StatusCode;
use hmac::{Hmac, Mac};
use lyceum_sandbox_gateway::{Delivery, RefundOutcome};
use serde_json::json;
use sha2::Sha256;

use crate::harness::{NOW_MS, SECRET, Shop, TestGateway, order, refund};

async fn opened() -> (TestGateway, Shop) {
    with_order(TestGateway::new()).await
}

async fn with_order(gateway: TestGateway) -> (TestGateway, Shop) {
    let shop = Shop::open().await;
    assert_eq!(gateway.post("/v1/payments", order(&shop.url)).await.0, 200);
    (gateway, shop)
}

fn tag(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_payment_is_told_once_with_a_signature_over_the_raw_body() {
    let (gateway, shop) = opened().await;
    gateway.clock.advance(Duration::from_secs(7));
    gateway.handle.pay("ORDER1", Delivery::Normal).await.unwrap();
    let [webhook] = shop.received().try_into().ok().unwrap();
    let seconds = NOW_MS / 1000 + 7;
    let expected = tag(SECRET, &format!("{seconds}.{}", webhook.raw));
    assert_eq!(webhook.signature, format!("t={seconds},v1={expected}"));
    assert_eq!(webhook.content_type, "application/json");

    let (event, payment) = (webhook.json(), gateway.get("/v1/payments/ORDER1").await.1);
    let id = event["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[..4]), (30, "evt_"));
    assert_eq!(payment["paidMs"], NOW_MS + 7000);
    let expected = json!({
        "id": id, "type": "payment.succeeded", "createdMs": NOW_MS + 7000, "account": "acct_demo",
        "data": { "payment": payment },
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn a_rotated_secret_signs_beside_the_old_one() {
    let (gateway, shop) = opened().await;
    gateway.handle.rotate_webhook_secret("whsec_new");
    gateway.handle.pay("ORDER1", Delivery::Normal).await.unwrap();
    let webhook = &shop.received()[0];
    let text = format!("{}.{}", NOW_MS / 1000, webhook.raw);
    let (new, old) = (tag("whsec_new", &text), tag(SECRET, &text));
    assert_eq!(webhook.signature, format!("t={},v1={new},v1={old}", NOW_MS / 1000));
}

#[tokio::test]
async fn twice_is_the_same_event_two_times() {
    let (gateway, shop) = opened().await;
    gateway.handle.pay("ORDER1", Delivery::Twice).await.unwrap();
    let ids = shop.event_ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(shop.received()[0].raw, shop.received()[1].raw);
}

#[tokio::test]
async fn late_is_held_until_the_flush() {
    let (gateway, shop) = opened().await;
    gateway.handle.pay("ORDER1", Delivery::Late).await.unwrap();
    assert_eq!(shop.types(), [""; 0]);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["status"], "paid");
    assert_eq!(gateway.post("/control/flush", json!({})).await, (200, json!({ "sent": 1 })));
    assert_eq!(shop.types(), ["payment.succeeded"]);
    assert_eq!(gateway.handle.flush().await, 0);
}

#[tokio::test]
async fn late_is_sent_in_the_end_when_nobody_flushes() {
    let (gateway, shop) = with_order(TestGateway::holding(Duration::from_millis(1))).await;
    gateway.handle.pay("ORDER1", Delivery::Late).await.unwrap();
    while shop.types().is_empty() {
        tokio::task::yield_now().await;
    }
    gateway.handle.wait_idle().await;
    assert_eq!(shop.types(), ["payment.succeeded"]);
}

#[tokio::test]
async fn out_of_order_tells_the_outcome_before_the_processing() {
    let (gateway, shop) = opened().await;
    gateway.handle.pay("ORDER1", Delivery::OutOfOrder).await.unwrap();
    assert_eq!(shop.types(), ["payment.succeeded", "payment.processing"]);
    let [first, second] = [shop.received()[0].json(), shop.received()[1].json()];
    assert!(second["createdMs"].as_i64() < first["createdMs"].as_i64());
    assert_eq!(second["data"]["payment"]["status"], "processing");
    assert_eq!(second["data"]["payment"]["paidMs"], json!(null));
}

#[tokio::test]
async fn never_is_never_and_the_query_tells() {
    let (gateway, shop) = opened().await;
    gateway.handle.pay("ORDER1", Delivery::Never).await.unwrap();
    assert_eq!(gateway.handle.flush().await, 0);
    assert_eq!(shop.types(), [""; 0]);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["status"], "paid");
}

#[tokio::test]
async fn a_refused_webhook_comes_again_with_the_same_id_and_a_fresh_time() {
    let (gateway, shop) = opened().await;
    shop.answer_next(&[StatusCode::INTERNAL_SERVER_ERROR, StatusCode::FOUND]);
    gateway.handle.pay("ORDER1", Delivery::Normal).await.unwrap();
    let received = shop.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|each| each.raw == received[0].raw));
    let log = gateway.handle.events();
    assert_eq!(log.iter().map(|each| each.status).collect::<Vec<_>>(), [Some(500), Some(302), Some(200)]);
    assert_eq!(log.iter().map(|each| each.attempt).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_retry_is_signed_at_its_own_time() {
    let (gateway, shop) = opened().await;
    let clock = gateway.clock.clone();
    shop.answer_next(&[StatusCode::INTERNAL_SERVER_ERROR; 3]);
    gateway.handle.pay("ORDER1", Delivery::Late).await.unwrap();
    clock.advance(Duration::from_secs(60));
    gateway.handle.flush().await;
    let (webhook, seconds) = (&shop.received()[0], NOW_MS / 1000 + 60);
    assert!(webhook.signature.starts_with(&format!("t={seconds},v1=")));
    assert_eq!(webhook.json()["createdMs"], NOW_MS);
}

#[tokio::test]
async fn a_deaf_shop_is_given_up_after_the_last_retry() {
    let (gateway, shop) = opened().await;
    shop.answer_next(&[StatusCode::INTERNAL_SERVER_ERROR; 9]);
    gateway.handle.pay("ORDER1", Delivery::Normal).await.unwrap();
    assert_eq!(shop.received().len(), 3);
    let (status, log) = gateway.get("/control/events").await;
    assert_eq!((status, log["events"].as_array().unwrap().len()), (200, 3));
    assert_eq!(log["events"][2]["status"], 500);
    assert_eq!(log["events"][2]["type"], "payment.succeeded");
}

#[tokio::test]
async fn closing_and_refunding_are_told_too() {
    let (gateway, shop) = opened().await;
    gateway.handle.pay("ORDER1", Delivery::Never).await.unwrap();
    gateway.post("/v1/payments/ORDER1/refunds", refund("R1", 100)).await;
    gateway.handle.wait_idle().await;
    gateway.handle.set_refund_outcome(RefundOutcome::Processing);
    gateway.post("/v1/payments/ORDER1/refunds", refund("R2", 200)).await;
    gateway.handle.wait_idle().await;
    assert_eq!(shop.types(), ["refund.succeeded"]);
    gateway.handle.set_refund_outcome(RefundOutcome::Failed);
    gateway.handle.wait_idle().await;
    assert_eq!(shop.types(), ["refund.succeeded", "refund.failed"]);
    let data = &shop.received()[0].json()["data"];
    assert_eq!((&data["refund"]["refundRef"], &data["payment"]["refundedMinor"]), (&json!("R1"), &json!(100)));

    let mut other = order(&shop.url);
    other["merchantRef"] = json!("ORDER2");
    gateway.post("/v1/payments", other).await;
    gateway.post("/v1/payments/ORDER2/close", json!({})).await;
    gateway.post("/v1/payments/ORDER2/close", json!({})).await;
    gateway.handle.wait_idle().await;
    assert_eq!(shop.types()[2..], ["payment.closed"]);
}
