//! Payments at pay.example.com. What is not written yet says so.

use lyceum_sdk::{
    host::{HeaderValue, Host, HttpFailure, Request},
    payment::{
        Accepted, Account, Capabilities, Error, InboundRequest, NextAction, Order, Provider, Ref, Refund, Refusal,
        Refused, Reply, Status, View,
    },
};

const API: &str = "https://pay.example.com/v1/payments";

pub struct Plugin;

fn send(host: &impl Host, method: &str, url: String, body: String) -> Result<(u16, String), Error> {
    let key = HeaderValue::Secret(("Bearer ".into(), "api_key".into()));
    let headers = vec![("authorization".into(), key)];
    let request = Request { method: method.into(), url, headers, body: body.into_bytes() };
    let answer = host.send(&request).map_err(|failure| match failure {
        HttpFailure::NotSent(why) => Error::NotSent(why),
        HttpFailure::Denied => Error::NotSent("the address is not granted".into()),
        HttpFailure::MaybeSent(why) | HttpFailure::Other(why) => Error::Unknown(why),
    })?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

fn payment(reference: &str) -> Ref {
    Ref { kind: "payment".into(), merchant_ref: Some(reference.into()), provider_ref: None }
}

/// The provider answers with the word for a payment's state.
fn view(about: &Ref, state: &str) -> View {
    let status = match state {
        "open" => Status::ActionRequired,
        "paid" => Status::Succeeded,
        "closed" => Status::Closed,
        other => Status::Other(other.into()),
    };
    let reference = about.merchant_ref.as_deref().unwrap_or_default();
    View {
        about: about.clone(),
        parent: None,
        status,
        raw_status: state.into(),
        amount: None,
        done: None,
        next: NextAction::Redirect(format!("https://pay.example.com/pay/{reference}")),
        occurred_ms: None,
        due_ms: None,
        ext: Vec::new(),
    }
}

fn refused(why: Refusal) -> Refused {
    Refused { why, answer: reply(400) }
}

fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

impl Provider for Plugin {
    fn describe() -> Capabilities {
        let (flows, currencies) = (vec!["redirect".into()], vec!["CNY".into()]);
        Capabilities { flows, currencies, features: Vec::new(), limits: Vec::new() }
    }

    fn check_account(host: &impl Host, _account: &Account) -> Result<(), Error> {
        match send(host, "GET", API.into(), String::new())? {
            (401, _) => Err(Error::Credentials("the key was refused".into())),
            _ => Ok(()),
        }
    }

    fn create(host: &impl Host, _account: &Account, order: &Order) -> Result<View, Error> {
        let body = format!("ref={}&amount={}", order.merchant_ref, order.amount.minor);
        match send(host, "POST", API.into(), body)? {
            (200, state) => Ok(view(&payment(&order.merchant_ref), &state)),
            (402, _) => Err(Error::Declined("refused by the provider".into())),
            (status, _) => Err(Error::Unknown(format!("answered {status}"))),
        }
    }

    fn query(host: &impl Host, _account: &Account, about: &Ref, _parent: Option<&Ref>) -> Result<View, Error> {
        let url = format!("{API}/{}", about.merchant_ref.as_deref().unwrap_or_default());
        match send(host, "GET", url, String::new())? {
            (200, state) => Ok(view(about, &state)),
            (404, _) => Ok(View { status: Status::NotFound, ..view(about, "") }),
            (status, _) => Err(Error::Unknown(format!("answered {status}"))),
        }
    }

    fn close(_host: &impl Host, _account: &Account, _payment: &Ref, _op_ref: &str) -> Result<View, Error> {
        Err(Error::Unsupported)
    }

    fn refund(_host: &impl Host, _account: &Account, _refund: &Refund) -> Result<View, Error> {
        Err(Error::Unsupported)
    }

    fn verify(_host: &impl Host, _account: &Account, _request: &InboundRequest) -> Result<Accepted, Refused> {
        Err(refused(Refusal::BadSignature))
    }

    fn read_return(_host: &impl Host, _account: &Account, request: &InboundRequest) -> Result<Ref, Refused> {
        let reference = request.query.strip_prefix("merchantRef=");
        reference.map(payment).ok_or_else(|| refused(Refusal::Malformed("no reference".into())))
    }
}

lyceum_sdk::export_payment!(Plugin, manifest: "../plugin.toml");
