//! What people read and change of their own account over the API.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, each_database};

/// Code and path of the only error of a response.
fn refusal(response: &Json) -> (String, String) {
    let extensions = &response["errors"][0]["extensions"];
    let path = extensions["path"].as_array().into_iter().flatten().filter_map(Json::as_str).collect::<Vec<_>>();
    (extensions["code"].as_str().unwrap_or("none").to_owned(), path.join("."))
}

const SESSIONS: &str = "{ mySessions { nodes { id createdAt lastUsedAt expiresAt userAgent current } } }";
const END: &str = "mutation ($id: ID!) { endSession(input: { id: $id }) { ended } }";

async fn signs_in(bed: &Bed, email: &str) -> Json {
    let sign_in = "mutation ($email: String!) { signIn(input: { email: $email, password: \"correct horse battery\" }) { refreshToken } }";
    bed.data(&bed.visitor(), sign_in, json!({ "email": email })).await
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner() {
    each_database(async |bed| {
        let ana = bed.user("ana@example.com", &[]).await;
        signs_in(bed, "ana@example.com").await;
        let sessions = bed.data(&ana, SESSIONS, json!({})).await["mySessions"]["nodes"].clone();
        let current: Vec<bool> = sessions.as_array().unwrap().iter().map(|s| s["current"] == true).collect();
        assert_eq!(current.iter().filter(|current| **current).count(), 1, "{sessions}");
        assert_eq!(current.len(), 2);
        let other = sessions.as_array().unwrap().iter().find(|s| s["current"] == false).unwrap()["id"].clone();
        let refused = bed.ask(&bed.admin, END, json!({ "id": other })).await;
        assert_eq!(refusal(&refused), ("NOT_FOUND".to_owned(), "input.id".to_owned()));
        let wrong = bed.ask(&ana, END, json!({ "id": "user_1" })).await;
        assert_eq!(refusal(&wrong), ("BAD_USER_INPUT".to_owned(), "input.id".to_owned()));
        for _ in 0..2 {
            assert_eq!(bed.data(&ana, END, json!({ "id": other })).await["endSession"]["ended"], true);
        }
        let everywhere = "mutation { signOutEverywhere { endedSessions } }";
        assert_eq!(bed.data(&ana, everywhere, json!({})).await["signOutEverywhere"]["endedSessions"], 1);
        assert_eq!(bed.code(&bed.visitor(), SESSIONS, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

const UPDATE: &str = "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { user { name bio links locale timeZone email } } }";

#[tokio::test]
async fn a_profile_is_read_as_it_was_changed_and_others_read_less_of_it() {
    each_database(async |bed| {
        let ana = bed.user("ana@example.com", &["author"]).await;
        let links = json!([{ "label": "Home", "url": "https://example.com/" }]);
        let input = json!({ "name": "Ana", "bio": "Bio", "links": links, "locale": "zh-CN", "timeZone": "Asia/Shanghai" });
        let user = bed.data(&ana, UPDATE, json!({ "input": input })).await["updateProfile"]["user"].clone();
        let all = json!({ "name": "Ana", "bio": "Bio", "links": links, "locale": "zh-CN", "timeZone": "Asia/Shanghai", "email": "ana@example.com" });
        assert_eq!(user, all);
        let create = "mutation { createCourse(input: { title: \"c\", slug: \"c\" }) { course { id } } }";
        let id = bed.data(&ana, create, json!({})).await["createCourse"]["course"]["id"].clone();
        let publish = "mutation ($id: ID!) { publishCourse(input: { id: $id }) { course { id } } }";
        bed.data(&ana, publish, json!({ "id": id })).await;
        let read = "{ course(slug: \"c\") { author { name bio links locale timeZone email } } }";
        let seen = bed.data(&bed.visitor(), read, json!({})).await["course"]["author"].clone();
        let public = json!({ "name": "Ana", "bio": "Bio", "links": links, "locale": null, "timeZone": null, "email": null });
        assert_eq!(seen, public);
        let cleared = bed.data(&ana, UPDATE, json!({ "input": { "bio": null, "links": null, "timeZone": null } })).await;
        let user = &cleared["updateProfile"]["user"];
        assert_eq!([&user["bio"], &user["links"], &user["timeZone"]], [&Json::Null; 3]);
        assert_eq!([&user["name"], &user["locale"]], ["Ana", "zh-CN"]);
    })
    .await;
}

#[tokio::test]
async fn a_profile_is_refused_at_the_field_that_is_wrong() {
    each_database(async |bed| {
        let ana = bed.user("ana@example.com", &[]).await;
        for (input, path) in [
            (json!({ "name": null }), "input.name"),
            (json!({ "locale": null }), "input.locale"),
            (json!({ "locale": "xx" }), "input.locale"),
            (json!({ "timeZone": "Mars/Base" }), "input.timeZone"),
            (json!({ "links": [{ "label": "x", "url": "javascript:alert(1)" }] }), "input.links.0.url"),
        ] {
            let refused = bed.ask(&ana, UPDATE, json!({ "input": input })).await;
            assert_eq!(refusal(&refused), ("BAD_USER_INPUT".to_owned(), path.to_owned()), "{refused}");
        }
    })
    .await;
}
