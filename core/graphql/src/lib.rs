//! GraphQL over the domains: the only crate that knows async-graphql.
//!
//! async-graphql holds the schema and prints it; apollo-compiler parses and
//! validates documents against it. What is valid is executed here: reads are
//! compiled to one statement a root field, actions call one method of a
//! domain, introspection reads the schema.
//!
//! **Invariant:** no business rule lives here. A resolver with an `if` about
//! business stands in the wrong crate.

mod actions;
mod api;
mod budget;
mod coerce;
mod document;
mod enums;
mod error;
mod execute;
mod extend;
mod fields;
mod filter;
mod http;
mod inputs;
mod introspection;
mod limits;
mod names;
mod outputs;
mod own_sessions;
mod plan;
mod plugin_status;
mod roots;
mod schema;
mod sign_in_providers;
mod slow_lane;
mod upload;

pub use api::{Api, ApiOptions, sdl};
pub use error::{Refused, error_json};
pub use execute::{Answer, Asker, GraphqlRequest, Ran, RejectedToken};
pub use extend::FieldCheck;
pub use limits::Limits;
pub use names::{Clash, clashes};
pub use plugin_status::used as usage_json;
