//! Payments and refunds: what is kept, and how the API shows it.

use lyceum_kernel::{Id, Money, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentStatus {
    Open,
    Processing,
    Paid,
    Closed,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundStatus {
    Processing,
    Succeeded,
    Failed,
}

/// How refunds end: at once, not yet, or badly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefundOutcome {
    #[default]
    Succeeded,
    Processing,
    Failed,
}

/// What a buyer does on the pay page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Pay,
    Decline,
    Cancel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payment {
    pub id: Id,
    pub merchant_ref: String,
    pub status: PaymentStatus,
    pub amount: Money,
    pub title: String,
    pub return_url: String,
    pub notify_url: String,
    pub refunded_minor: i64,
    pub created: Timestamp,
    pub paid: Option<Timestamp>,
    pub expires: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refund {
    pub id: Id,
    pub refund_ref: String,
    pub merchant_ref: String,
    pub status: RefundStatus,
    pub amount: Money,
    pub reason: String,
}

/// A payment as the API shows it. Amounts in minor units, times in
/// milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    pub id: String,
    pub merchant_ref: String,
    pub status: PaymentStatus,
    pub amount_minor: i64,
    pub currency: String,
    pub title: String,
    pub pay_url: String,
    pub refunded_minor: i64,
    pub created_ms: i64,
    pub paid_ms: Option<i64>,
    pub expires_ms: i64,
}

/// A refund as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundView {
    pub id: String,
    pub refund_ref: String,
    pub merchant_ref: String,
    pub status: RefundStatus,
    pub amount_minor: i64,
    pub currency: String,
}

impl Payment {
    pub fn public_id(&self) -> String {
        self.id.with_prefix("pay")
    }

    pub fn view(&self, public_url: &str) -> PaymentView {
        let id = self.public_id();
        PaymentView {
            pay_url: format!("{public_url}/pay/{id}"),
            id,
            merchant_ref: self.merchant_ref.clone(),
            status: self.status,
            amount_minor: self.amount.minor,
            currency: self.amount.currency.to_string(),
            title: self.title.clone(),
            refunded_minor: self.refunded_minor,
            created_ms: self.created.as_millis(),
            paid_ms: self.paid.map(Timestamp::as_millis),
            expires_ms: self.expires.as_millis(),
        }
    }
}

impl Refund {
    pub fn view(&self) -> RefundView {
        RefundView {
            id: self.id.with_prefix("ref"),
            refund_ref: self.refund_ref.clone(),
            merchant_ref: self.merchant_ref.clone(),
            status: self.status,
            amount_minor: self.amount.minor,
            currency: self.amount.currency.to_string(),
        }
    }
}

impl PaymentStatus {
    /// The webhook that tells this state.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Open | Self::Processing => "payment.processing",
            Self::Paid => "payment.succeeded",
            Self::Closed => "payment.closed",
            Self::Failed => "payment.failed",
        }
    }

    /// Paid or failed: states that a payment passes through `processing` for.
    pub(crate) fn is_decided_by_buyer(self) -> bool {
        matches!(self, Self::Paid | Self::Failed)
    }
}

impl RefundStatus {
    /// The webhook that tells this state; a refund under way has none.
    pub(crate) fn event(self) -> Option<&'static str> {
        match self {
            Self::Processing => None,
            Self::Succeeded => Some("refund.succeeded"),
            Self::Failed => Some("refund.failed"),
        }
    }
}

impl From<RefundOutcome> for RefundStatus {
    fn from(outcome: RefundOutcome) -> Self {
        match outcome {
            RefundOutcome::Succeeded => Self::Succeeded,
            RefundOutcome::Processing => Self::Processing,
            RefundOutcome::Failed => Self::Failed,
        }
    }
}
