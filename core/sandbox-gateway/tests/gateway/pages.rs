//! The pay page.

use lyceum_sandbox_gateway::PaymentStatus;
use serde_json::json;

use crate::harness::{Shop, TestGateway, order, quiet_order};

async fn pay_url(gateway: &TestGateway, title: &str) -> String {
    let mut body = quiet_order();
    body["title"] = json!(title);
    gateway.post("/v1/payments", body).await.1["payUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_shows_what_is_paid_in_the_readers_language() {
    let gateway = TestGateway::new();
    let url = pay_url(&gateway, "会员 · 一个月").await;
    let (status, english) = gateway.page(&url, "en-GB").await;
    assert_eq!(status, 200);
    for text in ["<html lang=\"en\">", "会员 · 一个月", "99.00 CNY", "No money moves", "value=\"out-of-order\""] {
        assert!(english.contains(text), "{text}");
    }
    let (_, chinese) = gateway.page(&url, "zh-CN,zh;q=0.9,en;q=0.8").await;
    for text in ["<html lang=\"zh-CN\">", "99.00 CNY", "不会产生真实扣款", "确认支付"] {
        assert!(chinese.contains(text), "{text}");
    }
}

#[tokio::test]
async fn a_title_cannot_bring_markup() {
    let gateway = TestGateway::new();
    let url = pay_url(&gateway, "\"><script>alert('1')</script><img src=x onerror=alert(1)>&amp;").await;
    let (_, page) = gateway.page(&url, "en").await;
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(page.contains("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"), "{page}");
    assert!(page.contains("&amp;amp;"), "{page}");
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let gateway = TestGateway::new();
    let url = pay_url(&gateway, "Course").await;
    let (_, page) = gateway.page(&url, "en").await;
    for reference in ["src=", "<link", "@import", "url(", "http:", "https:"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[tokio::test]
async fn paying_leads_back_with_the_reference_and_no_state() {
    let (gateway, shop) = (TestGateway::new(), Shop::open().await);
    let (_, payment) = gateway.post("/v1/payments", order(&shop.url)).await;
    let url = payment["payUrl"].as_str().unwrap();
    let back = (303, "https://shop.test/return?lang=en&merchantRef=ORDER1".to_owned());
    assert_eq!(gateway.press(url, "action=pay&deliver=twice").await, back);
    assert_eq!(gateway.press(url, "action=cancel&deliver=normal").await, back);
    gateway.handle.wait_idle().await;
    assert_eq!(shop.types(), ["payment.succeeded", "payment.succeeded"]);
    assert_eq!(gateway.handle.payment("ORDER1").unwrap().status, PaymentStatus::Paid);

    let (_, page) = gateway.page(url, "en").await;
    assert!(page.contains("Paid") && !page.contains("<form"), "{page}");
    assert!(page.contains("href=\"https://shop.test/return?lang=en&amp;merchantRef=ORDER1\""), "{page}");
}

#[tokio::test]
async fn declining_and_cancelling_are_told_to_the_shop() {
    for (action, status, event) in
        [("decline", PaymentStatus::Failed, "payment.failed"), ("cancel", PaymentStatus::Closed, "payment.closed")]
    {
        let (gateway, shop) = (TestGateway::new(), Shop::open().await);
        let (_, payment) = gateway.post("/v1/payments", order(&shop.url)).await;
        gateway.press(payment["payUrl"].as_str().unwrap(), &format!("action={action}")).await;
        gateway.handle.wait_idle().await;
        assert_eq!(gateway.handle.payment("ORDER1").unwrap().status, status);
        assert_eq!(shop.types(), [event]);
    }
}

#[tokio::test]
async fn an_unknown_payment_has_no_page_and_takes_no_decision() {
    let gateway = TestGateway::new();
    let url = "https://pay.test/pay/pay_00000000000000000000000000";
    assert_eq!(gateway.page(url, "en").await.0, 404);
    assert_eq!(gateway.press(url, "action=pay").await.0, 404);
}

#[tokio::test]
async fn the_public_address_can_be_set_when_the_port_is_known() {
    let gateway = TestGateway::new();
    gateway.handle.set_public_url("http://127.0.0.1:8092");
    let (_, payment) = gateway.post("/v1/payments", quiet_order()).await;
    let id = payment["id"].as_str().unwrap();
    assert_eq!(payment["payUrl"], format!("http://127.0.0.1:8092/pay/{id}"));
}
