//! What the provider's answers mean.

use lyceum_sdk::{
    host::{Host, HttpFailure, Request, Response},
    payment::{Account, Error, Provider, Ref, Status},
};
use {{crate}}::Plugin;

struct Answering(u16, &'static str);

impl Host for Answering {
    fn send(&self, _request: &Request) -> Result<Response, HttpFailure> {
        match self.0 {
            0 => Err(HttpFailure::MaybeSent("reset".into())),
            status => Ok(Response { status, headers: Vec::new(), body: self.1.into() }),
        }
    }
}

fn queried(host: &Answering) -> Result<Status, Error> {
    let account = Account { id: "a".into(), live: false, settings: Vec::new() };
    let about = Ref { kind: "payment".into(), merchant_ref: Some("R".into()), provider_ref: None };
    Plugin::query(host, &account, &about, None).map(|view| view.status)
}

#[test]
fn the_state_is_the_providers() {
    assert!(matches!(queried(&Answering(200, "paid")), Ok(Status::Succeeded)));
    assert!(matches!(queried(&Answering(404, "")), Ok(Status::NotFound)));
}

#[test]
fn a_lost_answer_may_have_had_its_effect() {
    assert!(matches!(queried(&Answering(0, "")), Err(Error::Unknown(_))));
}
