//! Accounts and sessions over HTTP.

use std::time::Duration;

use lyceum_tests::{PASSWORD, code_of, each_database};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

const ME: &str = "{ me { id } }";
const REFRESH: &str = "mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { accessToken refreshToken user { id } } }";
const SIGN_IN: &str = "mutation ($email: String!, $password: String!) { signIn(input: { email: $email, password: $password }) { user { id } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_is_refused_and_an_expired_one_told_apart() {
    each_database(async |place| {
        let app = place.app().start().await;
        let member = app.member("member").await;
        assert_eq!(member.data(ME, json!({})).await["me"]["id"], member.id.as_str());
        let own = member.token.clone().unwrap();
        let (head, signature) = own.rsplit_once('.').unwrap();
        let swapped: String = signature.chars().rev().collect();
        for bad in ["nonsense", "a.b.c", &format!("{head}."), &format!("{head}.{swapped}")] {
            assert_eq!(member.with_token(bad).code(ME, json!({})).await, "UNAUTHENTICATED", "{bad}");
        }
        app.clock.advance(Duration::from_secs(15 * 60 - 1));
        assert_eq!(member.data(ME, json!({})).await["me"]["id"], member.id.as_str());
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(member.code(ME, json!({})).await, "TOKEN_EXPIRED");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_header_is_bearer_or_nothing() {
    each_database(async |place| {
        let app = place.app().start().await;
        for value in ["Basic YTpi", "Bearer", "token", ""] {
            let request = app.visitor().post("/graphql").header("Authorization", value).json(&json!({ "query": ME }));
            let answer = request.send().await.unwrap();
            // What a visitor may read is answered, and why it is no more than that.
            assert_eq!(answer.status(), StatusCode::OK, "{value}");
            let answer = answer.json::<Json>().await.unwrap();
            assert_eq!((code_of(&answer), &answer["data"]), ("UNAUTHENTICATED", &json!({ "me": null })), "{value}");
        }
        let member = app.member("lower-case").await;
        let value = format!("bearer {}", member.token.as_ref().unwrap());
        let request = app.visitor().post("/graphql").header("Authorization", value).json(&json!({ "query": ME }));
        assert_eq!(request.send().await.unwrap().json::<Json>().await.unwrap()["data"]["me"]["id"], member.id.as_str());
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_session() {
    each_database(async |place| {
        let app = place.app().start().await;
        let member = app.member("member").await;
        let first = member.refresh_token.clone().unwrap();
        let visitor = app.visitor();
        let session = visitor.data(REFRESH, json!({ "token": first })).await["refreshSession"].clone();
        assert_eq!(session["user"]["id"], member.id.as_str());
        // Beyond any patience for a client that lost the first answer.
        app.clock.advance(Duration::from_secs(300));
        assert_eq!(visitor.code(REFRESH, json!({ "token": first })).await, "SESSION_REVOKED");
        assert_eq!(visitor.code(REFRESH, json!({ "token": session["refreshToken"] })).await, "SESSION_REVOKED");
        let access = session["accessToken"].as_str().unwrap();
        assert_eq!(visitor.with_token(access).code(ME, json!({})).await, "SESSION_REVOKED");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_at_once_and_only_that_one() {
    each_database(async |place| {
        let app = place.app().start().await;
        let member = app.member("member").await;
        let elsewhere = app.visitor().signed_in("member@example.com").await;
        assert_eq!(member.data("mutation { signOut { signedOut } }", json!({})).await["signOut"]["signedOut"], true);
        assert_eq!(member.code(ME, json!({})).await, "SESSION_REVOKED");
        assert_eq!(elsewhere.data(ME, json!({})).await["me"]["id"], member.id.as_str());
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_an_account_exists_is_not_told_and_guessing_is_slowed_down() {
    each_database(async |place| {
        let app = place.app().start().await;
        app.member("victim").await;
        let visitor = app.visitor();
        let wrong = json!({ "email": "victim@example.com", "password": "wrong horse battery" });
        let nobody = json!({ "email": "nobody@example.com", "password": "wrong horse battery" });
        let told = visitor.error(SIGN_IN, wrong.clone()).await;
        assert_eq!(told["extensions"]["code"], "INVALID_CREDENTIALS");
        assert_eq!(told, visitor.error(SIGN_IN, nobody).await);
        // After five wrong passwords the right one is taken at once.
        for _ in 0..4 {
            assert_eq!(visitor.code(SIGN_IN, wrong.clone()).await, "INVALID_CREDENTIALS");
        }
        let right = json!({ "email": "victim@example.com", "password": PASSWORD });
        visitor.data(SIGN_IN, right.clone()).await;
        for _ in 0..10 {
            assert_eq!(visitor.code(SIGN_IN, wrong.clone()).await, "INVALID_CREDENTIALS");
        }
        let limited = visitor.error(SIGN_IN, wrong).await;
        let told = json!({ "code": "RATE_LIMITED", "retryAfterSeconds": 1, "limit": 10, "remaining": 0 });
        assert_eq!(limited["extensions"], told);
        app.clock.advance(Duration::from_secs(1));
        visitor.data(SIGN_IN, right).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_from_one_address_are_limited() {
    each_database(async |place| {
        let few = |config: &mut lyceum::config::Config| config.identity.0.register_per_address.tries = 3;
        let app = place.app().configured(few).start().await;
        for n in 0..3 {
            app.member(&format!("member-{n}")).await;
        }
        let register = "mutation { register(input: { email: \"fourth@example.com\", password: \"correct horse battery\", name: \"F\" }) { user { id } } }";
        let limited = app.visitor().error(register, json!({})).await;
        let told = json!({ "code": "RATE_LIMITED", "retryAfterSeconds": 3600, "limit": 3, "remaining": 0 });
        assert_eq!(limited["extensions"], told);
        assert_eq!(app.admin.data("{ users { totalCount } }", json!({})).await["users"]["totalCount"], 4);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_registration_names_the_field_and_makes_nobody() {
    each_database(async |place| {
        let app = place.app().start().await;
        app.member("taken").await;
        let register = "mutation ($email: String!, $password: String!, $name: String!) {
            register(input: { email: $email, password: $password, name: $name }) { user { id } } }";
        for (email, password, name, code, field) in [
            ("no-address", PASSWORD, "N", "BAD_USER_INPUT", "email"),
            ("new@example.com", "short", "N", "BAD_USER_INPUT", "password"),
            ("new@example.com", PASSWORD, "  ", "BAD_USER_INPUT", "name"),
            ("Taken@Example.com", PASSWORD, "N", "CONFLICT", "email"),
        ] {
            let error =
                app.visitor().error(register, json!({ "email": email, "password": password, "name": name })).await;
            assert_eq!(
                error["extensions"],
                json!({ "code": code, "path": ["input", field] }),
                "{email} {password} {name}"
            );
        }
        assert_eq!(app.admin.data("{ users { totalCount } }", json!({})).await["users"]["totalCount"], 2);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_signed_in_before_passes_while_its_network_waits() {
    each_database(async |place| {
        let app = place.app().start().await;
        app.member("victim").await;
        let visitor = app.visitor();
        let sign_in = "mutation ($password: String!, $device: String) {
            signIn(input: { email: \"victim@example.com\", password: $password, deviceToken: $device }) { deviceToken } }";
        let known = visitor.data(sign_in, json!({ "password": PASSWORD })).await["signIn"]["deviceToken"].clone();
        for _ in 0..10 {
            visitor.code(sign_in, json!({ "password": "wrong horse battery" })).await;
        }
        assert_eq!(visitor.code(sign_in, json!({ "password": PASSWORD })).await, "RATE_LIMITED");
        assert_eq!(visitor.code(sign_in, json!({ "password": PASSWORD, "device": "made up" })).await, "RATE_LIMITED");
        let passed = visitor.data(sign_in, json!({ "password": PASSWORD, "device": known })).await;
        assert_eq!(passed["signIn"]["deviceToken"], known);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_and_members_see_people_who_made_something_they_may_read() {
    use lyceum_domain::identity::MemberList;
    each_database(async |place| {
        let app = place.app().start().await;
        let silent = app.member("silent").await;
        let course = app.admin.publishes("course", json!({ "title": "Letters" })).await;
        let comment =
            "mutation ($id: ID!) { addComment(input: { subjectId: $id, body: \"Fine.\" }) { comment { state } } }";
        app.member("speaker").await.data(comment, json!({ "id": course })).await;
        let query =
            "query ($me: ID!) { users(sort: [NAME_ASC]) { totalCount nodes { name email } } user(id: $me) { name }
            course(slug: \"letters\") { author { name } comments { nodes { author { name } } } } }";
        let ask = async |person: &lyceum_tests::Person| person.data(query, json!({ "me": silent.id })).await;
        let named = |seen: &Json| {
            let nodes = seen["users"]["nodes"].as_array().unwrap().clone();
            nodes.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let seen = ask(&app.visitor()).await;
        assert_eq!(
            (named(&seen), &seen["users"]["totalCount"], &seen["user"]),
            (vec!["admin".into(), "speaker".into()], &json!(2), &Json::Null),
            "{seen}"
        );
        assert_eq!(
            seen["course"],
            json!({ "author": { "name": "admin" }, "comments": { "nodes": [{ "author": { "name": "speaker" } }] } })
        );
        let own = ask(&silent).await;
        assert_eq!((named(&own).len(), &own["user"]["name"]), (3, &json!("silent")), "oneself beside them");
        assert_eq!(named(&ask(&app.admin).await).len(), 3);
        app.stop().await;
        let open = |config: &mut lyceum::config::Config| config.identity.0.member_list = MemberList::Visitors;
        let app = place.app().configured(open).start().await;
        assert_eq!(app.visitor().data("{ users { totalCount } }", json!({})).await["users"]["totalCount"], 3);
        app.stop().await;
    })
    .await;
}
