//! Whether a certificate that a provider sent is one of its own.
//!
//! **The rule.** The roots of a name are the certificates in the granted secret
//! `<name>_roots`, in PEM. Of a name with a slash the part in front of it
//! counts: `wechatpay/5157F09E…` has its roots in `wechatpay_roots`, so that the
//! keys of several serial numbers can stand side by side while they rotate.
//!
//! The guest gives one certificate, or several in PEM: first the one whose key
//! is wanted, then those between it and the root, in any order. There must be a
//! path on which
//! - each is signed by the next, by RSA of at least 2048 bits, ECDSA or Ed25519,
//!   with SHA-2, and the last by a root;
//! - each, the root too, is valid by the host's clock;
//! - each issuer, the root too, says that it is one (`basicConstraints`), and so
//!   does its `keyUsage` if it has one; path lengths and name constraints hold;
//! - the first is not an issuer itself.
//!
//! What the certificate is for (`extendedKeyUsage`) and for which host is not
//! asked: providers issue them for signatures of their own. Revocation is not
//! asked either, since that takes a request; the owner removes the root.
//!
//! Paths are built by rustls-webpki, which checks those of every TLS connection
//! here. It does not look at dates and constraints of a root, so these are read
//! with x509-cert, in the line (0.2) that goes with the other RustCrypto crates.

use lyceum_kernel::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath,
    anchor_from_trusted_cert,
};
use x509_cert::{
    Certificate,
    der::Decode as _,
    ext::pkix::{BasicConstraints, KeyUsage},
};

use super::{Failure, format, key::Key, malformed};

/// Certificates that a guest may give at once.
const CHAIN: usize = 8;

/// What is known of a certificate that may be trusted.
pub(super) struct Certified {
    /// In upper-case hex without zeros in front, as WeChat Pay writes it.
    pub serial: String,
    pub key: Key,
    /// When the first certificate of its path ends, the root aside.
    pub until: Timestamp,
}

/// The secret that has the roots of a name.
pub(super) fn roots_of(name: &str) -> String {
    let account = name.split_once('/').map_or(name, |(account, _)| account);
    format!("{account}_roots")
}

/// # Errors
/// `malformed`: something is no certificate, or no root is valid; `mismatch`: no
/// path leads from the certificate to a root.
pub(super) fn check(roots: &[u8], certificate: &[u8], now: Timestamp) -> Result<Certified, Failure> {
    let chain: Vec<CertificateDer> = format::certificates(certificate).into_iter().map(Into::into).collect();
    let [first, rest @ ..] = &chain[..] else { return Err(no_certificate()) };
    if chain.len() > CHAIN {
        return Err(malformed(format!("at most {CHAIN} certificates are taken")));
    }
    let read = parsed(first).ok_or_else(no_certificate)?;
    let end = EndEntityCert::try_from(first).map_err(|_| no_certificate())?;
    let (roots, time) = (roots_valid_at(roots, now)?, unix_time(now));
    let path = end.verify_for_usage(ALL_VERIFICATION_ALGS, &roots, rest, time, AnyPurpose, None, None);
    let until = ends(&path.map_err(refused)?);
    Ok(Certified { serial: serial(end.serial()), key: format::certified(&read)?, until })
}

/// Certificates for any purpose are taken.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// The roots that may issue today. Those that cannot be read are left out:
/// bundles of Chinese providers have SM2 roots in them.
fn roots_valid_at(pinned: &[u8], now: Timestamp) -> Result<Vec<TrustAnchor<'static>>, Failure> {
    let certificates = format::certificates(pinned).into_iter().map(CertificateDer::from);
    let valid = certificates.filter(|der| parsed(der).is_some_and(|root| valid_at(&root, now) && may_issue(&root)));
    let roots: Vec<_> = valid.filter_map(|der| Some(anchor_from_trusted_cert(&der).ok()?.to_owned())).collect();
    match roots.is_empty() {
        true => Err(malformed("none of the pinned certificates is a root that is valid now")),
        false => Ok(roots),
    }
}

fn valid_at(certificate: &Certificate, now: Timestamp) -> bool {
    let validity = &certificate.tbs_certificate.validity;
    let [begins, ends] = [validity.not_before, validity.not_after].map(|time| moment(time.to_unix_duration()));
    begins <= now && now <= ends
}

fn may_issue(certificate: &Certificate) -> bool {
    let tbs = &certificate.tbs_certificate;
    let issuer = matches!(tbs.get::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca);
    let signs = tbs.get::<KeyUsage>().is_ok_and(|usage| usage.is_none_or(|(_, usage)| usage.key_cert_sign()));
    issuer && signs
}

fn ends(path: &VerifiedPath<'_>) -> Timestamp {
    let between = path.intermediate_certificates().map(|certificate| certificate.der());
    let all = between.chain([path.end_entity().der()]);
    let last_moment = |read: Certificate| moment(read.tbs_certificate.validity.not_after.to_unix_duration());
    all.filter_map(|der| parsed(&der)).map(last_moment).min().unwrap_or(Timestamp::from_millis(0))
}

fn parsed(der: &CertificateDer<'_>) -> Option<Certificate> {
    Certificate::from_der(der).ok()
}

fn moment(since_epoch: std::time::Duration) -> Timestamp {
    Timestamp::from_millis(0).plus(since_epoch)
}

fn unix_time(now: Timestamp) -> UnixTime {
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    UnixTime::since_unix_epoch(std::time::Duration::from_millis(millis))
}

fn serial(bytes: &[u8]) -> String {
    let digits = hex::encode_upper(bytes);
    match digits.trim_start_matches('0') {
        "" => "0".into(),
        digits => digits.into(),
    }
}

fn no_certificate() -> Failure {
    malformed("this is no X.509 certificate")
}

/// The guest learns no more; the owner finds in the log what is wrong.
fn refused(why: Error) -> Failure {
    tracing::debug!(%why, "a certificate is not trusted");
    Failure::Mismatch
}
