//! Fields that plugins add to the API.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use lyceum_domain::plugin::{FailureKind, FieldRequest, FieldResolver, PluginFailure};
use lyceum_kernel::Viewer;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, each_database};

const SDL: &str = r#"
    extend type Course {
        "How loud the title is."
        loud(times: Int! = 1): String @needs(fields: ["title"])
        lengths: [WordsLength!] @needs(fields: ["title"])
    }
    extend type Lesson { size: Int @needs(fields: ["body"]) }
    type WordsLength { "In characters." of: Int! word: String }
"#;

/// Answers from the parents, and remembers how it was asked.
#[derive(Default)]
struct Words {
    asked: Mutex<Vec<(FieldRequest, Vec<Json>)>>,
}

#[async_trait]
impl FieldResolver for Words {
    fn name(&self) -> &str {
        "acme/graphql-words"
    }

    fn sdl(&self) -> &str {
        SDL
    }

    async fn resolve(
        &self,
        request: &FieldRequest,
        parents: &[Json],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        self.asked.lock().unwrap().push((request.clone(), parents.to_vec()));
        Ok(parents.iter().map(|parent| answer(request, parent)).collect())
    }
}

fn answer(request: &FieldRequest, parent: &Json) -> Result<Json, String> {
    let title = parent["title"].as_str().unwrap_or_default();
    match request.field.as_str() {
        "size" => Ok(parent["body"].as_str().map_or(Json::Null, |body| body.len().into())),
        "lengths" => Ok(title.split(' ').map(|w| json!({ "of": w.chars().count(), "word": w, "more": 1 })).collect()),
        _ if title == "Broken" => Err("no\u{7} voice".into()),
        _ if title == "Odd" => Ok(7.into()),
        _ => Ok((title.to_uppercase() + &"!".repeat(request.args["times"].as_u64().unwrap_or(0) as usize)).into()),
    }
}

async fn with_courses(bed: &Bed) -> Arc<Words> {
    let words = Arc::new(Words::default());
    bed.fields.put(vec![words.clone()]);
    for title in ["Rust and more", "Broken", "Odd"] {
        bed.course(json!({ "title": title, "slug": title.to_lowercase().replace(' ', "-") })).await;
    }
    words
}

#[tokio::test]
async fn a_page_of_parents_is_one_call_and_no_further_statement() {
    each_database(async |bed| {
        let words = with_courses(bed).await;
        let plain = bed.statements(&bed.visitor(), "{ courses { nodes { title } } }").await;
        let query = "{ courses(sort: [TITLE_DESC]) { nodes { loud: title again: loud(times: 2) lengths { n: of __typename } id } } }";
        assert_eq!(bed.statements(&bed.visitor(), "{ courses { nodes { title lengths { of } } } }").await, plain);
        words.asked.lock().unwrap().clear();
        let response = bed.ask(&bed.visitor(), query, json!({})).await;
        let nodes = &response["data"]["courses"]["nodes"];
        let keys: Vec<&String> = nodes[0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["loud", "again", "lengths", "id"], "the order of the query");
        assert_eq!(nodes[0]["again"], "RUST AND MORE!!");
        let lengths = json!([4, 3, 4].map(|n| json!({ "n": n, "__typename": "WordsLength" })));
        assert_eq!(nodes[0]["lengths"], lengths);
        let asked = words.asked.lock().unwrap();
        assert_eq!(asked.len(), 2, "one call for each of the two fields");
        assert_eq!((asked[0].1.len(), asked[0].0.args.clone()), (3, json!({ "times": 2 })));
        let fields: Vec<&String> = asked[0].1[0].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["id", "title"], "what it needs, and nothing else");
        assert_eq!(asked[0].0.viewer, None);
    })
    .await;
}

#[tokio::test]
async fn one_failing_parent_is_null_with_an_error_that_names_the_plugin() {
    each_database(async |bed| {
        with_courses(bed).await;
        let query = "{ courses(sort: [TITLE_ASC]) { edges { node { loud(times: 0) } } } }";
        let response = bed.ask(&bed.visitor(), query, json!({})).await;
        let told: Vec<&Json> =
            response["data"]["courses"]["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]["loud"]).collect();
        assert_eq!(told, [&Json::Null, &Json::Null, &json!("RUST AND MORE")]);
        let errors = response["errors"].as_array().unwrap();
        assert_eq!(errors[0]["path"], json!(["courses", "edges", 0, "node", "loud"]));
        assert_eq!(errors[0]["message"], "The plugin has no answer: no voice");
        assert_eq!(errors[0]["extensions"], json!({ "code": "PLUGIN_FAILED", "plugin": "acme/graphql-words" }));
        assert_eq!(errors[1]["extensions"]["kind"], "invalid-output");
        assert_eq!(errors.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_plugin_gets_what_the_viewer_may_see() {
    each_database(async |bed| {
        let words = with_courses(bed).await;
        let course = bed.course(json!({ "title": "Closed", "slug": "closed", "access": "PURCHASE" })).await;
        bed.lesson(json!({ "title": "One", "slug": "one", "courseId": course, "body": "12345" })).await;
        let query = "{ lesson(slug: \"closed/one\") { title size } }";
        let told = bed.data(&bed.visitor(), query, json!({})).await;
        assert_eq!(told["lesson"], json!({ "title": "One", "size": null }));
        let told = bed.data(&bed.admin, query, json!({})).await;
        assert_eq!(told["lesson"]["size"], 5);
        let asked = words.asked.lock().unwrap();
        assert_eq!(asked[0].1[0]["body"], Json::Null);
        assert_eq!(asked[1].0.viewer, Some(format!("user_{}", bed.admin.user.unwrap())));
    })
    .await;
}

#[tokio::test]
async fn fields_come_and_go_with_their_plugin() {
    each_database(async |bed| {
        let query = "{ courses { nodes { loud(times: 1) } } }";
        assert_eq!(bed.code(&bed.visitor(), query, json!({})).await, "GRAPHQL_VALIDATION_FAILED");
        bed.fields.put(vec![Arc::new(Words::default())]);
        bed.data(&bed.visitor(), query, json!({})).await;
        assert!(bed.api.sdl().contains("type WordsLength {"), "introspection tells it");
        bed.fields.put(Vec::new());
        assert_eq!(bed.code(&bed.visitor(), query, json!({})).await, "GRAPHQL_VALIDATION_FAILED");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_argument_and_a_dear_query_are_refused_before_the_plugin_is_asked() {
    each_database(async |bed| {
        let words = with_courses(bed).await;
        let wrong = "{ courses { nodes { loud(times: \"x\") } } }";
        assert_eq!(bed.code(&bed.visitor(), wrong, json!({})).await, "GRAPHQL_VALIDATION_FAILED");
        let field = |n: usize| format!("a{n}: lengths {{ of word }} ");
        let many: String = (0..45).map(field).collect();
        let dear = format!("{{ courses(first: 100) {{ nodes {{ {many} }} }} }}");
        let cheap = "{ courses(first: 100) { nodes { lengths { of word } } } }";
        let cost = bed.ask(&bed.visitor(), cheap, json!({})).await["extensions"]["cost"].as_u64().unwrap();
        assert!(cost >= 1300, "ten, what it needs, and both fields below it, a hundred times: {cost}");
        words.asked.lock().unwrap().clear();
        assert_eq!(bed.code(&bed.visitor(), &dear, json!({})).await, "QUERY_TOO_COSTLY");
        assert_eq!(words.asked.lock().unwrap().len(), 0);
        let refused = bed.ask(&bed.visitor(), &dear.replace("first: 100", "first: 101"), json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "PAGE_TOO_LARGE");
    })
    .await;
}

/// A plugin that takes its time, and knows how often it was asked at once.
#[derive(Default)]
struct Slow {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl FieldResolver for Slow {
    fn name(&self) -> &str {
        "acme/graphql-slow"
    }

    fn sdl(&self) -> &str {
        "extend type Course { double(of: Int! = 1): Int }"
    }

    async fn resolve(
        &self,
        request: &FieldRequest,
        parents: &[Json],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        let double = request.args["of"].as_u64().unwrap_or(0) * 2;
        Ok(parents.iter().map(|_| Ok(double.into())).collect())
    }
}

#[tokio::test]
async fn one_query_takes_four_of_the_hosts_places_at_once() {
    each_database(async |bed| {
        with_courses(bed).await;
        let slow = Arc::new(Slow::default());
        bed.fields.put(vec![slow.clone()]);
        let many: String = (0..12).map(|n| format!("a{n}: double(of: {n}) ")).collect();
        let told =
            bed.data(&bed.visitor(), &format!("{{ courses(first: 1) {{ nodes {{ {many} }} }} }}"), json!({})).await;
        let wanted: serde_json::Map<String, Json> = (0..12).map(|n| (format!("a{n}"), (n * 2).into())).collect();
        assert_eq!(told["courses"]["nodes"][0], Json::Object(wanted));
        assert_eq!(slow.most.load(Ordering::SeqCst), 4);
    })
    .await;
}

/// Remembers for whom it was asked.
#[derive(Default)]
struct Greeter(Mutex<Vec<Option<String>>>);

#[async_trait]
impl FieldResolver for Greeter {
    fn name(&self) -> &str {
        "acme/graphql-greeter"
    }

    fn sdl(&self) -> &str {
        "extend type User { greeting: String } extend type Course { greeting: String }"
    }

    async fn resolve(
        &self,
        request: &FieldRequest,
        parents: &[Json],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        self.0.lock().unwrap().push(request.viewer.clone());
        Ok(parents.iter().map(|_| Ok("hello".into())).collect())
    }
}

#[tokio::test]
async fn a_plugin_is_told_of_the_one_who_has_just_signed_in() {
    each_database(async |bed| {
        let greeter = Arc::new(Greeter::default());
        bed.fields.put(vec![greeter.clone()]);
        let bo = bed.user("bo@example.com", &[]).await;
        let query = "mutation {
            signIn(input: { email: \"bo@example.com\", password: \"correct horse battery\" }) { user { greeting } }
            createCourse(input: { title: \"One\" }) { course { greeting } }
        }";
        let told = bed.data(&bed.admin, query, json!({})).await;
        assert_eq!(told["signIn"]["user"]["greeting"], "hello");
        let global = |viewer: &Viewer| Some(format!("user_{}", viewer.user.unwrap()));
        assert_eq!(*greeter.0.lock().unwrap(), [global(&bo), global(&bed.admin)]);
    })
    .await;
}

/// A plugin that always fails.
struct Dead;

#[async_trait]
impl FieldResolver for Dead {
    fn name(&self) -> &str {
        "acme/graphql-dead"
    }

    fn sdl(&self) -> &str {
        "extend type Course { pulse: Int }"
    }

    async fn resolve(&self, _: &FieldRequest, _: &[Json]) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        Err(PluginFailure {
            plugin: self.name().into(),
            version: "1.0.0".into(),
            world: "graphql field".into(),
            function: "resolve-batch".into(),
            kind: FailureKind::Timeout,
            detail: "it took longer than 500 ms".into(),
        })
    }
}

#[tokio::test]
async fn a_dead_plugin_costs_its_field_and_nothing_else() {
    each_database(async |bed| {
        with_courses(bed).await;
        bed.fields.put(vec![Arc::new(Dead)]);
        let response = bed.ask(&bed.visitor(), "{ courses(first: 1) { nodes { slug pulse } } }", json!({})).await;
        assert_eq!(response["data"]["courses"]["nodes"], json!([{ "slug": "odd", "pulse": null }]));
        let extensions = json!({ "code": "PLUGIN_FAILED", "plugin": "acme/graphql-dead", "kind": "timeout" });
        assert_eq!(response["errors"][0]["extensions"], extensions);
    })
    .await;
}
