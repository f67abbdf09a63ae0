//! A carrier that misbehaves in the way that a delivery's text says, for the
//! host's tests. Any other delivery is sent.

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    host::{Host, Request},
    notify::{Delivery, DeliveryResult, Notifier},
};

/// Misbehaves on demand.
pub struct Hostile;

impl Notifier for Hostile {
    const CHANNELS: &'static [&'static str] = &["mail", "sms"];

    fn deliver(host: &impl Host, delivery: &Delivery) -> DeliveryResult {
        let sent = DeliveryResult::sent(delivery, "ref-1");
        misbehave(host, &delivery.text);
        match delivery.text.as_str() {
            "giant" => DeliveryResult::retry(delivery, "x".repeat(GIANT)),
            "stranger" => DeliveryResult { id: "nobody".to_owned(), ..sent },
            "odd" => DeliveryResult { provider_ref: Some("a\r\nb".to_owned()), ..sent },
            "word" => DeliveryResult { status: "bounced".to_owned(), retry_after_s: Some(90), ..sent },
            "failed" => DeliveryResult::failed(delivery, "no such\nmailbox"),
            "fetch" => fetched(host, delivery),
            _ => sent,
        }
    }

    fn deliver_all(host: &impl Host, batch: &[Delivery]) -> Vec<DeliveryResult> {
        let mut results: Vec<DeliveryResult> = batch.iter().map(|delivery| Self::deliver(host, delivery)).collect();
        match batch.first().map(|delivery| delivery.text.as_str()) {
            Some("none") => results.clear(),
            Some("twice") => results.extend_from_within(..1),
            _ => {}
        }
        results
    }
}

/// Asks the delivery's address, and waits as long as the host lets it.
fn fetched(host: &impl Host, delivery: &Delivery) -> DeliveryResult {
    let (url, headers, body) = (delivery.address.clone(), Vec::new(), Vec::new());
    match host.send(&Request { method: "GET".to_owned(), url, headers, body }) {
        Ok(response) => DeliveryResult::sent(delivery, response.status.to_string()),
        Err(failure) => DeliveryResult::retry(delivery, format!("{failure:?}")),
    }
}

lyceum_sdk::export_notify!(Hostile, manifest: "../plugin.toml");
