//! The merchant's API under `/v1`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use lyceum_kernel::{Money, Timestamp};
use serde::Deserialize;

use crate::{
    Gateway, PaymentView, RefundView, Refusal,
    books::{NewPayment, NewRefund},
    strict::Strict,
};

/// The largest length of a reference, in bytes.
const REFERENCE_LIMIT: usize = 64;
/// The largest length of a title or a reason, in characters.
const TEXT_LIMIT: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreatePayment {
    merchant_ref: String,
    amount_minor: i64,
    currency: String,
    title: String,
    return_url: String,
    notify_url: String,
    expires_ms: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateRefund {
    refund_ref: String,
    amount_minor: i64,
    reason: String,
}

pub(crate) async fn create_payment(
    State(gateway): State<Arc<Gateway>>,
    Strict(body): Strict<CreatePayment>,
) -> Result<Json<PaymentView>, Refusal> {
    let new = body.check()?;
    let declined = gateway.switches().decline_create;
    let payment = gateway.with_books(|books, now| books.create(new, declined, now))?;
    Ok(Json(gateway.payment_view(&payment)))
}

pub(crate) async fn read_payment(
    State(gateway): State<Arc<Gateway>>,
    Path(merchant_ref): Path<String>,
) -> Result<Json<PaymentView>, Refusal> {
    let payment = gateway.with_books(|books, _| books.payment(&merchant_ref))?;
    Ok(Json(gateway.payment_view(&payment)))
}

pub(crate) async fn close_payment(
    State(gateway): State<Arc<Gateway>>,
    Path(merchant_ref): Path<String>,
) -> Result<Json<PaymentView>, Refusal> {
    let (payment, closed_now) = gateway.with_books(|books, _| books.close(&merchant_ref))?;
    if closed_now {
        gateway.announce(&payment, gateway.switches().delivery);
    }
    Ok(Json(gateway.payment_view(&payment)))
}

pub(crate) async fn create_refund(
    State(gateway): State<Arc<Gateway>>,
    Path(merchant_ref): Path<String>,
    Strict(body): Strict<CreateRefund>,
) -> Result<Json<RefundView>, Refusal> {
    let new = body.check()?;
    let switches = gateway.switches();
    let (refund, made_now) = gateway.with_books(|books, _| books.refund(&merchant_ref, new, switches.refunds))?;
    if made_now {
        gateway.announce_refund(&refund, switches.delivery);
    }
    Ok(Json(refund.view()))
}

pub(crate) async fn read_refund(
    State(gateway): State<Arc<Gateway>>,
    Path(refund_ref): Path<String>,
) -> Result<Json<RefundView>, Refusal> {
    let refund = gateway.with_books(|books, _| books.refund_by_ref(&refund_ref))?;
    Ok(Json(refund.view()))
}

impl CreatePayment {
    fn check(self) -> Result<NewPayment, Refusal> {
        check_reference("merchantRef", &self.merchant_ref)?;
        check_amount(self.amount_minor)?;
        check_text("title", &self.title, 1)?;
        check_web_address("returnUrl", &self.return_url)?;
        check_web_address("notifyUrl", &self.notify_url)?;
        let currency = self.currency.parse().map_err(|error| invalid("currency", error))?;
        Ok(NewPayment {
            merchant_ref: self.merchant_ref,
            amount: Money::new(self.amount_minor, currency),
            title: self.title,
            return_url: self.return_url,
            notify_url: self.notify_url,
            expires: Timestamp::from_millis(self.expires_ms),
        })
    }
}

impl CreateRefund {
    fn check(self) -> Result<NewRefund, Refusal> {
        check_reference("refundRef", &self.refund_ref)?;
        check_amount(self.amount_minor)?;
        check_text("reason", &self.reason, 0)?;
        Ok(NewRefund { refund_ref: self.refund_ref, amount_minor: self.amount_minor, reason: self.reason })
    }
}

fn check_reference(field: &str, text: &str) -> Result<(), Refusal> {
    let fits = (1..=REFERENCE_LIMIT).contains(&text.len());
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    ensure(fits && plain, field, "1 to 64 characters of A-Z, a-z, 0-9, _ and -")
}

fn check_amount(minor: i64) -> Result<(), Refusal> {
    ensure(minor > 0, "amountMinor", "must be positive")
}

fn check_text(field: &str, text: &str, least: usize) -> Result<(), Refusal> {
    let length = text.chars().count();
    ensure((least..=TEXT_LIMIT).contains(&length), field, "is empty or longer than 256 characters")
}

/// Only `http` and `https`: the return address becomes a `Location` header
/// and a link.
fn check_web_address(field: &str, text: &str) -> Result<(), Refusal> {
    let url = reqwest::Url::parse(text).map_err(|error| invalid(field, error))?;
    ensure(matches!(url.scheme(), "http" | "https"), field, "must be an http or https address")
}

fn ensure(holds: bool, field: &str, why: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(invalid(field, why)) }
}

fn invalid(field: &str, why: impl std::fmt::Display) -> Refusal {
    Refusal::Invalid(format!("{field}: {why}"))
}
