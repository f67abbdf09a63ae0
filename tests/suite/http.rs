//! GraphQL over HTTP, and what stands around it.

use lyceum_tests::{TestApp, code_of, each_database};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};

const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";
const PLAIN: &str = "application/json; charset=utf-8";

fn post(app: &TestApp, accept: &str, query: &str) -> RequestBuilder {
    app.visitor().post("/graphql").header("Accept", accept).json(&json!({ "query": query }))
}

fn media(answer: &Response) -> &str {
    answer.headers()["content-type"].to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_media_type_decides_the_status_of_a_refused_request() {
    each_database(async |place| {
        let app = place.app().start().await;
        let (fine, broken, unknown) = ("{ __typename }", "{ __typename", "{ nothingLikeIt }");
        for (accept, query, status, content_type) in [
            ("application/graphql-response+json", fine, 200, GRAPHQL),
            ("application/json", fine, 200, PLAIN),
            ("*/*", fine, 200, PLAIN),
            ("application/graphql-response+json, */*", fine, 200, GRAPHQL),
            ("application/graphql-response+json", broken, 400, GRAPHQL),
            ("application/json", broken, 200, PLAIN),
            ("application/graphql-response+json", unknown, 400, GRAPHQL),
            ("application/json", unknown, 200, PLAIN),
        ] {
            let answer = post(&app, accept, query).send().await.unwrap();
            assert_eq!((answer.status().as_u16(), media(&answer)), (status, content_type), "{accept} {query}");
        }
        let answer = post(&app, "text/html", fine).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_ACCEPTABLE);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_fails_leaves_the_rest_and_the_status_ok() {
    each_database(async |place| {
        let app = place.app().start().await;
        let query = "{ moderationQueue { totalCount } courses { totalCount } }";
        let answer = post(&app, "application/graphql-response+json", query).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Json = answer.json().await.unwrap();
        assert_eq!(code_of(&answer), "UNAUTHENTICATED", "{answer}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_come_by_get_and_mutations_only_by_post() {
    each_database(async |place| {
        let app = place.app().start().await;
        let get = async |parameters: &[(&str, &str)]| {
            app.visitor().http.get(format!("{}/graphql", app.address)).query(parameters).send().await.unwrap()
        };
        let query = "query Two($first: Int!) { courses(first: $first) { totalCount } } query One { __typename }";
        let answer = get(&[("query", query), ("operationName", "Two"), ("variables", "{\"first\":2}")]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.json::<Json>().await.unwrap()["data"], json!({ "courses": { "totalCount": 0 } }));
        let answer = get(&[("query", "mutation { signOut { signedOut } }")]).await;
        assert_eq!(
            (answer.status(), &answer.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
        );
        assert_eq!(code_of(&answer.json::<Json>().await.unwrap()), "METHOD_NOT_ALLOWED");
        for parameters in [&[][..], &[("query", "{ __typename }"), ("variables", "[1]")]] {
            let answer = get(parameters).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{parameters:?}");
            assert_eq!(code_of(&answer.json::<Json>().await.unwrap()), "BAD_REQUEST");
        }
        let put = app.visitor().http.request(Method::PUT, format!("{}/graphql", app.address)).send().await.unwrap();
        assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_request_is_refused_with_its_code() {
    each_database(async |place| {
        let app = place.app().start().await;
        let send = async |content_type: &str, body: String| {
            app.visitor().post("/graphql").header("Content-Type", content_type).body(body).send().await.unwrap()
        };
        for body in ["", "{", "[]", "{}", "{\"query\":1}", "{\"query\":\"{ __typename }\",\"variables\":[]}"] {
            let answer = send("application/json", body.to_owned()).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
            assert_eq!(code_of(&answer.json::<Json>().await.unwrap()), "BAD_REQUEST", "{body}");
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
            let answer = send(content_type, json!({ "query": "{ __typename }" }).to_string()).await;
            assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        }
        // Uploads are for who may manage plugins.
        let answer = send("multipart/form-data", "--x".to_owned()).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let large = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(1 << 20)) }).to_string();
        let answer = send("application/json", large).await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let answer: Json = answer.json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "BODY_TOO_LARGE", "limit": 1 << 20 }));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_and_closed_headers() {
    each_database(async |place| {
        let app = place.app().start().await;
        let with_id = |id: &str| app.visitor().http.get(format!("{}/healthz", app.address)).header("X-Request-Id", id);
        let answer = with_id("proxy-1_A").send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], "proxy-1_A");
        for strange in ["a b", "<script>", &"x".repeat(65)] {
            let answer = with_id(strange).send().await.unwrap();
            assert_eq!(answer.headers()["x-request-id"].len(), 26, "{strange}");
        }
        for path in ["/", "/healthz", "/readyz", "/graphql", "/nowhere", "/payments/return/sandbox"] {
            let answer = app.visitor().get(path).await;
            let headers = answer.headers();
            assert_eq!(headers["x-request-id"].len(), 26, "{path}");
            assert_eq!(
                (&headers["x-content-type-options"], &headers["referrer-policy"]),
                (&"nosniff".parse().unwrap(), &"no-referrer".parse().unwrap()),
                "{path}"
            );
            assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"), "{path}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ide_needs_no_other_server_and_health_is_told() {
    each_database(async |place| {
        let app = place.app().start().await;
        let page = app.visitor().get("/").await;
        assert_eq!(media(&page), "text/html; charset=utf-8");
        let html = page.text().await.unwrap();
        assert!(!html.contains("https://") && !html.contains("src=\"http") && !html.contains("@import"));
        let alive = app.visitor().get("/healthz").await;
        assert_eq!((alive.status(), alive.text().await.unwrap().as_str()), (StatusCode::OK, "ok\n"));
        let ready = app.visitor().get("/readyz").await;
        assert_eq!(ready.status(), StatusCode::OK);
        let checks = json!({ "status": "ready", "checks": { "database": "ok", "schema": "ok", "search": "ok" } });
        assert_eq!(ready.json::<Json>().await.unwrap(), checks);
        assert_eq!(app.visitor().get("/nowhere").await.status(), StatusCode::NOT_FOUND);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_on_our_side_tells_its_request_id_and_nothing_else() {
    use sea_orm::ConnectionTrait as _;
    each_database(async |place| {
        let app = place.app().start().await;
        let write = app.app.domains().database.write().await.unwrap();
        write.connection().execute_unprepared("ALTER TABLE course RENAME TO course_is_lost").await.unwrap();
        write.commit().await.unwrap();
        let request = post(&app, "application/json", "{ courses { totalCount } }").header("X-Request-Id", "id-1");
        let answer: Json = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"], json!({ "code": "INTERNAL", "requestId": "id-1" }));
        assert_eq!(answer["errors"][0]["message"], "Something failed on our side.");
        assert!(!answer.to_string().contains("course_is") && !answer.to_string().contains("table"), "{answer}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_told_in_development_only() {
    each_database(async |place| {
        let app = place.app().start().await;
        let answer = app.visitor().ask("{ courses { totalCount } }", json!({})).await;
        assert_eq!(answer["extensions"]["sql"]["count"], 1);
        app.stop().await;
        let app = place.app().configured(|config| config.dev = false).start().await;
        let answer = app.visitor().ask("{ courses { totalCount } }", json!({})).await;
        assert_eq!(answer["extensions"]["sql"], Json::Null);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_begun_is_answered_when_the_server_stops() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    each_database(async |place| {
        let app = place.app().start().await;
        let address = app.address.strip_prefix("http://").unwrap().to_owned();
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        let body = json!({ "query": "{ courses { totalCount } }" }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 1024];
        // The server asks for the body: the request has begun.
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 100 "));
        let finish = async {
            stream.write_all(body.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let ((), answer) = futures::join!(app.stop(), finish);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("totalCount"), "{answer}");
        assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    })
    .await;
}
