//! The gateway's objects as views. A value of the wrong type, a negative
//! amount or a missing field makes the whole object unreadable.

use lyceum_sdk::payment::{Money, NextAction, Ref, Status, View};
use serde_json::Value;

/// A payment object.
pub fn payment(object: &Value) -> Option<View> {
    let amount = money(object)?;
    let word = text(object, "status")?;
    let status = payment_status(word);
    let paid = matches!(status, Status::Succeeded);
    let next = match (&status, text(object, "payUrl")) {
        (Status::ActionRequired, Some(url)) => NextAction::Redirect(url.into()),
        _ => NextAction::None,
    };
    Some(View {
        about: named("payment", object, "merchantRef")?,
        parent: None,
        raw_status: word.into(),
        done: paid.then(|| amount.clone()),
        amount: Some(amount),
        next,
        occurred_ms: whole(object, if paid { "paidMs" } else { "createdMs" }),
        due_ms: whole(object, "expiresMs"),
        status,
        ext: refunded(object),
    })
}

/// A refund object.
pub fn refund(object: &Value) -> Option<View> {
    let word = text(object, "status")?;
    let payment = text(object, "merchantRef").filter(|reference| is_reference(reference))?;
    Some(View {
        about: named("refund", object, "refundRef")?,
        parent: Some(reference_to("payment", payment)),
        status: refund_status(word),
        raw_status: word.into(),
        amount: Some(money(object)?),
        done: None,
        next: NextAction::None,
        occurred_ms: whole(object, "createdMs"),
        due_ms: None,
        ext: Vec::new(),
    })
}

/// What is said of an object that the gateway does not know.
pub fn not_found(about: &Ref, parent: Option<&Ref>) -> View {
    View {
        about: about.clone(),
        parent: parent.cloned(),
        status: Status::NotFound,
        raw_status: "not_found".into(),
        amount: None,
        done: None,
        next: NextAction::None,
        occurred_ms: None,
        due_ms: None,
        ext: Vec::new(),
    }
}

/// Code and message of an error answer, as far as they can be read. They go
/// into the log, so they are cut to a line's length.
pub fn problem(body: &[u8]) -> (String, String) {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name| text(&answer["error"], name).unwrap_or_default().chars().take(200).collect();
    (field("code"), field("message"))
}

/// Whether this is a merchant reference as the host makes them.
pub fn is_reference(reference: &str) -> bool {
    (20..=32).contains(&reference.len())
        && reference.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// One of our objects by its reference.
pub fn reference_to(kind: &str, merchant_ref: &str) -> Ref {
    Ref { kind: kind.into(), merchant_ref: Some(merchant_ref.into()), provider_ref: None }
}

/// A text field.
pub fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object[name].as_str()
}

/// A field that is a whole number and not negative.
pub fn whole(object: &Value, name: &str) -> Option<u64> {
    object[name].as_u64()
}

fn named(kind: &str, object: &Value, field: &str) -> Option<Ref> {
    let merchant_ref = text(object, field).filter(|reference| is_reference(reference))?;
    let provider_ref = text(object, "id").map(str::to_owned);
    Some(Ref { provider_ref, ..reference_to(kind, merchant_ref) })
}

fn money(object: &Value) -> Option<Money> {
    let minor = i64::try_from(whole(object, "amountMinor")?).ok()?;
    let currency = text(object, "currency")?;
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then(|| Money { currency: currency.into(), minor })
}

fn refunded(object: &Value) -> Vec<(String, String)> {
    whole(object, "refundedMinor").map(|minor| ("refunded-minor".into(), minor.to_string())).into_iter().collect()
}

fn payment_status(word: &str) -> Status {
    match word {
        "open" => Status::ActionRequired,
        "processing" => Status::Processing,
        "paid" => Status::Succeeded,
        "closed" => Status::Closed,
        "failed" => Status::Failed("the gateway declined the payment".into()),
        other => Status::Other(other.into()),
    }
}

fn refund_status(word: &str) -> Status {
    match word {
        "processing" => Status::Processing,
        "succeeded" => Status::Succeeded,
        "failed" => Status::Failed("the gateway declined the refund".into()),
        other => Status::Other(other.into()),
    }
}
