//! Messages to people, proven mail addresses, and sign-in through providers.
//! Carriers and providers are fakes of the domain's traits: they keep what
//! they were told and answer what the test says.
#![allow(clippy::unwrap_used)]

#[path = "mod.rs"]
mod people;

mod mail_codes;
mod messages;
mod own_account;
mod sign_in;
mod stage;
