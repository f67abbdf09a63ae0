//! The fields of a selection set, as the specification's `CollectFields`:
//! fragments opened, `@skip` and `@include` obeyed, equal keys merged.

use async_graphql::{
    Positioned,
    parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet},
};

use crate::inputs::{Variables, substitute};

/// One response key with every place of the document that asks for it.
pub struct Selected<'d> {
    pub key: &'d str,
    pub field: &'d Field,
    sets: Vec<&'d SelectionSet>,
}

/// Where the selections of one object stand.
#[derive(Clone)]
pub struct Selections<'d> {
    document: &'d ExecutableDocument,
    variables: &'d Variables,
    sets: Vec<&'d SelectionSet>,
}

impl<'d> Selections<'d> {
    pub fn new(document: &'d ExecutableDocument, variables: &'d Variables, set: &'d SelectionSet) -> Self {
        Self { document, variables, sets: vec![set] }
    }

    /// The selections below a field.
    pub fn below(&self, selected: &Selected<'d>) -> Self {
        Self { document: self.document, variables: self.variables, sets: selected.sets.clone() }
    }

    pub fn variables(&self) -> &'d Variables {
        self.variables
    }

    /// The fields told of an object of this type. `names` are the names of
    /// the type and of the interfaces and unions it belongs to.
    pub fn fields(&self, names: &[&str]) -> Vec<Selected<'d>> {
        let mut out = Vec::new();
        for set in &self.sets {
            self.collect(set, names, &mut out);
        }
        out
    }

    fn collect(&self, set: &'d SelectionSet, names: &[&str], out: &mut Vec<Selected<'d>>) {
        for item in &set.items {
            let selection = &item.node;
            if !self.included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => push(out, &field.node),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref().map(|c| c.node.on.node.as_str());
                    if condition.is_none_or(|name| names.contains(&name)) {
                        self.collect(&fragment.node.selection_set.node, names, out);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) else { continue };
                    if names.contains(&fragment.node.type_condition.node.on.node.as_str()) {
                        self.collect(&fragment.node.selection_set.node, names, out);
                    }
                }
            }
        }
    }

    fn included(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let flag = || {
                let value = directive.node.get_argument("if").and_then(|v| substitute(&v.node, self.variables));
                value.and_then(|v| v.as_bool()).unwrap_or(false)
            };
            match directive.node.name.node.as_str() {
                "skip" => !flag(),
                "include" => flag(),
                _ => true,
            }
        })
    }
}

fn push<'d>(out: &mut Vec<Selected<'d>>, field: &'d Field) {
    let key = field.response_key().node.as_str();
    let set = &field.selection_set.node;
    match out.iter_mut().find(|known| known.key == key) {
        Some(known) => known.sets.push(set),
        None => out.push(Selected { key, field, sets: vec![set] }),
    }
}

impl<'d> Selected<'d> {
    pub fn name(&self) -> &'d str {
        self.field.name.node.as_str()
    }

    pub fn argument(&self, name: &str) -> Option<&'d async_graphql_value::Value> {
        self.field.get_argument(name).map(|value| &value.node)
    }
}
