//! A grant as the rules of a viewer.

use lyceum_kernel::{Action, Failure, Result, RowScope, Rule, Viewer};
use lyceum_model::{Gate, TypeDef};

use super::{ContentScope, Contents};
use crate::plugin::EntryScope;

/// The content type, if the grant names it. Another one is not there.
pub(super) fn granted_type<'c>(contents: &'c Contents, scope: &ContentScope, name: &str) -> Result<&'c TypeDef> {
    let named = scope.collections.iter().any(|collection| collection == "*" || collection == name);
    if named { contents.content_type(name) } else { Err(Failure::not_found("content type")) }
}

/// Reads what the grant opens. For `own` the rows are chosen by id besides.
pub(super) fn reader(scope: &ContentScope, def: &TypeDef) -> Viewer {
    let rows = match scope.entries {
        EntryScope::Published => RowScope::Published,
        EntryScope::Own | EntryScope::All => RowScope::All,
    };
    let mut rules: Vec<Rule> = scope.collections.iter().map(|name| rule(name, vec![Action::Read], rows)).collect();
    // A lesson is only there when its course is: the course's rows count, its
    // fields stay closed unless they are granted.
    if let Some(parent) = parent(def) {
        rules.push(Rule { fields: Some(Vec::new()), ..rule(parent, vec![Action::Read], rows) });
    }
    Viewer::for_plugin(&scope.plugin, rules)
}

/// Changes entries of the granted types. For `own` the entry is checked besides.
pub(super) fn writer(scope: &ContentScope) -> Viewer {
    let all = [Action::Read, Action::Create, Action::Update, Action::Publish, Action::Delete];
    let rules = scope.collections.iter().map(|name| rule(name, all.to_vec(), RowScope::All)).collect();
    Viewer::for_plugin(&scope.plugin, rules)
}

/// The type that gives the entries of this one their readers.
pub(super) fn parent(def: &TypeDef) -> Option<&str> {
    match &def.gate {
        Some(Gate::Inherit { field }) => def.field(field)?.target(),
        _ => None,
    }
}

fn rule(collection: &str, actions: Vec<Action>, rows: RowScope) -> Rule {
    // Not `*`, which would be people and orders too.
    let subject = if collection == "*" { "content" } else { collection };
    Rule { subject: subject.to_owned(), actions, rows, fields: None }
}
