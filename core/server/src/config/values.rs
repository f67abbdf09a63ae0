//! From file, environment and flags to values, with every problem noted.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::de::DeserializeOwned;
use toml::Value;

use super::keys::{KEYS, Key};

/// Variables with our prefix that are no keys.
const OTHER_VARIABLES: [&str; 1] = ["LYCEUM_CONFIG"];

/// Where values come from; later ones win: defaults, file, environment, flags.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that must be there. Without it `lyceum.toml` is read if it exists.
    pub file: Option<PathBuf>,
    /// Variables that begin with `LYCEUM_`.
    pub environment: Vec<(String, String)>,
    /// Keys with values as typed.
    pub flags: Vec<(&'static str, String)>,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not valid:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// The values by key, and what is wrong.
pub(super) struct Values {
    found: BTreeMap<&'static str, (Value, String)>,
    pub problems: Vec<String>,
}

impl Sources {
    /// The variables of this process and these flags.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let ours = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            name.starts_with("LYCEUM_").then_some((name, value))
        };
        Self { file, environment: std::env::vars_os().filter_map(ours).collect(), flags }
    }

    pub(super) fn read(&self) -> Values {
        let mut values = Values::defaults();
        self.read_file(&mut values);
        for (name, text) in &self.environment {
            match KEYS.iter().find(|key| key.variable() == *name) {
                Some(key) => values.put(key, typed(key, text), name),
                // Tests have variables of their own.
                None if OTHER_VARIABLES.contains(&name.as_str()) || name.starts_with("LYCEUM_TEST_") => {}
                None => values.problems.push(format!("{name}: no key has this variable")),
            }
        }
        for (name, text) in &self.flags {
            let flag = format!("the flag for {name}");
            match KEYS.iter().find(|key| key.name == *name) {
                Some(key) => values.put(key, typed(key, text), &flag),
                None => values.problems.push(format!("{name}: no key has this name")),
            }
        }
        values
    }

    fn read_file(&self, values: &mut Values) {
        let path = self.file.clone().unwrap_or_else(|| PathBuf::from("lyceum.toml"));
        if self.file.is_none() && !path.exists() {
            return;
        }
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return values.problems.push(format!("{shown}: it cannot be read: {error}")),
        };
        match text.parse::<toml::Table>() {
            Ok(table) => values.take_table(table, "", &shown),
            Err(error) => values.problems.push(format!("{shown}: {}", error.to_string().trim())),
        }
    }
}

/// A text of the environment as its key's default is written.
fn typed(key: &Key, text: &str) -> Value {
    let written = match parse(key.default) {
        Value::Array(_) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            return Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
        }
        Value::String(_) => return Value::String(text.to_owned()),
        _ => format!("value = {}", text.trim()),
    };
    let read = written.parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn parse(text: &str) -> Value {
    let table = format!("value = {text}").parse::<toml::Table>();
    table.ok().and_then(|mut table| table.remove("value")).expect("a test reads every default")
}

impl Values {
    /// The defaults alone.
    pub fn defaults() -> Self {
        Self { found: BTreeMap::new(), problems: Vec::new() }
    }

    fn put(&mut self, key: &'static Key, value: Value, origin: &str) {
        self.found.insert(key.name, (value, origin.to_owned()));
    }

    fn take_table(&mut self, table: toml::Table, section: &str, origin: &str) {
        for (name, value) in table {
            let name = if section.is_empty() { name } else { format!("{section}.{name}") };
            match (KEYS.iter().find(|key| key.name == name), value) {
                (Some(key), value) => self.put(key, value, origin),
                (None, Value::Table(inner)) if section.is_empty() && is_section(&name) => {
                    self.take_table(inner, &name, origin);
                }
                (None, _) => self.problems.push(format!("{origin}: {name}: there is no such key{}", nearest(&name))),
            }
        }
    }

    /// The value of a key, or the default when it is missing or wrong.
    pub fn get<T: DeserializeOwned>(&mut self, name: &'static str) -> T {
        let key = KEYS.iter().find(|key| key.name == name).expect("only keys of the table are read");
        if let Some((value, origin)) = self.found.get(name) {
            match value.clone().try_into() {
                Ok(value) => return value,
                Err(error) => {
                    let why = error.to_string();
                    self.problems.push(format!("{origin}: {name}: {}", why.trim()));
                }
            }
        }
        parse(key.default).try_into().expect("a test reads every default")
    }

    /// As [`Values::get`]; an empty text is nothing.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        Some(self.get::<String>(name)).filter(|text| !text.is_empty())
    }

    /// A number within these bounds.
    pub fn within(&mut self, name: &'static str, least: u64, most: u64) -> u64 {
        let value: u64 = self.get(name);
        self.check((least..=most).contains(&value), name, &format!("it must be {least} to {most}"));
        value.clamp(least, most)
    }

    pub fn check(&mut self, holds: bool, name: &str, problem: &str) {
        if !holds {
            let origin = self.found.get(name).map_or("the default", |(_, origin)| origin);
            self.problems.push(format!("{origin}: {name}: {problem}"));
        }
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

/// A key of the same last word, for those who put it in the wrong place.
fn nearest(name: &str) -> String {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().replace('-', "_");
    let similar = KEYS.iter().find(|key| last(key.name) == last(name));
    similar.map(|key| format!(" (did you mean {}?)", key.name)).unwrap_or_default()
}
