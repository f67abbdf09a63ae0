//! The resolved model, as the read compiler and the GraphQL schema use it.

use std::collections::{HashMap, HashSet};

/// All types. Cheap to look up, never changed after it was built.
#[derive(Debug, Clone, Default)]
pub struct TypeModel {
    types: Vec<TypeDef>,
    by_name: HashMap<String, usize>,
}

/// Where a type comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A domain's own table; read through the API, written by actions of its own.
    System,
    /// A content type: drafts, revisions, `createX` and the rest.
    Content,
}

/// One readable type with its table.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDef {
    /// Stable over renames.
    pub id: String,
    /// Lower camel case: `course`. The GraphQL type is `Course`.
    pub name: String,
    /// The root list: `courses`.
    pub plural: String,
    pub table: String,
    /// The prefix of its ids: `course`.
    pub prefix: String,
    pub origin: Origin,
    pub description: String,
    pub fields: Vec<Field>,
    pub gate: Option<Gate>,
    /// Whose rows are whose, for the row scope `own`.
    pub owner: Option<Owner>,
    /// Boolean SQL column or state that makes a system row public, as
    /// `(column, value)`: `("state", "visible")`. Content uses its status.
    pub public_when: Option<(String, String)>,
    /// To-one fields to what a row hangs on: it can be read only with one of
    /// them, or by its owner. Empty when it stands alone.
    pub follows: Vec<String>,
    /// Whether the plural is a root field.
    pub listed: bool,
}

/// The column that names the owner of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A column with the user's id.
    Column(String),
    /// The row is the user (or its own column `id` is the owner).
    Itself,
}

/// What an entry demands before its gated fields are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Columns `access` and `access_tier_id` of the row itself.
    Own,
    /// The gate of the entry that this to-one field points to, unless the row
    /// itself is marked `free_preview`.
    Inherit { field: String },
}

/// The requirement of an entry, as stored in its column `access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    Public,
    SignedIn,
    /// A tier of at least this rank, or a purchase of the entry.
    Tier,
    /// A purchase of the entry only.
    Purchase,
}

impl Access {
    pub const ALL: [Self; 4] = [Self::Public, Self::SignedIn, Self::Tier, Self::Purchase];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed_in",
            Self::Tier => "tier",
            Self::Purchase => "purchase",
        }
    }
}

/// One field of a type.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Stable over renames.
    pub id: String,
    /// Lower camel case.
    pub name: String,
    pub kind: FieldKind,
    pub required: bool,
    pub unique: bool,
    pub indexed: bool,
    /// Its value lives in `<table>_locale`, one row a locale.
    pub localised: bool,
    /// Null for those who lack the entry's entitlement.
    pub gated: bool,
    /// Shown only to the row's owner and to those who may `manage` the type.
    pub private: bool,
    /// Never read through the API (a password hash has no field at all).
    pub description: String,
    /// Whether it can be set by `createX` and `updateX`.
    pub writable: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    Scalar {
        scalar: Scalar,
        column: String,
    },
    /// Two columns: the amount in minor units and the currency.
    Money {
        minor_column: String,
        currency_column: String,
    },
    ToOne {
        target: String,
        column: String,
    },
    /// The rows of `target` whose to-one field `via` points here.
    ToMany {
        target: String,
        via: String,
        order: Option<String>,
    },
    ManyToMany {
        target: String,
        join: JoinTable,
    },
}

/// Rows `(own, other, position)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinTable {
    pub table: String,
    pub own: String,
    pub other: String,
    /// The other side of a relation that another type owns: it cannot be written.
    pub inverse: bool,
}

/// What a column holds and how it is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// At most this many characters.
    Text {
        max: usize,
    },
    /// Long text in Markdown.
    Markdown,
    /// 64 bits; GraphQL `Int` when it fits 32, else `Long`.
    Integer,
    Long,
    /// Stored as a whole number of `10^-scale`; told as a text with `scale` places.
    Decimal {
        scale: u32,
    },
    Boolean,
    DateTime,
    /// Stored in lower case, told in upper case. `name` is the GraphQL enum.
    Enumeration {
        name: String,
        values: Vec<String>,
    },
    /// Unique; `scope` names a to-one field within which it is unique.
    Slug {
        scope: Option<String>,
    },
    Json,
    /// An id of another type, told with this prefix.
    Id {
        prefix: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    One,
    Many,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("two types are named \"{0}\"")]
    DuplicateType(String),
    #[error("{at}: \"{target}\" is not a type")]
    UnknownTarget { at: String, target: String },
    #[error("{at}: {message}")]
    Invalid { at: String, message: String },
}

impl TypeModel {
    /// # Errors
    /// When two types share a name, or a relation points nowhere.
    pub fn new(types: Vec<TypeDef>) -> Result<Self, ModelError> {
        let mut names = HashSet::new();
        if let Some(twice) = types.iter().find(|def| !names.insert(def.name.as_str())) {
            return Err(ModelError::DuplicateType(twice.name.clone()));
        }
        let model = Self::unchecked(types);
        model.check_relations()?;
        Ok(model)
    }

    /// Types that may not fit together, to look at what would be made of them.
    #[must_use]
    pub fn unchecked(types: Vec<TypeDef>) -> Self {
        let by_name = types.iter().enumerate().map(|(index, def)| (def.name.clone(), index)).collect();
        Self { types, by_name }
    }

    fn check_relations(&self) -> Result<(), ModelError> {
        for def in &self.types {
            for field in &def.fields {
                let at = format!("{}.{}", def.name, field.name);
                let Some(target) = field.target() else { continue };
                let Some(other) = self.get(target) else {
                    return Err(ModelError::UnknownTarget { at, target: target.to_owned() });
                };
                if let FieldKind::ToMany { via, .. } = &field.kind
                    && !matches!(other.field(via).map(|f| &f.kind), Some(FieldKind::ToOne { .. }))
                {
                    return Err(ModelError::Invalid { at, message: format!("{target} has no to-one field \"{via}\"") });
                }
            }
        }
        Ok(())
    }

    #[must_use]
    pub fn types(&self) -> &[TypeDef] {
        &self.types
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&TypeDef> {
        self.by_name.get(name).map(|index| &self.types[*index])
    }

    #[must_use]
    pub fn by_prefix(&self, prefix: &str) -> Option<&TypeDef> {
        self.types.iter().find(|def| def.prefix == prefix)
    }

    pub fn content_types(&self) -> impl Iterator<Item = &TypeDef> {
        self.types.iter().filter(|def| def.origin == Origin::Content)
    }
}

impl TypeDef {
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    #[must_use]
    pub fn is_content(&self) -> bool {
        self.origin == Origin::Content
    }

    /// The table of its localised fields, when it has some.
    #[must_use]
    pub fn locale_table(&self) -> Option<String> {
        self.fields.iter().any(|f| f.localised).then(|| format!("{}_locale", self.table))
    }

    /// The column of a locale table (or of a child) that points to this type.
    #[must_use]
    pub fn reference_column(&self) -> String {
        format!("{}_id", self.table)
    }

    /// The slug field, when it has one.
    #[must_use]
    pub fn slug(&self) -> Option<&Field> {
        self.fields.iter().find(|f| matches!(f.kind, FieldKind::Scalar { scalar: Scalar::Slug { .. }, .. }))
    }
}

impl Field {
    /// The type a relation points to.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match &self.kind {
            FieldKind::ToOne { target, .. }
            | FieldKind::ToMany { target, .. }
            | FieldKind::ManyToMany { target, .. } => Some(target),
            FieldKind::Scalar { .. } | FieldKind::Money { .. } => None,
        }
    }

    #[must_use]
    pub fn cardinality(&self) -> Cardinality {
        match self.kind {
            FieldKind::ToMany { .. } | FieldKind::ManyToMany { .. } => Cardinality::Many,
            _ => Cardinality::One,
        }
    }

    /// A field with the usual flags: optional, readable by all, not writable.
    #[must_use]
    pub fn new(name: &str, kind: FieldKind, description: &str) -> Self {
        Self {
            id: name.to_owned(),
            name: name.to_owned(),
            kind,
            required: false,
            unique: false,
            indexed: false,
            localised: false,
            gated: false,
            private: false,
            description: description.to_owned(),
            writable: false,
        }
    }

    /// A scalar field whose column is the snake-case name.
    #[must_use]
    pub fn scalar(name: &str, scalar: Scalar, description: &str) -> Self {
        Self::new(name, FieldKind::Scalar { scalar, column: crate::names::snake(name) }, description)
    }

    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    #[must_use]
    pub fn private(self) -> Self {
        Self { private: true, ..self }
    }

    #[must_use]
    pub fn localised(self) -> Self {
        Self { localised: true, ..self }
    }

    #[must_use]
    pub fn indexed(self) -> Self {
        Self { indexed: true, ..self }
    }
}
