//! The protocol of `docs/sandbox-gateway.md`, through the real router and a
//! real listener for webhooks.
#![allow(clippy::unwrap_used)]

mod harness;
mod money;
mod pages;
mod switches;
mod webhooks;
