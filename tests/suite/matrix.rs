//! Every root field, asked by everybody. A root field that is missing from the
//! table fails the test, so that nobody adds one without saying who may use it.

use lyceum_model::names::pascal;
use lyceum_tests::{Person, TestApp, code_of, each_database, entry};
use serde_json::{Value as Json, json};

/// Who asks, in the order of the columns. The author acts on what somebody
/// else has written.
const WHO: [&str; 5] = ["nobody", "member", "author", "editor", "admin"];

/// `ok`, `null` or `none` (an empty list) for what may not be seen, or a code.
/// U: `UNAUTHENTICATED`, F: `FORBIDDEN`, N: `NOT_FOUND`, S: `INVALID_STATE`.
const TABLE: &str = include_str!("matrix.txt");

/// Ids of nothing.
const NO_DELIVERY: &str = "plugindelivery_01h455vb4pex5vsknk084sn02q";
const NO_SESSION: &str = "session_01h455vb4pex5vsknk084sn02q";
const NO_RUN: &str = "pluginjobrun_01h455vb4pex5vsknk084sn02q";

/// Actions that end other sessions of the one who asks.
const ENDS_SESSIONS: [&str; 2] = ["changePassword", "signOutEverywhere"];

const CONTENT: [(&str, &str); 5] = [
    ("article", "articles"),
    ("category", "categories"),
    ("course", "courses"),
    ("lesson", "lessons"),
    ("tag", "tags"),
];

/// What the questions are about.
struct Stage {
    app: TestApp,
    people: Vec<Person>,
    customer: Person,
    /// Whose account others manage.
    spare: Person,
    tier: String,
    plan: String,
    order: String,
    comment: String,
    plugin: String,
    /// A published entry of each content type, written by the administrator.
    entries: Vec<(&'static str, String)>,
}

fn input(stage: &[(&'static str, String)], kind: &str) -> Json {
    match kind {
        "category" | "tag" => json!({ "name": format!("A {kind}") }),
        "lesson" => json!({ "title": "A lesson", "position": 1, "courseId": id_of(stage, "course") }),
        _ => json!({ "title": "A title" }),
    }
}

fn id_of(entries: &[(&'static str, String)], kind: &str) -> String {
    entries.iter().find(|(known, _)| *known == kind).map(|(_, id)| id.clone()).unwrap()
}

async fn stage(place: &lyceum_tests::Place) -> Stage {
    let app = place.app().that_sells().with_moderator().start().await;
    let (tier, plan) = app.tier("member", 10, 1000).await;
    let mut entries = Vec::new();
    for kind in ["course", "article", "category", "lesson", "tag"] {
        let id = app.admin.publishes(kind, input(&entries, kind)).await;
        entries.push((kind, id));
    }
    let customer = app.member("customer").await;
    let spare = app.with_role("member", "spare").await;
    let (order, _) = customer.orders("planId", &plan, "k").await;
    let comment = comments(&customer, &id_of(&entries, "course"), "A fine course.").await;
    let plugins = app.admin.data("{ plugins { nodes { id name } } }", json!({})).await;
    let plugin = plugins["plugins"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let people = vec![
        app.visitor(),
        app.member("member").await,
        app.with_role("author", "author").await,
        app.with_role("editor", "editor").await,
        app.admin.clone(),
    ];
    Stage { app, people, customer, spare, tier, plan, order, comment, plugin, entries }
}

async fn comments(person: &Person, course: &str, body: &str) -> String {
    let add =
        "mutation ($id: ID!, $body: String!) { addComment(input: { subjectId: $id, body: $body }) { comment { id } } }";
    person.data(add, json!({ "id": course, "body": body })).await["addComment"]["comment"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

impl Stage {
    /// A query about something that somebody else owns.
    fn query(&self, name: &str) -> (String, Json) {
        let one = |id: &str| (format!("query ($id: ID!) {{ {name}(id: $id) {{ id }} }}"), json!({ "id": id }));
        if let Some((kind, _)) = CONTENT.iter().find(|(kind, _)| *kind == name) {
            return one(&id_of(&self.entries, kind));
        }
        match name {
            "user" => one(&self.customer.id),
            "tier" => one(&self.tier),
            "plan" => one(&self.plan),
            "order" | "node" => one(&self.order),
            "comment" => one(&self.comment),
            "plugin" => one(&self.plugin),
            // Of what is not there yet; `hooks_and_jobs` in core/domain has the rest.
            "pluginDelivery" => one(NO_DELIVERY),
            "pluginJobRun" => one(NO_RUN),
            "pluginStatus" => ("{ pluginStatus(name: \"lyceum/payment-sandbox\") { version } }".to_owned(), json!({})),
            "pluginShadowReport" => (
                "{ pluginShadowReport(name: \"lyceum/payment-sandbox\") { reports { calls: report } } }".to_owned(),
                json!({}),
            ),
            "signInProviders" => ("{ signInProviders { nodes { key } } }".to_owned(), json!({})),
            "mySessions" => ("{ mySessions { nodes { id } } }".to_owned(), json!({})),
            "me" => ("{ me { id } }".to_owned(), json!({})),
            "recommendedCourses" => ("{ recommendedCourses { nodes { id } } }".to_owned(), json!({})),
            "search" => ("{ search(query: \"title\") { totalCount } }".to_owned(), json!({})),
            list => (format!("{{ {list} {{ totalCount }} }}"), json!({})),
        }
    }

    /// A mutation on something that is new for each asker.
    async fn mutation(&self, name: &str, who: usize) -> (String, Json) {
        for (kind, _) in CONTENT {
            for verb in ["create", "update", "publish", "unpublish", "delete"] {
                if name == format!("{verb}{}", pascal(kind)) {
                    return self.on_content(verb, kind).await;
                }
            }
        }
        let unique = format!("{}-{who}", name.to_lowercase());
        let (input, payload) = match name {
            "register" => (
                json!({ "email": format!("{unique}@example.com"), "password": lyceum_tests::PASSWORD, "name": "N" }),
                "expiresAt",
            ),
            "signIn" => (json!({ "email": "customer@example.com", "password": lyceum_tests::PASSWORD }), "expiresAt"),
            "refreshSession" => {
                let session = self.app.visitor().signed_in("customer@example.com").await;
                (json!({ "refreshToken": session.refresh_token }), "expiresAt")
            }
            "createTier" => {
                (json!({ "key": unique, "rank": 50 + who, "names": [{ "locale": "en", "text": "T" }] }), "tier { id }")
            }
            "createPlan" => (
                json!({ "tierId": self.tier, "key": unique, "interval": "YEAR", "price": { "minor": 1, "currency": "CNY" } }),
                "plan { id }",
            ),
            "checkout" => (
                json!({ "planId": self.plan, "provider": "sandbox", "returnUrl": "http://a.example/", "idempotencyKey": unique }),
                "redirectUrl",
            ),
            "refundOrder" => {
                (json!({ "orderId": self.order, "amountMinor": 1, "idempotencyKey": unique }), "refundState")
            }
            "addComment" => {
                (json!({ "subjectId": id_of(&self.entries, "course"), "body": "A fine course." }), "comment { id }")
            }
            "decideModeration" => (json!({ "id": self.held().await, "decision": "REJECT" }), "moderationItem { id }"),
            "installPlugin" => (json!({ "component": lyceum_tests::component("ranking-default") }), "plugin { id }"),
            "enablePlugin" | "disablePlugin" => (json!({ "name": "lyceum/moderation-wordlist" }), "plugin { id }"),
            "configurePlugin" => (json!({ "name": "lyceum/moderation-wordlist", "config": {} }), "plugin { id }"),
            "setPluginGrants" => (json!({ "name": "lyceum/moderation-wordlist", "grants": {} }), "plugin { id }"),
            // It serves already: nothing changes.
            "setPluginShadow" => (json!({ "name": "lyceum/moderation-wordlist", "shadow": false }), "plugin { id }"),
            // Nothing is staged, nothing was replaced, and the open order waits for its provider.
            "approvePlugin" => {
                (json!({ "name": "lyceum/moderation-wordlist", "permissionHash": "none" }), "plugin { id }")
            }
            "discardStagedPlugin" | "rollbackPlugin" => {
                (json!({ "name": "lyceum/moderation-wordlist" }), "plugin { id }")
            }
            "uninstallPlugin" => (json!({ "name": "lyceum/payment-sandbox", "data": "KEEP" }), "name"),
            "setPluginSecret" => {
                (json!({ "name": "lyceum/payment-sandbox", "secret": "api_key", "value": "v" }), "plugin { id }")
            }
            "replayPluginDelivery" => (json!({ "id": NO_DELIVERY }), "pluginDelivery { id }"),
            "discardPluginDelivery" => (json!({ "id": NO_DELIVERY }), "deletedId"),
            "runPluginJob" => (json!({ "plugin": "lyceum/moderation-wordlist", "job": "none" }), "pluginJobRun { id }"),
            "cancelPluginJobRun" => (json!({ "id": NO_RUN }), "pluginJobRun { id }"),
            // No code is known, and no provider is installed.
            "updateProfile" => (json!({ "bio": unique }), "user { id }"),
            "disableUser" | "enableUser" => (json!({ "userId": self.spare.id }), "user { id }"),
            "setUserRoles" => (json!({ "userId": self.spare.id, "roles": ["author"] }), "user { id } roles"),
            "changeEmail" => {
                (json!({ "email": format!("{unique}@example.com"), "currentPassword": lyceum_tests::PASSWORD }), "sent")
            }
            "confirmEmailChange" => (json!({ "token": "none" }), "user { id }"),
            "changePassword" => (
                json!({ "currentPassword": lyceum_tests::PASSWORD, "newPassword": "another horse battery" }),
                "passwordSet",
            ),
            "verifyEmail" => (json!({ "token": "none" }), "verified"),
            "resetPassword" => (json!({ "token": "none", "password": lyceum_tests::PASSWORD }), "passwordSet"),
            "requestPasswordReset" => (json!({ "email": format!("{unique}@example.com") }), "sent"),
            "beginSignIn" => (json!({ "provider": "none", "redirectUri": "http://127.0.0.1/" }), "url"),
            "completeSignIn" => {
                (json!({ "provider": "none", "params": [], "state": "s", "attempt": "a" }), "expiresAt")
            }
            "testNotification" => (json!({ "channel": "mail", "address": "a@example.com" }), "carrier"),
            "requestEmailVerification" => {
                return ("mutation { requestEmailVerification { sent } }".to_owned(), json!({}));
            }
            "signOutEverywhere" => return ("mutation { signOutEverywhere { endedSessions } }".to_owned(), json!({})),
            "endSession" => (json!({ "id": NO_SESSION }), "ended"),
            "signOut" => return ("mutation { signOut { signedOut } }".to_owned(), json!({})),
            other => panic!("{other}: say in matrix.rs how this mutation is called, and in matrix.txt who may"),
        };
        let document = format!("mutation ($input: {}Input!) {{ {name}(input: $input) {{ {payload} }} }}", pascal(name));
        (document, json!({ "input": input }))
    }

    async fn on_content(&self, verb: &str, kind: &str) -> (String, Json) {
        let name = pascal(kind);
        let input = match verb {
            "create" => input(&self.entries, kind),
            "publish" => json!({ "id": entry(&self.app.admin, kind, input(&self.entries, kind)).await }),
            _ => json!({ "id": self.app.admin.publishes(kind, input(&self.entries, kind)).await }),
        };
        let payload = if verb == "delete" { "deletedId".to_owned() } else { format!("{kind} {{ id }}") };
        (
            format!(
                "mutation ($input: {}{name}Input!) {{ {verb}{name}(input: $input) {{ {payload} }} }}",
                pascal(verb)
            ),
            json!({ "input": input }),
        )
    }

    /// An item that waits for a moderator.
    async fn held(&self) -> String {
        comments(&self.customer, &id_of(&self.entries, "course"), "我的微信是 lyceum12345，欢迎交流").await;
        let queue = self.app.admin.data("{ moderationQueue(last: 1) { nodes { id } } }", json!({})).await;
        queue["moderationQueue"]["nodes"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("nothing is held: {queue}"))
            .to_owned()
    }

    /// Somebody with the same roles, whose sessions nobody needs afterwards.
    async fn twin(&self, name: &str, who: usize) -> Person {
        self.app.with_role(WHO[who], &format!("{}-{}", name.to_lowercase(), WHO[who])).await
    }

    async fn outcome(&self, operation: &str, name: &str, who: usize) -> String {
        let (document, variables) = match operation {
            "query" => self.query(name),
            _ => self.mutation(name, who).await,
        };
        let mut person = self.people[who].clone();
        if name == "signOut" && person.token.is_some() {
            // The session that ends is one of its own.
            person = self.app.visitor().signed_in(&format!("{}@example.com", WHO[who])).await;
        }
        if ENDS_SESSIONS.contains(&name) && person.token.is_some() {
            person = self.twin(name, who).await;
        }
        let answer = person.ask(&document, variables).await;
        let told = &answer["data"][name];
        match code_of(&answer) {
            "ok" if told.is_null() => "null",
            "ok" if told["totalCount"] == 0 && name != "search" => "none",
            "UNAUTHENTICATED" => "U",
            "FORBIDDEN" => "F",
            "NOT_FOUND" => "N",
            "INVALID_STATE" => "S",
            other => other,
        }
        .to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_root_field_stands_in_the_table_and_does_what_it_says() {
    each_database(async |place| {
        let stage = stage(place).await;
        let (queries, mutations) = stage.app.app.api().operations();
        let fields =
            queries.iter().map(|name| ("query", *name)).chain(mutations.iter().map(|name| ("mutation", *name)));
        let mut found = String::new();
        for (operation, name) in fields {
            let mut line = format!("{operation} {name}");
            for who in 0..WHO.len() {
                line += " ";
                line += &stage.outcome(operation, name, who).await;
            }
            found += &line;
            found += "\n";
        }
        let wanted: Vec<String> =
            TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let missing: Vec<&str> = found.lines().filter(|line| !wanted.contains(&(*line).to_owned())).collect();
        let gone: Vec<&String> = wanted.iter().filter(|line| !found.lines().any(|known| known == *line)).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "found on {}, and not in the table:\n{}\n\nin the table, and not found:\n{gone:#?}",
            place.name,
            missing.join("\n")
        );
        stage.app.stop().await;
    })
    .await;
}

/// The names that are a contract, beside those of the content types.
const CONTRACT: &str =
    "register signIn refreshSession signOut me search createTier createPlan tiers checkout order addComment
    moderationQueue decideModeration recommendedCourses installPlugin enablePlugin disablePlugin plugins node";

#[test]
fn the_names_of_the_contract_are_there() {
    let names: Vec<String> =
        TABLE.lines().filter_map(|line| line.split_whitespace().nth(1)).map(str::to_owned).collect();
    let verbs = ["create", "update", "delete", "publish", "unpublish"];
    let content = CONTENT.iter().flat_map(|(kind, plural)| {
        let mutations = verbs.map(|verb| format!("{verb}{}", pascal(kind)));
        mutations.into_iter().chain([(*kind).to_owned(), (*plural).to_owned()])
    });
    for name in CONTRACT.split_whitespace().map(str::to_owned).chain(content) {
        assert!(names.contains(&name), "{name} is gone");
    }
}
