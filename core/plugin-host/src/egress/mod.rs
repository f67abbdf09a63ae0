//! Requests that leave the host for a plugin.
//!
//! **Invariants:** an origin is granted exactly; a name is resolved by the host
//! and every address is checked; a local address is reached only when the owner
//! granted it literally; redirects are not followed; a secret is put in here and
//! taken out of the answer, so no guest ever holds it.

mod address;
mod client;
mod origin;
mod secrets;

pub use address::{Reach, reach};
pub use origin::{Origin, OriginPattern};

pub(crate) use client::{Egress, HeaderText, Outgoing, SendError};
pub(crate) use secrets::Secrets;
