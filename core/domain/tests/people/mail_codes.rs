//! Proven mail addresses and new passwords.

use std::sync::Arc;

use lyceum_domain::identity::{IdentityConfig, MailCode, Password, Peer};
use lyceum_kernel::{ErrorCode, Result};
use lyceum_store::StatementLog;

use crate::{
    people::{Bed, DAY, MINUTE, PASSWORD, each_database, from, input},
    stage::{Stage, config, somebody, stage, stage_with},
};

const NEW: &str = "another horse";
const VERIFIED: &str = "SELECT email FROM user_account WHERE email_verified_at IS NOT NULL";

fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code())
}

async fn reset(stage: &Stage, code: &str, password: &str) -> Result<()> {
    stage.proofs.reset_password(&MailCode::new(code), &Password::new(password)).await
}

async fn asks_for_reset(stage: &Stage, email: &str) -> Result<()> {
    stage.proofs.request_password_reset(email, &Peer::default()).await
}

#[tokio::test]
async fn an_address_is_proven_by_the_code_that_was_sent_to_it_once() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        let carrier = stage.carrier("acme/pigeon");
        stage.proofs.request_verification(&ana, &Peer::default()).await.unwrap();
        stage.work().await;
        let mail = carrier.last();
        assert_eq!((mail.subject.as_str(), mail.template.as_str()), ("Confirm your e-mail address", "verify-email"));
        assert!(mail.text.starts_with("Hello Ana,") && !mail.text.contains("http"), "{}", mail.text);
        assert_eq!(bed.texts(VERIFIED).await.len(), 0);
        let code_of_mail = MailCode::new(carrier.code());
        let junk = MailCode::new("x".repeat(43));
        assert_eq!(code(stage.proofs.verify(&ana, &junk).await), Some(ErrorCode::BadUserInput));
        assert_eq!(code(reset(&stage, &carrier.code(), NEW).await), Some(ErrorCode::BadUserInput), "another purpose");
        stage.proofs.verify(&ana, &code_of_mail).await.unwrap();
        assert_eq!(bed.texts(VERIFIED).await, ["ana@example.org"]);
        assert_eq!(code(stage.proofs.verify(&ana, &code_of_mail).await), Some(ErrorCode::BadUserInput), "once");
        let again = stage.proofs.request_verification(&ana, &Peer::default()).await;
        assert_eq!(code(again), Some(ErrorCode::InvalidState));
        let events = bed.events().await;
        assert_eq!(events[1..], ["user.email-verification-requested", "user.email-verified"]);
    })
    .await;
}

#[tokio::test]
async fn a_code_is_not_good_after_its_time_or_for_another_address() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        let carrier = stage.carrier("acme/pigeon");
        for (wait, outcome) in [(DAY, Some(ErrorCode::BadUserInput)), (DAY - MINUTE, None)] {
            stage.proofs.request_verification(&ana, &Peer::default()).await.unwrap();
            stage.work().await;
            bed.clock.advance(wait);
            if outcome.is_none() {
                bed.execute("UPDATE user_account SET email = 'new@example.org'", []).await;
                let other = stage.proofs.verify(&ana, &MailCode::new(carrier.code())).await;
                assert_eq!(code(other), Some(ErrorCode::BadUserInput), "the account has another address now");
                bed.execute("UPDATE user_account SET email = 'ana@example.org'", []).await;
            }
            assert_eq!(code(stage.proofs.verify(&ana, &MailCode::new(carrier.code())).await), outcome);
        }
    })
    .await;
}

#[tokio::test]
async fn one_address_gets_a_code_each_five_minutes_and_five_an_hour() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        bed.register("ana@example.org").await;
        let carrier = stage.carrier("acme/pigeon");
        let mut sent = Vec::new();
        for _ in 0..14 {
            // The answer is the same, whether a code goes out or not.
            asks_for_reset(&stage, "ANA@example.org").await.unwrap();
            sent.push(stage.work().await);
            bed.clock.advance(2 * MINUTE + MINUTE / 2);
        }
        assert_eq!(sent, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
        // What was sent is still good, and using it makes room again.
        reset(&stage, &carrier.code(), NEW).await.unwrap();
        asks_for_reset(&stage, "ana@example.org").await.unwrap();
        assert_eq!(stage.work().await, 1);
    })
    .await;
}

#[tokio::test]
async fn who_asks_for_a_strangers_codes_uses_up_nothing_of_hers() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        let carrier = stage.carrier("acme/pigeon");
        for _ in 0..20 {
            stage.proofs.request_password_reset("ana@example.org", &from("192.0.2.1")).await.unwrap();
            stage.work().await;
            bed.clock.advance(MINUTE);
        }
        asks_for_reset(&stage, "ana@example.org").await.unwrap();
        stage.work().await;
        reset(&stage, &carrier.code(), NEW).await.unwrap();
        stage.proofs.request_verification(&ana, &Peer::default()).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn codes_are_limited_by_network() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        for number in 0..30 {
            let email = format!("p{number}@example.org");
            stage.proofs.request_password_reset(&email, &from("192.0.2.1")).await.unwrap();
        }
        let more = async |address| stage.proofs.request_password_reset("q@example.org", &from(address)).await;
        assert_eq!(code(more("192.0.2.1").await), Some(ErrorCode::RateLimited));
        assert_eq!(code(more("192.0.2.2").await), None);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_and_the_old_one_is_gone() {
    each_database(async |bed| {
        let (stage, session) = (stage(&bed).await, bed.register("ana@example.org").await);
        let other = bed.register("bo@example.org").await;
        let carrier = stage.carrier("acme/pigeon");
        asks_for_reset(&stage, " Ana@example.org").await.unwrap();
        stage.work().await;
        assert_eq!(carrier.last().subject, "Set a new password");
        assert_eq!(code(reset(&stage, &carrier.code(), "short").await), Some(ErrorCode::BadUserInput));
        reset(&stage, &carrier.code(), NEW).await.unwrap();
        assert_eq!(code(bed.viewer(&session).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.viewer(&other).await), None);
        assert_eq!(code(bed.sign_in("ana@example.org", PASSWORD).await), Some(ErrorCode::InvalidCredentials));
        assert_eq!(code(bed.sign_in("ana@example.org", NEW).await), None);
        assert_eq!(code(reset(&stage, &carrier.code(), PASSWORD).await), Some(ErrorCode::BadUserInput), "once");
        assert_eq!(bed.texts(VERIFIED).await, ["ana@example.org"], "who has the code reads the mail");
    })
    .await;
}

#[tokio::test]
async fn one_code_uses_up_the_others_and_none_outlives_an_hour() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        bed.register("ana@example.org").await;
        let carrier = stage.carrier("acme/pigeon");
        let mut codes = Vec::new();
        for _ in 0..2 {
            asks_for_reset(&stage, "ana@example.org").await.unwrap();
            stage.work().await;
            codes.push(carrier.code());
            bed.clock.advance(5 * MINUTE);
        }
        reset(&stage, &codes[0], NEW).await.unwrap();
        assert_eq!(code(reset(&stage, &codes[1], NEW).await), Some(ErrorCode::BadUserInput));
        asks_for_reset(&stage, "ana@example.org").await.unwrap();
        stage.work().await;
        bed.clock.advance(60 * MINUTE);
        assert_eq!(code(reset(&stage, &carrier.code(), NEW).await), Some(ErrorCode::BadUserInput));
    })
    .await;
}

#[tokio::test]
async fn asking_for_a_password_does_not_tell_whether_there_is_an_account() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        bed.register("ana@example.org").await;
        let disabled = bed.register("gone@example.org").await.user;
        let system = lyceum_domain::identity::Actor::System;
        bed.identity.set_disabled(system, disabled, true).await.unwrap();
        let mut written = Vec::new();
        for email in ["ana@example.org", "nobody@example.org", "gone@example.org"] {
            let log = Arc::new(StatementLog::default());
            log.clone().record(asks_for_reset(&stage, email)).await.unwrap();
            written.push(log.statements().iter().filter(|sql| sql.contains("INSERT INTO mail_code")).count());
        }
        assert_eq!(written, [1, 1, 1], "the same work");
        let carrier = stage.carrier("acme/pigeon");
        assert_eq!(stage.work().await, 1);
        assert_eq!(carrier.last().address, "ana@example.org");
        assert_eq!(code(asks_for_reset(&stage, "no address").await), Some(ErrorCode::BadUserInput));
    })
    .await;
}

#[tokio::test]
async fn a_mail_is_in_the_persons_language_and_has_the_owners_link() {
    each_database(async |bed| {
        let link = Some("https://school.example/{action}?token={token}".to_owned());
        let stage = stage_with(&bed, IdentityConfig { email_link: link, ..config() }, false).await;
        let person = lyceum_domain::identity::RegisterInput {
            name: "林小雨".to_owned(),
            locale: "zh-CN".parse().unwrap(),
            ..input("lin@example.org")
        };
        bed.identity.register(person, &Peer::default()).await.unwrap();
        let carrier = stage.carrier("acme/pigeon");
        asks_for_reset(&stage, "lin@example.org").await.unwrap();
        stage.work().await;
        let mail = carrier.last();
        assert_eq!((mail.subject.as_str(), mail.locale.as_str()), ("设置新密码", "zh-CN"));
        let url = format!("https://school.example/reset-password?token={}", carrier.code());
        assert_eq!(mail.values["url"], url);
        assert!(mail.text.starts_with("林小雨，您好：") && mail.text.contains(&format!("\n{url}\n")), "{}", mail.text);
    })
    .await;
}

/// Somebody enters with the address of another, unproven; the other one, who
/// reads the mail, sets a password.
#[tokio::test]
async fn a_new_password_takes_an_unproven_account_away_from_the_provider() {
    each_database(async |bed: Bed| {
        let stage = stage(&bed).await;
        let (door, carrier) = (stage.door("acme/auth-door", "door"), stage.carrier("acme/pigeon"));
        let stranger = stage.signs_in(&door, somebody("7", Some("ana@example.org"), false)).await.unwrap();
        asks_for_reset(&stage, "ana@example.org").await.unwrap();
        stage.work().await;
        reset(&stage, &carrier.code(), NEW).await.unwrap();
        assert_eq!(code(bed.viewer(&stranger).await), Some(ErrorCode::SessionRevoked));
        let again = stage.signs_in(&door, somebody("7", Some("ana@example.org"), false)).await;
        assert_eq!(code(again), Some(ErrorCode::Conflict));
        assert_eq!(code(bed.sign_in("ana@example.org", NEW).await), None);
    })
    .await;
}

/// Somebody makes an account with the address of another, who clicks the link
/// of the mail without having asked for it.
#[tokio::test]
async fn a_click_without_the_account_proves_nothing() {
    each_database(async |bed: Bed| {
        let (stage, stranger) = (stage(&bed).await, bed.member("ana@example.org").await);
        let (door, carrier) = (stage.door("acme/auth-door", "door"), stage.carrier("acme/pigeon"));
        let bo = bed.member("bo@example.org").await;
        stage.proofs.request_verification(&stranger, &Peer::default()).await.unwrap();
        stage.work().await;
        let clicked = MailCode::new(carrier.code());
        let nobody = bed.identity.visitor();
        assert_eq!(code(stage.proofs.verify(&nobody, &clicked).await), Some(ErrorCode::Unauthenticated));
        assert_eq!(code(stage.proofs.verify(&bo, &clicked).await), Some(ErrorCode::BadUserInput));
        assert_eq!(bed.texts(VERIFIED).await, Vec::<String>::new());
        let ana = stage.signs_in(&door, somebody("8", Some("ana@example.org"), true)).await;
        assert_eq!(code(ana), Some(ErrorCode::Conflict), "she is not led into the stranger's account");
        stage.proofs.verify(&stranger, &clicked).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_every_link_and_a_proven_address_links_again() {
    each_database(async |bed: Bed| {
        let stage = stage(&bed).await;
        let (door, carrier) = (stage.door("acme/auth-door", "door"), stage.carrier("acme/pigeon"));
        let proven = stage.signs_in(&door, somebody("7", Some("ana@example.org"), true)).await.unwrap();
        asks_for_reset(&stage, "ana@example.org").await.unwrap();
        stage.work().await;
        reset(&stage, &carrier.code(), NEW).await.unwrap();
        let unproven = stage.signs_in(&door, somebody("7", Some("ana@example.org"), false)).await;
        assert_eq!(code(unproven), Some(ErrorCode::Conflict), "whoever was linked enters no more");
        let again = stage.signs_in(&door, somebody("8", Some("ana@example.org"), true)).await.unwrap();
        assert_eq!(again.user, proven.user);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_is_not_good_takes_no_writer() {
    each_database(async |bed: Bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        let _other = bed.db.write().await.unwrap();
        let junk = MailCode::new("x".repeat(43));
        for viewer in [&ana, &bed.identity.visitor()] {
            // With a transaction it would wait for the other one, on SQLite.
            let log = Arc::new(StatementLog::default());
            let refused = log.clone().record(stage.proofs.verify(viewer, &junk)).await;
            assert_eq!(code(refused), Some(ErrorCode::BadUserInput));
            assert_eq!(log.statements().len(), 1, "{:?}", log.statements());
        }
    })
    .await;
}
