//! Hooks around changes of content.

use std::time::Duration;

use lyceum_domain::{
    content::{Actor, Fact, FieldValue, HookAnswer, HookedEntry, Moment, Proposal},
    plugin::{Activation, Extensions, FailedAttempt, FailureKind, Permission, PluginFailure, PluginRuntime},
};
use lyceum_kernel::Timestamp;
use lyceum_plugin_host::{PluginHost, World};
use serde_json::json;

use crate::{
    misdeeds,
    support::{activation, active, component, generous, grants, host, with_manifest},
};

const PLUGIN: &str = "hostile/content";

fn titled(title: &str) -> FieldValue {
    FieldValue { field: "title".into(), locale: Some("en".into()), value: json!(title) }
}

fn course(title: &str) -> HookedEntry {
    HookedEntry {
        type_name: "course".into(),
        id: Some("course:1".into()),
        published: false,
        fields: vec![titled(title)],
    }
}

fn proposal(moment: Moment, title: &str) -> Proposal {
    Proposal { moment, actor: Actor::default(), entry: course(title), changes: Vec::new() }
}

async fn before(host: &PluginHost, proposal: &Proposal) -> Result<HookAnswer, PluginFailure> {
    host.before_hooks().remove(0).before(proposal).await
}

pub async fn created(host: &PluginHost, title: &str) -> Result<(), FailureKind> {
    let answer = before(host, &proposal(Moment::Create, title)).await;
    answer.map(drop).map_err(|failure| failure.kind)
}

async fn after(host: &PluginHost, moment: Moment, title: &str) -> Result<(), FailedAttempt> {
    let (event, id, type_name) = ("event-1".into(), "course:1".into(), "course".into());
    let (actor, at) = (Actor::default(), Timestamp::from_millis(1_700_000_000_000));
    let fact = Fact { event, moment, type_name, id, actor, at, entry: Some(course(title)) };
    host.after_hooks().remove(0).after(&fact).await
}

pub async fn noticed(host: &PluginHost, title: &str) -> Result<(), FailureKind> {
    after(host, Moment::Publish, title).await.map_err(|attempt| attempt.failure.kind)
}

#[tokio::test]
async fn a_hook_is_asked_at_every_moment_and_sees_the_change() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let summary = |text: &str| FieldValue { field: "summary".into(), locale: None, value: json!(text) };
    let answer = before(&host, &proposal(Moment::Create, "old")).await.unwrap();
    assert_eq!(answer, Ok(vec![summary("old")]));
    let changed = Proposal { changes: vec![titled("new")], ..proposal(Moment::Update, "old") };
    assert_eq!(before(&host, &changed).await.unwrap(), Ok(vec![summary("new")]));
    for moment in [Moment::Publish, Moment::Delete] {
        assert_eq!(before(&host, &proposal(moment, "old")).await.unwrap(), Ok(Vec::new()));
    }
    for moment in Moment::ALL {
        assert_eq!(after(&host, moment, "old").await, Ok(()));
    }
    assert_eq!(host.usage(PLUGIN).failures, 0);
}

#[tokio::test]
async fn a_hook_wants_only_what_its_manifest_names() {
    let host = host(generous());
    let fewer = |manifest: &str| {
        let after = "after = [\"create\", \"update\", \"publish\", \"delete\"]";
        manifest.replace(after, "after = [\"delete\"]").replace("guard = true", "")
    };
    host.activate(activation(with_manifest(&component(PLUGIN), fewer))).await.unwrap();
    let (hook, late) = (host.before_hooks().remove(0), host.after_hooks().remove(0));
    assert_eq!((hook.name(), hook.guards()), (PLUGIN, false));
    assert!(hook.wants(Moment::Publish, "lesson") && !hook.wants(Moment::Publish, "article"));
    assert!(late.wants(Moment::Delete, "course") && !late.wants(Moment::Create, "course"));
}

#[tokio::test]
async fn a_refusal_reaches_its_person_in_their_language_and_counts_as_an_answer() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    for moment in Moment::ALL {
        let rejection = before(&host, &proposal(moment, "refuse")).await.unwrap().unwrap_err();
        assert_eq!(rejection.field.as_deref(), Some("title"));
        assert_eq!(
            (rejection.messages["en"].as_str(), rejection.messages["zh"].as_str()),
            ("Not this title", "换个标题")
        );
    }
    assert_eq!(host.usage(PLUGIN).failures, 0);
}

#[tokio::test]
async fn each_misdeed_of_a_before_hook_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::BeforeHook, created).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::BeforeHook, created).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, created).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, created).await;
    let wrong = ["many", "nonsense", "nameless", "twice", "tag", "nul", "silent"];
    misdeeds::each_answer_is_refused(PLUGIN, &wrong, created).await;
}

#[tokio::test]
async fn each_misdeed_of_an_after_hook_ends() {
    // It answers with nothing, so there is nothing to be giant.
    let noticed = async |host: &PluginHost, word: &str| match word {
        "giant" => Err(created(host, word).await.unwrap_err()),
        word => noticed(host, word).await,
    };
    misdeeds::each_misdeed_ends(PLUGIN, World::AfterHook, noticed).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::AfterHook, noticed).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, noticed).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, noticed).await;
}

#[tokio::test]
async fn the_guest_says_whether_a_fact_is_worth_telling_again_and_a_trap_always_is() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    for (title, kind, retryable) in [
        ("later", FailureKind::Refused, true),
        ("never", FailureKind::Refused, false),
        ("trap", FailureKind::Trap, true),
        (&"x".repeat(1 << 20), FailureKind::InvalidInput, false),
    ] {
        let attempt = after(&host, Moment::Create, title).await.unwrap_err();
        assert_eq!((attempt.failure.kind, attempt.retryable), (kind, retryable));
        assert_eq!((attempt.failure.world.as_str(), attempt.failure.function.as_str()), ("after-hook", "after-create"));
    }
}

#[tokio::test]
async fn a_draft_that_is_too_large_is_not_sent() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let called = host.usage(PLUGIN).calls;
    assert_eq!(created(&host, &"x".repeat(512 << 10)).await, Err(FailureKind::InvalidInput));
    assert_eq!(host.usage(PLUGIN).calls, called);
}

fn with_store(config: &str, previous: Option<&str>) -> Activation {
    let kv = Permission { quota_bytes: Some(64 << 10), ..Permission::default() };
    Activation {
        grants: grants(&[("kv", kv)]),
        config: config.into(),
        previous_version: previous.map(Into::into),
        ..activation(component(PLUGIN))
    }
}

async fn refused(activation: Activation) -> PluginFailure {
    let host = host(generous());
    let failure = host.activate(activation).await.unwrap_err();
    assert!(host.before_hooks().is_empty());
    assert_eq!(host.generation(), 0);
    failure
}

#[tokio::test]
async fn a_configuration_is_shown_to_the_plugin_before_it_serves() {
    let failure = refused(with_store(r#"{"wrong":true}"#, None)).await;
    assert_eq!((failure.kind, failure.function.as_str()), (FailureKind::Refused, "configure"));
    assert_eq!(failure.detail, "/wrong: must not be set; /right: is missing");
    let failure = refused(with_store(r#"{"configure":"trap"}"#, None)).await;
    assert_eq!((failure.kind, failure.function.as_str()), (FailureKind::Trap, "configure"));
    let failure = refused(with_store(r#"{"health":"ill"}"#, None)).await;
    assert_eq!(
        (failure.kind, failure.detail.as_str()),
        (FailureKind::Refused, "invalid: the test asked for an illness")
    );
}

#[tokio::test]
async fn a_store_is_brought_up_only_from_another_version() {
    for (previous, calls) in [(None, 2), (Some("1.0.0"), 2), (Some("0.9.0"), 3)] {
        let host = host(generous());
        host.activate(with_store("{}", previous)).await.unwrap();
        assert_eq!(host.usage(PLUGIN).calls, calls, "configure, health, and migrate from {previous:?}");
    }
    let failure = refused(with_store("{}", Some("0.1.0"))).await;
    assert_eq!((failure.kind, failure.function.as_str()), (FailureKind::Refused, "migrate"));
    assert_eq!(failure.detail, "invalid: 0.1.0 is too old");
    let without = Activation { previous_version: Some("0.9.0".into()), ..activation(component(PLUGIN)) };
    assert_eq!(refused(without).await.kind, FailureKind::Denied, "the store was not granted");
}

#[tokio::test]
async fn the_generation_counts_every_change_of_the_active_set() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    active(&host, PLUGIN).await;
    host.deactivate(PLUGIN);
    assert_eq!(host.generation(), 3);
    assert!(host.before_hooks().is_empty() && host.after_hooks().is_empty());
}

#[tokio::test]
async fn hooks_come_in_the_order_of_their_plugins_ids() {
    let host = host(generous());
    let named = |id: &'static str| with_manifest(&component(PLUGIN), move |manifest| manifest.replace(PLUGIN, id));
    for id in ["zeta/hooks", "acme/hooks", "lyceum/hooks"] {
        host.activate(activation(named(id))).await.unwrap();
    }
    let names: Vec<String> = host.before_hooks().iter().map(|hook| hook.name().to_owned()).collect();
    assert_eq!(names, ["acme/hooks", "lyceum/hooks", "zeta/hooks"]);
}

#[tokio::test]
async fn the_world_itself_stops_a_loop_within_its_quarter_of_a_second() {
    let host = host(lyceum_plugin_host::LimitTable::default().with(World::Lifecycle, {
        let limits = World::Lifecycle.limits();
        lyceum_plugin_host::Limits { wall: Duration::from_secs(120), cpu_ticks: 10_000, ..limits }
    }));
    active(&host, PLUGIN).await;
    assert_eq!(created(&host, "loop").await, Err(FailureKind::Timeout));
}
