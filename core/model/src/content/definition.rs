//! What a content type is, once its file was understood. This is also what
//! the table `content_type` keeps of an applied type, as JSON.

use serde::{Deserialize, Serialize};

use super::identifier;
use crate::names::snake;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentType {
    /// Stable over renames.
    pub id: String,
    /// Lower camel case.
    pub name: String,
    pub plural: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub access: Option<AccessRule>,
    pub fields: Vec<ContentField>,
}

/// Where an entry's requirement is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AccessRule {
    /// On the entry itself.
    Own,
    /// On the entry that this to-one field points to.
    Inherit { field: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentField {
    /// Stable over renames, unique within the type.
    pub id: String,
    /// Lower camel case.
    pub name: String,
    pub kind: Kind,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub unique: bool,
    #[serde(default)]
    pub indexed: bool,
    #[serde(default)]
    pub localised: bool,
    #[serde(default)]
    pub gated: bool,
    #[serde(default)]
    pub description: String,
}

/// What a field holds. Targets are type names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Text {
        max: usize,
    },
    Markdown,
    Integer,
    /// Whole numbers of `10^-scale`.
    Decimal {
        scale: u32,
    },
    Boolean,
    DateTime,
    Enumeration {
        values: Vec<String>,
    },
    /// Unique, within the to-one field `scope` when there is one.
    Slug {
        scope: Option<String>,
    },
    Money,
    Json,
    ToOne {
        target: String,
    },
    /// The rows of `target` whose to-one field `via` points here.
    ToMany {
        target: String,
        via: String,
        order: Option<String>,
    },
    ManyToMany {
        target: String,
        join: String,
    },
    /// The read-only side of the many-to-many field `of` of `target`.
    Inverse {
        target: String,
        of: String,
    },
}

impl ContentType {
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&ContentField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Short enough that `<table>_locale` fits too.
    #[must_use]
    pub fn table(&self) -> String {
        identifier::fit(&snake(&self.name), identifier::LONGEST - "_locale".len())
    }

    #[must_use]
    pub fn locale_table(&self) -> String {
        format!("{}_locale", self.table())
    }

    /// The column of other tables that points to this type.
    #[must_use]
    pub fn reference_column(&self) -> String {
        format!("{}_id", self.table())
    }

    #[must_use]
    pub fn is_localised(&self) -> bool {
        self.fields.iter().any(|field| field.localised)
    }
}

impl ContentField {
    /// The column of the field, with the ending of its kind; money has two,
    /// see [`Self::money_columns`].
    #[must_use]
    pub fn column(&self) -> String {
        let ending = if matches!(self.kind, Kind::ToOne { .. }) { "_id" } else { "" };
        identifier::fit_with(&snake(&self.name), ending)
    }

    /// The columns of amount and currency.
    #[must_use]
    pub fn money_columns(&self) -> (String, String) {
        let name = snake(&self.name);
        (identifier::fit_with(&name, "_minor"), identifier::fit_with(&name, "_currency"))
    }

    /// Whether the field has columns of its own in the tables of its type.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        !matches!(self.kind, Kind::ToMany { .. } | Kind::ManyToMany { .. } | Kind::Inverse { .. })
    }
}

impl Kind {
    /// As in a file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Markdown => "markdown",
            Self::Integer => "integer",
            Self::Decimal { .. } => "decimal",
            Self::Boolean => "boolean",
            Self::DateTime => "date-time",
            Self::Enumeration { .. } => "enumeration",
            Self::Slug { .. } => "slug",
            Self::Money => "money",
            Self::Json => "json",
            Self::ToOne { .. } => "to-one",
            Self::ToMany { .. } => "to-many",
            Self::ManyToMany { .. } | Self::Inverse { .. } => "many-to-many",
        }
    }

    /// The type a relation points to.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::ToOne { target }
            | Self::ToMany { target, .. }
            | Self::ManyToMany { target, .. }
            | Self::Inverse { target, .. } => Some(target),
            _ => None,
        }
    }
}
