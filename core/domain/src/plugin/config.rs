//! A plugin's configuration against its JSON Schema.
//!
//! **Invariant:** no schema reaches outside itself, and none expands to more
//! than [`EXPANDED`] parts: checking a configuration has an end.
//! **Invariant:** a secret never stands in the configuration. A property with
//! `"secret": true` is a string that the owner sets as a secret of the same name.

use std::{collections::BTreeMap, fmt};

use jsonschema::PatternOptions;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Parts of a schema once every `$ref` in it is written out.
const EXPANDED: usize = 10_000;
/// Bytes of a compiled `pattern`.
const PATTERN_BYTES: usize = 1 << 20;
const SECRET: &str = "secret";

/// One wrong place of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// A JSON pointer; empty for the whole.
    pub path: String,
    pub message: String,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

/// Whether this is a schema that a plugin may bring.
///
/// # Errors
/// What is wrong with it and what to write instead.
pub fn check_schema(schema: &Value) -> Result<(), String> {
    if schema.get("type") != Some(&json!("object")) {
        return Err("the schema must say `\"type\": \"object\"`: a configuration is an object".into());
    }
    Expansion { root: schema, known: BTreeMap::new(), within: Vec::new() }.size(schema)?;
    secrets_stand_on_top(schema)?;
    compiled(&without_secrets(schema)).map(|_| ())
}

/// Whether `config` fits `schema`. Defaults are not filled in: see [`with_defaults`].
///
/// # Errors
/// Every place that does not fit.
pub fn validate_config(schema: &Value, config: &Value) -> Result<(), Vec<FieldProblem>> {
    let whole = |message: String| vec![FieldProblem { path: String::new(), message }];
    check_schema(schema).map_err(whole)?;
    let mut problems: Vec<FieldProblem> = given_secrets(schema, config).collect();
    let validator = compiled(&without_secrets(schema)).map_err(whole)?;
    let mut rest = config.clone();
    if let Some(given) = rest.as_object_mut() {
        given.retain(|name, _| !secret_fields(schema).contains(name));
    }
    problems.extend(
        validator
            .iter_errors(&rest)
            .map(|error| FieldProblem { path: error.instance_path().to_string(), message: error.masked().to_string() }),
    );
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The names of the secrets, sorted.
#[must_use]
pub fn secret_fields(schema: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        properties(schema).filter(|(_, p)| is_secret(p)).map(|(name, _)| name.clone()).collect();
    names.sort();
    names
}

/// The configuration with the schema's defaults where it says nothing. An
/// object that is missing is made when its schema gives it a default.
#[must_use]
pub fn with_defaults(schema: &Value, config: &Value) -> Value {
    filled(schema, schema, config, 0)
}

fn filled(root: &Value, schema: &Value, config: &Value, depth: usize) -> Value {
    /// JSON that was parsed is no deeper; a `$ref` in a circle ends here.
    const DEEPEST: usize = 128;
    let schema = schema.get("$ref").and_then(Value::as_str).and_then(|at| target(root, at)).unwrap_or(schema);
    let Value::Object(given) = config else { return config.clone() };
    let mut whole = given.clone();
    for (name, property) in properties(schema).filter(|(_, property)| depth < DEEPEST && !is_secret(property)) {
        let value = given.get(name).or_else(|| property.get("default"));
        if let Some(value) = value {
            whole.insert(name.clone(), filled(root, property, value, depth + 1));
        }
    }
    Value::Object(whole)
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn is_secret(property: &Value) -> bool {
    property.get(SECRET) == Some(&Value::Bool(true))
}

fn given_secrets<'a>(schema: &Value, config: &'a Value) -> impl Iterator<Item = FieldProblem> + use<'a> {
    let names = secret_fields(schema).into_iter();
    names.filter(|name| config.get(name).is_some()).map(|name| FieldProblem {
        path: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        message: format!("\"{name}\" is a secret and never stands in the configuration: set it as a secret."),
    })
}

/// What is left to be checked: the secrets are not in the configuration, so
/// they are no properties of it and not required either.
fn without_secrets(schema: &Value) -> Value {
    let (mut rest, secrets) = (schema.clone(), secret_fields(schema));
    if let Some(required) = rest.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !secrets.iter().any(|secret| secret == name)));
    }
    if let Some(properties) = rest.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| !secrets.contains(name));
    }
    rest
}

/// No network, no files, and patterns in time that grows with the text only.
fn compiled(schema: &Value) -> Result<jsonschema::Validator, String> {
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES);
    let options = jsonschema::options().offline().with_pattern_options(patterns);
    options.build(schema).map_err(|error| format!("the schema is not valid at `{}`: {error}", error.instance_path()))
}

/// A secret further down would have no name of its own.
fn secrets_stand_on_top(schema: &Value) -> Result<(), String> {
    if let Some((name, _)) = properties(schema).find(|(_, p)| is_secret(p) && p.get("type") != Some(&json!("string"))) {
        return Err(format!("the secret \"{name}\" must have `\"type\": \"string\"`"));
    }
    if let Some((name, _)) = properties(schema).find(|(_, p)| is_secret(p) && p.get("default").is_some()) {
        return Err(format!("the secret \"{name}\" has a default: leave it out, everyone can read it"));
    }
    let deeper = schema.as_object().into_iter().flatten().any(|(key, part)| match key.as_str() {
        "properties" => properties(schema).any(|(_, property)| !is_secret(property) && says_secret(property)),
        _ => says_secret(part),
    });
    match deeper {
        true => Err("`\"secret\": true` is for a property of the topmost object: move it there".into()),
        false => Ok(()),
    }
}

fn says_secret(part: &Value) -> bool {
    match part {
        Value::Object(map) => is_secret(part) || map.values().any(says_secret),
        Value::Array(items) => items.iter().any(says_secret),
        _ => false,
    }
}

/// What a `$ref` within the schema points to.
fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    match reference.strip_prefix('#')? {
        "" => Some(root),
        pointer if pointer.starts_with('/') => root.pointer(pointer),
        _ => None,
    }
}

/// Counts the parts of a schema with every `$ref` written out.
struct Expansion<'s> {
    root: &'s Value,
    known: BTreeMap<&'s str, usize>,
    within: Vec<&'s str>,
}

impl<'s> Expansion<'s> {
    fn size(&mut self, part: &'s Value) -> Result<usize, String> {
        let mut size: usize = 1;
        match part {
            Value::Object(map) => size += self.object(map)?,
            Value::Array(items) => {
                for item in items {
                    size += self.size(item)?;
                }
            }
            _ => {}
        }
        if size > EXPANDED {
            return Err(format!("the schema has more than {EXPANDED} parts with every `$ref` written out"));
        }
        Ok(size)
    }

    fn object(&mut self, map: &'s Map<String, Value>) -> Result<usize, String> {
        let mut size = 0;
        for (key, value) in map {
            size += match (key.as_str(), value) {
                ("$ref", Value::String(reference)) => self.reference(reference)?,
                ("$dynamicRef" | "$recursiveRef" | "$id" | "$anchor" | "$dynamicAnchor", Value::String(_)) => {
                    return Err(format!("the schema uses `{key}`: refer with `\"$ref\": \"#/$defs/name\"`"));
                }
                _ => self.size(value)?,
            };
        }
        Ok(size)
    }

    fn reference(&mut self, reference: &'s str) -> Result<usize, String> {
        if let Some(size) = self.known.get(reference) {
            return Ok(*size);
        }
        if self.within.contains(&reference) {
            return Err(format!("the schema's `$ref` \"{reference}\" goes in a circle"));
        }
        let target = target(self.root, reference).ok_or_else(|| {
            format!("the schema's `$ref` \"{reference}\" is not in it: bring it along under `$defs` and write `#/$defs/name`")
        })?;
        self.within.push(reference);
        let size = self.size(target)?;
        self.within.pop();
        self.known.insert(reference, size);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["region", "api_key"],
            "additionalProperties": false,
            "properties": {
                "region": { "type": "string", "pattern": "^[a-z]{2}$" },
                "retries": { "type": "integer", "minimum": 0, "default": 3 },
                "window": {
                    "type": "object",
                    "default": {},
                    "properties": { "hours": { "type": "integer", "default": 24 } },
                },
                "api_key": { "type": "string", "secret": true },
            },
        })
    }

    fn problems(config: &Value) -> Vec<(String, String)> {
        let found = validate_config(&schema(), config).expect_err("it does not fit");
        found.into_iter().map(|problem| (problem.path, problem.message)).collect()
    }

    #[test]
    fn a_configuration_fits_or_every_wrong_place_is_named() {
        assert_eq!(validate_config(&schema(), &json!({ "region": "eu" })), Ok(()));
        let found = problems(&json!({ "region": "Europe", "retries": -1 }));
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/region", "/retries"]);
        assert_eq!(problems(&json!({})), [(String::new(), "\"region\" is a required property".to_owned())]);
    }

    #[test]
    fn a_message_does_not_repeat_the_value() {
        let found = problems(&json!({ "region": "pasted-secret" }));
        assert!(!found[0].1.contains("pasted-secret"), "{}", found[0].1);
    }

    #[test]
    fn a_secret_is_named_required_of_nobody_and_refused_in_the_configuration() {
        assert_eq!(secret_fields(&schema()), ["api_key"]);
        let found = problems(&json!({ "region": "eu", "api_key": "s3cret" }));
        let told = (
            "/api_key".to_owned(),
            "\"api_key\" is a secret and never stands in the configuration: set it as a secret.".to_owned(),
        );
        assert_eq!(found, [told]);
    }

    #[test]
    fn defaults_fill_what_is_missing_and_nothing_else() {
        let whole = with_defaults(&schema(), &json!({ "region": "eu", "retries": 0 }));
        assert_eq!(whole, json!({ "region": "eu", "retries": 0, "window": { "hours": 24 } }));
        assert_eq!(with_defaults(&schema(), &json!([1])), json!([1]));
    }

    #[test]
    fn a_schema_that_reaches_outside_or_has_no_end_is_refused() {
        let with = |key: &str, value: Value| {
            let mut schema = json!({ "type": "object" });
            schema[key] = value;
            check_schema(&schema).expect_err("it is refused")
        };
        assert!(with("$ref", json!("https://example.com/schema.json")).contains("bring it along"));
        assert!(with("$ref", json!("other.json#/a")).contains("bring it along"));
        assert!(with("properties", json!({ "a": { "$ref": "#/properties/a" } })).contains("circle"));
        assert!(with("$ref", json!("#")).contains("circle"));
        assert!(with("$id", json!("https://example.com/")).contains("$id"));
        assert!(with("type", json!("array")).contains("object"));
        assert!(with("properties", json!({ "a": { "minimum": "one" } })).contains("/properties/a/minimum"));
        assert!(with("properties", json!({ "a": { "type": "string", "pattern": "(?=x)" } })).contains("pattern"));
        let mut bomb = json!({ "d0": { "type": "string" } });
        for n in 1..30 {
            let below = format!("#/$defs/d{}", n - 1);
            bomb[format!("d{n}")] = json!({ "allOf": [{ "$ref": below }, { "$ref": below }] });
        }
        assert!(with("$defs", bomb).contains("more than 10000 parts"));
    }

    #[test]
    fn a_secret_stands_on_top_and_is_a_string_without_default() {
        let check = |properties: Value| check_schema(&json!({ "type": "object", "properties": properties }));
        assert_eq!(check(json!({ "key": { "type": "string", "secret": true } })), Ok(()));
        assert!(check(json!({ "key": { "type": "integer", "secret": true } })).is_err());
        assert!(check(json!({ "key": { "type": "string", "secret": true, "default": "x" } })).is_err());
        assert!(check(json!({ "in": { "type": "object", "properties": { "key": { "secret": true } } } })).is_err());
    }
}
