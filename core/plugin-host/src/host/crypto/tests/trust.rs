//! Certificates, with a root of 2020 to 2050, an issuer between of 2024 to 2028,
//! and leaves from 2025 on.

use super::*;

fn with_roots(pem: &str) -> Plugin {
    Plugin::with([("wechatpay_roots", pem.as_bytes())])
}

/// Trusts under `wechatpay`, with one root.
fn trusted(root: &str, chain: &[&str]) -> Told<String> {
    with_roots(root).trust("wechatpay", chain.concat())
}

const ROOT: &str = fixture!("root.pem");
const SERIAL: &str = "A1BC0FFEE000000000000000000000000000042";

#[test]
fn the_key_of_a_certificate_of_a_pinned_root_serves_from_then_on() {
    let mut plugin = with_roots(ROOT);
    let signature = unbase64(fixture!("rsa.sig"));
    assert_eq!(plugin.verify("wechatpay", "rsa-sha256", MESSAGE, &signature), refused("no such key"));
    assert_eq!(plugin.trust("wechatpay", fixture!("leaf.pem")), Ok(SERIAL.to_owned()));
    assert_eq!(plugin.verify("wechatpay", "rsa-sha256", MESSAGE, &signature), Ok(()));
    let (limits, deadline) = (World::Job.limits(), std::time::Instant::now());
    plugin.state.renew(limits, deadline);
    assert_eq!(plugin.verify("wechatpay", "rsa-sha256", MESSAGE, &signature), Ok(()), "in a later call too");
    let sealed = plugin.seal("wechatpay", "rsa-oaep-sha1", MESSAGE).map(|sealed| sealed.len());
    assert_eq!(sealed, Ok(256), "sensitive fields are sealed with it");
}

#[test]
fn a_certificate_is_taken_in_pem_in_der_and_in_base64() {
    let leaf = bare(fixture!("leaf.pem"));
    for certificate in [unbase64(&leaf), leaf.into_bytes()] {
        assert_eq!(with_roots(ROOT).trust("wechatpay", certificate), Ok(SERIAL.to_owned()));
    }
}

#[test]
fn certificates_between_are_given_along() {
    let (leaf, middle) = (fixture!("leaf_of_middle.pem"), fixture!("middle.pem"));
    assert_eq!(trusted(ROOT, &[leaf, middle]), Ok("F00D".into()));
    assert_eq!(trusted(ROOT, &[leaf, fixture!("leaf.pem"), middle, ROOT]), Ok("F00D".into()), "in any order");
    assert_eq!(trusted(ROOT, &[leaf]), refused("mismatch"), "without the one between");
    assert_eq!(trusted(middle, &[leaf]), Ok("F00D".into()), "an issuer can be pinned itself");
}

#[test]
fn a_certificate_that_is_not_valid_now_is_refused() {
    let plugin = &mut with_roots(ROOT);
    let mut at = |time: &str| {
        plugin.at(time);
        plugin.trust("wechatpay", fixture!("leaf.pem"))
    };
    assert_eq!(at("2024-12-31T23:59:59Z"), refused("mismatch"), "not yet valid");
    assert_eq!(at("2025-01-01T00:00:00Z"), Ok(SERIAL.into()));
    assert_eq!(at("2030-01-01T00:00:00Z"), Ok(SERIAL.into()));
    assert_eq!(at("2030-01-01T00:00:01Z"), refused("mismatch"), "expired");
}

#[test]
fn a_root_that_is_not_valid_now_is_none() {
    let leaf = fixture!("leaf_of_old.pem");
    let none = refused("malformed: none of the pinned certificates is a root that is valid now");
    assert_eq!(trusted(fixture!("old_root.pem"), &[leaf]), none);
    let mut plugin = with_roots(fixture!("old_root.pem"));
    plugin.at("2025-05-31T00:00:00Z");
    assert_eq!(plugin.trust("wechatpay", leaf), Ok("4".into()));
}

#[test]
fn a_key_serves_until_the_first_certificate_of_its_path_ends() {
    let mut plugin = with_roots(ROOT);
    let chain = [fixture!("leaf_of_middle.pem"), fixture!("middle.pem")].concat();
    assert_eq!(plugin.trust("wechatpay", chain), Ok("F00D".into()));
    plugin.at("2028-01-01T00:00:00Z");
    assert!(plugin.public_key("wechatpay").is_ok());
    plugin.at("2028-01-01T00:00:01Z");
    assert_eq!(plugin.public_key("wechatpay"), refused("no such key"));
}

#[test]
fn another_root_of_the_same_name_is_another_root() {
    assert_eq!(trusted(ROOT, &[fixture!("leaf_of_forged.pem")]), refused("mismatch"));
    let brought = [fixture!("leaf_of_forged.pem"), fixture!("forged_root.pem")];
    assert_eq!(trusted(ROOT, &brought), refused("mismatch"), "a root that the guest brings counts for nothing");
    assert_eq!(trusted(fixture!("forged_root.pem"), &brought[..1]), Ok("6".into()));
}

#[test]
fn an_issuer_must_be_one() {
    let brought = [fixture!("leaf_of_leaf.pem"), fixture!("leaf.pem")];
    assert_eq!(trusted(ROOT, &brought), refused("mismatch"));
    let none = refused("malformed: none of the pinned certificates is a root that is valid now");
    assert_eq!(trusted(fixture!("plain_root.pem"), &[fixture!("leaf_of_plain.pem")]), none);
    assert_eq!(trusted(ROOT, &[fixture!("middle.pem")]), refused("mismatch"), "and what is one signs nothing else");
}

#[test]
fn a_changed_certificate_is_refused() {
    let mut der = unbase64(&bare(fixture!("leaf.pem")));
    let signature = der.len() - 3;
    der[signature] ^= 1;
    assert_eq!(with_roots(ROOT).trust("wechatpay", der), refused("mismatch"));
}

#[test]
fn roots_that_cannot_be_read_are_left_out() {
    let other = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    let bundle = [other, fixture!("old_root.pem"), fixture!("forged_root.pem"), ROOT].concat();
    assert_eq!(trusted(&bundle, &[fixture!("leaf.pem")]), Ok(SERIAL.into()));
}

#[test]
fn keys_of_several_serial_numbers_stand_side_by_side() {
    let mut plugin = with_roots(ROOT);
    assert_eq!(plugin.trust("wechatpay/1", fixture!("leaf.pem")), Ok(SERIAL.into()));
    let chain = [fixture!("leaf_of_middle.pem"), fixture!("middle.pem")].concat();
    assert_eq!(plugin.trust("wechatpay/2", chain), Ok("F00D".into()));
    assert_ne!(plugin.public_key("wechatpay/1"), plugin.public_key("wechatpay/2"));
    assert_eq!(plugin.public_key("wechatpay"), refused("no such key"));
}

#[test]
fn the_oldest_of_too_many_keys_makes_room() {
    let mut plugin = with_roots(ROOT);
    for serial in 0..33 {
        plugin.trust(&format!("wechatpay/{serial}"), fixture!("leaf.pem")).expect("trusted");
    }
    assert_eq!(plugin.public_key("wechatpay/0"), refused("no such key"));
    assert!(plugin.public_key("wechatpay/1").is_ok());
    assert!(plugin.public_key("wechatpay/32").is_ok());
}

#[test]
fn the_name_decides_which_roots_count() {
    let mut plugin = Plugin::with([("a_roots", ROOT.as_bytes()), ("a", b"secret")]);
    let leaf = fixture!("leaf.pem");
    assert_eq!(plugin.trust("b", leaf), refused("no such key"));
    assert_eq!(plugin.trust("a_roots", leaf), refused("malformed: `a_roots` is the name of a secret"));
    assert_eq!(plugin.trust("a", leaf), refused("malformed: `a` is the name of a secret"));
    assert_eq!(plugin.trust("inline:a", leaf), refused("malformed: a key cannot have this name"));
    assert_eq!(plugin.trust("a/1", leaf), Ok(SERIAL.into()));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let no_certificate = refused("malformed: this is no X.509 certificate");
    for other in
        ["", "a certificate", "-----BEGIN CERTIFICATE-----", fixture!("rsa_public.pem"), &bare(fixture!("rsa.pem"))]
    {
        assert_eq!(trusted(ROOT, &[other]), no_certificate);
    }
    let many = [fixture!("leaf.pem"); 9];
    assert_eq!(trusted(ROOT, &many), refused("malformed: at most 8 certificates are taken"));
    let none = refused("malformed: none of the pinned certificates is a root that is valid now");
    assert_eq!(trusted("no roots", &[fixture!("leaf.pem")]), none);
}
