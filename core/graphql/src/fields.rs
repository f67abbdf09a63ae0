//! The fields of a selection set, as the specification's `CollectFields`:
//! fragments opened, `@skip` and `@include` obeyed, equal keys merged.

use apollo_compiler::{
    Node,
    ast::{Argument, DirectiveList, Value},
    executable::{ExecutableDocument, Field, Selection, SelectionSet},
};
use indexmap::{IndexMap, map::Entry};
use lyceum_kernel::{ErrorCode, Failure, Result};
use serde_json::Value as Json;

use crate::{coerce::Variables, document::location};

/// One response key with every place of the document that asks for it.
pub struct Selected<'d> {
    pub key: &'d str,
    pub field: &'d Node<Field>,
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

    /// Where a field stands in the query, as errors report it.
    pub fn location(&self, selected: &Selected<'d>) -> Option<Json> {
        location(selected.field.location(), &self.document.sources)
    }

    /// The fields selected of an object of this type. `names` are the names of
    /// the type and of the interfaces and unions it belongs to.
    ///
    /// # Errors
    /// GRAPHQL_VALIDATION_FAILED when one key is asked for in two ways.
    pub fn fields(&self, names: &[&str]) -> Result<Vec<Selected<'d>>> {
        let mut collected = Collected { selections: self, names, fields: IndexMap::new(), spread: Vec::new() };
        for set in &self.sets {
            collected.collect(set)?;
        }
        Ok(collected.fields.into_values().collect())
    }

    fn included(&self, directives: &DirectiveList) -> bool {
        let flag = |name: &str| {
            let value = directives.get(name)?.specified_argument_by_name("if")?;
            match &**value {
                Value::Boolean(flag) => Some(*flag),
                Value::Variable(name) => self.variables.get(name.as_str())?.as_bool(),
                _ => None,
            }
        };
        // Validated: a condition that is there has a value.
        let skipped = directives.has("skip") && flag("skip") != Some(false);
        let excluded = directives.has("include") && flag("include") != Some(true);
        !skipped && !excluded
    }
}

struct Collected<'s, 'd> {
    selections: &'s Selections<'d>,
    names: &'s [&'s str],
    fields: IndexMap<&'d str, Selected<'d>>,
    /// Fragments that were opened: each is, once.
    spread: Vec<&'d str>,
}

impl<'d> Collected<'_, 'd> {
    fn collect(&mut self, set: &'d SelectionSet) -> Result<()> {
        for selection in &set.selections {
            if !self.selections.included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => self.put(field)?,
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|name| self.names.contains(&name.as_str())) {
                        self.collect(&fragment.selection_set)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.fragment_name.as_str();
                    let Some(fragment) = self.selections.document.fragments.get(name) else { continue };
                    let opened = self.spread.contains(&name);
                    if !opened && self.names.contains(&fragment.type_condition().as_str()) {
                        self.spread.push(name);
                        self.collect(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, field: &'d Node<Field>) -> Result<()> {
        let key = field.response_key().as_str();
        match self.fields.entry(key) {
            Entry::Vacant(free) => drop(free.insert(Selected { key, field, sets: vec![&field.selection_set] })),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                // apollo-compiler takes lists of different lengths for the same.
                if known.field.name != field.name || !same_arguments(&known.field.arguments, &field.arguments) {
                    let message = format!("The key \"{key}\" is asked for in two ways: give one of them an alias.");
                    return Err(Failure::new(ErrorCode::GraphqlValidationFailed, message));
                }
                known.sets.push(&field.selection_set);
            }
        }
        Ok(())
    }
}

fn same_arguments(one: &[Node<Argument>], other: &[Node<Argument>]) -> bool {
    let given = |argument: &Node<Argument>| {
        other.iter().any(|known| known.name == argument.name && same_value(&known.value, &argument.value))
    };
    one.len() == other.len() && one.iter().all(given)
}

/// The order of fields does not matter, the length of lists does.
fn same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.iter().any(|(known, other)| known == name && same_value(value, other)))
        }
        (one, other) => one == other,
    }
}

impl<'d> Selected<'d> {
    pub fn name(&self) -> &'d str {
        self.field.name.as_str()
    }
}
