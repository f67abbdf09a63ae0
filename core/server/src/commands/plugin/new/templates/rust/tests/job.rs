//! How the job goes on.

use lyceum_sdk::{
    host::Host,
    job::{Input, Job},
};
use {{crate}}::Plugin;

struct NoHost;
impl Host for NoHost {}

#[test]
fn it_counts_to_three_in_three_steps() {
    let (id, name) = ("r1".into(), "count".into());
    let input = Input { id, name, payload: "{}".into(), attempt: 1, due_ms: 0, ext: Vec::new() };
    let mut resume = None;
    for state in ["continue", "continue", "done"] {
        let outcome = Plugin::run(&NoHost, &input, resume.as_deref()).expect("a step");
        assert_eq!(outcome.state, state);
        resume = outcome.resume;
    }
}
