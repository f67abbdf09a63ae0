//! Carriers: every message has one result, and a strange channel is no success.

use std::collections::BTreeMap;

use lyceum_domain::{
    notification::{Delivered, Delivery, DeliveryStatus, Notifier},
    plugin::Extensions as _,
};

use super::{Kit, expect, told};

const WORLD: &str = "notify";

pub(super) async fn run(kit: &mut Kit<'_>) {
    let notifiers = kit.host().notifiers();
    let Some(notifier) = notifiers.first().map(AsRef::as_ref) else { return };
    for channel in notifier.channels() {
        let outcome = complete(notifier, channel).await;
        kit.note(WORLD, &format!("every message by {channel} has one result"), outcome);
    }
    let outcome = strange(notifier).await;
    kit.note(WORLD, "a message by an unknown channel is not called sent", outcome);
}

pub(super) fn batch(channel: &str, count: usize) -> Vec<Delivery> {
    let delivery = |place: usize| Delivery {
        id: format!("delivery:{place}"),
        channel: channel.into(),
        address: match channel {
            "mail" => format!("person{place}@example.com"),
            "sms" => format!("+1202555{:04}", place % 10_000),
            _ => format!("token-{place}"),
        },
        name: Some("Li Wei 李伟".into()),
        locale: if place.is_multiple_of(2) { "en".into() } else { "zh".into() },
        template: "test".into(),
        subject: "A test 测试".into(),
        text: "This is a test.\n这是一次测试。".into(),
        values: BTreeMap::new(),
    };
    (0..count).map(delivery).collect()
}

async fn complete(notifier: &dyn Notifier, channel: &str) -> Result<(), String> {
    let batch = batch(channel, 3);
    let results = notifier.deliver(&batch).await.map_err(told)?;
    let mut ids: Vec<&str> = results.iter().map(|result| result.id.as_str()).collect();
    ids.sort_unstable();
    let wanted: Vec<&str> = batch.iter().map(|delivery| delivery.id.as_str()).collect();
    expect(ids == wanted, || {
        format!("results were expected for {wanted:?} and came for {ids:?}: answer each delivery once")
    })
}

async fn strange(notifier: &dyn Notifier) -> Result<(), String> {
    let Ok(results) = notifier.deliver(&batch("pigeon", 1)).await else { return Ok(()) };
    let sent = |result: &Delivered| result.status == DeliveryStatus::Sent;
    expect(!results.iter().any(sent), || {
        "it calls a message by `pigeon` sent: answer `failed` for channels you do not serve".into()
    })
}
