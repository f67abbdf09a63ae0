//! The plugin host with real components: the first-party ones and hostile ones.

#![allow(clippy::unwrap_used)]

mod cache;
mod first_party;
mod hostile;
mod limits_page;
mod package;
mod payments;
mod support;
