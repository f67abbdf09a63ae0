//! A stand-in for the host: answers as it is told, checks signatures with a toy
//! in place of HMAC, and remembers what was sent.

#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::RefCell;

use lyceum_sdk::{
    host::{CryptoFailure, Host, HttpFailure, Level, Request, Response},
    payment::{Account, InboundRequest, Money, Order, Ref},
};

pub const REFERENCE: &str = "01J00000000000000000000ABC";
pub const REFUND: &str = "01J00000000000000000000REF";
pub const NOW_SECONDS: u64 = 1_800_000_000;

#[derive(Default)]
pub struct Double {
    pub answers: RefCell<Vec<Result<Response, HttpFailure>>>,
    pub sent: RefCell<Vec<Request>>,
    pub checked: RefCell<usize>,
    pub without_key: bool,
}

impl Double {
    /// Answers with these statuses and bodies, in order.
    pub fn answering(answers: &[(u16, &str)]) -> Self {
        let response = |(status, body): &(u16, &str)| {
            Ok(Response { status: *status, headers: Vec::new(), body: body.as_bytes().to_vec() })
        };
        Self { answers: RefCell::new(answers.iter().map(response).collect()), ..Self::default() }
    }

    pub fn failing(failure: HttpFailure) -> Self {
        Self { answers: RefCell::new(vec![Err(failure)]), ..Self::default() }
    }

    pub fn sent_to(&self) -> Vec<String> {
        self.sent.borrow().iter().map(|request| format!("{} {}", request.method, request.url)).collect()
    }
}

/// 32 bytes that depend on every byte of the message. Not a signature.
pub fn toy_mac(message: &[u8]) -> [u8; 32] {
    let mut mac = [7_u8; 32];
    for (place, byte) in message.iter().enumerate() {
        let at = place % 32;
        mac[at] = mac[at].wrapping_mul(31).wrapping_add(*byte).rotate_left(3);
    }
    mac
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Host for Double {
    fn send(&self, request: &Request) -> Result<Response, HttpFailure> {
        self.sent.borrow_mut().push(request.clone());
        self.answers.borrow_mut().remove(0)
    }

    fn sign(&self, _: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        Err(CryptoFailure::NoSuchKey)
    }

    fn verify(&self, key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), CryptoFailure> {
        *self.checked.borrow_mut() += 1;
        if self.without_key || key != "webhook_secret" || algorithm != "hmac-sha256" {
            return Err(CryptoFailure::NoSuchKey);
        }
        if signature == toy_mac(message) { Ok(()) } else { Err(CryptoFailure::Mismatch) }
    }

    fn now_ms(&self) -> u64 {
        NOW_SECONDS * 1000
    }

    fn random(&self, length: u32) -> Vec<u8> {
        vec![0; length as usize]
    }

    fn log(&self, _: Level, _: &str) {}

    fn config(&self) -> String {
        "{}".into()
    }
}

pub fn account() -> Account {
    let settings = vec![("gateway-url".into(), "http://127.0.0.1:8092/".into())];
    Account { id: "acc_1".into(), live: false, settings }
}

pub fn payment_ref() -> Ref {
    Ref { kind: "payment".into(), merchant_ref: Some(REFERENCE.into()), provider_ref: None }
}

pub fn order() -> Order {
    Order {
        merchant_ref: REFERENCE.into(),
        amount: Money { currency: "CNY".into(), minor: 9900 },
        flow: "redirect".into(),
        title: "会员 \"A\"".into(),
        manual_capture: false,
        expires_ms: 5,
        return_url: "http://shop.example/back".into(),
        notify_url: "http://shop.example/hook".into(),
        mandate: None,
        payer: Vec::new(),
        metadata: Vec::new(),
        ext: Vec::new(),
    }
}

pub fn payment_json(status: &str) -> String {
    let paid = if status == "paid" { "7" } else { "null" };
    format!(
        r#"{{"id":"pay_X","merchantRef":"{REFERENCE}","status":"{status}","amountMinor":9900,"currency":"CNY","title":"t","payUrl":"http://127.0.0.1:8092/pay/pay_X","refundedMinor":0,"createdMs":3,"paidMs":{paid},"expiresMs":9}}"#
    )
}

pub fn refund_json(status: &str) -> String {
    format!(
        r#"{{"id":"ref_X","refundRef":"{REFUND}","merchantRef":"{REFERENCE}","status":"{status}","amountMinor":100,"currency":"CNY"}}"#
    )
}

/// A notification that is signed at this distance from its receipt.
pub fn signed(body: &[u8], seconds_off: i64) -> InboundRequest {
    let time = NOW_SECONDS.checked_add_signed(seconds_off).expect("a time near now");
    let mac = toy_mac(&[time.to_string().as_bytes(), b".", body].concat());
    inbound(body, &format!("t={time},v1={}", hex(&mac)))
}

pub fn inbound(body: &[u8], signature: &str) -> InboundRequest {
    InboundRequest {
        method: "POST".into(),
        path: "/webhooks/payments/sandbox".into(),
        query: String::new(),
        headers: vec![("sandbox-signature".into(), signature.into())],
        body: body.to_vec(),
        received_ms: NOW_SECONDS * 1000,
    }
}
