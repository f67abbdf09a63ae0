//! Whose plugins are installed: pinning, rotation, revocation.
#![allow(clippy::unwrap_used)]

mod people;

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::plugin::{
    Activation, Inspection, InstallPlugin, PluginFailure, PluginRuntime, PluginSettings, Plugins, SecretKey, Usage,
    trust::{
        Origin, Policy, Publisher, Revocations, Rotation, Signer, Unsigned, Untrusted, Verdict, forget, judge, pin,
        publisher, signer_of, verify_signature,
    },
};
use lyceum_kernel::{ErrorCode, Failure};
use minisign::KeyPair;
use people::each_database;

const STRICT: Policy = Policy { unsigned: Unsigned::DevOnly, dev: false };
const DEVELOPMENT: Policy = Policy { unsigned: Unsigned::DevOnly, dev: true };

fn key() -> (KeyPair, Signer) {
    let pair = KeyPair::generate_unencrypted_keypair().unwrap();
    let signer = signer_of(&pair.pk.to_base64()).unwrap();
    (pair, signer)
}

fn sign(key: &KeyPair, text: &str) -> String {
    minisign::sign(None, &key.sk, text.as_bytes(), Some("for the test"), None).unwrap().into_string()
}

fn package_of(id: &str, signer: Option<&Signer>) -> Inspection {
    Inspection {
        id: id.to_owned(),
        version: "1.4.0".to_owned(),
        digest: "d1".to_owned(),
        package_digest: "p1".to_owned(),
        signer: signer.cloned(),
        ..Inspection::default()
    }
}

fn judged(policy: Policy, is: &Inspection, pinned: Option<&Publisher>) -> Result<Verdict, Untrusted> {
    judge(policy, Origin::Elsewhere, is, pinned, &Revocations::default())
}

fn acme(signer: &Signer) -> Publisher {
    Publisher { name: "acme".to_owned(), signer: signer.clone() }
}

#[test]
fn the_first_key_of_a_publisher_is_pinned_and_another_one_refused() {
    let ((_, ours), (_, theirs)) = (key(), key());
    let first = judged(STRICT, &package_of("acme/alipay", Some(&ours)), None).unwrap();
    assert_eq!((&first, first.to_pin()), (&Verdict::First(acme(&ours)), Some(&acme(&ours))));
    let another_plugin = package_of("acme/ranking", Some(&ours));
    assert_eq!(judged(STRICT, &another_plugin, Some(&acme(&ours))), Ok(Verdict::Known));
    let failure =
        Failure::from(judged(STRICT, &package_of("acme/alipay", Some(&theirs)), Some(&acme(&ours))).unwrap_err());
    assert_eq!(failure.code(), ErrorCode::PluginUntrusted);
    assert!(failure.message().contains(&ours.fingerprint()) && failure.message().contains(&theirs.fingerprint()));
    let names: Vec<&str> = failure.details().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["plugin", "publisher", "pinnedFingerprint", "fingerprint"]);
}

/// A key id is chosen freely: an attacker's key may have the publisher's.
#[test]
fn a_key_with_the_same_id_is_another_key() {
    let ((_, ours), (_, theirs)) = (key(), key());
    let forged = Signer { key_id: ours.key_id.clone(), ..theirs };
    assert_ne!(forged.fingerprint(), ours.fingerprint());
    let refused = judged(STRICT, &package_of("acme/alipay", Some(&forged)), Some(&acme(&ours)));
    assert!(matches!(refused, Err(Untrusted::OtherKey { .. })));
}

#[test]
fn what_is_unsigned_is_for_development_unless_denied() {
    let is = package_of("acme/alipay", None);
    assert_eq!(judged(DEVELOPMENT, &is, None), Ok(Verdict::Development));
    assert!(matches!(judged(STRICT, &is, None), Err(Untrusted::Unsigned { .. })));
    let never = Policy { unsigned: Unsigned::Deny, dev: true };
    assert!(matches!(judged(never, &is, None), Err(Untrusted::Unsigned { .. })));
}

#[test]
fn only_the_binary_brings_plugins_of_lyceum_unsigned() {
    let (none, (_, signer)) = (Revocations::default(), key());
    let built_in = |id: &str| judge(STRICT, Origin::BuiltIn, &package_of(id, None), None, &none);
    assert_eq!(built_in("lyceum/ranking-default"), Ok(Verdict::BuiltIn));
    assert!(matches!(built_in("acme/alipay"), Err(Untrusted::Unsigned { .. })));
    let pretends = package_of("lyceum/ranking-default", Some(&signer));
    assert!(matches!(judged(STRICT, &pretends, None), Err(Untrusted::Reserved { .. })));
}

#[test]
fn the_old_key_names_the_new_one() {
    let ((old, old_signer), (_, new_signer), (_, other_signer)) = (key(), key(), key());
    let statement = Rotation::text(&acme(&old_signer), &new_signer, "2026-11-21");
    assert_eq!(statement, format!("rotate acme {} {} 2026-11-21\n", old_signer.key_id, new_signer.public_key));
    let rotated = |signer: &Signer, rotation: Rotation| {
        let is = Inspection { rotation: Some(rotation), ..package_of("acme/alipay", Some(signer)) };
        judged(STRICT, &is, Some(&acme(&old_signer)))
    };
    let rotation = Rotation { signature: sign(&old, &statement), statement: statement.clone() };
    assert_eq!(rotated(&new_signer, rotation.clone()), Ok(Verdict::Rotated(acme(&new_signer))));
    assert!(matches!(rotated(&other_signer, rotation.clone()), Err(Untrusted::Rotation { .. })));
    // What the old key signed once is nothing to who has pinned another one since.
    let is = Inspection { rotation: Some(rotation.clone()), ..package_of("acme/alipay", Some(&new_signer)) };
    assert!(matches!(judged(STRICT, &is, Some(&acme(&other_signer))), Err(Untrusted::Rotation { .. })));
    for wrong in [
        statement.replace("acme", "other"),
        statement.replace("2026-11-21", "soon"),
        statement.trim_end().to_owned(),
        format!("{statement}{statement}"),
    ] {
        let signature = sign(&old, &wrong);
        assert!(matches!(
            rotated(&new_signer, Rotation { statement: wrong, signature }),
            Err(Untrusted::Rotation { .. })
        ));
    }
    let changed = Rotation { statement: statement.replace("21", "22"), ..rotation };
    assert!(matches!(rotated(&new_signer, changed), Err(Untrusted::Rotation { .. })));
}

#[test]
fn a_revoked_key_does_not_hand_over() {
    let ((old, old_signer), (_, new_signer), (list_key, owner)) = (key(), key(), key());
    let statement = Rotation::text(&acme(&old_signer), &new_signer, "2026-11-21");
    let rotation = Some(Rotation { signature: sign(&old, &statement), statement });
    let is = Inspection { rotation, ..package_of("acme/alipay", Some(&new_signer)) };
    let judged = |list: &str| {
        let list = Revocations::read(list, &sign(&list_key, list), &owner).unwrap();
        judge(STRICT, Origin::Elsewhere, &is, Some(&acme(&old_signer)), &list)
    };
    let entry =
        |more: &str| format!("[[revoked]]\nkey = \"{}\"\nreason = \"It was stolen.\"\n{more}", old_signer.public_key);
    for list in [entry(""), entry("id = \"acme/another\"\n")] {
        let refused = Failure::from(judged(&list).unwrap_err());
        assert_eq!(refused.code(), ErrorCode::PluginUntrusted);
        assert!(refused.message().contains(&old_signer.fingerprint()), "{}", refused.message());
        assert!(refused.message().contains("which is revoked: It was stolen."), "{}", refused.message());
    }
    let others = format!("[[revoked]]\nkey = \"{}\"\n", owner.public_key);
    assert_eq!(judged(&others), Ok(Verdict::Rotated(acme(&new_signer))));
}

#[test]
fn no_byte_of_a_signature_can_be_changed_but_its_first_line() {
    let (pair, signer) = key();
    let signature = sign(&pair, "a text");
    assert_eq!(verify_signature(&signer, b"a text", &signature).as_deref(), Ok("for the test"));
    assert!(verify_signature(&signer, b"A text", &signature).is_err());
    assert!(verify_signature(&key().1, b"a text", &signature).unwrap_err().contains("another key"));
    let second_line = signature.find('\n').unwrap();
    for place in second_line..signature.len() {
        for flip in [1u8, 0x20] {
            let mut changed = signature.clone().into_bytes();
            changed[place] ^= flip;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(verify_signature(&signer, b"a text", &changed).is_err(), "byte {place} ^ {flip}");
        }
    }
    assert!(verify_signature(&signer, b"a text", &format!("{signature}\n")).is_err());
    assert!(verify_signature(&signer, b"a text", &signature.replace('\n', "\r\n")).is_err());
}

const LIST: &str = r#"
issued = "2026-11-21T00:00:00Z"
[[revoked]]
id = "acme/alipay"
version = "1.4.0"
reason = "It tells order numbers to a third party."
[[revoked]]
digest = "d9"
"#;

#[test]
fn what_the_signed_list_names_is_refused_from_anywhere() {
    let ((pair, owner), (_, signer)) = (key(), key());
    let list = Revocations::read(LIST, &sign(&pair, LIST), &owner).unwrap();
    let refused = judge(STRICT, Origin::Elsewhere, &package_of("acme/alipay", Some(&signer)), None, &list).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "acme/alipay 1.4.0 is revoked: It tells order numbers to a third party. Install another version."
    );
    let later = Inspection { version: "1.4.1".into(), ..package_of("acme/alipay", Some(&signer)) };
    assert!(judge(STRICT, Origin::Elsewhere, &later, None, &list).is_ok());
    for is in [
        Inspection { digest: "d9".into(), ..later.clone() },
        Inspection { package_digest: "d9".into(), id: "lyceum/ranking-default".into(), ..later.clone() },
    ] {
        assert!(matches!(judge(STRICT, Origin::BuiltIn, &is, None, &list), Err(Untrusted::Revoked { .. })));
    }
    let by_key = format!("[[revoked]]\nkey = \"{}\"\n", signer.public_key);
    let list = Revocations::read(&by_key, &sign(&pair, &by_key), &owner).unwrap();
    assert!(judge(STRICT, Origin::Elsewhere, &later, None, &list).is_err());
    assert!(judge(DEVELOPMENT, Origin::Elsewhere, &package_of("acme/x", None), None, &list).is_ok());
}

#[test]
fn a_list_that_is_not_the_signers_or_names_nothing_is_no_list() {
    let (pair, owner) = key();
    assert!(Revocations::read(&LIST.replace("1.4.0", "1.3.0"), &sign(&pair, LIST), &owner).is_err());
    assert!(Revocations::read(LIST, &sign(&key().0, LIST), &owner).unwrap_err().contains("another key"));
    for wrong in ["[[revoked]]\nreason = \"all of it\"\n", "[[revoked]]\nname = \"acme\"\n"] {
        assert!(Revocations::read(wrong, &sign(&pair, wrong), &owner).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_pinned_key_is_kept_replaced_and_forgotten() {
    each_database(async |bed| {
        let owner = bed.person("owner@example.com", &["admin"]).await;
        let ((_, first), (_, second)) = (key(), key());
        assert_eq!(publisher(bed.db.reader(), "acme").await.unwrap(), None);
        for (signer, by) in [(&first, owner.user), (&second, None)] {
            let write = bed.db.write().await.unwrap();
            pin(write.connection(), &acme(signer), by, write.now()).await.unwrap();
            write.commit().await.unwrap();
            assert_eq!(publisher(bed.db.reader(), "acme").await.unwrap(), Some(acme(signer)));
            let who = bed.texts("SELECT COALESCE(pinned_by, 'the operator') FROM plugin_publisher").await;
            assert_eq!(who, [by.map_or("the operator".to_owned(), |id| id.to_string())]);
        }
        assert_eq!(bed.texts("SELECT pinned_at FROM plugin_publisher").await, [bed.db.now().to_string()]);
        assert_eq!(publisher(bed.db.reader(), "other").await.unwrap(), None);
        let write = bed.db.write().await.unwrap();
        forget(write.connection(), "acme").await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(publisher(bed.db.reader(), "acme").await.unwrap(), None);
    })
    .await;
}

/// A host that reads `id version [public key]`; the signature always fits.
struct Host;

#[async_trait]
impl PluginRuntime for Host {
    fn inspect(&self, package: &[u8]) -> Result<Inspection, PluginFailure> {
        let words: Vec<&str> = std::str::from_utf8(package).unwrap().split(' ').collect();
        let signer = words.get(2).map(|key| signer_of(key).unwrap());
        let (version, digest) = (words[1].to_owned(), words.join("-"));
        Ok(Inspection { version, digest, ..package_of(words[0], signer.as_ref()) })
    }

    async fn activate(&self, activation: Activation) -> Result<Inspection, PluginFailure> {
        self.inspect(&activation.wasm)
    }

    fn deactivate(&self, _id: &str) {}

    fn usage(&self, _id: &str) -> Usage {
        Usage::default()
    }
}

#[tokio::test]
async fn installing_pins_the_key_and_a_refusal_changes_nothing() {
    each_database(async |bed| {
        let owner = bed.person("owner@example.com", &["admin"]).await;
        let settings = PluginSettings {
            policy: STRICT,
            built_in: Default::default(),
            secret_key: SecretKey::new(&[7; 32]).unwrap(),
        };
        let plugins = Plugins::new(bed.db.clone(), Arc::new(Host), settings);
        let ((_, ours), (_, theirs)) = (key(), key());
        let install = async |text: String| {
            let input = InstallPlugin { package: text.into_bytes(), ..InstallPlugin::default() };
            plugins.install(&owner, input).await.map(|done| done.plugin.version)
        };
        let refused = install("acme/pay 1.0.0".to_owned()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PluginUntrusted);
        assert_eq!(publisher(bed.db.reader(), "acme").await.unwrap(), None);

        assert_eq!(install(format!("acme/pay 1.0.0 {}", ours.public_key)).await.unwrap(), "1.0.0");
        assert_eq!(publisher(bed.db.reader(), "acme").await.unwrap(), Some(acme(&ours)));
        let by = bed.texts("SELECT pinned_by FROM plugin_publisher WHERE publisher = 'acme'").await;
        assert_eq!(by, [owner.user.unwrap().to_string()]);

        for text in [format!("acme/pay 2.0.0 {}", theirs.public_key), format!("acme/rank 1.0.0 {}", theirs.public_key)]
        {
            assert_eq!(install(text).await.unwrap_err().code(), ErrorCode::PluginUntrusted);
        }
        assert_eq!(publisher(bed.db.reader(), "acme").await.unwrap(), Some(acme(&ours)));
        assert_eq!(bed.texts("SELECT name || version FROM plugin").await, ["acme/pay1.0.0"]);
        assert_eq!(install(format!("acme/pay 2.0.0 {}", ours.public_key)).await.unwrap(), "2.0.0");
    })
    .await;
}
