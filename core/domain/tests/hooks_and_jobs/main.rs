//! Hooks, deliveries and jobs, with guests played by fakes: they keep what
//! they were told and answer what the test says.
#![allow(clippy::unwrap_used)]

#[path = "../people/mod.rs"]
mod people;

mod after;
mod before;
mod delivery;
mod house;
mod jobs;
mod shadow;
