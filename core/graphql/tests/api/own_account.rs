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
