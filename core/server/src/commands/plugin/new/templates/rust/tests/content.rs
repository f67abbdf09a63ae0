//! What may be published.

use lyceum_sdk::{
    content::{Actor, BeforeHooks, Entry, FieldValue, Rejection},
    host::Host,
};
use {{crate}}::Plugin;

struct NoHost;
impl Host for NoHost {}

fn publish(title: &str) -> Result<(), Rejection> {
    let actor = Actor { user: Some("user_1".into()), roles: vec!["author".into()], plugin: None };
    let fields = vec![FieldValue::new("title", title)];
    let entry = Entry { type_name: "lesson".into(), id: None, status: "draft".into(), fields, ext: Vec::new() };
    Plugin::before_publish(&NoHost, &actor, &entry)
}

#[test]
fn an_empty_title_is_refused() {
    let refused = publish("\" \"").expect_err("it is empty");
    assert_eq!(refused.field.as_deref(), Some("title"));
    assert!(publish("\"Tea\"").is_ok());
}
