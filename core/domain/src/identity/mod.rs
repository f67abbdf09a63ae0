//! Identity: who someone is, how they prove it, and what their roles allow.
//!
//! It owns accounts, roles, sessions and the tokens of sessions, and makes the
//! [`Viewer`](lyceum_kernel::Viewer) that every other domain is asked with.
//!
//! **Invariant:** passwords, password hashes and tokens have types that do not
//! print. A password is stored as an Argon2id hash, a refresh token as SHA-256.
//! **Invariant:** sign-in does the same work whether or not the account exists.
//! **Invariant:** a refresh token works once. A second use ends its session,
//! since one of the two users stole it; only two tabs that refresh at the same
//! time do not, so the first minute after the first use is forgiven.
//! **Invariant:** wrong passwords lock nobody out: who guesses from one network
//! slows that network down, and a device that is known passes.
//! **Invariant:** a viewer is loaded with one statement; an anonymous visitor
//! with none.
//!
//! Mail addresses are proven in [`EmailProofs`]; [`SignIns`] lets somebody
//! else say who a person is.
//!
//! Absent on purpose: API tokens. Registration tells that an address is taken;
//! it signs in at once and so cannot hide it, and tries are limited by address
//! instead.

mod device;
mod email_change;
mod email_proofs;
mod limit;
mod mail_code;
mod mailbox_rows;
mod model;
mod own_sessions;
mod password;
mod password_change;
mod policy;
mod port;
mod profile;
mod redirect;
mod roles;
mod secret;
mod service;
mod session;
mod sign_in;
mod sign_in_rows;
mod store;
mod token;
mod viewer;

pub use email_proofs::EmailProofs;
pub use limit::Limit;
pub(crate) use limit::{take, take_within};
pub(crate) use mailbox_rows::proven_address;
pub use model::{Actor, CreateUser, Peer, RegisterInput, SignedIn};
pub use own_sessions::OpenSession;
pub use password::HashingCost;
pub use port::*;
pub use profile::{ProfileLink, UpdateProfile};
pub use roles::MemberList;
pub use secret::{AccessToken, AttemptSecret, DeviceToken, MailCode, Password, RefreshToken, SignInState};
pub use service::{Identity, IdentityConfig};
pub use sign_in::{BeginSignIn, Begun, CompleteSignIn, ProviderButton, SignIns};
pub use token::{TokenKey, TokenKeyError};

/// The role whose rules everybody has.
pub const VISITOR: &str = "visitor";
/// The role whose rules everybody has who is signed in.
pub const MEMBER: &str = "member";
/// The role that may do everything. Its rules cannot be changed.
pub const ADMIN: &str = "admin";
