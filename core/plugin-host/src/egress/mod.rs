//! Requests that leave the host for a plugin.
//!
//! **Invariants:** an origin is granted exactly; a name is resolved by the host
//! and every address is checked; a local address is reached only when the owner
//! granted it literally; redirects are not followed; a secret is put in here and
//! taken out of the answer, so no guest ever holds it.
//!
//! HTTP with reqwest, mail with lettre: both are kept, and share TLS.

mod address;
mod client;
mod mail;
mod mail_server;
mod names;
mod origin;
mod script;
mod secrets;

pub use address::{Reach, reach};
pub use mail_server::MailServer;
pub use names::{Lookup, System};
pub use origin::{Origin, OriginPattern};
pub use script::Exchange;

pub(crate) use client::{Egress, HeaderText, Outgoing, SendError};
pub(crate) use mail::{Mail, MailError};
pub(crate) use secrets::Secrets;
