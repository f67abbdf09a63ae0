//! Payments: orders, what providers say about them, and the ledger.
//!
//! A provider's statement is appended as a fact; the state of a payment, its
//! refunds and disputes, and every posting of the ledger is a function of the
//! set of facts ([`fold`]). Twice or in another order can therefore not matter.
//!
//! **Invariant:** a price comes from the plan or the course, never from a client.
//! **Invariant:** the merchant reference is committed before the first byte is
//! sent, and every repetition uses it again.
//! **Invariant:** an unknown outcome is asked about, never taken as a failure.
//! **Invariant:** no plugin is called while a transaction is open.
//! **Invariant:** state, postings, entitlement and events of one fact are
//! written in one transaction, under the lock of the payment.
//! **Invariant:** a return page changes nothing by itself; it asks the provider.
//! **Invariant:** what names another account, amount or currency is an
//! incident: the payment is frozen for a person to look at.
//!
//! **Invariant:** what strangers send to webhooks and return pages writes and
//! calls out at a fixed pace at most, whatever comes.
//! **Invariant:** money that came for what the buyer had for ever already, or
//! for a course that is gone, is an incident too: nobody pays for nothing unseen.
//! **Invariant:** a trial is given once to a proven address, whatever account
//! has it.
//!
//! **Absent on purpose:** subscriptions charged without the buyer, invoices,
//! tax, and the daily reconciliation. The tables and postings leave room.

mod checkout;
mod events;
mod fold;
mod incident;
mod janitor;
mod ledger;
mod model;
mod pace;
mod port;
mod reading;
mod refund;
mod refusal;
mod service;
mod settle;
mod store;
mod tasks;
mod way_back;
mod webhook;

pub use fold::{Fact, FactKind, Folded, Terms, fold};
pub use janitor::{Returned, Sweep};
pub use ledger::{Balance, LedgerAccount, Line, Posting, Side, trial_balance};
pub use model::{
    Catalog, Checkout, CheckoutOutcome, OrderState, PaymentState, ProviderAccount, RefundOrder, RefundOutcome,
    RefundState, SellableCourse, Settings,
};
pub use port::*;
pub use service::Payments;
pub use way_back::WayBack;
