//! Every first-party plugin loads and answers.

use lyceum_domain::{
    moderation::Decision,
    plugin::{Extensions, PluginRuntime},
    ranking::COLUMNS,
};

use crate::support::{active, columns, component, context, generous, host, item};

#[tokio::test]
async fn the_ranker_scores_every_item_the_same_each_time() {
    let host = host(generous());
    active(&host, "ranking-default").await;
    let ranker = host.ranker().unwrap();
    assert!(!ranker.columns().is_empty());
    assert!(ranker.columns().iter().all(|name| COLUMNS.contains(&name.as_str())));
    for count in [0, 1, 500, 1_200] {
        let asked = context("recommended-courses", count);
        let ask = || ranker.rank(&asked, columns(ranker.columns(), count));
        let (first, again) = (ask().await.unwrap(), ask().await.unwrap());
        assert_eq!(first.len(), count as usize);
        assert_eq!(first, again);
    }
    assert_eq!(host.usage("lyceum/ranking-default").failures, 0);
    assert_eq!(host.usage("lyceum/ranking-default").calls, 1 + 1 + 8, "instance, columns and eight rankings");
}

#[tokio::test]
async fn the_moderator_decides_in_both_languages() {
    let host = host(generous());
    active(&host, "moderation-wordlist").await;
    let moderator = host.moderators().remove(0);
    assert_eq!(moderator.name(), "lyceum/moderation-wordlist");
    let items = [item("老师讲得很清楚，谢谢！"), item("想要资料的加微信"), item("Best 0nline c@sin0 bonus")];
    let verdicts = moderator.review(&items).await.unwrap();
    let decisions: Vec<Decision> = verdicts.iter().map(|verdict| verdict.decision).collect();
    assert_eq!(decisions, [Decision::Allow, Decision::Hold, Decision::Reject]);
    assert_eq!(verdicts[1].labels, ["advertising"]);
}

#[tokio::test]
async fn what_was_inspected_is_what_is_active() {
    let host = host(generous());
    let wasm = component("ranking-default");
    let seen = host.inspect(&wasm).unwrap();
    assert_eq!(seen.id, "lyceum/ranking-default");
    assert_eq!(seen.implements, ["lyceum:ranking/ranker@1.0.0"]);
    assert!(seen.asks.0.is_empty());
    assert_eq!(seen.digest.len(), 64);
    assert!(host.ranker().is_none(), "inspecting runs nothing");
    assert_eq!(host.activate(crate::support::activation(wasm)).await.unwrap(), seen);
    host.deactivate(&seen.id);
    assert!(host.ranker().is_none());
}

#[tokio::test]
async fn a_call_under_way_outlives_its_plugin() {
    let host = host(generous());
    active(&host, "ranking-default").await;
    let ranker = host.ranker().unwrap();
    host.deactivate("lyceum/ranking-default");
    let scores = ranker.rank(&context("recommended-courses", 3), columns(ranker.columns(), 3)).await.unwrap();
    assert_eq!(scores.len(), 3);
}
