//! The index follows the content, whatever happens in between.

use lyceum::config::Config;
use lyceum_domain::identity::Password;
use lyceum_tests::{PASSWORD, TestApp, code_of, each_database, until};
use serde_json::json;

const FIND: &str = "query ($words: String!) { search(query: $words) { totalCount nodes { node { ... on Course { slug } ... on Lesson { slug } } } } }";

async fn found(app: &TestApp, words: &str) -> Vec<String> {
    let answer = app.visitor().data(FIND, json!({ "words": words })).await;
    answer["search"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["node"]["slug"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_found_within_a_moment_and_what_is_hidden_is_gone() {
    each_database(async |place| {
        let app = place.app().start().await;
        let input = json!({ "slug": "tea", "title": "Brewing oolong", "translations": [{ "locale": "zh-CN", "title": "冲泡乌龙茶" }] });
        let course = app.admin.publishes("course", input).await;
        for words in ["oolong", "乌龙茶", "ooolong"] {
            until("the course in the index", async || (found(&app, words).await == ["tea"]).then_some(())).await;
        }
        let hide = "mutation ($id: ID!) { unpublishCourse(input: { id: $id }) { course { status } } }";
        app.admin.data(hide, json!({ "id": course })).await;
        until("the course out of the index", async || found(&app, "oolong").await.is_empty().then_some(())).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_publishing_and_indexing_loses_nothing() {
    each_database(async |place| {
        // A process without an indexer publishes and is gone.
        let directory = place.directory.path().to_owned();
        let app = place.app().start().await;
        let course =
            lyceum_tests::entry(&app.admin, "course", json!({ "slug": "salt", "title": "Fermenting kohlrabi" })).await;
        let domains = app.app.domains().clone();
        app.stop().await;
        let def = domains.contents.content_type("course").unwrap();
        let id = lyceum_kernel::GlobalId::expect(&course, &def.prefix).unwrap();
        let viewer = admin_of(&domains).await;
        domains.contents.publish(&viewer, def, id).await.unwrap();
        drop(domains);
        assert!(directory.exists());
        let app = place.app().start().await;
        until("the course in the index", async || (found(&app, "kohlrabi").await == ["salt"]).then_some(())).await;
        app.stop().await;
    })
    .await;
}

async fn admin_of(domains: &lyceum_domain::Domains) -> lyceum_kernel::Viewer {
    let peer = lyceum_domain::identity::Peer::default();
    let session = domains.identity.sign_in("admin@example.com", &Password::new(PASSWORD), None, &peer).await.unwrap();
    domains.identity.viewer_for(Some(session.access_token.expose())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_lost_is_filled_again_at_the_next_start() {
    each_database(async |place| {
        let app = place.app().start().await;
        app.admin.publishes("course", json!({ "slug": "rye", "title": "Baking pumpernickel" })).await;
        app.indexed().await;
        app.stop().await;
        until("the index closed", async || std::fs::remove_dir_all(place.directory.path().join("search")).ok()).await;
        let app = place.app().start().await;
        until("the course in the index", async || (found(&app, "pumpernickel").await == ["rye"]).then_some(())).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_engine_content_can_still_be_read_and_search_says_so() {
    each_database(async |place| {
        // A port that nobody listens on: taken, and let go.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let engine = move |config: &mut Config| {
            config.search.engine = lyceum::config::Engine::Meilisearch;
            config.search.url = Some(format!("http://127.0.0.1:{port}"));
        };
        let app = place.app().configured(engine).start().await;
        app.admin.publishes("course", json!({ "slug": "hops", "title": "Growing hops" })).await;
        let answer = app.visitor().ask(FIND, json!({ "words": "hops" })).await;
        assert_eq!(code_of(&answer), "SEARCH_UNAVAILABLE", "{answer}");
        let course = app.visitor().data("{ course(slug: \"hops\") { title } }", json!({})).await;
        assert_eq!(course["course"]["title"], "Growing hops");
        let ready = app.visitor().get("/readyz").await;
        assert_eq!(ready.status(), 200);
        assert_eq!(ready.json::<serde_json::Value>().await.unwrap()["status"], "degraded");
        app.stop().await;
        // The events waited: another engine catches up.
        let app = place.app().start().await;
        until("the course in the index", async || (found(&app, "hops").await == ["hops"]).then_some(())).await;
        app.stop().await;
    })
    .await;
}
