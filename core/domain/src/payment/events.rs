//! The events of payments, as the outbox carries them.
//!
//! `order.placed`, `order.paid`, `order.canceled`, `payment.succeeded`,
//! `payment.failed`, `payment.expired`, `payment.closed`, `payment.incident`,
//! `refund.requested`, `refund.processing`, `refund.succeeded`,
//! `refund.failed`, `refund.canceled`.

use lyceum_kernel::{Event, Id, Money};
use serde_json::json;

use super::store::{Order, Payment};

pub(super) fn order(what: &str, order: &Order) -> Event {
    let data = json!({
        "userId": order.user,
        "planId": order.plan,
        "courseId": order.course,
        "amount": order.amount,
        "provider": order.provider,
    });
    Event::new("order", what, order.id).by(Some(order.user)).with(data)
}

pub(super) fn payment(what: &str, payment: &Payment) -> Event {
    let data = json!({ "orderId": payment.order, "provider": payment.provider, "amount": payment.amount });
    Event::new("payment", what, payment.id).with(data)
}

pub(super) fn refund(what: &str, refund: Id, payment: &Payment, amount: Money, by: Option<Id>) -> Event {
    let data = json!({ "orderId": payment.order, "paymentId": payment.id, "amount": amount });
    Event::new("refund", what, refund).by(by).with(data)
}
