//! The buyer's return. The address names a payment and proves nothing: its
//! state comes from a query.

use lyceum_sdk::payment::{InboundRequest, Ref, Refusal, Refused, Reply};

use crate::message;

/// The payment that a return page is about.
///
/// # Errors
/// The address names none, or two.
pub fn read(request: &InboundRequest) -> Result<Ref, Refused> {
    // The gateway appends `?merchantRef=…` to the return address as it is, so
    // that a second question mark may stand in the query.
    let pairs = request.query.split(['&', '?']).filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| *name == "merchantRef").map(|(_, value)| value);
    let first = found.next().filter(|reference| message::is_reference(reference));
    match first {
        Some(reference) if found.all(|other| other == reference) => Ok(message::reference_to("payment", reference)),
        _ => Err(refused()),
    }
}

fn refused() -> Refused {
    Refused {
        why: Refusal::Malformed("the address does not name one payment".into()),
        answer: Reply { status: 400, headers: Vec::new(), body: Vec::new() },
    }
}
