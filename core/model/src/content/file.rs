//! A file as it was typed, and what it means.

use serde::Deserialize;

use super::{AccessRule, ContentError, ContentField, ContentType, Kind, identifier};
use crate::names::snake;

/// Text without a `max` holds this many characters.
const TEXT_MAX: usize = 255;
/// The largest `max` of a text. Longer ones are Markdown.
const TEXT_LIMIT: usize = 10_000;
const DECIMAL_SCALE: u32 = 2;
/// 18 digits fit 64 bits; this leaves nine before the point.
const DECIMAL_SCALE_LIMIT: u32 = 9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TypeFile {
    id: String,
    name: String,
    plural: String,
    #[serde(default)]
    description: String,
    access: Option<AccessFile>,
    #[serde(default, rename = "field")]
    fields: Vec<FieldFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AccessFile {
    gate: Option<GateFile>,
    inherit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GateFile {
    Own,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FieldFile {
    id: String,
    name: String,
    kind: KindFile,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    indexed: bool,
    #[serde(default)]
    localised: bool,
    #[serde(default)]
    gated: bool,
    #[serde(default)]
    description: String,
    max: Option<usize>,
    scale: Option<u32>,
    values: Option<Vec<String>>,
    scope: Option<String>,
    target: Option<String>,
    via: Option<String>,
    order: Option<String>,
    join: Option<String>,
    inverse_of: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum KindFile {
    Text,
    Markdown,
    Integer,
    Decimal,
    Boolean,
    DateTime,
    Enumeration,
    Slug,
    Money,
    Json,
    ToOne,
    ToMany,
    ManyToMany,
}

/// Reads one file. What it says is not yet checked against the rules.
pub(super) fn read(file: &str, text: &str) -> Result<ContentType, ContentError> {
    let fault = |at: &str, message: String| ContentError { file: file.to_owned(), at: at.to_owned(), message };
    let typed: TypeFile = toml::from_str(text).map_err(|error| fault("", error.to_string().trim_end().to_owned()))?;
    let access =
        typed.access.map(access_rule).transpose().map_err(|message| fault("[access]: ", message.to_owned()))?;
    let table = snake(&typed.name);
    let mut fields = Vec::with_capacity(typed.fields.len());
    for field in typed.fields {
        let at = format!("field \"{}\": ", field.name);
        fields.push(field.understood(&table).map_err(|message| fault(&at, message))?);
    }
    let TypeFile { id, name, plural, description, .. } = typed;
    Ok(ContentType { id, name, plural, description, access, fields })
}

fn access_rule(typed: AccessFile) -> Result<AccessRule, &'static str> {
    match (typed.gate, typed.inherit) {
        (Some(GateFile::Own), None) => Ok(AccessRule::Own),
        (None, Some(field)) => Ok(AccessRule::Inherit { field }),
        _ => Err("write either gate = \"own\" or inherit = \"<a to-one field>\""),
    }
}

impl FieldFile {
    fn understood(mut self, table: &str) -> Result<ContentField, String> {
        let kind = self.take_kind(table)?;
        if let Some(option) = self.left_over() {
            return Err(format!("`{option}` means nothing for the kind {}; remove it", kind.name()));
        }
        let Self { id, name, required, unique, indexed, localised, gated, description, .. } = self;
        Ok(ContentField { id, name, kind, required, unique, indexed, localised, gated, description })
    }

    /// The kind, with the options that belong to it taken out.
    fn take_kind(&mut self, table: &str) -> Result<Kind, String> {
        Ok(match self.kind {
            KindFile::Text => Kind::Text { max: limited("max", self.max.take().unwrap_or(TEXT_MAX), 1, TEXT_LIMIT)? },
            KindFile::Markdown => Kind::Markdown,
            KindFile::Integer => Kind::Integer,
            KindFile::Decimal => Kind::Decimal {
                scale: limited("scale", self.scale.take().unwrap_or(DECIMAL_SCALE), 1, DECIMAL_SCALE_LIMIT)?,
            },
            KindFile::Boolean => Kind::Boolean,
            KindFile::DateTime => Kind::DateTime,
            KindFile::Enumeration => Kind::Enumeration { values: needed("values", self.values.take())? },
            KindFile::Slug => Kind::Slug { scope: self.scope.take() },
            KindFile::Money => Kind::Money,
            KindFile::Json => Kind::Json,
            KindFile::ToOne => Kind::ToOne { target: self.take_target()? },
            KindFile::ToMany => Kind::ToMany {
                target: self.take_target()?,
                via: needed("via", self.via.take())?,
                order: self.order.take(),
            },
            KindFile::ManyToMany => self.take_many_to_many(table)?,
        })
    }

    fn take_many_to_many(&mut self, table: &str) -> Result<Kind, String> {
        let target = self.take_target()?;
        match (self.join.take(), self.inverse_of.take()) {
            (Some(_), Some(_)) => Err("`join` and `inverse-of` exclude each other; keep one".to_owned()),
            (None, Some(of)) => Ok(Kind::Inverse { target, of }),
            (join, None) => {
                let named = || identifier::fit_with(&format!("{table}_{}", snake(&self.name)), "");
                Ok(Kind::ManyToMany { target, join: join.unwrap_or_else(named) })
            }
        }
    }

    fn take_target(&mut self) -> Result<String, String> {
        needed("target", self.target.take())
    }

    /// An option that the kind did not take.
    fn left_over(&self) -> Option<&'static str> {
        let set = [
            ("max", self.max.is_some()),
            ("scale", self.scale.is_some()),
            ("values", self.values.is_some()),
            ("scope", self.scope.is_some()),
            ("target", self.target.is_some()),
            ("via", self.via.is_some()),
            ("order", self.order.is_some()),
            ("join", self.join.is_some()),
            ("inverse-of", self.inverse_of.is_some()),
        ];
        set.into_iter().find(|(_, is_set)| *is_set).map(|(name, _)| name)
    }
}

fn needed<T>(option: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{option}` is missing"))
}

fn limited<T: PartialOrd + std::fmt::Display>(option: &str, value: T, least: T, most: T) -> Result<T, String> {
    if value >= least && value <= most { Ok(value) } else { Err(format!("`{option}` must be from {least} to {most}")) }
}
