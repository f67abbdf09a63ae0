//! Several servers over one database.

use futures::future::join_all;
use lyceum::{
    app::App,
    config::{Config, Secret},
};
use lyceum_tests::each_database;
use serde_json::json;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_start_at_once_on_an_empty_database_and_know_each_others_tokens() {
    each_database(async |place| {
        if place.name == "SQLite" {
            return;
        }
        let directories: Vec<TempDir> = (0..3).map(|_| TempDir::new().unwrap()).collect();
        let node = |directory: &TempDir| {
            let data_dir = directory.path().to_owned();
            place.app().configured(move |config: &mut Config| {
                config.data_dir = data_dir.clone();
                config.token_key = Some(Secret::new("5a".repeat(32)));
            })
        };
        let configs: Vec<Config> = directories.iter().map(|directory| node(directory).config()).collect();
        let opened = join_all(configs.iter().map(|config| App::open(config, place.clock.clone()))).await;
        opened.into_iter().for_each(|app| drop(app.unwrap_or_else(|error| panic!("{error}"))));
        let mut nodes = Vec::new();
        for directory in &directories {
            nodes.push(node(directory).start().await);
        }
        let person = nodes[0].member("mia").await;
        for node in &nodes {
            let there = lyceum_tests::Person { address: node.address.clone(), ..person.clone() };
            let me = there.data("{ me { id } }", json!({})).await;
            assert_eq!(me["me"]["id"], person.id.as_str());
        }
        for node in nodes {
            node.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_background_work_has_a_name_of_its_own() {
    each_database(async |place| {
        let app = place.app().start().await;
        let work = app.app.domains().work(std::time::Duration::from_secs(1));
        let names: std::collections::BTreeSet<&str> = work.iter().map(lyceum_store::work::Work::name).collect();
        assert_eq!(names.len(), work.len(), "{names:?}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_how_far_a_consumer_is_behind() {
    each_database(async |place| {
        let app = place.app().configured(|config| config.metrics.enabled = true).start().await;
        app.app.domains().search.index_pending().await.unwrap();
        let text = app.visitor().get("/metrics").await.text().await.unwrap();
        for figure in ["events_behind", "seconds_behind", "dead_letters"] {
            let line = format!("\nlyceum_consumer_{figure}{{consumer=\"search\"}} 0\n");
            assert!(text.contains(&line), "{line} is not in {text}");
        }
        app.stop().await;
    })
    .await;
}
