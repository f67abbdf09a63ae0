//! Memberships: tiers, the plans that sell them, and who is entitled to what.
//!
//! An entitlement is what a person may read: a tier (with every tier of a
//! lower rank) or one course. It comes from an order, or is a gift without one.
//!
//! **Invariant:** no two tiers have one rank: a cheap one would open the other.
//! **Invariant:** one order gives one entitlement, however often it is told to.
//! **Invariant:** a plan's price never changes; another price is another plan.
//! **Invariant:** one address has one trial of a tier, also when another account
//! has it later.
//! **Invariant:** a refund takes the days of its own order only: what was bought
//! ahead moves forward ([`queue`]).
//! **Absent on purpose:** payment. The payment domain calls [`Memberships::grant`]
//! and [`Memberships::set_revoked`] inside its own transaction.

mod model;
mod period;
mod queue;
pub(crate) mod rows;
mod service;
mod store;

pub use model::{CreatePlan, Entitled, Grant, Interval, Plan, Tier};
pub use service::Memberships;
pub use store::ENTITLEMENTS;
