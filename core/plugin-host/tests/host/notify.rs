//! Carriers of messages.

use std::{collections::BTreeMap, time::Duration};

use lyceum_domain::{
    notification::{Delivered, Delivery, DeliveryStatus},
    plugin::{Activation, Extensions, FailureKind, Permission, PluginRuntime, Role},
};
use lyceum_plugin_host::{Limits, PluginHost, World};

use crate::{
    misdeeds,
    support::{activation, active, component, generous, grants, host, with_manifest},
};

const PLUGIN: &str = "hostile/notify";

pub fn delivery(id: &str, text: &str) -> Delivery {
    Delivery {
        id: id.into(),
        channel: "mail".into(),
        address: "li@a.example".into(),
        name: Some("Li".into()),
        locale: "en".into(),
        template: "test".into(),
        subject: "A test".into(),
        text: text.into(),
        values: BTreeMap::from([("url".into(), "https://a.example".into())]),
    }
}

async fn delivered(host: &PluginHost, batch: &[Delivery]) -> Result<Vec<Delivered>, FailureKind> {
    host.notifiers().remove(0).deliver(batch).await.map_err(|failure| failure.kind)
}

pub async fn sent(host: &PluginHost, text: &str) -> Result<(), FailureKind> {
    delivered(host, &[delivery("1", text)]).await.map(drop)
}

#[tokio::test]
async fn each_message_of_a_batch_has_its_own_result() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let notifier = host.notifiers().remove(0);
    assert_eq!((notifier.name(), notifier.channels()), (PLUGIN, &["mail".to_owned(), "sms".to_owned()][..]));
    let batch = [delivery("1", "fine"), delivery("2", "failed"), delivery("3", "word")];
    let results = delivered(&host, &batch).await.unwrap();
    let result = |id: &str, status, provider_ref: Option<&str>, note: Option<&str>| Delivered {
        id: id.into(),
        status,
        provider_ref: provider_ref.map(Into::into),
        note: note.map(Into::into),
    };
    let pause = Some(Duration::from_secs(90));
    assert_eq!(
        results,
        [
            result("1", DeliveryStatus::Sent, Some("ref-1"), None),
            result("2", DeliveryStatus::Failed, None, Some("no such mailbox")),
            result("3", DeliveryStatus::Retry(pause), Some("ref-1"), None),
        ]
    );
    assert_eq!(delivered(&host, &[delivery("1", "none")]).await, Ok(Vec::new()), "it is tried again");
    let calls = host.usage(PLUGIN).calls;
    assert_eq!(delivered(&host, &[]).await, Ok(Vec::new()));
    assert_eq!(host.usage(PLUGIN).calls, calls, "nothing to deliver");
}

#[tokio::test]
async fn each_misdeed_of_a_carrier_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::Notify, sent).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::Notify, sent).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, sent).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, sent).await;
    misdeeds::each_answer_is_refused(PLUGIN, &["stranger", "twice", "odd"], sent).await;
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_not_sent() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    assert_eq!(sent(&host, &"x".repeat(1 << 20)).await, Err(FailureKind::InvalidInput));
}

#[tokio::test]
async fn a_channel_that_does_not_exist_keeps_a_carrier_out_of_service() {
    let host = host(generous());
    let mut wasm = component(PLUGIN);
    let place = wasm.windows(7).position(|bytes| bytes == b"mailsms").unwrap();
    wasm[place..place + 4].copy_from_slice(b"fax\0");
    let failure = host.activate(activation(wasm)).await.unwrap_err();
    assert_eq!((failure.kind, failure.function.as_str()), (FailureKind::InvalidOutput, "channels"));
    assert!(host.notifiers().is_empty());
}

#[tokio::test]
async fn a_second_carrier_of_a_channel_is_kept_out_until_the_first_is_gone() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let named = |id: &'static str| with_manifest(&component(PLUGIN), move |manifest| manifest.replace(PLUGIN, id));
    let second = || activation(named("acme/sms"));
    let failure = host.activate(second()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    assert_eq!(failure.detail, "the plugin `hostile/notify` already carries `mail`: disable it first");
    let carriers = || host.notifiers().iter().map(|notifier| notifier.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(carriers(), [PLUGIN]);
    // What is only compared carries nothing, and another version replaces the one before.
    host.activate(Activation { role: Role::Shadow, ..second() }).await.unwrap();
    active(&host, PLUGIN).await;
    assert_eq!(carriers(), [PLUGIN]);
    host.deactivate(PLUGIN);
    host.activate(second()).await.unwrap();
    assert_eq!(carriers(), ["acme/sms"]);
}

/// Takes connections and never says a word.
async fn silent_server() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

fn granted(origin: &str) -> Activation {
    let http = Permission { hosts: vec![origin.to_owned()], ..Permission::default() };
    Activation { grants: grants(&[("http", http)]), ..activation(component(PLUGIN)) }
}

#[tokio::test]
async fn a_server_that_never_answers_leaves_the_carrier_time_to_say_so() {
    let (_listener, origin) = silent_server().await;
    let short = Limits { wall: Duration::from_secs(2), cpu_ticks: 2_000, ..World::Notify.limits() };
    let host = host(generous().with(World::Notify, short));
    host.activate(granted(&origin)).await.unwrap();
    let fetch = Delivery { address: format!("{origin}/"), ..delivery("1", "fetch") };
    let results = delivered(&host, &[fetch]).await.unwrap();
    assert_eq!(results[0].status, DeliveryStatus::Retry(None));
    assert!(results[0].note.as_ref().is_some_and(|note| note.contains("MaybeSent")), "{results:?}");
}

#[tokio::test]
async fn what_was_not_granted_is_refused_and_counted() {
    let (_listener, origin) = silent_server().await;
    let host = host(generous());
    active(&host, PLUGIN).await;
    let fetch = Delivery { address: format!("{origin}/"), ..delivery("1", "fetch") };
    let results = delivered(&host, &[fetch]).await.unwrap();
    assert!(results[0].note.as_ref().is_some_and(|note| note.contains("Denied")), "{results:?}");
    assert_eq!(host.denials(PLUGIN), BTreeMap::from([("http".to_owned(), 1)]));
}
