//! Payments and refunds through the API.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use lyceum_sandbox_gateway::{Decision, Delivery, RefundOutcome};
use serde_json::json;

use crate::harness::{KEY, NOW_MS, TestGateway, quiet_order, read, refund};

#[tokio::test]
async fn a_payment_begins_open_and_is_found_by_its_reference() {
    let gateway = TestGateway::new();
    let (status, payment) = gateway.post("/v1/payments", quiet_order()).await;
    assert_eq!(status, 200);
    let id = payment["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[..4]), (30, "pay_"));
    let expected = json!({
        "id": id, "merchantRef": "ORDER1", "status": "open", "amountMinor": 9900, "currency": "CNY",
        "title": "Member, one month", "payUrl": format!("https://pay.test/pay/{id}"), "refundedMinor": 0,
        "createdMs": NOW_MS, "paidMs": null, "expiresMs": NOW_MS + 900_000,
    });
    assert_eq!(payment, expected);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await, (200, expected));
    let (status, missing) = gateway.get("/v1/payments/ORDER2").await;
    assert_eq!((status, &missing["error"]["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn creating_again_finds_the_same_payment_and_other_parameters_conflict() {
    let gateway = TestGateway::new();
    let first = gateway.post("/v1/payments", quiet_order()).await;
    gateway.clock.advance(Duration::from_secs(5));
    assert_eq!(gateway.post("/v1/payments", quiet_order()).await, first);
    let changes = [
        ("amountMinor", json!(9901)),
        ("currency", json!("USD")),
        ("title", json!("Other")),
        ("returnUrl", json!("https://shop.test/other")),
        ("notifyUrl", json!("https://shop.test/hook")),
        ("expiresMs", json!(NOW_MS + 900_001)),
    ];
    for (field, value) in changes {
        let mut changed = quiet_order();
        changed[field] = value;
        let (status, answer) = gateway.post("/v1/payments", changed).await;
        assert_eq!((status, &answer["error"]["code"]), (409, &json!("idempotency_conflict")), "{field}");
    }
    assert_eq!(gateway.get("/v1/payments/ORDER1").await, first);
}

#[tokio::test]
async fn wrong_parameters_are_refused_and_nothing_is_kept() {
    let gateway = TestGateway::new();
    let wrong = [
        ("merchantRef", json!("")),
        ("merchantRef", json!("a/b")),
        ("amountMinor", json!(0)),
        ("amountMinor", json!(99.5)),
        ("amountMinor", json!("9900")),
        ("currency", json!("cny")),
        ("title", json!("")),
        ("returnUrl", json!("javascript:alert(1)")),
        ("notifyUrl", json!("ftp://shop.test")),
        ("expiresMs", json!(NOW_MS)),
        ("surprise", json!(true)),
    ];
    for (field, value) in wrong {
        let mut body = quiet_order();
        body[field] = value.clone();
        let (status, answer) = gateway.post("/v1/payments", body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("invalid")), "{field} = {value}");
    }
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.0, 404);
}

#[tokio::test]
async fn calls_without_the_right_key_are_refused_and_change_nothing() {
    let gateway = TestGateway::new();
    gateway.post("/v1/payments", quiet_order()).await;
    let calls = [
        ("POST", "/v1/payments"),
        ("GET", "/v1/payments/ORDER1"),
        ("POST", "/v1/payments/ORDER1/close"),
        ("POST", "/v1/payments/ORDER1/refunds"),
        ("GET", "/v1/refunds/R1"),
        ("POST", "/control"),
        ("POST", "/control/flush"),
        ("POST", "/control/refunds"),
        ("GET", "/control/events"),
    ];
    let keys = [None, Some("Bearer wrong".to_owned()), Some(KEY.to_owned()), Some(format!("Bearer {KEY}x"))];
    for (method, path) in calls {
        for key in &keys {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(key) = key {
                request = request.header("authorization", key);
            }
            let body = Body::from(r#"{"down":true}"#);
            let (status, text) = read(gateway.send(request.body(body).unwrap()).await).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            assert!(text.contains(r#""code":"unauthorized""#), "{text}");
        }
    }
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["status"], "open");
}

#[tokio::test]
async fn closing_is_repeatable_and_refused_once_paid() {
    let gateway = TestGateway::new();
    gateway.post("/v1/payments", quiet_order()).await;
    for _ in 0..2 {
        let (status, payment) = gateway.post("/v1/payments/ORDER1/close", json!({})).await;
        assert_eq!((status, &payment["status"]), (200, &json!("closed")));
    }
    assert!(gateway.handle.decide("ORDER1", Decision::Pay, Delivery::Never).is_err());

    let paid = TestGateway::new();
    paid.paid("http://127.0.0.1:9/hook").await;
    let (status, answer) = paid.post("/v1/payments/ORDER1/close", json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("already_paid")));
    assert_eq!(paid.get("/v1/payments/ORDER1").await.1["status"], "paid");
}

#[tokio::test]
async fn an_open_payment_closes_when_its_time_has_run_out() {
    let gateway = TestGateway::new();
    let created = gateway.post("/v1/payments", quiet_order()).await;
    gateway.clock.advance(Duration::from_millis(899_999));
    assert_eq!(gateway.get("/v1/payments/ORDER1").await, created);
    gateway.clock.advance(Duration::from_millis(1));
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["status"], "closed");
}

#[tokio::test]
async fn money_can_still_arrive_after_the_end_when_a_test_asks_for_it() {
    let gateway = TestGateway::new();
    gateway.post("/v1/payments", quiet_order()).await;
    gateway.post("/v1/payments/ORDER1/close", json!({})).await;
    let payment = gateway.handle.pay_even_when_closed("ORDER1", Delivery::Never).await.unwrap();
    assert_eq!(payment.paid_ms, Some(NOW_MS));
    assert!(gateway.handle.pay_even_when_closed("ORDER1", Delivery::Never).await.is_err());
}

#[tokio::test]
async fn refunds_add_up_to_what_was_paid_and_no_further() {
    let gateway = TestGateway::new();
    gateway.paid("http://127.0.0.1:9/hook").await;
    let refunds = "/v1/payments/ORDER1/refunds";
    let (status, first) = gateway.post(refunds, refund("R1", 4000)).await;
    assert_eq!((status, &first["status"], &first["amountMinor"]), (200, &json!("succeeded"), &json!(4000)));
    assert_eq!(gateway.post(refunds, refund("R1", 4000)).await, (200, first.clone()));
    assert_eq!(gateway.get("/v1/refunds/R1").await, (200, first));

    let (status, answer) = gateway.post(refunds, refund("R1", 4001)).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("idempotency_conflict")));
    let (status, answer) = gateway.post(refunds, refund("R2", 5901)).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("refund_exceeds_paid")));
    assert_eq!(gateway.get("/v1/refunds/R2").await.0, 404);

    assert_eq!(gateway.post(refunds, refund("R2", 5900)).await.0, 200);
    assert_eq!(gateway.post(refunds, refund("R3", 1)).await.0, 409);
    assert_eq!(gateway.post(refunds, refund("R3", i64::MAX)).await.0, 409);
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["refundedMinor"], 9900);
}

#[tokio::test]
async fn only_a_paid_payment_can_be_refunded() {
    let gateway = TestGateway::new();
    gateway.post("/v1/payments", quiet_order()).await;
    let (status, answer) = gateway.post("/v1/payments/ORDER1/refunds", refund("R1", 1)).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("not_paid")));
    assert_eq!(gateway.post("/v1/payments/ORDER2/refunds", refund("R1", 1)).await.0, 404);
}

#[tokio::test]
async fn a_refund_under_way_holds_its_amount_until_it_ends() {
    let gateway = TestGateway::new();
    gateway.paid("http://127.0.0.1:9/hook").await;
    gateway.handle.set_refund_outcome(RefundOutcome::Processing);
    let refunds = "/v1/payments/ORDER1/refunds";
    assert_eq!(gateway.post(refunds, refund("R1", 9000)).await.1["status"], "processing");
    assert_eq!(gateway.post(refunds, refund("R2", 901)).await.1["error"]["code"], "refund_exceeds_paid");
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["refundedMinor"], 0);

    let (_, answer) = gateway.post("/control/refunds", json!({ "outcome": "failed" })).await;
    assert_eq!(answer["settled"][0]["refundRef"], "R1");
    assert_eq!(gateway.get("/v1/refunds/R1").await.1["status"], "failed");
    gateway.post("/control/refunds", json!({ "outcome": "succeeded" })).await;
    assert_eq!(gateway.get("/v1/refunds/R1").await.1["status"], "failed");
    assert_eq!(gateway.post(refunds, refund("R2", 9900)).await.1["status"], "succeeded");
    assert_eq!(gateway.get("/v1/payments/ORDER1").await.1["refundedMinor"], 9900);
}
