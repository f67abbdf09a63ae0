//! What a payment plugin could say.

use lyceum_domain::payment::NextAction;

use super::said::Said;
use crate::{
    bindings::{
        host::lyceum::types::common::Money,
        payment::{
            exports::lyceum::payment::{inbound, provider},
            lyceum::payment::types as guest,
        },
    },
    worlds::payment::from_guest::{capabilities, error, returned, verified, view},
};

const KINDS: &[&str] = &["payment", "refund", "dispute", "mandate", "payout"];

/// A view that is taken has no negative amount and no address but of the web.
pub(super) fn payment(said: &mut Said<'_>) {
    if let Ok(view) = view(a_view(said)) {
        let amounts = [view.amount, view.done];
        assert!(amounts.iter().flatten().all(|money| money.minor >= 0), "a negative amount");
        if let NextAction::Redirect(url) | NextAction::PostForm(url, _) = &view.next {
            assert!(url.starts_with("http") || url.trim_start().to_ascii_lowercase().starts_with("http"), "{url}");
        }
    }
    let _ = error(an_error(said));
    let words = |said: &mut Said<'_>| said.list(|said| said.text(&["redirect", "CNY"]));
    let (flows, currencies, features) = (words(said), words(said), words(said));
    let _ = capabilities(provider::Capabilities { flows, currencies, features, limits: said.ext() });
    requests(said);
}

fn requests(said: &mut Said<'_>) {
    let accepted = match said.any::<bool>() {
        true => {
            let events = said.list(an_event);
            Ok(inbound::Accepted { events, ack: a_reply(said), nack: a_reply(said) })
        }
        false => Err(a_refusal(said)),
    };
    if let Ok((Ok(accepted), _)) = verified(accepted) {
        assert!(accepted.events.iter().all(|event| !event.id.is_empty()), "an event without an id");
        assert!((200..=599).contains(&accepted.ack.status), "the status {}", accepted.ack.status);
    }
    let came_back = if said.any() { Ok(a_reference(said)) } else { Err(a_refusal(said)) };
    let _ = returned(came_back);
}

fn a_reference(said: &mut Said<'_>) -> guest::Ref {
    let id = |said: &mut Said<'_>| said.maybe(|said| said.text(&["01ARZ3NDEKTSV4RRFFQ69G5FAV"]));
    guest::Ref { kind: said.text(KINDS), merchant_ref: id(said), provider_ref: id(said) }
}

fn money(said: &mut Said<'_>) -> Money {
    Money { currency: said.text(&["CNY", "JPY", "USD"]), minor: said.any() }
}

fn a_view(said: &mut Said<'_>) -> guest::View {
    guest::View {
        about: a_reference(said),
        parent: said.maybe(a_reference),
        status: a_status(said),
        raw_status: said.text(&["paid"]),
        amount: said.maybe(money),
        done: said.maybe(money),
        next: a_next(said),
        occurred_ms: said.any(),
        due_ms: said.any(),
        ext: said.ext(),
    }
}

fn a_status(said: &mut Said<'_>) -> guest::Status {
    match said.any::<u8>() % 15 {
        0 => guest::Status::NotFound,
        1 => guest::Status::ActionRequired,
        2 => guest::Status::Processing,
        3 => guest::Status::Authorized,
        4 => guest::Status::Succeeded,
        5 => guest::Status::Closed,
        6 => guest::Status::Failed(said.text(&[])),
        7 => guest::Status::Warning,
        8 => guest::Status::NeedsResponse,
        9 => guest::Status::UnderReview,
        10 => guest::Status::Won,
        11 => guest::Status::Lost,
        12 => guest::Status::Active,
        13 => guest::Status::Revoked,
        _ => guest::Status::Other(said.text(&[])),
    }
}

fn a_next(said: &mut Said<'_>) -> guest::NextAction {
    match said.any::<u8>() % 6 {
        0 => guest::NextAction::None,
        1 => guest::NextAction::Redirect(said.text(&["https://pay.example/1"])),
        2 => guest::NextAction::QrCode(said.text(&["weixin://1"])),
        3 => guest::NextAction::PostForm((said.text(&["https://pay.example/1"]), said.ext())),
        4 => guest::NextAction::ClientInvoke(said.ext()),
        _ => guest::NextAction::Other(said.ext()),
    }
}

fn an_error(said: &mut Said<'_>) -> guest::Error {
    match said.any::<u8>() % 9 {
        0 => guest::Error::Unknown(said.text(&[])),
        1 => guest::Error::NotSent(said.text(&[])),
        2 => guest::Error::Declined(said.text(&[])),
        3 => guest::Error::Invalid(said.text(&[])),
        4 => guest::Error::Credentials(said.text(&[])),
        5 => guest::Error::RateLimited(said.any()),
        6 => guest::Error::UntrustedResponse(said.text(&[])),
        7 => guest::Error::Unsupported,
        _ => guest::Error::Other(said.text(&[])),
    }
}

fn an_event(said: &mut Said<'_>) -> inbound::Event {
    inbound::Event {
        id: said.text(&["evt_1"]),
        name: said.text(&["payment.succeeded"]),
        about: a_reference(said),
        occurred_ms: said.any(),
        view: said.maybe(a_view),
        ext: said.ext(),
    }
}

fn a_reply(said: &mut Said<'_>) -> inbound::Reply {
    inbound::Reply {
        status: said.one(&[200, 204, 401, 599, 0, 199, 600, u16::MAX]),
        headers: said.ext(),
        body: said.any(),
    }
}

fn a_refusal(said: &mut Said<'_>) -> inbound::Refused {
    let why = match said.any::<u8>() % 8 {
        0 => inbound::Refusal::Malformed(said.text(&[])),
        1 => inbound::Refusal::BadSignature,
        2 => inbound::Refusal::Stale,
        3 => inbound::Refusal::UnknownKey(said.text(&[])),
        4 => inbound::Refusal::WrongAccount,
        5 => inbound::Refusal::Probe,
        6 => inbound::Refusal::Ignored(said.text(&[])),
        _ => inbound::Refusal::Other(said.text(&["denied"])),
    };
    inbound::Refused { why, answer: a_reply(said) }
}
