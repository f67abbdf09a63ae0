//! Payments: it says what it can do, and takes no strange request for one of
//! its provider. Money is for the provider's own sandbox to prove.

use lyceum_domain::{
    payment::{Account, InboundRequest, PaymentProvider},
    plugin::Extensions as _,
};
use lyceum_kernel::Timestamp;

use super::{Kit, expect, no_crash, told};
use crate::commands::plugin::test::NOW_MS;

const WORLD: &str = "payment";

pub(super) async fn run(kit: &mut Kit<'_>) {
    let keys = kit.host().payment_providers();
    let Some(provider) = keys.first().and_then(|key| kit.host().payment_provider(key)) else { return };
    let provider = provider.as_ref();
    let outcome = described(provider).await;
    kit.note(WORLD, "it names its flows and its currencies", outcome);
    for (name, body) in [
        ("an empty request is not taken for one of the provider", b"".as_slice()),
        ("a request of no sense is not taken for one of the provider", b"\xff\xfe{\"amount\": 1e999".as_slice()),
        (
            "an unsigned request is not taken for one of the provider",
            b"{\"id\":\"evt_1\",\"type\":\"payment.succeeded\"}".as_slice(),
        ),
    ] {
        let outcome = refused(provider, body).await;
        kit.note(WORLD, name, outcome);
    }
}

async fn described(provider: &dyn PaymentProvider) -> Result<(), String> {
    let can = provider.describe().await.map_err(told)?;
    expect(!can.flows.is_empty(), || "it names no flow: name one at least, such as `redirect`".into())?;
    let is_code = |code: &&String| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let odd = can.currencies.iter().find(|code| !is_code(code));
    expect(odd.is_none(), || format!("\"{}\" is no currency of ISO 4217", odd.cloned().unwrap_or_default()))
}

pub(super) fn account() -> Account {
    Account { id: "acct_test".into(), live: false, settings: Vec::new() }
}

pub(super) fn inbound(body: &[u8]) -> InboundRequest {
    InboundRequest {
        method: "POST".into(),
        path: "/webhooks/payments/test".into(),
        query: String::new(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.to_vec(),
        received: Timestamp::from_millis(NOW_MS),
    }
}

async fn refused(provider: &dyn PaymentProvider, body: &[u8]) -> Result<(), String> {
    match provider.verify(&account(), &inbound(body)).await {
        Ok(Err(_)) => Ok(()),
        Ok(Ok(accepted)) => Err(format!(
            "it was accepted with {} events: check the signature before anything else",
            accepted.events.len()
        )),
        Err(failure) => no_crash(Err(failure)),
    }
}
