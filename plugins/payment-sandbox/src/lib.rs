//! The sandbox gateway's messages, translated. The plugin holds no state and
//! decides nothing: it says what the gateway said.
//!
//! **Invariant:** what may have happened at the gateway is `unknown`, never a
//! refusal: a lost answer, a 5xx, an answer that cannot be read.
//!
//! **Invariant:** no input makes it panic. Amounts are integers throughout.

mod gateway;
mod message;
mod notification;
mod return_page;
mod signature;

use lyceum_sdk::{
    host::Host,
    payment::{Accepted, Account, Capabilities, Error, InboundRequest, Order, Provider, Ref, Refund, Refused, View},
};
use serde_json::json;

use crate::gateway::{Answer, Gateway};

/// The provider `sandbox`.
pub struct Sandbox;

/// A merchant reference that no payment has, for asking whether the key works.
const NOBODY: &str = "00000000000000000000000000";

impl Provider for Sandbox {
    fn describe() -> Capabilities {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Capabilities {
            flows: words(&["redirect"]),
            currencies: words(&["CNY", "USD", "EUR", "JPY"]),
            features: words(&["partial-refund", "close-notified"]),
            limits: vec![("min-query-gap-s".into(), "1".into())],
        }
    }

    fn check_account(host: &impl Host, account: &Account) -> Result<(), Error> {
        Gateway::of(host, account)?.get(&["payments", NOBODY]).map(|_| ())
    }

    fn create(host: &impl Host, account: &Account, order: &Order) -> Result<View, Error> {
        check_order(order)?;
        let body = json!({
            "merchantRef": order.merchant_ref,
            "amountMinor": order.amount.minor,
            "currency": order.amount.currency,
            "title": order.title,
            "returnUrl": order.return_url,
            "notifyUrl": order.notify_url,
            "expiresMs": order.expires_ms,
        });
        Gateway::of(host, account)?.post(&["payments"], Some(&body))?.payment()
    }

    fn query(host: &impl Host, account: &Account, about: &Ref, parent: Option<&Ref>) -> Result<View, Error> {
        let gateway = Gateway::of(host, account)?;
        let found = match about.kind.as_str() {
            "payment" => gateway.get(&["payments", reference(about)?])?.payment_if_found()?,
            "refund" => gateway.get(&["refunds", reference(about)?])?.refund_if_found()?,
            _ => return Err(Error::Unsupported),
        };
        Ok(found.unwrap_or_else(|| message::not_found(about, parent)))
    }

    fn close(host: &impl Host, account: &Account, payment: &Ref, _op_ref: &str) -> Result<View, Error> {
        let gateway = Gateway::of(host, account)?;
        let path = ["payments", reference(payment)?];
        match gateway.post(&[path[0], path[1], "close"], None)? {
            Answer::Conflict { code, .. } if code == "already_paid" => gateway.get(&path)?.payment(),
            answer => answer.payment(),
        }
    }

    fn refund(host: &impl Host, account: &Account, refund: &Refund) -> Result<View, Error> {
        let payment = reference(&refund.payment)?;
        check_reference(&refund.refund_ref)?;
        check_amount(refund.amount.minor)?;
        let body = json!({
            "refundRef": refund.refund_ref,
            "amountMinor": refund.amount.minor,
            "reason": refund.reason,
        });
        let gateway = Gateway::of(host, account)?;
        match gateway.post(&["payments", payment, "refunds"], Some(&body))? {
            Answer::Conflict { code, message } if code == "refund_exceeds_paid" || code == "not_paid" => {
                Err(Error::Declined(format!("{code}: {message}")))
            }
            answer => answer.refund(),
        }
    }

    fn verify(host: &impl Host, account: &Account, request: &InboundRequest) -> Result<Accepted, Refused> {
        notification::verify(host, account, request)
    }

    fn read_return(_host: &impl Host, _account: &Account, request: &InboundRequest) -> Result<Ref, Refused> {
        return_page::read(request)
    }
}

fn check_order(order: &Order) -> Result<(), Error> {
    check_reference(&order.merchant_ref)?;
    check_amount(order.amount.minor)?;
    if order.manual_capture || order.mandate.is_some() || order.flow != "redirect" {
        return Err(Error::Unsupported);
    }
    Ok(())
}

fn check_amount(minor: i64) -> Result<(), Error> {
    if minor > 0 { Ok(()) } else { Err(Error::Invalid(format!("the amount is {minor}, not above zero"))) }
}

/// Our reference of an object. It becomes a part of a path, so its form is checked.
fn reference(about: &Ref) -> Result<&str, Error> {
    let reference = about.merchant_ref.as_deref();
    let reference =
        reference.ok_or_else(|| Error::Invalid("the gateway knows objects by merchant reference".into()))?;
    check_reference(reference)?;
    Ok(reference)
}

fn check_reference(reference: &str) -> Result<(), Error> {
    if message::is_reference(reference) {
        Ok(())
    } else {
        Err(Error::Invalid("a merchant reference has 20 to 32 characters of 0-9 and A-Z".into()))
    }
}

lyceum_sdk::export_payment!(Sandbox, manifest: "../plugin.toml");
