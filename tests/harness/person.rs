//! Somebody who talks to the server over HTTP.

use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value as Json, json};

use crate::app::text;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// A visitor, or somebody with an access token. Clones are the same person.
#[derive(Clone)]
pub struct Person {
    pub http: Client,
    pub address: String,
    pub token: Option<String>,
    pub refresh_token: Option<String>,
    /// `user_…`; empty for a visitor.
    pub id: String,
}

impl Person {
    #[must_use]
    pub fn nobody(address: &str) -> Self {
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { http, address: address.to_owned(), token: None, refresh_token: None, id: String::new() }
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub async fn registered(self, email: &str, name: &str) -> Self {
        let register = "mutation ($email: String!, $password: String!, $name: String!) {
            register(input: { email: $email, password: $password, name: $name }) { accessToken refreshToken user { id } } }";
        let made = self.data(register, json!({ "email": email, "password": PASSWORD, "name": name })).await;
        self.with_session(&made["register"])
    }

    pub async fn signed_in(self, email: &str) -> Self {
        let sign_in = "mutation ($email: String!, $password: String!) {
            signIn(input: { email: $email, password: $password }) { accessToken refreshToken user { id } } }";
        let made = self.data(sign_in, json!({ "email": email, "password": PASSWORD })).await;
        self.with_session(&made["signIn"])
    }

    fn with_session(self, session: &Json) -> Self {
        Self {
            token: Some(text(&session["accessToken"])),
            refresh_token: Some(text(&session["refreshToken"])),
            id: text(&session["user"]["id"]),
            ..self
        }
    }

    /// A request with this person's token.
    pub fn post(&self, path: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.address));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.address)).send().await.unwrap()
    }

    /// The whole answer of a GraphQL request.
    pub async fn ask(&self, query: &str, variables: Json) -> Json {
        let request = self.post("/graphql").json(&json!({ "query": query, "variables": variables }));
        let body = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// The data of a request that must have no error.
    pub async fn data(&self, query: &str, variables: Json) -> Json {
        let answer = self.ask(query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    /// The first error of a request that must have one.
    pub async fn error(&self, query: &str, variables: Json) -> Json {
        let answer = self.ask(query, variables).await;
        assert!(answer["errors"][0].is_object(), "{query} did not fail: {answer}");
        answer["errors"][0].clone()
    }

    /// The code of the first error.
    pub async fn code(&self, query: &str, variables: Json) -> String {
        text(&self.error(query, variables).await["extensions"]["code"])
    }
}

/// The code of an answer's first error, or `ok`.
#[must_use]
pub fn code_of(answer: &Json) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("ok")
}
