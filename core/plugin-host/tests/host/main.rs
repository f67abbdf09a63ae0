//! The plugin host with real components: the first-party ones and hostile ones.

#![allow(clippy::unwrap_used)]

mod archive;
mod auth;
mod cache;
mod calls;
mod egress;
mod extends;
mod fields;
mod first_party;
mod hooks;
mod hostile;
mod hostile_payment;
mod jobs;
mod lanes;
mod limits_page;
mod misdeeds;
mod museum;
mod notify;
mod package;
mod parallel;
mod payments;
mod permissions;
mod proof_page;
mod quarantine;
mod reference_page;
mod rollback;
mod strangers;
mod support;
mod tables;
mod wit_gate;
