//! A payment provider that misbehaves on demand, for the host's tests: in the way
//! that an order's title says, or the body of a notification or of a return.

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    host::Host,
    payment::{
        Accepted, Account, Capabilities, Error, Event, InboundRequest, Money, NextAction, Order, Provider, Ref, Refund,
        Refused, Reply, Status, View,
    },
};

/// Misbehaves on demand.
pub struct Hostile;

impl Provider for Hostile {
    fn describe() -> Capabilities {
        let flows = vec!["redirect".to_owned()];
        Capabilities { flows, currencies: vec!["CNY".to_owned()], features: Vec::new(), limits: Vec::new() }
    }

    fn check_account(_host: &impl Host, _account: &Account) -> Result<(), Error> {
        Ok(())
    }

    fn create(host: &impl Host, _account: &Account, order: &Order) -> Result<View, Error> {
        misbehave(host, &order.title);
        Ok(answer(&order.title))
    }

    fn query(_host: &impl Host, _account: &Account, _about: &Ref, _parent: Option<&Ref>) -> Result<View, Error> {
        Ok(answer("fine"))
    }

    fn close(_host: &impl Host, _account: &Account, _payment: &Ref, _op_ref: &str) -> Result<View, Error> {
        Err(Error::Unsupported)
    }

    fn refund(_host: &impl Host, _account: &Account, _refund: &Refund) -> Result<View, Error> {
        Err(Error::Unsupported)
    }

    fn verify(host: &impl Host, _account: &Account, request: &InboundRequest) -> Result<Accepted, Refused> {
        let word = body(request);
        misbehave(host, &word);
        let good = Accepted { events: vec![event("evt_1")], ack: reply(200), nack: reply(500) };
        Ok(match word.as_str() {
            "giant" => Accepted { ack: Reply { body: vec![b'x'; GIANT], ..reply(200) }, ..good },
            "nameless" => Accepted { events: vec![event("")], ..good },
            "many" => Accepted { events: vec![event("evt_1"); 101], ..good },
            "status" => Accepted { ack: reply(99), ..good },
            _ => good,
        })
    }

    fn read_return(host: &impl Host, _account: &Account, request: &InboundRequest) -> Result<Ref, Refused> {
        let word = body(request);
        misbehave(host, &word);
        match word.as_str() {
            "giant" => Ok(Ref { merchant_ref: Some("x".repeat(GIANT)), ..payment() }),
            "coupon" => Ok(Ref { kind: "coupon".to_owned(), ..payment() }),
            _ => Ok(payment()),
        }
    }
}

fn body(request: &InboundRequest) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

fn answer(word: &str) -> View {
    let money = |currency: &str, minor| Some(Money { currency: currency.to_owned(), minor });
    let good = View {
        about: payment(),
        parent: None,
        status: Status::ActionRequired,
        raw_status: "open".to_owned(),
        amount: money("CNY", 9_900),
        done: None,
        next: NextAction::Redirect("https://pay.example/1".to_owned()),
        occurred_ms: None,
        due_ms: None,
        ext: Vec::new(),
    };
    match word {
        "giant" => View { next: NextAction::QrCode("x".repeat(GIANT)), ..good },
        "yuan" => View { amount: money("yuan", 9_900), ..good },
        "negative" => View { amount: money("CNY", -1), ..good },
        "script" => View { next: NextAction::Redirect("javascript:alert(1)".to_owned()), ..good },
        "won" => View { status: Status::Won, ..good },
        "coupon" => View { about: Ref { kind: "coupon".to_owned(), ..payment() }, ..good },
        _ => good,
    }
}

fn payment() -> Ref {
    let reference = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    Ref { kind: "payment".to_owned(), merchant_ref: Some(reference), provider_ref: None }
}

fn event(id: &str) -> Event {
    let (id, name) = (id.to_owned(), "payment.succeeded".to_owned());
    Event { id, name, about: payment(), occurred_ms: None, view: None, ext: Vec::new() }
}

fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

lyceum_sdk::export_payment!(Hostile, manifest: "../plugin.toml");
