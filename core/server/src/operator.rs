//! The operator at the machine: may do everything.

use std::sync::Arc;

use lyceum_kernel::{Action, Id, RowScope, Rule, Rules, Viewer};

/// A viewer with every right, acting as `user` when one is named.
pub(crate) fn operator(user: Option<Id>) -> Viewer {
    use Action::{Create, Delete, Manage, Moderate, Publish, Read, Update};
    let actions = vec![Read, Create, Update, Delete, Publish, Moderate, Manage];
    let all = Rule { subject: "*".to_owned(), actions, rows: RowScope::All, fields: None };
    Viewer { user, roles: vec!["admin".to_owned()], rules: Arc::new(Rules::new(vec![all])), ..Viewer::default() }
}
