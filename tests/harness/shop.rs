//! What authors write and buyers buy, over the API.

use lyceum_model::names::pascal;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::{Person, TestApp, app::text};

/// Makes a draft of a content type; returns its id.
pub async fn entry(author: &Person, kind: &str, input: Json) -> String {
    let name = pascal(kind);
    let create =
        format!("mutation ($input: Create{name}Input!) {{ create{name}(input: $input) {{ {kind} {{ id }} }} }}");
    text(&author.data(&create, json!({ "input": input })).await[format!("create{name}")][kind]["id"])
}

/// Publishes what was made.
pub async fn publish(editor: &Person, kind: &str, id: &str) {
    let name = pascal(kind);
    let publish = format!("mutation ($id: ID!) {{ publish{name}(input: {{ id: $id }}) {{ {kind} {{ status }} }} }}");
    editor.data(&publish, json!({ "id": id })).await;
}

impl Person {
    /// Makes and publishes an entry; returns its id.
    pub async fn publishes(&self, kind: &str, input: Json) -> String {
        let id = entry(self, kind, input).await;
        publish(self, kind, &id).await;
        id
    }

    /// The whole answer of a checkout; `what` is `planId` or `courseId`.
    pub async fn checks_out(&self, what: &str, id: &str, key: &str) -> Json {
        let checkout = format!(
            "mutation ($id: ID!, $key: String!) {{ checkout(input: {{ {what}: $id, provider: \"sandbox\",
                returnUrl: \"http://localhost:3000/thanks\", idempotencyKey: $key }})
                {{ redirectUrl order {{ id state amount {{ minor currency }} }} }} }}"
        );
        self.ask(&checkout, json!({ "id": id, "key": key })).await
    }

    /// Places an order; returns its id and the address of the pay page.
    pub async fn orders(&self, what: &str, id: &str, key: &str) -> (String, String) {
        let answer = self.checks_out(what, id, key).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        let made = &answer["data"]["checkout"];
        (text(&made["order"]["id"]), text(&made["redirectUrl"]))
    }

    /// Presses a button on the pay page; returns where the buyer is sent.
    pub async fn presses(&self, pay_page: &str, action: &str, delivery: &str) -> String {
        let form = [("action", action), ("deliver", delivery)];
        let answer = self.http.post(pay_page).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Orders and pays; returns the order's id.
    pub async fn buys(&self, app: &TestApp, what: &str, id: &str, key: &str) -> String {
        let (order, pay_page) = self.orders(what, id, key).await;
        self.presses(&pay_page, "pay", "normal").await;
        app.gateway().switches.wait_idle().await;
        assert_eq!(self.order_state(&order).await, "PAID");
        order
    }

    pub async fn order_state(&self, order: &str) -> String {
        text(
            &self.data("query ($id: ID!) { order(id: $id) { state } }", json!({ "id": order })).await["order"]["state"],
        )
    }

    /// Whether the gated fields of a course are open.
    pub async fn may_read(&self, course: &str) -> bool {
        let query = "query ($id: ID!) { course(id: $id) { access { granted } } }";
        self.data(query, json!({ "id": course })).await["course"]["access"]["granted"] == true
    }
}
