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
        for _ in 0..4 {
            assert_eq!(visitor.code(SIGN_IN, wrong.clone()).await, "INVALID_CREDENTIALS");
        }
        let limited = visitor.error(SIGN_IN, wrong).await;
        assert_eq!(limited["extensions"], json!({ "code": "RATE_LIMITED", "retryAfterSeconds": 900 }));
        // The right password waits too, and is let in after that time.
        let right = json!({ "email": "victim@example.com", "password": PASSWORD });
        assert_eq!(visitor.code(SIGN_IN, right.clone()).await, "RATE_LIMITED");
        app.clock.advance(Duration::from_secs(901));
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
        assert_eq!(limited["extensions"], json!({ "code": "RATE_LIMITED", "retryAfterSeconds": 3600 }));
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
