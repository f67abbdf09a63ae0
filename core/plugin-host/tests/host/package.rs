//! What is refused before anything is compiled, and what the refusal says.

use lyceum_domain::plugin::{FailureKind, PluginFailure, PluginRuntime};
use lyceum_plugin_host::{Manifest, PluginHost, PluginHostConfig};

use crate::support::{activation, component, empty_component, host, patient, with_manifest};

const MANIFEST: &str = r#"
[plugin]
id = "acme/alipay"
version = "1.4.0"
license = "Apache-2.0"
lyceum = ">=0.1, <3"
implements = ["lyceum:payment/provider@1.0", "lyceum:payment/inbound@1.0"]
[permissions.http]
hosts = ["https://openapi.alipay.com:443"]
reason = "Create and query payments"
[permissions.secret-ref]
names = ["app_private_key"]
[permissions.kv]
quota = "1MiB"
[limits]
memory = "16MiB"
[config]
schema = "config.schema.json"
[store]
summary = { en = "Alipay", zh = "支付宝" }
"#;

fn refused(host: &PluginHost, wasm: &[u8]) -> PluginFailure {
    let failure = host.inspect(wasm).expect_err("it is refused");
    assert_eq!(failure.kind, FailureKind::Compile);
    failure
}

#[test]
fn a_manifest_is_read_as_written() {
    let manifest = Manifest::parse(MANIFEST).unwrap();
    assert_eq!(manifest.id, "acme/alipay");
    assert_eq!(manifest.version.to_string(), "1.4.0");
    assert_eq!(manifest.asks.0["http"].hosts, ["https://openapi.alipay.com:443"]);
    assert_eq!(manifest.asks.0["kv"].quota_bytes, Some(1 << 20));
    assert_eq!((manifest.limits.memory, manifest.stateless), (Some(16 << 20), false));
    assert_eq!(manifest.summary["zh"], "支付宝");
}

#[test]
fn a_wrong_manifest_says_which_key_is_wrong() {
    for (written, instead, said) in [
        ("license =", "licence =", "licence"),
        ("[permissions.kv]\nquota", "[permissions.kv]\nqouta", "qouta"),
        ("[limits]\nmemory", "[limits]\nfuel = 1\nmemory", "fuel"),
        ("[permissions.kv]\nquota = \"1MiB\"", "[permissions.shell]", "shell"),
        ("[permissions.kv]\nquota = \"1MiB\"", "[permissions.kv]\nquota = \"1 gig\"", "permissions.kv.quota"),
        ("https://openapi.alipay.com:443", "openapi.alipay.com", "permissions.http.hosts"),
        ("acme/alipay", "Acme Alipay", "plugin.id"),
        ("\"1.4.0\"", "\"one\"", "plugin.version"),
        ("\">=0.1, <3\"", "\"new\"", "plugin.lyceum"),
        ("lyceum:payment/provider@1.0", "payment", "plugin.implements"),
        ("implements =", "state = \"some\"\nimplements =", "plugin.state"),
        ("[permissions.kv]", "[permissions.kv]\nhosts = [\"https://a.example\"]", "`kv`"),
    ] {
        assert!(MANIFEST.contains(written), "{written}");
        let error = Manifest::parse(&MANIFEST.replacen(written, instead, 1)).expect_err(instead);
        assert!(error.contains(said), "{instead}: {error}");
    }
}

#[test]
fn what_is_no_component_is_refused() {
    let host = host(patient());
    assert!(refused(&host, b"hello").detail.contains("no WASM component"));
    assert!(refused(&host, b"\0asm\x01\0\0\0").detail.contains("core WASM module"));
    assert!(refused(&host, b"\0asm\x0d\0\x01\0").detail.contains("no manifest"));
    let mut cut = component("ranking-default");
    cut.truncate(1_000);
    refused(&host, &cut);
}

#[test]
fn a_component_that_is_too_large_is_refused_unless_the_owner_says_otherwise() {
    let wasm = component("ranking-default");
    let small = PluginHost::new(PluginHostConfig { component_bytes: wasm.len() - 1, ..PluginHostConfig::default() });
    assert!(refused(&small.unwrap(), &wasm).detail.contains("bytes"));
    let exact = PluginHost::new(PluginHostConfig { component_bytes: wasm.len(), ..PluginHostConfig::default() });
    assert!(exact.unwrap().inspect(&wasm).is_ok());
}

#[test]
fn a_component_of_another_world_than_it_says_is_refused() {
    let host = host(patient());
    let failure = refused(&host, &empty_component(MANIFEST));
    assert_eq!((failure.plugin.as_str(), failure.version.as_str()), ("acme/alipay", "1.4.0"));
    assert!(failure.detail.contains("lyceum:payment/provider@1.0.0"), "{}", failure.detail);
    let pretends = |manifest: &str| manifest.replace("lyceum:ranking/ranker@1.0", "lyceum:moderation/moderator@1.0");
    let failure = refused(&host, &with_manifest(&component("ranking-default"), pretends));
    assert!(failure.detail.contains("exports lyceum:ranking/ranker@1.0.0"), "{}", failure.detail);
    let newer = |manifest: &str| manifest.replace("ranker@1.0", "ranker@1.7");
    refused(&host, &with_manifest(&component("ranking-default"), newer));
}

#[test]
fn an_import_that_was_not_asked_for_is_refused() {
    let host = host(patient());
    let without = |manifest: &str| manifest.replace("[permissions.crypto]\nreason", "[permissions.kv]\nreason");
    let failure = refused(&host, &with_manifest(&component("payment-sandbox"), without));
    assert!(failure.detail.contains("[permissions.crypto]"), "{}", failure.detail);
}

#[test]
fn a_plugin_for_another_lyceum_or_with_more_memory_than_anybody_gets_is_refused() {
    let host = host(patient());
    let wasm = component("ranking-default");
    let other = with_manifest(&wasm, |manifest| manifest.replace(">=0.1, <2", ">=7"));
    assert!(refused(&host, &other).detail.contains("Lyceum >=7"));
    let greedy = with_manifest(&wasm, |manifest| manifest.replace("memory = \"", "memory = \"99"));
    assert!(refused(&host, &greedy).detail.contains("limits.memory"));
}

#[tokio::test]
async fn a_refused_activation_leaves_the_old_version_in_place() {
    use lyceum_domain::plugin::Extensions;
    let host = host(crate::support::generous());
    host.activate(activation(component("ranking-default"))).await.unwrap();
    // The manifest is good and the code is not: only compiling can tell.
    let mut broken = component("ranking-default");
    let place = broken.len() / 2;
    broken[place..place + 64].fill(0xff);
    assert!(host.activate(activation(broken)).await.is_err());
    assert!(host.ranker().is_some());
}
