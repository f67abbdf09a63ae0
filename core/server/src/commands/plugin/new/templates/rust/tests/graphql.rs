//! What the field says.

use lyceum_sdk::{
    graphql::{FieldResolver, Request},
    host::Host,
};
use {{crate}}::Plugin;

struct NoHost;
impl Host for NoHost {}

#[test]
fn each_lesson_has_its_own_answer() {
    let request = Request {
        type_name: "Lesson".into(),
        field: "textLength".into(),
        args: "{}".into(),
        locale: "en".into(),
        viewer: None,
        ext: Vec::new(),
    };
    let answer = |parent: &str| Plugin::resolve(&NoHost, &request, parent).expect("an answer");
    assert_eq!(answer(r#"{"id":"a","body":"茶 tea"}"#), "5");
    assert_eq!(answer(r#"{"id":"b","body":null}"#), "null");
}
