//! Plain types of payments: states, requests, answers and settings.

use std::time::Duration;

use async_trait::async_trait;
use lyceum_kernel::{Id, Money, Result};
use lyceum_store::Write;

use super::port::Account;
use crate::{identity::Limit, limits};

/// Defines a state with its text in the database, in the order of rank.
macro_rules! states {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $variant_doc])* $variant,)+ }

        impl $name {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownState;

            fn from_str(text: &str) -> Result<Self, UnknownState> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownState(text.to_owned())),
                }
            }
        }
    };
}
pub(super) use states;

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no state \"{0}\"")]
pub struct UnknownState(pub(super) String);

states! {
    /// What became of an order. Money that went back is an amount, not a state.
    OrderState {
        Placed = "placed",
        Canceled = "canceled",
        Paid = "paid",
    }
}

states! {
    /// A payment, lowest rank first: facts only move it forward. Success after
    /// an end is possible (the money came late); nothing follows success.
    PaymentState {
        Created = "created",
        Submitting = "submitting",
        ActionRequired = "action-required",
        Processing = "processing",
        Authorized = "authorized",
        Failed = "failed",
        Expired = "expired",
        Closed = "closed",
        Succeeded = "succeeded",
    }
}

impl PaymentState {
    /// Failed, expired or closed: no money is expected any more.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Failed | Self::Expired | Self::Closed)
    }

    #[must_use]
    pub const fn is_open(self) -> bool {
        !self.is_ended() && !matches!(self, Self::Succeeded)
    }
}

states! {
    /// A refund, lowest rank first. One that succeeded can still fail.
    RefundState {
        Requested = "requested",
        Processing = "processing",
        Succeeded = "succeeded",
        Canceled = "canceled",
        Failed = "failed",
    }
}

impl RefundState {
    /// Whether its amount is spoken for: on its way back, or back already.
    #[must_use]
    pub const fn holds_money(self) -> bool {
        matches!(self, Self::Requested | Self::Processing | Self::Succeeded)
    }
}

/// What a buyer asks for: exactly one of a plan and a course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    pub plan_id: Option<Id>,
    pub course_id: Option<Id>,
    /// The provider's key: `sandbox`.
    pub provider: String,
    /// Where the buyer goes afterwards: `http` or `https`.
    pub return_url: String,
    /// The same key with the same input gives the same order.
    pub idempotency_key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutOutcome {
    pub order_id: Id,
    /// Where to pay; none when there is nothing to pay or it is paid.
    pub redirect_url: Option<String>,
    pub state: OrderState,
}

/// What a refund gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    pub order: Id,
    /// In minor units of the order's currency.
    pub minor: i64,
    /// At most 500 characters.
    pub reason: String,
    /// The same key with the same input is the same refund.
    pub idempotency_key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOutcome {
    pub refund_id: Id,
    pub amount: Money,
    /// `Requested` or `Processing`: the provider has not said the last word.
    pub state: RefundState,
}

/// A course as the till sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SellableCourse {
    pub id: Id,
    pub title: String,
    /// None: it is not sold one by one.
    pub price: Option<Money>,
    pub published: bool,
    /// The tier whose members read it; none when no membership opens it.
    pub tier: Option<Id>,
}

/// Where prices and titles of courses are looked up.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// # Errors
    /// Internal.
    async fn sellable_course(&self, id: Id) -> Result<Option<SellableCourse>>;

    /// Whether the course is there, as a transaction sees it.
    ///
    /// # Errors
    /// Internal.
    async fn course_exists(&self, write: &Write, id: Id) -> Result<bool>;
}

/// The merchant account at one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderAccount {
    /// The provider's key, as in the webhook's URL.
    pub provider: String,
    pub account: Account,
    /// Our `/webhooks/payments/{provider}` as the provider reaches it.
    pub notify_url: String,
    /// Our return page, which asks the provider and sends the buyer on. When
    /// it is absent the provider sends the buyer to the checkout's own URL.
    pub return_page_url: Option<String>,
}

impl ProviderAccount {
    /// The account in tables and in the ledger. Live and test never share one.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", if self.account.live { "live" } else { "test" }, self.account.id)
    }
}

/// What the operator decides about payments.
#[derive(Debug, Clone)]
pub struct Settings {
    pub accounts: Vec<ProviderAccount>,
    /// Hosts that a return URL may name, beside our own.
    pub return_hosts: Vec<String>,
    /// How clients reach us: buyers may come back to its host.
    pub public_url: Option<String>,
    /// Development mode: buyers may come back to this machine, and to any other
    /// host by a link.
    pub dev: bool,
    /// Orders of one person that may wait for payment at one time.
    pub open_orders: u32,
    /// Orders that one person places.
    pub checkouts_per_person: Limit,
    /// How long a buyer may take to pay.
    pub order_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        // Stripe takes 30 minutes to 24 hours; an hour is left for clocks.
        Self {
            accounts: Vec::new(),
            return_hosts: Vec::new(),
            public_url: None,
            dev: false,
            open_orders: limits::OPEN_ORDERS.count,
            checkouts_per_person: limits::CHECKOUT.limit(),
            order_lifetime: Duration::from_secs(23 * 3600),
        }
    }
}
