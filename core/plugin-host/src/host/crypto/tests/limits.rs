//! What a guest can cost.

use std::time::Duration;

use super::*;
use crate::host::crypto::MESSAGE_BYTES;

#[test]
fn a_message_of_more_than_a_mebibyte_is_refused() {
    let mut plugin = Plugin::with_key("0123456789abcdef0123456789abcdef");
    let fits = vec![0; MESSAGE_BYTES];
    let long = vec![0; MESSAGE_BYTES + 1];
    assert!(plugin.sign("key", "hmac-sha256", &fits).is_ok());
    assert!(plugin.hash("sha256", &fits).is_ok());
    let too_many = "malformed: 1048577 bytes are too many; at most 1048576 are taken";
    assert_eq!(plugin.sign("key", "hmac-sha256", &long), refused(too_many));
    assert_eq!(plugin.verify("key", "hmac-sha256", &long, b""), refused(too_many));
    assert_eq!(plugin.open("key", "aes-256-gcm", &[0; 12], b"", &long), refused(too_many));
    assert_eq!(plugin.seal("key", "aes-256-gcm", &long), refused(too_many));
    assert_eq!(plugin.hash("sha256", &long), refused(too_many));
}

#[test]
fn a_text_longer_than_a_block_of_rsa_is_refused() {
    let mut plugin = Plugin::with_key(fixture!("rsa_public.pem"));
    let mut seal = |algorithm, length| plugin.seal("key", algorithm, &vec![0; length]).map(|sealed| sealed.len());
    let longer = refused("malformed: the text is longer than this key seals at once");
    assert_eq!((seal("rsa-oaep-sha1", 214), seal("rsa-oaep-sha1", 215)), (Ok(256), longer.clone()));
    assert_eq!((seal("rsa-oaep-sha256", 190), seal("rsa-oaep-sha256", 191)), (Ok(256), longer));
}

#[test]
fn time_of_the_host_is_charged_to_the_nearest_tick() {
    // A moderation has 100 ticks; the guest's own is the last of them.
    let left_after = |micros| {
        let mut state = CallState::for_test(World::Moderation.limits());
        state.charge(Duration::from_micros(98_000));
        state.charge(Duration::from_micros(micros));
        state.tick()
    };
    assert_eq!([0, 499, 500, 1499].map(left_after), [true, true, false, false]);
}

#[test]
fn every_function_counts_as_a_host_call() {
    let mut state = CallState::for_test(World::Ranking.limits());
    let (text, bytes) = (String::new, Vec::new);
    assert!(state.sign(text(), text(), bytes()).is_err());
    assert!(state.verify(text(), text(), bytes(), bytes()).is_err());
    assert!(state.open(text(), text(), bytes(), bytes(), bytes()).is_err());
    assert!(state.seal(text(), text(), bytes()).is_err());
    assert!(state.trust(text(), bytes()).is_err());
    assert!(state.hash(text(), bytes()).is_err());
    assert!(state.public_key(text()).is_err());
}
