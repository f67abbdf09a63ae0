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
