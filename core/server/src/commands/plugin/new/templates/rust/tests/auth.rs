//! Who signs in.

use lyceum_sdk::{
    auth::{AuthProvider, Callback},
    host::{Host, HttpFailure, Request, Response},
};
use {{crate}}::Plugin;

struct Knows;

impl Host for Knows {
    fn send(&self, _request: &Request) -> Result<Response, HttpFailure> {
        Ok(Response { status: 200, headers: Vec::new(), body: b"person-7".to_vec() })
    }
}

#[test]
fn who_came_back_is_asked_at_the_provider() {
    let callback = Callback {
        params: vec![("code".into(), "x".into())],
        redirect_uri: String::new(),
        nonce: "n".into(),
        code_verifier: "v".into(),
        keep: String::new(),
    };
    assert_eq!(Plugin::complete(&Knows, &callback).expect("an identity").subject, "person-7");
}
