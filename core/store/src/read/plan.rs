//! The plan: what is read, as a value.

use lyceum_kernel::Id;
use lyceum_model::{Field, TypeDef};
use sea_orm::Value;

use super::Cursor;

/// An object of one type: what is told of a row, by response key.
#[derive(Debug, Clone)]
pub struct Entity<'m> {
    pub def: &'m TypeDef,
    pub outputs: Vec<(String, Output<'m>)>,
}

/// One entry of the object.
#[derive(Debug, Clone)]
pub enum Output<'m> {
    Typename,
    Id,
    Scalar(&'m Field),
    Money(&'m Field, Vec<(String, MoneyPart)>),
    One(&'m Field, Entity<'m>),
    Many(&'m Field, Connection<'m>),
    Access(Vec<(String, AccessOutput<'m>)>),
    /// An object of outputs of the same row.
    Group(Vec<(String, Output<'m>)>),
    /// The language that the row is read in.
    Locale,
    /// A number that the caller knows.
    Number(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyPart {
    Typename,
    Minor,
    Currency,
}

/// `access { … }` of a gated entry.
#[derive(Debug, Clone)]
pub enum AccessOutput<'m> {
    Typename,
    Granted,
    Reason,
    Requirement,
    Offers(Vec<(String, OfferOutput<'m>)>),
}

/// One way to get the entitlement.
#[derive(Debug, Clone)]
pub enum OfferOutput<'m> {
    Typename,
    Kind,
    Price(Vec<(String, MoneyPart)>),
    Plan(Entity<'m>),
    CourseId,
}

/// A page of rows of one type.
#[derive(Debug, Clone)]
pub struct Connection<'m> {
    pub def: &'m TypeDef,
    pub filter: Option<Filter<'m>>,
    pub sort: Vec<SortKey<'m>>,
    pub page: Page,
    pub outputs: Vec<(String, ConnectionOutput<'m>)>,
}

#[derive(Debug, Clone)]
pub enum ConnectionOutput<'m> {
    Typename,
    Nodes(Entity<'m>),
    Edges(Vec<(String, EdgeOutput<'m>)>),
    PageInfo(Vec<(String, PageInfoPart)>),
    TotalCount,
}

#[derive(Debug, Clone)]
pub enum EdgeOutput<'m> {
    Typename,
    Cursor,
    Node(Entity<'m>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageInfoPart {
    Typename,
    HasNextPage,
    HasPreviousPage,
    StartCursor,
    EndCursor,
}

/// `first`/`after` or `last`/`before`.
#[derive(Debug, Clone)]
pub struct Page {
    pub limit: u32,
    pub backward: bool,
    pub cursor: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct SortKey<'m> {
    pub by: Sort<'m>,
    pub direction: Direction,
}

#[derive(Debug, Clone, Copy)]
pub enum Sort<'m> {
    Field(&'m Field),
    /// The place in the many-to-many relation that leads here.
    Position,
    Id,
}

/// Which rows.
#[derive(Debug, Clone)]
pub enum Filter<'m> {
    All(Vec<Filter<'m>>),
    Any(Vec<Filter<'m>>),
    Not(Box<Filter<'m>>),
    Id {
        operator: Operator,
        values: Vec<Id>,
    },
    Compare {
        field: &'m Field,
        operator: Operator,
        values: Vec<Value>,
    },
    /// The currency of a money field.
    Currency {
        field: &'m Field,
        code: String,
    },
    /// The one (to-one) or at least one (to-many) related row.
    Related {
        field: &'m Field,
        target: &'m TypeDef,
        filter: Box<Filter<'m>>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    StartsWith,
    IsNull,
    IsNotNull,
}

/// How one row is named.
#[derive(Debug, Clone)]
pub enum Lookup<'a> {
    Id(Id),
    /// A slug, by any of its writings; the first one before the others.
    Slug(Vec<String>),
    /// The column `key` of a type that has one.
    Key(&'a str),
    /// A slug that is unique only within a parent's slug.
    ScopedSlug {
        scope: Vec<String>,
        slug: Vec<String>,
    },
}

impl Entity<'_> {
    /// Whether it tells a localised field of its own row.
    pub(super) fn is_localised(&self) -> bool {
        fn localised(outputs: &[(String, Output<'_>)]) -> bool {
            outputs.iter().any(|(_, output)| match output {
                Output::Scalar(field) => field.localised,
                Output::Group(inner) => localised(inner),
                _ => false,
            })
        }
        localised(&self.outputs)
    }
}

impl SortKey<'_> {
    pub(super) fn is_localised(&self) -> bool {
        matches!(self.by, Sort::Field(field) if field.localised)
    }
}

impl Filter<'_> {
    /// Whether it asks about a localised field of the row itself.
    pub(super) fn is_localised(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_localised),
            Self::Not(inner) => inner.is_localised(),
            Self::Compare { field, .. } => field.localised,
            Self::Id { .. } | Self::Currency { .. } | Self::Related { .. } => false,
        }
    }
}
