//! Push messages through push.example.com.

use lyceum_sdk::{
    host::{HeaderValue, Host, Request},
    notify::{Delivery, DeliveryResult, Notifier},
};

pub struct Plugin;

impl Notifier for Plugin {
    const CHANNELS: &'static [&'static str] = &["push"];

    fn deliver(host: &impl Host, delivery: &Delivery) -> DeliveryResult {
        let key = HeaderValue::Secret(("Bearer ".into(), "api_key".into()));
        let request = Request {
            method: "POST".into(),
            url: format!("https://push.example.com/v1/devices/{}/messages", delivery.address),
            headers: vec![("authorization".into(), key)],
            body: delivery.text.clone().into_bytes(),
        };
        match host.send(&request) {
            Ok(response) if response.status < 300 => DeliveryResult::sent(delivery, ""),
            Ok(response) if response.status < 500 => {
                DeliveryResult::failed(delivery, format!("the service answered {}", response.status))
            }
            Ok(response) => DeliveryResult::retry(delivery, format!("the service answered {}", response.status)),
            Err(failure) => DeliveryResult::retry(delivery, format!("{failure:?}")),
        }
    }
}

lyceum_sdk::export_notify!(Plugin, manifest: "../plugin.toml");
