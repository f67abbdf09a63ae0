//! The type model: every type that can be read, its fields and relations, and
//! who may read what.
//!
//! Two sources feed it: the built-in types, described by their domains, and
//! content types, which are files under `schema/content/`.
//!
//! **Invariant:** pure. Nothing in here does I/O.

pub mod content;
mod model;
pub mod names;
pub mod plan;

pub use model::{
    Access, Cardinality, Field, FieldKind, Gate, JoinTable, ModelError, Origin, Owner, Scalar, TypeDef, TypeModel,
};
