//! Fields that plugins add to the API.

use lyceum_domain::plugin::{Extensions, FailureKind, FieldRequest, PluginRuntime};
use lyceum_plugin_host::{PluginHost, World};
use serde_json::{Value as Json, json};

use crate::{
    misdeeds,
    support::{activation, active, component, generous, host, with_manifest},
};

const PLUGIN: &str = "hostile/graphql";

fn parents(count: usize) -> Vec<Json> {
    (0..count).map(|n| json!({"id": format!("lesson:{n}"), "title": "甲"})).collect()
}

type Answers = Result<Vec<Result<Json, String>>, FailureKind>;

async fn resolved(host: &PluginHost, field: &str, parents: &[Json]) -> Answers {
    let (type_name, args, locale) = ("Lesson".into(), json!({}), "en".into());
    let request = FieldRequest { type_name, field: field.into(), args, locale, viewer: None };
    host.field_resolvers().remove(0).resolve(&request, parents).await.map_err(|failure| failure.kind)
}

pub async fn asked(host: &PluginHost, field: &str) -> Result<(), FailureKind> {
    resolved(host, field, &parents(1)).await.map(drop)
}

/// The same plugin with the promise to hold no state.
fn stateless() -> Vec<u8> {
    let promise = |manifest: &str| manifest.replacen("implements =", "state = \"none\"\nimplements =", 1);
    with_manifest(&component(PLUGIN), promise)
}

#[tokio::test]
async fn each_parent_has_its_answer_in_order() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let resolver = host.field_resolvers().remove(0);
    assert_eq!(resolver.name(), PLUGIN);
    assert!(resolver.sdl().contains("hostileEcho: String @needs(fields: [\"title\"])"));
    let parents = parents(250);
    let answers: Vec<Json> = resolved(&host, "echo", &parents).await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, parents);
    assert_eq!(resolved(&host, "echo", &[]).await, Ok(Vec::new()));
    assert_eq!(host.usage(PLUGIN).calls, 1 + 3, "activation, and three batches");
}

#[tokio::test]
async fn a_batch_has_at_most_a_hundred_parents_and_what_the_world_takes() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let counts =
        |answers: Answers| answers.unwrap().into_iter().map(|n| n.unwrap().as_u64().unwrap()).collect::<Vec<_>>();
    let sizes = counts(resolved(&host, "count", &parents(201)).await);
    assert_eq!((sizes[0], sizes[100], sizes[200]), (100, 100, 1));
    let heavy = vec![json!({"id": "lesson:1", "text": "x".repeat(200 << 10)}); 5];
    assert_eq!(counts(resolved(&host, "count", &heavy).await), [2, 2, 2, 2, 1]);
    let giant = [json!({"id": "lesson:1", "text": "x".repeat(512 << 10)})];
    assert_eq!(resolved(&host, "count", &giant).await, Err(FailureKind::InvalidInput));
}

#[tokio::test]
async fn an_error_is_of_its_parent_alone() {
    let host = host(generous());
    active(&host, PLUGIN).await;
    let answers = resolved(&host, "error", &parents(4)).await.unwrap();
    let failed: Vec<bool> = answers.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, true, false]);
    assert_eq!(answers[2], Err("unavailable: the test asked for an error".into()));
    assert_eq!(host.usage(PLUGIN).failures, 0);
}

#[tokio::test]
async fn each_misdeed_of_a_field_ends() {
    misdeeds::each_misdeed_ends(PLUGIN, World::GraphqlField, asked).await;
    misdeeds::the_wall_ends_it(PLUGIN, World::GraphqlField, asked).await;
    misdeeds::the_breaker_opens_and_closes(PLUGIN, asked).await;
    misdeeds::a_flood_of_log_does_no_harm(PLUGIN, asked).await;
    misdeeds::each_answer_is_refused(PLUGIN, &["short", "nonsense", "deep"], asked).await;
}

#[tokio::test]
async fn an_instance_is_kept_only_for_a_plugin_that_promises_no_state() {
    for (wasm, second) in [(component(PLUGIN), 1), (stateless(), 2)] {
        let host = host(generous());
        host.activate(activation(wasm)).await.unwrap();
        let calls = async || resolved(&host, "calls-so-far", &parents(1)).await.unwrap().remove(0);
        assert_eq!((calls().await, calls().await), (Ok(json!(1)), Ok(json!(second))));
    }
}

#[tokio::test]
async fn a_kept_instance_that_misbehaves_is_not_used_again() {
    for word in ["trap", "memory", "giant", "calls"] {
        let host = host(generous());
        host.activate(activation(stateless())).await.unwrap();
        assert_eq!(asked(&host, "fine").await, Ok(()));
        assert!(asked(&host, word).await.is_err(), "{word}");
        let fresh = resolved(&host, "calls-so-far", &parents(1)).await.unwrap();
        assert_eq!(fresh, [Ok(json!(1))], "after {word}");
    }
}
