//! Whether what a plugin adds fits the API, asked before it is put in place.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::plugin::{Addition, AdditionCheck, FieldRequest, FieldResolver, PluginFailure};
use lyceum_model::TypeModel;
use serde_json::Value as Json;

use super::{Additions, names::Base};
use crate::{
    api,
    schema::{Compiled, Definition},
};

/// The API of one model, as far as plugins add to it.
pub struct FieldCheck {
    model: Arc<TypeModel>,
    definition: Definition,
}

impl FieldCheck {
    #[must_use]
    pub fn new(model: Arc<TypeModel>) -> Self {
        let definition = api::definition(&model);
        Self { model, definition }
    }
}

impl AdditionCheck for FieldCheck {
    fn fits(&self, addition: &Addition, beside: &[Addition]) -> Result<(), String> {
        let (base, mut all) = (Base::new(&self.model, &self.definition), Additions::default());
        for other in beside {
            // One that does not fit itself is in nobody's way: it adds nothing.
            drop(all.take(&base, &unasked(other)));
        }
        all.take(&base, &unasked(addition))?;
        // What no rule above has foreseen.
        let built = Compiled::new(&self.model, &self.definition, &all);
        built.map(drop).map_err(|error| format!("the schema is not valid with it: {error}"))
    }
}

/// Declares, and is never asked.
struct Unasked(Addition);

fn unasked(addition: &Addition) -> Arc<dyn FieldResolver> {
    Arc::new(Unasked(addition.clone()))
}

#[async_trait]
impl FieldResolver for Unasked {
    fn name(&self) -> &str {
        &self.0.plugin
    }

    fn sdl(&self) -> &str {
        &self.0.sdl
    }

    async fn resolve(&self, _: &FieldRequest, parents: &[Json]) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        Ok(parents.iter().map(|_| Ok(Json::Null)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGIN: &str = "acme/graphql-reading-time";

    fn addition(plugin: &str, sdl: &str) -> Addition {
        Addition { plugin: plugin.into(), sdl: sdl.into() }
    }

    fn check() -> FieldCheck {
        let content = lyceum_model::content::built_in().expect("the built-in content types");
        let model = lyceum_domain::types::model(lyceum_model::content::resolve(&content)).expect("a model");
        FieldCheck::new(Arc::new(model))
    }

    #[test]
    fn nullable_fields_and_types_with_the_plugins_name_are_taken() {
        let sdl = r#"
            extend type User { "Minutes." minutes(words: Int! = 200): Int @needs(fields: ["name"]) stats: [ReadingTimeStats!] }
            extend type Lesson { minutes: Int }
            type ReadingTimeStats { minutes: Int! kind: ReadingTimeKind }
            enum ReadingTimeKind { SHORT LONG }
        "#;
        assert_eq!(check().fits(&addition(PLUGIN, sdl), &[]), Ok(()));
    }

    #[test]
    fn what_does_not_fit_says_why_and_what_to_do() {
        let check = check();
        for (sdl, why) in [
            ("extend type User {", "does not parse"),
            ("extend type Nobody { a: Int }", "no type of the model: the types are"),
            ("extend type User { name: String }", "`User.name` is there already: give the field another name"),
            ("extend type User { id: ID }", "is there already"),
            ("extend type User { a: Int a: Int }", "`User.a` twice"),
            ("extend type User { a: Int! }", "must be nullable"),
            ("extend type User { a: Int @needs(fields: [\"passwordHash\"]) }", "no field with a value"),
            ("extend type User { a: Int @deprecated }", "the only directive"),
            ("extend type User { a(b: JSON): Int }", "an argument is"),
            ("extend type User { a(b: Int, b: Int): Int }", "`b` twice"),
            ("extend type User { a: Course }", "neither of its own"),
            ("type Stats { a: Int }", "must begin with `ReadingTime`"),
            ("type ReadingTimeX { a: Int } type ReadingTimeX { b: Int }", "`ReadingTimeX` twice"),
            ("type ReadingTimeX { a: Int } enum ReadingTimeX { A }", "`ReadingTimeX` twice"),
            ("type ReadingTimeX { a: Int a: Int }", "`ReadingTimeX.a` twice"),
            ("type ReadingTimeX { a(b: Int): Int }", "`ReadingTimeX.a` has arguments or directives"),
            ("type ReadingTimeX { a: Int @needs(fields: [\"b\"]) }", "`ReadingTimeX.a` has arguments or directives"),
            ("type ReadingTimeX implements Node { id: ID! }", "implements `Node`"),
            ("type ReadingTimeX", "has no fields"),
            ("enum ReadingTimeX", "has no values"),
            ("type ReadingTimeX { __a: Int }", "two underscores"),
            ("extend type Query { a: Int }", "no type of the model"),
            ("scalar ReadingTimeX", "nothing else"),
            ("directive @x on FIELD", "may only have"),
        ] {
            let error = check.fits(&addition(PLUGIN, sdl), &[]).expect_err(sdl);
            assert!(error.contains(why), "{sdl}: {error}");
        }
    }

    #[test]
    fn a_type_of_the_api_is_not_replaced() {
        let error = check().fits(&addition("acme/plugin", "type PluginUsage { calls: Int }"), &[]);
        assert_eq!(error, Err("the type `PluginUsage` is there already: give it another name".into()));
    }

    #[test]
    fn what_another_plugin_adds_is_not_added_again() {
        let (check, sdl) = (check(), "extend type User { a: Int }");
        let other = addition("other/words", sdl);
        let clash = "`User.a` is added by other/words already: give the field another name, or disable that plugin";
        assert_eq!(check.fits(&addition(PLUGIN, sdl), std::slice::from_ref(&other)), Err(clash.into()));
        let types = addition("other/reading-time", "type ReadingTimeX { a: Int }");
        let clash = "the type `ReadingTimeX` is added by other/reading-time already: give it another name, or disable that plugin";
        assert_eq!(check.fits(&addition(PLUGIN, "enum ReadingTimeX { A }"), &[other, types]), Err(clash.into()));
        let broken = addition("other/words", "extend type User { a: Int! }");
        assert_eq!(check.fits(&addition(PLUGIN, sdl), &[broken]), Ok(()));
    }

    #[test]
    fn a_hundred_fields_are_the_most() {
        let fields = |count: usize| {
            let fields: String = (0..count).map(|n| format!("a{n}: Int ")).collect();
            check().fits(&addition(PLUGIN, &format!("type ReadingTimeX {{ {fields} }}")), &[])
        };
        assert_eq!(fields(99), Ok(()));
        assert_eq!(fields(100), Err("it adds more than 100 fields and types".into()));
    }
}
