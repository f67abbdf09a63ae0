//! The domain's payment words in those of the WIT.

use lyceum_domain::payment::{Account, InboundRequest, ObjectKind, ProviderOrder, Reference};
use lyceum_kernel::{Money, Timestamp};

use crate::bindings::{
    host::lyceum::types::common,
    payment::{
        exports::lyceum::payment::{inbound, provider},
        lyceum::payment::types as guest,
    },
};

pub(super) fn account(account: &Account) -> guest::Account {
    guest::Account { id: account.id.clone(), live: account.live, settings: account.settings.clone() }
}

pub(super) fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Payment => "payment",
        ObjectKind::Refund => "refund",
        ObjectKind::Dispute => "dispute",
        ObjectKind::Mandate => "mandate",
        ObjectKind::Payout => "payout",
    }
}

pub(super) fn reference(reference: &Reference) -> guest::Ref {
    guest::Ref {
        kind: kind(reference.kind).to_owned(),
        merchant_ref: reference.merchant.clone(),
        provider_ref: reference.provider.clone(),
    }
}

pub(super) fn money(money: Money) -> common::Money {
    common::Money { currency: money.currency.to_string(), minor: money.minor }
}

fn millis(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(0)
}

pub(super) fn order(order: &ProviderOrder) -> provider::Order {
    provider::Order {
        merchant_ref: order.merchant_ref.clone(),
        amount: money(order.amount),
        flow: order.flow.clone(),
        title: order.title.clone(),
        manual_capture: order.manual_capture,
        expires_ms: millis(order.expires),
        return_url: order.return_url.clone(),
        notify_url: order.notify_url.clone(),
        mandate: None,
        payer: Vec::new(),
        metadata: order.metadata.clone(),
        ext: Vec::new(),
    }
}

pub(super) fn request(request: &InboundRequest) -> inbound::Request {
    inbound::Request {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        received_ms: millis(request.received),
    }
}
