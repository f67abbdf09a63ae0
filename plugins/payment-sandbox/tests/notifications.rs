//! Notifications and return pages: what is taken and what is refused.

mod double;

use double::{Double, REFERENCE, account, hex, inbound, payment_json, refund_json, signed, toy_mac};
use lyceum_sdk::payment::{Accepted, InboundRequest, Provider, Refusal, Refused, Status};
use payment_sandbox::Sandbox;

fn event(kind: &str, data: &str) -> String {
    format!(r#"{{"id":"evt_1","type":"{kind}","createdMs":11,"account":"acc_1","data":{data}}}"#)
}

fn payment_event(kind: &str, status: &str) -> String {
    event(kind, &format!(r#"{{"payment":{}}}"#, payment_json(status)))
}

fn verify(request: &InboundRequest) -> Result<Accepted, Refused> {
    Sandbox::verify(&Double::default(), &account(), request)
}

fn refusal(request: &InboundRequest) -> (Refusal, u16) {
    let refused = verify(request).expect_err("it is refused");
    (refused.why, refused.answer.status)
}

#[test]
fn a_genuine_notification_carries_its_view() {
    let body = payment_event("payment.succeeded", "paid");
    let accepted = verify(&signed(body.as_bytes(), 0)).expect("accepted");
    assert_eq!((accepted.ack.status, accepted.nack.status), (200, 503));
    let event = &accepted.events[0];
    assert_eq!((event.id.as_str(), event.name.as_str(), event.occurred_ms), ("evt_1", "payment.succeeded", Some(11)));
    assert_eq!(event.about.merchant_ref.as_deref(), Some(REFERENCE));
    let view = event.view.as_ref().expect("a view");
    assert!(matches!(view.status, Status::Succeeded));
}

#[test]
fn a_refund_notification_is_about_the_refund() {
    let body = event("refund.succeeded", &format!(r#"{{"refund":{}}}"#, refund_json("succeeded")));
    let accepted = verify(&signed(body.as_bytes(), 0)).expect("accepted");
    assert_eq!(accepted.events[0].about.kind, "refund");
    let parent = accepted.events[0].view.as_ref().and_then(|view| view.parent.clone());
    assert_eq!(parent.and_then(|parent| parent.merchant_ref).as_deref(), Some(REFERENCE));
}

#[test]
fn an_object_in_another_state_than_announced_must_be_queried() {
    let body = payment_event("payment.processing", "paid");
    let accepted = verify(&signed(body.as_bytes(), 0)).expect("accepted");
    assert!(accepted.events[0].view.is_none());
}

#[test]
fn the_time_may_be_300_seconds_off_on_both_sides() {
    let body = payment_event("payment.succeeded", "paid");
    for seconds in [-300, -299, 299, 300] {
        assert!(verify(&signed(body.as_bytes(), seconds)).is_ok(), "{seconds}");
    }
    for seconds in [-301, 301] {
        assert!(matches!(refusal(&signed(body.as_bytes(), seconds)), (Refusal::Stale, 401)), "{seconds}");
    }
}

#[test]
fn every_flipped_bit_of_the_body_is_noticed() {
    let body = payment_event("payment.succeeded", "paid").into_bytes();
    let genuine = signed(&body, 0);
    for at in 0..body.len() * 8 {
        let mut forged = genuine.clone();
        forged.body[at / 8] ^= 1 << (at % 8);
        assert!(matches!(refusal(&forged), (Refusal::BadSignature, 401)), "bit {at}");
    }
}

#[test]
fn headers_that_are_not_signatures_are_refused() {
    let body = payment_event("payment.succeeded", "paid");
    let time = double::NOW_SECONDS;
    let mac = hex(&toy_mac(format!("{time}.{body}").as_bytes()));
    for header in [
        String::new(),
        "t=".into(),
        format!("t={time}"),
        format!("v1={mac}"),
        format!("t={time},v0={mac}"),
        format!("t={time},v1="),
        format!("t={time},v1={}", &mac[2..]),
        format!("t={time},v1={}", "é".repeat(32)),
        format!("t={time},t={time},v1={mac}"),
        format!("t=+{time},v1={mac}"),
        format!("t=99999999999999999999999,v1={mac}"),
    ] {
        let request = inbound(body.as_bytes(), &header);
        assert!(matches!(refusal(&request), (Refusal::BadSignature, 401)), "{header}");
    }
    let unsigned = InboundRequest { headers: Vec::new(), ..inbound(body.as_bytes(), "") };
    assert!(matches!(refusal(&unsigned), (Refusal::BadSignature, 401)));
    let mut twice = signed(body.as_bytes(), 0);
    twice.headers.push(twice.headers[0].clone());
    assert!(matches!(refusal(&twice), (Refusal::BadSignature, 401)));
}

#[test]
fn either_of_two_signatures_may_match() {
    let body = payment_event("payment.succeeded", "paid");
    let time = double::NOW_SECONDS;
    let mac = hex(&toy_mac(format!("{time}.{body}").as_bytes()));
    let request = inbound(body.as_bytes(), &format!("t={time},v1={},v1={mac}", "0".repeat(64)));
    assert!(verify(&request).is_ok());
}

#[test]
fn many_signatures_cost_four_checks() {
    let host = Double::default();
    let header = format!("t=1{}", format!(",v1={}", "0".repeat(64)).repeat(500));
    assert!(Sandbox::verify(&host, &account(), &inbound(b"{}", &header)).is_err());
    assert_eq!(*host.checked.borrow(), 4);
}

#[test]
fn another_account_is_refused() {
    let body = payment_event("payment.succeeded", "paid").replace("acc_1", "acc_2");
    assert!(matches!(refusal(&signed(body.as_bytes(), 0)), (Refusal::WrongAccount, 400)));
}

#[test]
fn an_unknown_type_is_acknowledged_and_ignored() {
    let body = event("customer.created", "{}");
    assert!(matches!(refusal(&signed(body.as_bytes(), 0)), (Refusal::Ignored(_), 200)));
}

#[test]
fn no_genuine_but_broken_body_makes_it_panic() {
    let whole = payment_event("payment.succeeded", "paid");
    let deep = "[".repeat(100_000);
    let mut bodies: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole.as_bytes()[..end].to_vec()).collect();
    bodies.extend([b"\xff\xfe".to_vec(), deep.into_bytes(), b"null".to_vec(), vec![b' '; 1 << 20]]);
    bodies.extend(["\"id\":5", "\"id\":\"\""].map(|id| whole.replace("\"id\":\"evt_1\"", id).into_bytes()));
    bodies.extend(
        ["-9900", "99.0", "1e3", "\"9900\"", "9223372036854775808"].map(|n| whole.replace("9900", n).into_bytes()),
    );
    for body in bodies {
        assert!(matches!(refusal(&signed(&body, 0)), (Refusal::Malformed(_), 400)), "{body:?}");
    }
}

#[test]
fn without_the_secret_the_gateway_is_asked_to_try_again() {
    let host = Double { without_key: true, ..Double::default() };
    let refused = Sandbox::verify(&host, &account(), &signed(b"{}", 0)).expect_err("refused");
    assert!(matches!((refused.why, refused.answer.status), (Refusal::Other(_), 503)));
}

#[test]
fn a_return_page_names_its_payment() {
    let read = |query: &str| {
        let request = InboundRequest { query: query.into(), ..inbound(b"", "") };
        Sandbox::read_return(&Double::default(), &account(), &request)
    };
    for query in [format!("merchantRef={REFERENCE}"), format!("order=1?merchantRef={REFERENCE}")] {
        let about = read(&query).expect("a reference");
        assert_eq!((about.kind.as_str(), about.merchant_ref.as_deref()), ("payment", Some(REFERENCE)));
    }
    let two = format!("merchantRef={REFERENCE}&merchantRef=01J00000000000000000000XYZ");
    for query in ["", "merchantRef=", "merchantRef=..%2F", "status=paid", two.as_str()] {
        assert!(read(query).is_err(), "{query}");
    }
}
