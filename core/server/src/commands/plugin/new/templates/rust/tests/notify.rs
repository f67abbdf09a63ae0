//! What becomes of a message.

use lyceum_sdk::{
    host::{Host, HttpFailure, Request, Response},
    notify::{Delivery, Notifier},
};
use {{crate}}::Plugin;

struct Answering(u16);

impl Host for Answering {
    fn send(&self, _request: &Request) -> Result<Response, HttpFailure> {
        Ok(Response { status: self.0, headers: Vec::new(), body: Vec::new() })
    }
}

fn delivered(status: u16) -> String {
    let delivery = Delivery {
        id: "d1".into(),
        channel: "push".into(),
        address: "device".into(),
        name: None,
        locale: "zh-CN".into(),
        template: "test".into(),
        subject: "你好".into(),
        text: "新课上线".into(),
        values: Vec::new(),
        ext: Vec::new(),
    };
    Plugin::deliver(&Answering(status), &delivery).status
}

#[test]
fn the_services_answer_decides() {
    assert_eq!(delivered(200), "sent");
    assert_eq!(delivered(404), "failed");
    assert_eq!(delivered(503), "retry");
}
