//! What a payment plugin says, checked and in the domain's words.

use lyceum_domain::payment::{
    Accepted, Capabilities, InboundEvent, NextAction, ObjectKind, ProviderError, Reference, Refusal, Refused, Reply,
    Status, View,
};
use lyceum_kernel::{Money, Timestamp};

use super::{Sized, to_guest::kind as kind_name};
use crate::{
    bindings::{
        host::lyceum::types::common,
        payment::{
            exports::lyceum::payment::{inbound, provider},
            lyceum::payment::types as guest,
        },
    },
    worlds::{
        answer::{ID, NotTaken, TEXT, URL, ext, text},
        weight::Weight,
    },
};

/// Events of one request, and values of one list of what a provider can do.
const EVENTS: usize = 100;
const LIST: usize = 200;

fn kind(word: &str) -> Result<ObjectKind, NotTaken> {
    match word {
        "payment" => Ok(ObjectKind::Payment),
        "refund" => Ok(ObjectKind::Refund),
        "dispute" => Ok(ObjectKind::Dispute),
        "mandate" => Ok(ObjectKind::Mandate),
        "payout" => Ok(ObjectKind::Payout),
        other => Err(NotTaken::invalid(format!("there is no object of kind \"{}\"", cut(other)))),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(50).collect()
}

fn reference(given: guest::Ref) -> Result<Reference, NotTaken> {
    let id = |value: Option<String>| value.map(|value| text("a reference", value, ID)).transpose();
    Ok(Reference { kind: kind(&given.kind)?, merchant: id(given.merchant_ref)?, provider: id(given.provider_ref)? })
}

/// Amounts are never negative: a refund says what was given back.
fn money(given: common::Money) -> Result<Money, NotTaken> {
    let currency = given.currency.parse().map_err(|e| NotTaken::invalid(format!("{}: {e}", cut(&given.currency))))?;
    match given.minor {
        minor if minor < 0 => Err(NotTaken::invalid(format!("an amount is {minor}"))),
        minor => Ok(Money::new(minor, currency)),
    }
}

/// Up to the year 9999, which is as far as our text form goes.
fn moment(millis: u64) -> Result<Timestamp, NotTaken> {
    const LAST: i64 = 253_402_300_799_999;
    let millis = i64::try_from(millis).ok().filter(|millis| *millis <= LAST);
    millis.map(Timestamp::from_millis).ok_or_else(|| NotTaken::invalid("a time is out of range"))
}

fn next(given: guest::NextAction) -> Result<NextAction, NotTaken> {
    Ok(match given {
        guest::NextAction::None => NextAction::None,
        guest::NextAction::Redirect(url) => NextAction::Redirect(web_address(url)?),
        guest::NextAction::QrCode(code) => NextAction::QrCode(text("a code", code, TEXT)?),
        guest::NextAction::PostForm((url, fields)) => NextAction::PostForm(web_address(url)?, ext("a form", fields)?),
        guest::NextAction::ClientInvoke(values) => NextAction::ClientInvoke(ext("a client call", values)?),
        guest::NextAction::Other(values) => NextAction::Other(ext("a next action", values)?),
    })
}

/// A buyer's browser is sent there, so `javascript:` must not pass.
fn web_address(url: String) -> Result<String, NotTaken> {
    let url = text("an address", url, URL)?;
    match reqwest::Url::parse(&url) {
        Ok(parsed) if matches!(parsed.scheme(), "https" | "http") => Ok(url),
        _ => Err(NotTaken::invalid("an address for the buyer is not http or https")),
    }
}

fn status(given: guest::Status) -> Result<Status, NotTaken> {
    Ok(match given {
        guest::Status::NotFound => Status::NotFound,
        guest::Status::ActionRequired => Status::ActionRequired,
        guest::Status::Processing => Status::Processing,
        guest::Status::Authorized => Status::Authorized,
        guest::Status::Succeeded => Status::Succeeded,
        guest::Status::Closed => Status::Closed,
        guest::Status::Failed(why) => Status::Failed(text("a reason", why, TEXT)?),
        guest::Status::Warning => Status::Warning,
        guest::Status::NeedsResponse => Status::NeedsResponse,
        guest::Status::UnderReview => Status::UnderReview,
        guest::Status::Won => Status::Won,
        guest::Status::Lost => Status::Lost,
        guest::Status::Active => Status::Active,
        guest::Status::Revoked => Status::Revoked,
        guest::Status::Other(word) => Status::Other(text("a status", word, ID)?),
    })
}

/// One set of states for all objects, so the state must fit the object.
fn fits(kind: ObjectKind, status: &Status) -> bool {
    let general = matches!(status, Status::NotFound | Status::Closed | Status::Other(_));
    let worked = matches!(status, Status::Processing | Status::Succeeded | Status::Failed(_));
    general
        || match kind {
            ObjectKind::Payment => worked || matches!(status, Status::ActionRequired | Status::Authorized),
            ObjectKind::Refund => worked || matches!(status, Status::ActionRequired),
            ObjectKind::Payout => worked,
            ObjectKind::Mandate => {
                let own = matches!(status, Status::Active | Status::Revoked | Status::ActionRequired);
                own || matches!(status, Status::Processing | Status::Failed(_))
            }
            ObjectKind::Dispute => {
                let open = matches!(status, Status::Warning | Status::NeedsResponse | Status::UnderReview);
                open || matches!(status, Status::Won | Status::Lost)
            }
        }
}

pub(in crate::worlds) fn view(given: guest::View) -> Result<View, NotTaken> {
    let guest::View {
        about,
        parent,
        status: state,
        raw_status,
        amount,
        done,
        next: then,
        occurred_ms,
        due_ms,
        ext: more,
    } = given;
    let (about, status) = (reference(about)?, status(state)?);
    if !fits(about.kind, &status) {
        return Err(NotTaken::invalid(format!("a {} cannot be {status:?}", kind_name(about.kind))));
    }
    Ok(View {
        about,
        parent: parent.map(reference).transpose()?,
        status,
        raw_status: text("a raw status", raw_status, ID)?,
        amount: amount.map(money).transpose()?,
        done: done.map(money).transpose()?,
        next: next(then)?,
        occurred: occurred_ms.map(moment).transpose()?,
        due: due_ms.map(moment).transpose()?,
        ext: ext("a view", more)?,
    })
}

/// A provider's text goes to the log, so it is cut rather than refused: an
/// error must never become a worse one because it talks much.
pub(in crate::worlds) fn error(given: guest::Error) -> ProviderError {
    let short = |text: String| text.chars().filter(|c| !c.is_control()).take(500).collect::<String>();
    match given {
        guest::Error::Unknown(why) => ProviderError::Unknown(short(why)),
        guest::Error::NotSent(why) => ProviderError::NotSent(short(why)),
        guest::Error::Declined(why) => ProviderError::Declined(short(why)),
        guest::Error::Invalid(why) => ProviderError::Invalid(short(why)),
        guest::Error::Credentials(why) => ProviderError::Credentials(short(why)),
        guest::Error::RateLimited(seconds) => ProviderError::RateLimited { retry_after_seconds: seconds },
        guest::Error::UntrustedResponse(why) => ProviderError::UntrustedResponse(short(why)),
        guest::Error::Unsupported => ProviderError::Unsupported,
        guest::Error::Other(why) => ProviderError::Other(short(why)),
    }
}

pub(in crate::worlds) fn capabilities(given: provider::Capabilities) -> Result<Capabilities, NotTaken> {
    let words = |what: &str, words: Vec<String>| {
        if words.len() > LIST {
            return Err(NotTaken::invalid(format!("there are {} {what}", words.len())));
        }
        words.into_iter().map(|word| text(what, word, ID)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Capabilities {
        flows: words("flows", given.flows)?,
        currencies: words("currencies", given.currencies)?,
        features: words("features", given.features)?,
        limits: ext("the limits", given.limits)?,
    })
}

fn reply(given: inbound::Reply) -> Result<Reply, NotTaken> {
    if !(200..=599).contains(&given.status) {
        return Err(NotTaken::invalid(format!("an answer has the status {}", given.status)));
    }
    Ok(Reply { status: given.status, headers: ext("an answer", given.headers)?, body: given.body })
}

fn event(given: inbound::Event) -> Result<InboundEvent, NotTaken> {
    let inbound::Event { id, name, about, occurred_ms, view: said, ext: more } = given;
    if id.is_empty() {
        return Err(NotTaken::invalid("an event has no id"));
    }
    Ok(InboundEvent {
        id: text("an event's id", id, ID)?,
        name: text("an event's name", name, ID)?,
        about: reference(about)?,
        occurred: occurred_ms.map(moment).transpose()?,
        view: said.map(view).transpose()?,
        ext: ext("an event", more)?,
    })
}

fn refused(given: inbound::Refused) -> Result<Refused, NotTaken> {
    let short = |why: String| text("a reason", why, TEXT);
    let why = match given.why {
        inbound::Refusal::Malformed(why) => Refusal::Malformed(short(why)?),
        inbound::Refusal::BadSignature => Refusal::BadSignature,
        inbound::Refusal::Stale => Refusal::Stale,
        inbound::Refusal::UnknownKey(name) => Refusal::UnknownKey(text("a key's name", name, ID)?),
        inbound::Refusal::WrongAccount => Refusal::WrongAccount,
        inbound::Refusal::Probe => Refusal::Probe,
        inbound::Refusal::Ignored(why) => Refusal::Ignored(short(why)?),
        inbound::Refusal::Other(why) => Refusal::Other(short(why)?),
    };
    Ok(Refused { why, answer: reply(given.answer)? })
}

pub(in crate::worlds) fn verified(
    given: Result<inbound::Accepted, inbound::Refused>,
) -> Result<Sized<Result<Accepted, Refused>>, NotTaken> {
    let accepted = match given {
        Ok(accepted) => accepted,
        Err(no) => return Ok((Err(refused(no)?), 0)),
    };
    if accepted.events.len() > EVENTS {
        return Err(NotTaken::invalid(format!("one request has {} events", accepted.events.len())));
    }
    let size = accepted.weight();
    let events = accepted.events.into_iter().map(event).collect::<Result<_, _>>()?;
    Ok((Ok(Accepted { events, ack: reply(accepted.ack)?, nack: reply(accepted.nack)? }), size))
}

pub(in crate::worlds) fn returned(
    given: Result<guest::Ref, inbound::Refused>,
) -> Result<Sized<Result<Reference, Refused>>, NotTaken> {
    Ok(match given {
        Ok(about) => (Ok(reference(about)?), 0),
        Err(no) => {
            let size = no.answer.weight();
            (Err(refused(no)?), size)
        }
    })
}

impl Weight for inbound::Reply {
    fn weight(&self) -> usize {
        self.headers.weight() + self.body.len() + 16
    }
}

impl Weight for inbound::Event {
    fn weight(&self) -> usize {
        let view = self.view.as_ref().map_or(0, Weight::weight);
        self.id.weight() + self.name.weight() + self.about.weight() + view + self.ext.weight() + 16
    }
}

impl Weight for inbound::Accepted {
    fn weight(&self) -> usize {
        self.events.weight() + self.ack.weight() + self.nack.weight()
    }
}

impl Weight for guest::Ref {
    fn weight(&self) -> usize {
        self.kind.weight() + self.merchant_ref.weight() + self.provider_ref.weight()
    }
}

impl Weight for guest::View {
    fn weight(&self) -> usize {
        let next = match &self.next {
            guest::NextAction::None => 0,
            guest::NextAction::Redirect(text) | guest::NextAction::QrCode(text) => text.weight(),
            guest::NextAction::PostForm((url, fields)) => url.weight() + fields.weight(),
            guest::NextAction::ClientInvoke(values) | guest::NextAction::Other(values) => values.weight(),
        };
        self.about.weight() + self.parent.weight() + self.raw_status.weight() + next + self.ext.weight() + 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> guest::View {
        guest::View {
            about: guest::Ref { kind: "payment".into(), merchant_ref: Some("A".repeat(26)), provider_ref: None },
            parent: None,
            status: guest::Status::Succeeded,
            raw_status: "paid".into(),
            amount: Some(common::Money { currency: "CNY".into(), minor: 9_900 }),
            done: None,
            next: guest::NextAction::None,
            occurred_ms: Some(1_700_000_000_000),
            due_ms: None,
            ext: Vec::new(),
        }
    }

    #[test]
    fn a_good_view_is_taken_as_it_is() {
        let view = view(given()).expect("a good view");
        assert_eq!(view.amount.map(|money| money.minor), Some(9_900));
        assert_eq!(view.status, Status::Succeeded);
    }

    #[test]
    fn nonsense_is_not_taken() {
        let money = |currency: &str, minor| Some(common::Money { currency: currency.into(), minor });
        let bad = [
            guest::View { amount: money("CNY", -1), ..given() },
            guest::View { amount: money("yuan", 1), ..given() },
            guest::View { done: money("CNY", i64::MIN), ..given() },
            guest::View { status: guest::Status::Won, ..given() },
            guest::View { occurred_ms: Some(u64::MAX), ..given() },
            guest::View { raw_status: "x".repeat(256), ..given() },
            guest::View { next: guest::NextAction::Redirect("javascript:alert(1)".into()), ..given() },
            guest::View { about: guest::Ref { kind: "coupon".into(), ..given().about }, ..given() },
            guest::View { ext: vec![("a".into(), "b".into()); 65], ..given() },
        ];
        for (place, bad) in bad.into_iter().enumerate() {
            assert!(view(bad).is_err(), "case {place}");
        }
    }

    #[test]
    fn states_fit_their_objects() {
        assert!(fits(ObjectKind::Dispute, &Status::Won));
        assert!(!fits(ObjectKind::Refund, &Status::Authorized));
        assert!(!fits(ObjectKind::Payment, &Status::Revoked));
        assert!(fits(ObjectKind::Mandate, &Status::Active));
        assert!(fits(ObjectKind::Payout, &Status::Other("queued".into())));
    }
}
