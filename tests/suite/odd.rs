//! Odd values: whatever a client sends, it is an answer or a refusal that
//! names the mistake, on both databases, and never a failure on our side.

use std::time::Duration;

use lyceum_tests::{Place, TestApp, code_of, each_database};
use serde_json::{Value as Json, json};

/// What is put in the place of a text.
fn odd_texts() -> Vec<String> {
    let odd = [
        "",
        " ",
        "\0",
        "a\0b",
        "\u{FFFF}",
        "\u{202E}abc",
        "\u{FEFF}",
        "'; DROP TABLE course; --",
        "%_\\",
        "\"",
        "\u{1F600}",
        "-1",
        "9223372036854775808",
        "null",
        "../../etc",
        "course_",
        "course_00000000000000000000000000",
    ];
    let mut texts: Vec<String> = odd.map(str::to_owned).to_vec();
    texts.push("x".repeat(100_000));
    texts.push("字".repeat(5_000));
    texts
}

/// Documents with `$odd: String` (or ID) in every place that takes a text.
const TEXTS: [&str; 30] = [
    "query ($odd: String!) { search(query: $odd) { totalCount } }",
    "query ($odd: String!) { search(query: \"a\", filter: { category: $odd, tags: [$odd] }) { totalCount } }",
    "query ($odd: String!) { course(slug: $odd) { id } }",
    "query ($odd: String!) { lesson(slug: $odd) { id } }",
    "query ($odd: String!) { tier(key: $odd) { id } }",
    "query ($odd: String!) { courses(locale: $odd) { totalCount } }",
    "query ($odd: String!) { courses(after: $odd) { totalCount } }",
    "query ($odd: String!) { courses(filter: { title: { contains: $odd } }) { totalCount } }",
    "query ($odd: String!) { courses(filter: { title: { startsWith: $odd } }) { totalCount } }",
    "query ($odd: String!) { courses(filter: { slug: { in: [$odd] } }) { totalCount } }",
    "query ($odd: String!) { courses(filter: { author: { name: { eq: $odd } } }) { totalCount } }",
    "query ($odd: ID!) { courses(filter: { id: { eq: $odd } }) { totalCount } }",
    "query ($odd: ID!) { node(id: $odd) { id } }",
    "query ($odd: ID!) { order(id: $odd) { id } }",
    "mutation ($odd: String!) { createCourse(input: { title: $odd }) { course { id } } }",
    "mutation ($odd: String!) { createCourse(input: { title: \"t\", slug: $odd }) { course { id } } }",
    "mutation ($odd: String!) { createCourse(input: { title: \"t\", body: $odd, summary: $odd }) { course { id } } }",
    "mutation ($odd: String!) { createCourse(input: { title: \"t\", translations: [{ locale: $odd, title: \"x\" }] }) { course { id } } }",
    "mutation ($odd: String!) { createCourse(input: { title: \"t\", price: { minor: 1, currency: $odd } }) { course { id } } }",
    "mutation ($odd: ID!) { createCourse(input: { title: \"t\", categoryId: $odd, tagIds: [$odd] }) { course { id } } }",
    "mutation ($odd: ID!) { createLesson(input: { title: \"t\", courseId: $odd }) { lesson { id } } }",
    "mutation ($odd: ID!) { publishCourse(input: { id: $odd }) { course { id } } }",
    "mutation ($odd: String!) { createTier(input: { key: $odd, rank: 1, names: [{ locale: \"en\", text: $odd }] }) { tier { id } } }",
    "mutation ($odd: String!) { register(input: { email: $odd, password: $odd, name: $odd }) { user { id } } }",
    "mutation ($odd: String!) { register(input: { email: \"new@example.com\", password: \"correct horse battery\", name: $odd }) { user { id } } }",
    "mutation ($odd: String!) { signIn(input: { email: $odd, password: $odd }) { user { id } } }",
    "mutation ($odd: String!) { refreshSession(input: { refreshToken: $odd }) { user { id } } }",
    "mutation ($odd: String!) { checkout(input: { planId: \"plan_0\", provider: $odd, returnUrl: $odd, idempotencyKey: $odd }) { redirectUrl } }",
    "mutation ($odd: ID!) { addComment(input: { subjectId: $odd, body: \"b\" }) { comment { id } } }",
    "mutation ($odd: String!) { enablePlugin(input: { name: $odd }) { plugin { id } } }",
];

/// As above, for a course that is there.
const ABOUT: [&str; 3] = [
    "mutation ($id: ID!, $odd: String!) { addComment(input: { subjectId: $id, body: $odd }) { comment { id } } }",
    "mutation ($id: ID!, $odd: String!) { addComment(input: { subjectId: $id, body: \"b\", locale: $odd }) { comment { id } } }",
    "mutation ($id: ID!, $odd: JSON) { updateCourse(input: { id: $id, metadata: { odd: $odd } }) { course { metadata } } }",
];

/// Where and with what the server failed.
type Failures = std::sync::Mutex<Vec<String>>;

async fn ask(app: &TestApp, failures: &Failures, document: &str, variables: Json) {
    if code_of(&app.admin.ask(document, variables.clone()).await) == "INTERNAL" {
        let shown: String = variables.to_string().chars().take(60).collect();
        failures.lock().unwrap().push(format!("{document}\n    {shown}"));
    }
}

fn assert_none(failures: Failures, place: &Place) {
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "on {}:\n{}", place.name, failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_makes_the_server_fail() {
    each_database(async |place| {
        let long =
            |config: &mut lyceum::config::Config| config.identity.0.access_token_ttl = Duration::from_secs(86_400);
        let app = place.app().configured(long).start().await;
        let course = app.admin.publishes("course", json!({ "title": "C" })).await;
        let failures = Failures::default();
        for odd in odd_texts() {
            // Nobody may write many comments in one minute.
            app.clock.advance(Duration::from_secs(60));
            for document in TEXTS {
                ask(&app, &failures, document, json!({ "odd": odd })).await;
            }
            for document in ABOUT {
                ask(&app, &failures, document, json!({ "odd": odd, "id": course })).await;
            }
        }
        app.stop().await;
        assert_none(failures, place);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_makes_the_server_fail() {
    const NUMBERS: [&str; 10] = [
        "query ($odd: Int) { courses(first: $odd) { nodes { id } } }",
        "query ($odd: Int) { courses(last: $odd) { nodes { id } } }",
        "query ($odd: Int) { search(query: \"a\", first: $odd) { totalCount } }",
        "query ($odd: Int) { search(query: \"a\", offset: $odd) { totalCount } }",
        "query ($odd: Int) { recommendedCourses(first: $odd) { nodes { id } } }",
        "query ($odd: Long) { search(query: \"a\", filter: { priceMin: $odd, priceMax: $odd }) { totalCount } }",
        "query ($odd: Long) { courses(filter: { price: { lte: $odd, currency: \"CNY\" } }) { totalCount } }",
        "mutation ($odd: Long!) { createCourse(input: { title: \"t\", price: { minor: $odd, currency: \"CNY\" } }) { course { id } } }",
        "mutation ($odd: Decimal) { createCourse(input: { title: \"t\", rating: $odd }) { course { rating } } }",
        "mutation ($odd: Int!) { createTier(input: { key: \"odd\", rank: $odd, names: [{ locale: \"en\", text: \"T\" }] }) { tier { rank } } }",
    ];
    each_database(async |place| {
        let app = place.app().start().await;
        let long =
            [0, 1, -1, 101, i64::from(i32::MAX), i64::from(i32::MIN), i64::from(i32::MAX) + 1, i64::MAX, i64::MIN];
        let numbers =
            long.into_iter().map(Json::from).chain([json!(1.5), json!(1e300), json!(-0.0), json!("12"), json!(true)]);
        let failures = Failures::default();
        for odd in numbers {
            for document in NUMBERS {
                ask(&app, &failures, document, json!({ "odd": odd })).await;
            }
        }
        app.stop().await;
        assert_none(failures, place);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_or_query_makes_the_server_fail() {
    each_database(async |place| {
        let app = place.app().that_sells().start().await;
        for path in [
            "/payments/return/sandbox?merchantRef=%00",
            "/payments/return/sandbox?merchantRef=%FF%FE",
            "/payments/return/%00?merchantRef=a",
            "/payments/return/sandbox",
            "/graphql?query=%00",
            "/graphql?query=%FF",
            "/graphql?query={__typename}&variables={\"a\":\"%00\"}",
        ] {
            let answer = app.visitor().get(path).await;
            assert!(answer.status().as_u16() < 500, "{path}: {}", answer.status());
        }
        for body in [vec![0_u8; 10], vec![0xFF; 10], b"{\"id\":\"\\u0000\"}".to_vec(), vec![b' '; (1 << 20) + 1]] {
            let answer = app.visitor().post("/webhooks/payments/sandbox").body(body).send().await.unwrap();
            assert!(answer.status().is_client_error(), "{}", answer.status());
        }
        app.stop().await;
    })
    .await;
}
