//! Requests to the gateway, and what its answers mean.

mod double;

use double::{Double, REFERENCE, REFUND, account, order, payment_json, payment_ref, refund_json};
use lyceum_sdk::{
    host::{HeaderValue, HttpFailure},
    payment::{Account, Error, Money, NextAction, Provider, Ref, Refund, Status},
};
use payment_sandbox::Sandbox;

#[test]
fn a_new_payment_redirects_the_buyer() {
    let host = Double::answering(&[(200, &payment_json("open"))]);
    let view = Sandbox::create(&host, &account(), &order()).expect("created");
    assert!(matches!(view.status, Status::ActionRequired));
    assert!(matches!(view.next, NextAction::Redirect(url) if url == "http://127.0.0.1:8092/pay/pay_X"));
    assert_eq!(view.about.merchant_ref.as_deref(), Some(REFERENCE));
    assert_eq!(view.about.provider_ref.as_deref(), Some("pay_X"));
    assert_eq!(view.amount.map(|money| (money.minor, money.currency)), Some((9900, "CNY".into())));
    assert_eq!(host.sent_to(), ["POST http://127.0.0.1:8092/v1/payments"]);
}

#[test]
fn the_key_is_named_and_never_seen() {
    let host = Double::answering(&[(200, &payment_json("open"))]);
    Sandbox::create(&host, &account(), &order()).expect("created");
    let sent = host.sent.borrow();
    let (_, value) = sent[0].headers.iter().find(|(name, _)| name == "authorization").expect("a header");
    assert!(matches!(value, HeaderValue::Secret((prefix, name)) if prefix == "Bearer " && name == "api_key"));
}

#[test]
fn a_title_with_quotes_stays_one_json_text() {
    let host = Double::answering(&[(200, &payment_json("open"))]);
    Sandbox::create(&host, &account(), &order()).expect("created");
    let body: serde_json::Value = serde_json::from_slice(&host.sent.borrow()[0].body).expect("JSON");
    assert_eq!(body["title"], "会员 \"A\"");
    assert_eq!(body["amountMinor"], 9900);
}

#[test]
fn a_lost_answer_is_unknown_and_an_unsent_request_is_not() {
    let create = |failure| Sandbox::create(&Double::failing(failure), &account(), &order());
    assert!(matches!(create(HttpFailure::MaybeSent("reset".into())), Err(Error::Unknown(_))));
    assert!(matches!(create(HttpFailure::Other("later kind".into())), Err(Error::Unknown(_))));
    assert!(matches!(create(HttpFailure::NotSent("refused".into())), Err(Error::NotSent(_))));
    assert!(matches!(create(HttpFailure::Denied), Err(Error::NotSent(_))));
}

#[test]
fn status_codes_become_errors() {
    let create = |status, body| Sandbox::create(&Double::answering(&[(status, body)]), &account(), &order());
    let conflict = r#"{"error":{"code":"idempotency_conflict","message":"differs"}}"#;
    assert!(matches!(create(409, conflict), Err(Error::Invalid(why)) if why == "idempotency_conflict: differs"));
    assert!(matches!(create(402, ""), Err(Error::Declined(_))));
    assert!(matches!(create(401, ""), Err(Error::Credentials(_))));
    assert!(matches!(create(422, ""), Err(Error::Invalid(_))));
    assert!(matches!(create(429, ""), Err(Error::RateLimited(None))));
    for status in [302, 408, 500, 503] {
        assert!(matches!(create(status, ""), Err(Error::Unknown(_))), "{status}");
    }
}

#[test]
fn an_unreadable_answer_is_unknown() {
    let negative = payment_json("open").replace("9900", "-1");
    let fractional = payment_json("open").replace("9900", "99.5");
    let nameless = payment_json("open").replace(REFERENCE, "../../refunds");
    for body in ["", "null", "[]", "{", "\u{0}", negative.as_str(), fractional.as_str(), nameless.as_str()] {
        let host = Double::answering(&[(200, body)]);
        assert!(matches!(Sandbox::create(&host, &account(), &order()), Err(Error::Unknown(_))), "{body}");
    }
}

#[test]
fn every_payment_status_has_its_word() {
    let query = |status| {
        let host = Double::answering(&[(200, &payment_json(status))]);
        Sandbox::query(&host, &account(), &payment_ref(), None).expect("a view")
    };
    assert!(matches!(query("open").status, Status::ActionRequired));
    assert!(matches!(query("processing").status, Status::Processing));
    assert!(matches!(query("closed").status, Status::Closed));
    assert!(matches!(query("failed").status, Status::Failed(_)));
    assert!(matches!(query("on_hold").status, Status::Other(word) if word == "on_hold"));
    let paid = query("paid");
    assert!(matches!(paid.status, Status::Succeeded));
    assert_eq!(paid.done.map(|money| money.minor), Some(9900));
    assert_eq!(paid.occurred_ms, Some(7));
}

#[test]
fn an_absent_payment_is_a_view_and_not_a_failure() {
    let host = Double::answering(&[(404, r#"{"error":{"code":"not_found","message":""}}"#)]);
    let view = Sandbox::query(&host, &account(), &payment_ref(), None).expect("a view");
    assert!(matches!(view.status, Status::NotFound));
}

#[test]
fn closing_a_paid_payment_tells_that_it_is_paid() {
    let conflict = r#"{"error":{"code":"already_paid","message":""}}"#;
    let host = Double::answering(&[(409, conflict), (200, &payment_json("paid"))]);
    let view = Sandbox::close(&host, &account(), &payment_ref(), "OP").expect("a view");
    assert!(matches!(view.status, Status::Succeeded));
    assert_eq!(host.sent_to().len(), 2);
}

#[test]
fn a_refund_has_its_own_reference_and_names_its_payment() {
    let host = Double::answering(&[(200, &refund_json("processing"))]);
    let view = Sandbox::refund(&host, &account(), &refund()).expect("a view");
    assert!(matches!(view.status, Status::Processing));
    assert_eq!(view.about.kind, "refund");
    assert_eq!(view.about.merchant_ref.as_deref(), Some(REFUND));
    assert_eq!(view.parent.and_then(|parent| parent.merchant_ref).as_deref(), Some(REFERENCE));
}

#[test]
fn a_refund_above_what_was_paid_is_declined() {
    let host = Double::answering(&[(409, r#"{"error":{"code":"refund_exceeds_paid","message":""}}"#)]);
    assert!(matches!(Sandbox::refund(&host, &account(), &refund()), Err(Error::Declined(_))));
}

#[test]
fn nothing_is_sent_for_an_order_that_cannot_be() {
    let free = Money { currency: "CNY".into(), minor: 0 };
    for order in [
        lyceum_sdk::payment::Order { amount: free, ..order() },
        lyceum_sdk::payment::Order { merchant_ref: "../x".into(), ..order() },
        lyceum_sdk::payment::Order { manual_capture: true, ..order() },
        lyceum_sdk::payment::Order { flow: "qr-code".into(), ..order() },
    ] {
        let host = Double::default();
        assert!(Sandbox::create(&host, &account(), &order).is_err());
        assert!(host.sent.borrow().is_empty());
    }
    let nowhere = Account { settings: Vec::new(), ..account() };
    assert!(matches!(Sandbox::create(&Double::default(), &nowhere, &order()), Err(Error::Invalid(_))));
}

#[test]
fn what_the_gateway_cannot_do_is_unsupported() {
    let host = Double::default();
    let amount = Money { currency: "CNY".into(), minor: 1 };
    assert!(matches!(Sandbox::capture(&host, &account(), &payment_ref(), "OP", &amount), Err(Error::Unsupported)));
    assert!(matches!(Sandbox::refresh_keys(&host, &account()), Err(Error::Unsupported)));
    let dispute = Ref { kind: "dispute".into(), ..payment_ref() };
    assert!(matches!(Sandbox::query(&host, &account(), &dispute, None), Err(Error::Unsupported)));
}

#[test]
fn an_account_is_good_when_the_gateway_takes_its_key() {
    assert!(Sandbox::check_account(&Double::answering(&[(404, "{}")]), &account()).is_ok());
    let refused = Sandbox::check_account(&Double::answering(&[(401, "{}")]), &account());
    assert!(matches!(refused, Err(Error::Credentials(_))));
}

fn refund() -> Refund {
    let money = |minor| Money { currency: "CNY".into(), minor };
    Refund {
        payment: payment_ref(),
        refund_ref: REFUND.into(),
        amount: money(100),
        paid: money(9900),
        reason: "asked".into(),
    }
}
