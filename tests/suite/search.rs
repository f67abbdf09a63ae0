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

/// The mark is written last: without it nobody knows how far the filling came.
#[tokio::test(flavor = "multi_thread")]
async fn a_filling_that_was_interrupted_is_done_again_at_the_next_start() {
    each_database(async |place| {
        let index = place.directory.path().join("search/embedded-index");
        let kept = place.directory.path().join("kept");
        // An index in order, and without documents.
        let app = place.app().start().await;
        app.indexed().await;
        app.stop().await;
        until("the index closed", async || std::fs::rename(&index, &kept).ok()).await;
        let app = place.app().start().await;
        app.admin.publishes("course", json!({ "slug": "oats", "title": "Rolling porridge" })).await;
        until("the course in the index", async || (found(&app, "porridge").await == ["oats"]).then_some(())).await;
        app.stop().await;
        until("the index closed", async || std::fs::remove_dir_all(&index).ok()).await;
        std::fs::rename(&kept, &index).unwrap();
        std::fs::remove_file(index.join("lyceum-filled")).unwrap();
        let app = place.app().start().await;
        until("the course in the index", async || (found(&app, "porridge").await == ["oats"]).then_some(())).await;
        until("the mark", async || index.join("lyceum-filled").exists().then_some(())).await;
        app.stop().await;
    })
    .await;
}

/// Puts the database back to where it was at an event, as a restored backup would.
async fn restored_to(app: &TestApp, position: i64) {
    use sea_orm::ConnectionTrait as _;
    let write = app.app.domains().database.write().await.unwrap();
    for sql in [
        format!("DELETE FROM outbox WHERE position > {position}"),
        format!("UPDATE outbox_consumer SET position = {position} WHERE position > {position}"),
        "DELETE FROM course_locale WHERE course_id IN (SELECT id FROM course WHERE slug = 'after')".to_owned(),
        "DELETE FROM course WHERE slug = 'after'".to_owned(),
        "UPDATE course SET status = 'published' WHERE slug = 'before'".to_owned(),
    ] {
        write.connection().execute_unprepared(&sql).await.unwrap();
    }
    write.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_newer_than_its_database_is_filled_again() {
    each_database(async |place| {
        let app = place.app().start().await;
        let before = app.admin.publishes("course", json!({ "slug": "before", "title": "Keeping bees" })).await;
        until("the course in the index", async || (found(&app, "bees").await == ["before"]).then_some(())).await;
        let newest = "SELECT MAX(position) AS n FROM outbox";
        let backup = number(&app, newest).await;
        app.admin.publishes("course", json!({ "slug": "after", "title": "More bees" })).await;
        let hide = "mutation ($id: ID!) { unpublishCourse(input: { id: $id }) { course { status } } }";
        app.admin.data(hide, json!({ "id": before })).await;
        until("what the index holds", async || (found(&app, "bees").await == ["after"]).then_some(())).await;
        let index = async || app.app.domains().search.index_pending().await.unwrap();
        // Nothing is under way when a server is stopped for that.
        index().await;
        restored_to(&app, backup).await;
        index().await;
        assert_eq!(found(&app, "bees").await, ["before"]);
        assert_eq!(app.app.domains().search.index().count().await.unwrap(), 1);
        // It is fed on from here.
        app.admin.publishes("course", json!({ "slug": "next", "title": "Honey" })).await;
        index().await;
        assert_eq!(found(&app, "honey").await, ["next"]);
        assert_eq!(number(&app, newest).await, number(&app, "SELECT MAX(position) AS n FROM outbox_consumer").await);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_finds_what_any_node_publishes_and_hides() {
    each_database(async |place| {
        if place.name == "SQLite" {
            return;
        }
        let other = tempfile::tempdir().unwrap();
        let a = place.app().start().await;
        let elsewhere = |config: &mut Config| config.data_dir = other.path().to_owned();
        let b = place.app().configured(elsewhere).start().await;
        let mut courses = Vec::new();
        for number in 0..10 {
            let publisher = if number % 2 == 0 { &a.admin } else { &b.admin };
            let input = json!({ "slug": format!("c{number}"), "title": format!("Weaving baskets {number}") });
            courses.push(publisher.publishes("course", input).await);
        }
        for node in [&a, &b] {
            until("all courses on each node", async || (found(node, "baskets").await.len() == 10).then_some(())).await;
        }
        let hide = "mutation ($id: ID!) { unpublishCourse(input: { id: $id }) { course { status } } }";
        a.admin.data(hide, json!({ "id": courses[0] })).await;
        for node in [&a, &b] {
            let count = async || node.app.domains().search.index().count().await.unwrap();
            until("the course out of each index", async || (count().await == 9).then_some(())).await;
        }
        // The second one was away for longer than its place is held.
        b.stop().await;
        a.clock.advance(std::time::Duration::from_secs(8 * 86_400));
        until("the place of the silent node dropped", async || {
            a.app.domains().search.index_pending().await.unwrap();
            (places(&a).await == 1).then_some(())
        })
        .await;
        let admin = a.visitor().signed_in("admin@example.com").await;
        admin.publishes("course", json!({ "slug": "late", "title": "Weaving late baskets" })).await;
        let b = place.app().configured(elsewhere).start().await;
        until("all courses on the node", async || (found(&b, "baskets").await.len() == 10).then_some(())).await;
        a.stop().await;
        b.stop().await;
    })
    .await;
}

/// How many consumers feed an index.
async fn places(app: &TestApp) -> i64 {
    number(app, "SELECT COUNT(*) AS n FROM outbox_consumer WHERE name LIKE 'search%'").await
}

/// The number `n` of the only row.
async fn number(app: &TestApp, sql: &str) -> i64 {
    use sea_orm::{ConnectionTrait as _, Statement};
    let database = &app.app.domains().database;
    let statement = Statement::from_string(database.dialect().backend(), sql);
    database.reader().query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
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
