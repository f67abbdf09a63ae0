//! The domains: what Lyceum is for. One folder a domain, a method a use case,
//! the viewer first.

pub mod community;
pub mod content;
pub mod identity;
pub mod job;
pub mod limits;
pub mod membership;
pub mod moderation;
pub mod notification;
pub mod payment;
mod plain_text;
pub mod plugin;
pub mod ranking;
pub mod retention;
pub mod search;
pub mod transfer;
pub mod types;

mod domains;

pub use domains::{Choices, Domains, Ports};
