//! Plugins over GraphQL: consent, coming and going at run time, and guests
//! that misbehave.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lyceum_domain::ranking::{RankContext, RankItem, RankedBy};
use lyceum_kernel::{Id, Viewer};
use lyceum_tests::{Person, TestApp, component, each_database};
use serde_json::{Value as Json, json};

const INSTALL: &str = "mutation ($component: String!, $grants: JSON) { installPlugin(input: { component: $component, grants: $grants }) { plugin { name state version } } }";

async fn ranked_by(person: &Person) -> Json {
    person.data("{ recommendedCourses { rankedBy } }", json!({})).await["recommendedCourses"]["rankedBy"].clone()
}

/// The state of a new comment on a course.
async fn comment(person: &Person, course: &str, body: &str) -> Json {
    let add = "mutation ($course: ID!, $body: String!) { addComment(input: { subjectId: $course, body: $body }) { comment { state } } }";
    person.data(add, json!({ "course": course, "body": body })).await["addComment"]["comment"]["state"].clone()
}

async fn course(app: &TestApp) -> String {
    app.admin.publishes("course", json!({ "title": "Something to talk of" })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_installed_without_consent_or_beyond_what_is_asked() {
    each_database(async |place| {
        let app = place.app().start().await;
        let wasm = component("payment-sandbox");
        let error = app.admin.error(INSTALL, json!({ "component": wasm })).await;
        assert_eq!(error["extensions"]["code"], "PLUGIN_CONSENT_REQUIRED");
        let told = error["extensions"].to_string();
        for asked in ["lyceum/payment-sandbox", "http://127.0.0.1:*", "api_key", "webhook_secret"] {
            assert!(told.contains(asked), "{asked} is not in {told}");
        }
        for grants in [
            json!({ "http": { "hosts": ["http://127.0.0.2:80"] } }),
            json!({ "kv": {} }),
            json!({ "secret-ref": { "names": ["other"] } }),
            json!({ "http": { "hosts": "all" } }),
        ] {
            let code = app.admin.code(INSTALL, json!({ "component": wasm, "grants": grants })).await;
            assert_eq!(code, "BAD_USER_INPUT", "{grants}");
        }
        assert_eq!(app.admin.data("{ plugins { totalCount } }", json!({})).await["plugins"]["totalCount"], 0);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused() {
    each_database(async |place| {
        let app = place.app().start().await;
        for (bytes, code) in [
            (STANDARD.encode(b"no component"), "PLUGIN_INVALID"),
            (STANDARD.encode(b"\0asm\x01\0\0\0"), "PLUGIN_INVALID"),
            (STANDARD.encode(b"\0asm\x0d\0\x01\0"), "PLUGIN_INVALID"),
            (component("ranking-default")[..4000].to_owned(), "PLUGIN_INVALID"),
            ("not base64!".to_owned(), "BAD_USER_INPUT"),
        ] {
            assert_eq!(app.admin.code(INSTALL, json!({ "component": bytes })).await, code);
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_and_disabling_changes_what_runs_at_once_and_lasts() {
    each_database(async |place| {
        let app = place.app().start().await;
        let (course, member) = (course(&app).await, app.member("member").await);
        const SPAM: &str = "加微信 abc12345 领取免费资料";
        assert_eq!(
            (ranked_by(&member).await, comment(&member, &course, SPAM).await),
            (json!("default"), json!("VISIBLE"))
        );
        app.admin.installs("ranking-default", json!({})).await;
        app.admin.installs("moderation-wordlist", json!({})).await;
        // Installed is not enabled.
        assert_eq!(ranked_by(&member).await, "default");
        app.admin.enables("lyceum/ranking-default").await;
        app.admin.enables("lyceum/moderation-wordlist").await;
        assert_eq!(ranked_by(&member).await, "lyceum/ranking-default");
        let held = comment(&member, &course, SPAM).await;
        assert_ne!(held, "VISIBLE");
        assert_eq!(comment(&member, &course, "A fine lesson.").await, "VISIBLE");
        app.stop().await;
        // It is so after a restart too.
        let app = place.app().start().await;
        let member = app.visitor().signed_in("member@example.com").await;
        assert_eq!(
            (ranked_by(&member).await, comment(&member, &course, SPAM).await),
            (json!("lyceum/ranking-default"), held)
        );
        app.admin.disables("lyceum/ranking-default").await;
        app.admin.disables("lyceum/moderation-wordlist").await;
        assert_eq!(
            (ranked_by(&member).await, comment(&member, &course, SPAM).await),
            (json!("default"), json!("VISIBLE"))
        );
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_moderator_holds_is_shown_after_a_person_allows_it() {
    each_database(async |place| {
        let app = place.app().with_moderator().start().await;
        let (course, member, editor) = (course(&app).await, app.member("member").await, app.with_role("editor", "edith").await);
        assert_eq!(comment(&member, &course, "我的微信是 lyceum12345，欢迎交流").await, "HELD");
        let shown = "query ($id: ID!) { course(id: $id) { comments { totalCount } } }";
        let seen = async |person: &Person| person.data(shown, json!({ "id": course })).await["course"]["comments"]["totalCount"].clone();
        assert_eq!(seen(&app.visitor()).await, 0);
        assert_eq!(member.code("{ moderationQueue { totalCount } }", json!({})).await, "FORBIDDEN");
        let queue = editor.data("{ moderationQueue { nodes { id moderator comment { body } } } }", json!({})).await;
        assert_eq!(queue["moderationQueue"]["nodes"][0]["moderator"], "lyceum/moderation-wordlist");
        let decide = "mutation ($id: ID!) { decideModeration(input: { id: $id, decision: ALLOW }) { moderationItem { state } } }";
        let item = json!({ "id": queue["moderationQueue"]["nodes"][0]["id"] });
        assert_eq!(editor.data(decide, item.clone()).await["decideModeration"]["moderationItem"]["state"], "ALLOWED");
        assert_eq!(seen(&app.visitor()).await, 1);
        assert_eq!(editor.code(decide, item).await, "INVALID_STATE");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_that_misbehaves_holds_comments_and_nothing_else() {
    each_database(async |place| {
        let app = place.app().start().await;
        let (course, member) = (course(&app).await, app.member("member").await);
        app.admin.installs("hostile/moderation", json!({})).await;
        app.admin.enables("hostile/moderation").await;
        assert_eq!(comment(&member, &course, "well behaved").await, "VISIBLE");
        for text in ["nonsense", "unsure", "giant", "trap", "loop"] {
            // Others are served while it misbehaves.
            let (state, other) = futures::join!(comment(&member, &course, text), ranked_by(&member));
            assert_eq!((state, other), (json!("HELD"), json!("default")), "{text}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ranker_that_misbehaves_leaves_the_default_order() {
    each_database(async |place| {
        let app = place.app().start().await;
        let (_, member) = (course(&app).await, app.member("member").await);
        app.admin.installs("hostile/ranking", json!({})).await;
        app.admin.enables("hostile/ranking").await;
        assert_eq!(ranked_by(&member).await, "hostile/ranking");
        // It misbehaves on surfaces that the API does not have.
        for surface in ["short", "nan", "refuse", "giant", "trap", "memory", "loop"] {
            let ranking = app.app.domains().ranking.clone();
            let viewer = Viewer::default();
            let (ranked, other) = futures::join!(
                ranking.order(&viewer, items(), on(surface)),
                member.data("{ courses { totalCount } }", json!({}))
            );
            let newest_first: Vec<f32> =
                ranked.0.iter().map(|id| items().iter().find(|i| i.id == *id).unwrap().age_hours).collect();
            assert_eq!((newest_first, ranked.1), (vec![1.0, 2.0, 3.0], RankedBy::Default), "{surface}");
            assert_eq!(other["courses"]["totalCount"], 1);
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_never_told_again() {
    each_database(async |place| {
        let app = place.app().that_sells().start().await;
        let query = "{ plugins { nodes { name version state digest manifest grants lastError } } }";
        let told = app.admin.data(query, json!({})).await;
        assert!(told.to_string().contains("api_key"), "{told}");
        assert!(!told.to_string().contains("of_the_suite"), "{told}");
        app.stop().await;
    })
    .await;
}

fn on(surface: &str) -> RankContext {
    RankContext { surface: surface.to_owned(), locale: "en".to_owned(), now_ms: 0, count: 0 }
}

/// Three items with ids that stay.
fn items() -> Vec<RankItem> {
    static IDS: std::sync::LazyLock<[Id; 3]> = std::sync::LazyLock::new(|| [Id::new(), Id::new(), Id::new()]);
    let item = |(id, age_hours): (&Id, f32)| RankItem {
        id: *id,
        age_hours,
        enrolments: 0,
        comments: 0,
        price_minor: 0,
        lessons: 0,
        affinity: 0.0,
        recent_enrolments: 0,
        co_enrolment: 0.0,
        author_affinity: 0.0,
    };
    IDS.iter().zip([2.0, 3.0, 1.0]).map(item).collect()
}
