//! Rules of the specification that apollo-compiler leaves out: what is inside
//! of lists and input objects, `@oneOf`, and the literals of our own scalars.
//!
//! graphql-js is the judge of what is missing here: see `tests/clients`.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition},
    executable::{ExecutableDocument, Selection, SelectionSet},
    schema::ExtendedType,
    validation::Valid,
};
use lyceum_kernel::Failure;

use super::invalid;
use crate::{coerce::scalar, error::Refused};

/// # Errors
/// GRAPHQL_VALIDATION_FAILED.
pub fn check(schema: &Schema, document: &Valid<ExecutableDocument>) -> Result<(), Refused> {
    for operation in document.operations.iter() {
        let mut rules = Rules { schema, document, variables: &operation.variables, spread: HashSet::new() };
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                rules.value(&variable.ty, false, default)?;
            }
            rules.directives(&variable.directives)?;
        }
        rules.directives(&operation.directives)?;
        rules.selections(&operation.selection_set)?;
    }
    Ok(())
}

/// The rules within one operation.
struct Rules<'d> {
    schema: &'d Schema,
    document: &'d ExecutableDocument,
    variables: &'d [Node<VariableDefinition>],
    /// Fragments that were looked at.
    spread: HashSet<&'d Name>,
}

impl<'d> Rules<'d> {
    fn selections(&mut self, set: &'d SelectionSet) -> Result<(), Failure> {
        for selection in &set.selections {
            self.directives(selection.directives())?;
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.definition.arguments, &field.arguments)?;
                    self.selections(&field.selection_set)?;
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set)?,
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    if self.spread.insert(&fragment.name) {
                        self.directives(&fragment.directives)?;
                        self.selections(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&self, directives: &DirectiveList) -> Result<(), Failure> {
        for directive in directives.iter() {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&definition.arguments, &directive.arguments)?;
            }
        }
        Ok(())
    }

    fn arguments(&self, declared: &[Node<InputValueDefinition>], given: &[Node<Argument>]) -> Result<(), Failure> {
        for argument in given {
            if let Some(definition) = declared.iter().find(|declared| declared.name == argument.name) {
                self.value(&definition.ty, definition.default_value.is_some(), &argument.value)?;
            }
        }
        Ok(())
    }

    /// A value where this type is wanted; `has_default` is the place's own.
    fn value(&self, ty: &Type, has_default: bool, value: &Node<Value>) -> Result<(), Failure> {
        match (&**value, ty) {
            (Value::Variable(name), _) => self.variable(name, ty, has_default),
            (Value::Null, ty) if ty.is_non_null() => {
                Err(self.wrong(format!("A value of the type {ty} must not be null."), value.location()))
            }
            (Value::Null, _) => Ok(()),
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                items.iter().try_for_each(|value| self.value(item, false, value))
            }
            (_, Type::List(item) | Type::NonNullList(item)) => self.value(item, false, value),
            (_, Type::Named(name) | Type::NonNullNamed(name)) => self.named(name, value),
        }
    }

    fn named(&self, name: &Name, value: &Node<Value>) -> Result<(), Failure> {
        match (self.schema.types.get(name), &**value) {
            (Some(ExtendedType::InputObject(object)), Value::Object(fields)) => {
                self.unique(fields)?;
                if object.directives.has("oneOf") {
                    self.one_of(name, fields, value)?;
                }
                for (name, value) in fields {
                    if let Some(field) = object.fields.get(name) {
                        self.value(&field.ty, field.default_value.is_some(), value)?;
                    }
                }
                Ok(())
            }
            (Some(ExtendedType::Scalar(_)), _) => {
                self.known_variables(value)?;
                scalar::literal(name, value).map(drop).map_err(|why| self.wrong(why, value.location()))
            }
            _ => Ok(()),
        }
    }

    fn unique(&self, fields: &[(Name, Node<Value>)]) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        match fields.iter().find(|(name, _)| !seen.insert(name)) {
            None => Ok(()),
            Some((name, _)) => {
                Err(self.wrong(format!("There can be only one input field named \"{name}\"."), name.location()))
            }
        }
    }

    fn one_of(&self, name: &Name, fields: &[(Name, Node<Value>)], value: &Node<Value>) -> Result<(), Failure> {
        let [(field, given)] = fields else {
            let message = format!("Exactly one field of {name} has to be given.");
            return Err(self.wrong(message, value.location()));
        };
        let nullable_variable = |name: &Name| self.defined(name).is_some_and(|variable| !variable.ty.is_non_null());
        match &**given {
            Value::Null => Err(self.wrong(format!("{name}.{field} must not be null."), given.location())),
            Value::Variable(variable) if nullable_variable(variable) => {
                let message = format!("The variable \"${variable}\" has to be non-null to be used for {name}.{field}.");
                Err(self.wrong(message, given.location()))
            }
            _ => Ok(()),
        }
    }

    /// `IsVariableUsageAllowed` of the specification.
    fn variable(&self, name: &Name, wanted: &Type, has_default: bool) -> Result<(), Failure> {
        let Some(variable) = self.defined(name) else {
            return Err(self.wrong(format!("The variable \"${name}\" is not defined."), name.location()));
        };
        let default = variable.default_value.as_ref().is_some_and(|value| !value.is_null());
        let allowed = match wanted.is_non_null() && !variable.ty.is_non_null() {
            true if !default && !has_default => false,
            true => variable.ty.is_assignable_to(&wanted.clone().nullable()),
            false => variable.ty.is_assignable_to(wanted),
        };
        if allowed {
            return Ok(());
        }
        let message =
            format!("The variable \"${name}\" of type \"{}\" is used where \"{wanted}\" is expected.", variable.ty);
        Err(self.wrong(message, name.location()))
    }

    /// Within a value of a scalar of ours variables have no type, but a name.
    fn known_variables(&self, value: &Node<Value>) -> Result<(), Failure> {
        match &**value {
            Value::Variable(name) if self.defined(name).is_none() => {
                Err(self.wrong(format!("The variable \"${name}\" is not defined."), name.location()))
            }
            Value::List(items) => items.iter().try_for_each(|item| self.known_variables(item)),
            Value::Object(fields) => {
                self.unique(fields)?;
                fields.iter().try_for_each(|(_, value)| self.known_variables(value))
            }
            _ => Ok(()),
        }
    }

    fn defined(&self, name: &Name) -> Option<&'d Node<VariableDefinition>> {
        self.variables.iter().find(|variable| variable.name == *name)
    }

    fn wrong(&self, message: String, at: Option<apollo_compiler::parser::SourceSpan>) -> Failure {
        invalid(message, at, &self.document.sources)
    }
}
