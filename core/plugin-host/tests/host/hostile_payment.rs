//! A payment provider that misbehaves.

use lyceum_domain::{
    payment::{Account, InboundRequest, ProviderError, ProviderOrder},
    plugin::{Extensions as _, FailureKind, PluginRuntime as _},
};
use lyceum_kernel::{Currency, Money, Timestamp};
use lyceum_plugin_host::{PluginHost, World};

use crate::{
    misdeeds,
    support::{active, generous, host},
};

const PLUGIN: &str = "hostile/payment";

fn account() -> Account {
    Account { id: "acc_1".into(), live: false, settings: Vec::new() }
}

fn order(title: &str) -> ProviderOrder {
    ProviderOrder {
        merchant_ref: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
        amount: Money::new(9_900, Currency::CNY),
        flow: "redirect".into(),
        title: title.into(),
        manual_capture: false,
        expires: Timestamp::from_millis(1_700_000_900_000),
        return_url: "https://a.example/return".into(),
        notify_url: "https://a.example/notify".into(),
        metadata: Vec::new(),
    }
}

fn request(body: &str) -> InboundRequest {
    InboundRequest {
        method: "POST".into(),
        path: "/webhooks/payments/payment".into(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        received: Timestamp::from_millis(1_700_000_000_000),
    }
}

/// After a request left, all that a buyer hears is that nobody knows: the kind
/// of failure is in the plugin's record.
fn kind(host: &PluginHost, error: ProviderError) -> FailureKind {
    match error {
        ProviderError::Plugin(failure) => failure.kind,
        ProviderError::Unknown(_) => host.usage(PLUGIN).last_failure.unwrap().kind,
        error => panic!("the guest says {error:?}"),
    }
}

pub async fn paid(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    let provider = host.payment_provider("payment").unwrap();
    provider.create(&account(), &order(word)).await.map(drop).map_err(|error| kind(host, error))
}

pub async fn notified(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    let provider = host.payment_provider("payment").unwrap();
    let accepted = provider.verify(&account(), &request(word)).await.map_err(|failure| failure.kind)?;
    assert_eq!(accepted.unwrap().events.len(), 1);
    Ok(())
}

async fn returned(host: &PluginHost, word: &str) -> Result<(), FailureKind> {
    let provider = host.payment_provider("payment").unwrap();
    let about = provider.read_return(&account(), &request(word)).await.map_err(|failure| failure.kind)?;
    assert_eq!(about.unwrap().merchant.as_deref(), Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
    Ok(())
}

#[tokio::test]
async fn each_misdeed_of_a_payment_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::Payment, paid).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::Payment, paid).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, paid).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, paid).await;
    let wrong = ["yuan", "negative", "script", "won", "coupon"];
    misdeeds::each_answer_is_refused(PLUGIN, &wrong, paid).await;
}

#[tokio::test]
async fn each_misdeed_at_a_notification_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::PaymentVerify, notified).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::PaymentVerify, notified).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, notified).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, notified).await;
    misdeeds::each_answer_is_refused(PLUGIN, &["nameless", "many", "status"], notified).await;
    misdeeds::each_answer_is_refused(PLUGIN, &["giant", "coupon"], returned).await;
}

#[tokio::test]
async fn an_order_or_a_notification_that_is_too_large_is_not_sent() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let called = host.usage(PLUGIN).calls;
    assert_eq!(paid(&host, &"x".repeat(256 << 10)).await, Err(FailureKind::InvalidInput));
    assert_eq!(notified(&host, &"x".repeat(1 << 20)).await, Err(FailureKind::InvalidInput));
    assert_eq!(host.usage(PLUGIN).calls, called);
}

/// A provider sends its notification again until it is taken.
#[tokio::test]
async fn a_notification_that_kills_is_never_shut_out() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    for _ in 0..4 {
        assert_eq!(notified(&host, "trap").await, Err(FailureKind::Trap));
    }
    assert_eq!(notified(&host, "fine").await, Ok(()));
}
