//! The names that the API has of its own.

use std::collections::BTreeSet;

use lyceum_model::TypeModel;

use crate::{names::type_names, schema::Definition};

/// What plugins add to.
pub struct Base<'m> {
    pub model: &'m TypeModel,
    /// The names of all types that are there without plugins.
    names: BTreeSet<String>,
}

impl<'m> Base<'m> {
    pub fn new(model: &'m TypeModel, definition: &Definition) -> Self {
        let names = type_names(model, definition).collect();
        Self { model, names }
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::{parse_schema, types::TypeSystemDefinition};

    use super::*;
    use crate::api;

    #[test]
    fn every_type_of_the_schema_is_known() {
        let content = lyceum_model::content::built_in().expect("the built-in content types");
        let model = lyceum_domain::types::model(lyceum_model::content::resolve(&content)).expect("a model");
        let document = parse_schema(api::sdl(&model).expect("a schema")).expect("SDL that parses");
        let base = Base::new(&model, &api::definition(&model));
        let types: Vec<String> = document
            .definitions
            .into_iter()
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(ty) => Some(ty.node.name.node.to_string()),
                _ => None,
            })
            .collect();
        assert!(types.len() > 100, "{}", types.len());
        let unknown: Vec<&String> = types.iter().filter(|name| !base.has(name)).collect();
        assert_eq!(unknown, Vec::<&String>::new());
    }
}
