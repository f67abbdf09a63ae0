//! The gateway's notifications. Nothing in a body is looked at before its
//! signature is checked.

use lyceum_sdk::{
    host::Host,
    payment::{Accepted, Account, Event, InboundRequest, Refusal, Refused, Reply, View},
};
use serde_json::Value;

use crate::{
    message::{self, text},
    signature,
};

/// What a type of event is about, and the state that it announces.
struct Kind {
    name: &'static str,
    object: &'static str,
    raw_status: &'static str,
}

const KINDS: &[Kind] = &[
    Kind { name: "payment.succeeded", object: "payment", raw_status: "paid" },
    Kind { name: "payment.failed", object: "payment", raw_status: "failed" },
    Kind { name: "payment.closed", object: "payment", raw_status: "closed" },
    Kind { name: "payment.processing", object: "payment", raw_status: "processing" },
    Kind { name: "refund.succeeded", object: "refund", raw_status: "succeeded" },
    Kind { name: "refund.failed", object: "refund", raw_status: "failed" },
];

/// Whether a notification is from the gateway, and what it says.
///
/// # Errors
/// Why it is not taken, with the answer to give.
pub fn verify(host: &impl Host, account: &Account, request: &InboundRequest) -> Result<Accepted, Refused> {
    let event = signature::check(host, request).and_then(|()| read(account, &request.body));
    match event {
        Ok(event) => Ok(Accepted { events: vec![event], ack: reply(200), nack: reply(503) }),
        Err(why) => Err(Refused { answer: reply(status_of(&why)), why }),
    }
}

fn read(account: &Account, body: &[u8]) -> Result<Event, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    if required(&body, "account")? != account.id {
        return Err(Refusal::WrongAccount);
    }
    let name = required(&body, "type")?;
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| Refusal::Ignored(format!("an event of type {}", shortened(name))))?;
    event(kind, &body)
}

fn event(kind: &Kind, body: &Value) -> Result<Event, Refusal> {
    let object = &body["data"][kind.object];
    let view = if kind.object == "payment" { message::payment(object) } else { message::refund(object) };
    let view = view.ok_or_else(|| malformed(kind.object))?;
    let occurred_ms = message::whole(body, "createdMs");
    Ok(Event {
        id: event_id(body)?.into(),
        name: kind.name.into(),
        about: view.about.clone(),
        occurred_ms,
        view: consistent(kind, view, occurred_ms),
        ext: Vec::new(),
    })
}

/// The view, when the object is in the state that the event announces. If it
/// is not, the host has to ask.
fn consistent(kind: &Kind, view: View, occurred_ms: Option<u64>) -> Option<View> {
    (view.raw_status == kind.raw_status).then(|| View { occurred_ms: occurred_ms.or(view.occurred_ms), ..view })
}

/// The event's id, which the host stores as a key.
fn event_id(body: &Value) -> Result<&str, Refusal> {
    let id = required(body, "id")?;
    let is_short = (1..=64).contains(&id.len());
    if is_short && id.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(id) } else { Err(malformed("id")) }
}

fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    text(body, name).ok_or_else(|| malformed(name))
}

fn malformed(what: &str) -> Refusal {
    Refusal::Malformed(format!("{what} is missing or not what it should be"))
}

fn shortened(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).take(64).collect()
}

/// What is answered. An ignored event is acknowledged, so that the gateway does
/// not send it again; a fault on our side asks for another attempt.
fn status_of(why: &Refusal) -> u16 {
    match why {
        Refusal::Ignored(_) => 200,
        Refusal::BadSignature | Refusal::Stale | Refusal::UnknownKey(_) | Refusal::Probe => 401,
        Refusal::Malformed(_) | Refusal::WrongAccount => 400,
        Refusal::Other(_) => 503,
    }
}

fn reply(status: u16) -> Reply {
    Reply { status, headers: vec![("content-type".into(), "text/plain".into())], body: Vec::new() }
}
