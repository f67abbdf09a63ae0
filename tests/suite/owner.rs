//! The owner's side of plugins over GraphQL: updates that wait, swaps under
//! load, going back, going, and the command line beside a running server.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lyceum_tests::{Person, at_root, each_database, until};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

const INSTALL: &str = "mutation ($component: String!, $grants: JSON, $hash: String) { installPlugin(input: { component: $component, grants: $grants, permissionHash: $hash }) { plugin { name version state } } }";

/// A committed component with texts of its manifest replaced by others of the
/// same length, so that no section changes its size.
fn changed(name: &str, changes: &[(&str, &str)]) -> String {
    let mut bytes = std::fs::read(at_root(&format!("plugins/components/{name}.wasm"))).unwrap();
    for (from, to) in changes {
        assert_eq!(from.len(), to.len(), "{from} {to}");
        let places: Vec<usize> =
            bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from.as_bytes()).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{from} is not in {name}");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    STANDARD.encode(bytes)
}

fn version(name: &str, version: &str) -> String {
    changed(name, &[("version = \"1.0.0\"", &format!("version = \"{version}\""))])
}

async fn does(person: &Person, action: &str, more: &str, name: &str) -> Json {
    let document = format!(
        "mutation ($name: String!) {{ {action}(input: {{ name: $name {more} }}) {{ plugin {{ version state shadow }} }} }}"
    );
    person.data(&document, json!({ "name": name })).await[action]["plugin"].clone()
}

async fn status(person: &Person, name: &str) -> Json {
    let query = "query ($name: String!) { pluginStatus(name: $name) { version state grants fingerprint consent { permissionHash } secrets { name isSet } staged { version permissionHash diff } versions { version } usage { calls failures worlds { world calls wallMsLimit } } } }";
    person.data(query, json!({ "name": name })).await["pluginStatus"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_asks_for_more_waits_with_its_difference_until_it_is_approved() {
    each_database(async |place| {
        let app = place.app().that_sells().start().await;
        const NAME: &str = "lyceum/payment-sandbox";
        let wider = changed(
            "payment-sandbox",
            &[("version = \"1.0.0\"", "version = \"1.1.0\""), ("http://127.0.0.1:*", "http://127.0.0.2:*")],
        );
        let refused = app.admin.error(INSTALL, json!({ "component": wider })).await;
        assert_eq!(refused["extensions"]["code"], "PLUGIN_CONSENT_REQUIRED");
        assert_eq!(refused["extensions"]["diff"]["widened"][0]["permission"], "http");
        let waiting = status(&app.admin, NAME).await;
        assert_eq!((&waiting["version"], &waiting["staged"]["version"]), (&json!("1.0.0"), &json!("1.1.0")));
        assert_eq!(waiting["secrets"], json!([{ "name": "api_key", "isSet": true }, { "name": "webhook_secret", "isSet": true }]));
        let approve = "mutation ($hash: String!, $grants: JSON) { approvePlugin(input: { name: \"lyceum/payment-sandbox\", permissionHash: $hash, grants: $grants }) { plugin { version state } } }";
        let grants = json!({ "http": { "hosts": ["http://127.0.0.2:80"] }, "crypto": {}, "secret-ref": { "names": ["api_key"] } });
        let hash = &waiting["staged"]["permissionHash"];
        assert_eq!(app.admin.code(approve, json!({ "hash": "another", "grants": grants })).await, "PLUGIN_CONSENT_REQUIRED");
        let made = app.admin.data(approve, json!({ "hash": hash, "grants": grants })).await;
        assert_eq!(made["approvePlugin"]["plugin"], json!({ "version": "1.1.0", "state": "ENABLED" }));
        let back = does(&app.admin, "rollbackPlugin", "", NAME).await;
        assert_eq!((&back["version"], &back["state"]), (&json!("1.0.0"), &json!("ENABLED")));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_moderator_is_replaced_twenty_times_under_load_and_no_request_fails() {
    each_database(async |place| {
        let app = place.app().with_moderator().start().await;
        let course = app.admin.publishes("course", json!({ "title": "Something to talk of" })).await;
        let (round, posted) = (watch::Sender::new(0), Arc::new(AtomicU64::new(0)));
        let mut clients = Vec::new();
        for n in 0..16 {
            let (member, course) = (app.member(&format!("member{n}")).await, course.clone());
            let (mut rounds, posted) = (round.subscribe(), posted.clone());
            clients.push(tokio::spawn(async move {
                let add = "mutation ($course: ID!) { addComment(input: { subjectId: $course, body: \"A fine lesson.\" }) { comment { state } } }";
                while rounds.changed().await.is_ok() {
                    let made = member.data(add, json!({ "course": course })).await;
                    assert_eq!(made["addComment"]["comment"]["state"], "VISIBLE");
                    posted.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        // Sixteen comments race with each installation.
        for n in 1..=20 {
            round.send_replace(n);
            let component = version("moderation-wordlist", &format!("1.{}.{}", n / 10, n % 10));
            let made = app.admin.data(INSTALL, json!({ "component": component })).await;
            assert_eq!(made["installPlugin"]["plugin"]["state"], "ENABLED", "{made}");
            until("the comments of this round", async || (posted.load(Ordering::Relaxed) == 16 * n).then_some(())).await;
            if n % 8 == 0 {
                // A member may write so many comments in a minute.
                app.clock.advance(Duration::from_secs(61));
            }
        }
        drop(round);
        for client in clients {
            client.await.unwrap();
        }
        let told = status(&app.admin, "lyceum/moderation-wordlist").await;
        assert_eq!((&told["version"], &told["usage"]["failures"]), (&json!("1.2.0"), &json!(0)));
        assert_eq!(told["versions"], json!([{ "version": "1.1.9" }, { "version": "1.1.8" }]));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_uninstalled_is_gone_and_what_others_wait_for_stays() {
    each_database(async |place| {
        let app = place.app().that_sells().with_moderator().start().await;
        let uninstall = "mutation ($name: String!, $force: Boolean) { uninstallPlugin(input: { name: $name, data: DELETE, force: $force }) { name secretsDeleted } }";
        let gone = app.admin.data(uninstall, json!({ "name": "lyceum/moderation-wordlist" })).await;
        assert_eq!(gone["uninstallPlugin"], json!({ "name": "lyceum/moderation-wordlist", "secretsDeleted": 0 }));
        let (_, plan) = app.tier("member", 10, 1000).await;
        app.member("buyer").await.orders("planId", &plan, "k").await;
        let name = json!({ "name": "lyceum/payment-sandbox" });
        let refused = app.admin.error(uninstall, name).await;
        assert_eq!((&refused["extensions"]["code"], &refused["extensions"]["openPayments"]), (&json!("INVALID_STATE"), &json!(1)));
        let forced = app.admin.data(uninstall, json!({ "name": "lyceum/payment-sandbox", "force": true })).await;
        assert_eq!(forced["uninstallPlugin"]["secretsDeleted"], 2);
        assert_eq!(app.admin.data("{ plugins { totalCount } }", json!({})).await["plugins"]["totalCount"], 0);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_compared_and_changes_no_answer() {
    each_database(async |place| {
        let app = place.app().start().await;
        app.admin.publishes("course", json!({ "title": "Something" })).await;
        app.admin.installs("ranking-default", json!({})).await;
        let on = does(&app.admin, "setPluginShadow", "shadow: true", "lyceum/ranking-default").await;
        assert_eq!(on, json!({ "version": "1.0.0", "state": "ENABLED", "shadow": true }));
        for _ in 0..3 {
            let answer = app.admin.data("{ recommendedCourses { rankedBy } }", json!({})).await;
            assert_eq!(answer["recommendedCourses"]["rankedBy"], "default");
            app.app.domains().shadows.settle().await;
        }
        app.app.domains().shadows.flush(&app.app.domains().database).await.unwrap();
        let query = "{ pluginShadowReport(name: \"lyceum/ranking-default\") { reports { active kind report } } }";
        let told = app.admin.data(query, json!({})).await["pluginShadowReport"]["reports"].clone();
        assert_eq!((&told[0]["active"], &told[0]["kind"]), (&json!("default"), &json!("ranking")));
        assert_eq!((&told[0]["report"]["calls"], &told[0]["report"]["failures"]), (&json!(3), &json!(0)));
        let active = does(&app.admin, "enablePlugin", "", "lyceum/ranking-default").await;
        assert_eq!(active["shadow"], false);
        let answer = app.admin.data("{ recommendedCourses { rankedBy } }", json!({})).await;
        assert_eq!(answer["recommendedCourses"]["rankedBy"], "lyceum/ranking-default");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_follows_the_command_line() {
    let story = async |place: &lyceum_tests::Place| {
        if place.name != "SQLite" {
            return;
        }
        let app = place.app().with_ranker().start().await;
        let ranked_by = async || {
            app.admin.data("{ recommendedCourses { rankedBy } }", json!({})).await["recommendedCourses"]["rankedBy"]
                .clone()
        };
        app.admin.publishes("course", json!({ "title": "Something" })).await;
        assert_eq!(ranked_by().await, "lyceum/ranking-default");
        let output = Command::new(env!("CARGO_BIN_EXE_lyceum-under-test"))
            .args(["plugin", "disable", "ranking-default", "--data-dir"])
            .arg(place.directory.path())
            .current_dir(place.directory.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        until("the server to follow", async || (ranked_by().await == "default").then_some(())).await;
        app.stop().await;
    };
    each_database(story).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_uploaded_as_a_file_by_owners_alone() {
    each_database(async |place| {
        let app = place.app().start().await;
        let bytes = std::fs::read(at_root("plugins/components/ranking-default.wasm")).unwrap();
        let (operations, map) = (
            json!({ "query": "mutation ($file: Upload!) { installPlugin(input: { package: $file }) { plugin { name source } } }", "variables": { "file": null } }).to_string(),
            json!({ "0": ["variables.file"] }).to_string(),
        );
        let send = async |person: &Person| {
            let mut body = Vec::new();
            for (name, more, content) in [("operations", "", operations.as_bytes()), ("map", "", map.as_bytes()), ("0", "; filename=\"p.wasm\"", &bytes)] {
                body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n").into_bytes());
                body.extend(content);
                body.extend(b"\r\n");
            }
            body.extend(b"--edge--\r\n");
            let request = person.post("/graphql").header("content-type", "multipart/form-data; boundary=edge").body(body);
            request.send().await.unwrap().text().await.map(|text| serde_json::from_str::<Json>(&text).unwrap()).unwrap()
        };
        assert_eq!(send(&app.visitor()).await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
        assert_eq!(send(&app.member("member").await).await["errors"][0]["extensions"]["code"], "FORBIDDEN");
        let made = send(&app.admin).await;
        assert_eq!(made["data"]["installPlugin"]["plugin"], json!({ "name": "lyceum/ranking-default", "source": "upload" }), "{made}");
        app.stop().await;
    })
    .await;
}
