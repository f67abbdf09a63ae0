//! Content: entries of every content type, as drafts, revisions and published
//! rows.
//!
//! The row of an entry is what is published, or its first draft. A save after
//! publishing makes a revision and leaves the row alone until it is published
//! again.
//!
//! **Invariant:** every save is a revision, in the same transaction.
//! **Invariant:** a row holds the whole of one revision, never a mixture, but
//! for references to what was deleted since: those are left out.
//! **Invariant:** `status` alone says whether an entry is published.
//! `published_at` is the first time, and outlasts every take-down.
//! **Invariant:** what belongs to an entry alone goes with it: the entries that
//! cannot be without it, revisions, comments. What was bought stays on record.
//! **Invariant:** before-hooks of plugins run outside of any transaction; what
//! they looked at is what is saved, or they look again.
//! Absent on purpose: before-hooks around an import.
//! Absent on purpose: content tables in Rust types. The type model names the
//! tables, so a new content type needs no code.

mod after;
mod decimal;
mod draft;
mod hooks;
mod hops;
mod input;
mod port;
mod propose;
mod put;
mod references;
mod removal;
mod row;
mod service;
mod shelf;
mod slug;
mod values;

pub use after::{AfterHooks, forget_after_hooks};
pub use decimal::scaled;
pub use draft::Draft;
pub use hooks::CHAIN;
pub use hops::HOPS;
pub use input::{Change, InputField, InputShape, checked_slug, input_fields};
pub use port::*;
pub use put::Saved;
pub use service::Contents;
pub use slug::{canonical_slug, slug_forms, slugify};
