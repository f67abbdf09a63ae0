//! Sign-in through a provider: the way there and back, and whose account it is.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lyceum_domain::{
    identity::{Actor, AttemptSecret, Begun, CompleteSignIn, SignInState, SignedIn},
    plugin::FailureKind,
};
use lyceum_kernel::{ErrorCode, Failure, Result};
use sha2::{Digest, Sha256};

use crate::{
    people::{Bed, MINUTE, PASSWORD, each_database, from},
    stage::{BACK, Stage, failed, somebody, stage, state_of},
};

const ANA: &str = "ana@example.org";

fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code())
}

async fn verifies(bed: &Bed, email: &str) {
    let sql = "UPDATE user_account SET email_verified_at = created_at WHERE email = $1";
    bed.execute(sql, [email.into()]).await;
}

#[tokio::test]
async fn the_host_makes_state_nonce_and_verifier_and_keeps_none_in_plain() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        door.answers(Ok(somebody("7", Some(ANA), true)));
        let begun = stage.begin("door").await.unwrap();
        let start = door.starts.lock().unwrap()[0].clone();
        let stored = bed.texts("SELECT state_hash || attempt_hash || sealed FROM auth_attempt").await.remove(0);
        stage.complete(&begun).await.unwrap();
        let back = door.callbacks.lock().unwrap()[0].clone();
        assert_eq!((start.redirect_uri.as_str(), start.locale.as_str()), (BACK, "zh-CN"));
        assert_eq!((&back.nonce, back.keep.as_str(), &back.redirect_uri), (&start.nonce, "way", &start.redirect_uri));
        // RFC 7636, 4.2: the method S256.
        assert_eq!(start.code_challenge, URL_SAFE_NO_PAD.encode(Sha256::digest(back.code_verifier.as_bytes())));
        assert_eq!(back.params[0], ("code".to_owned(), "c0de".to_owned()));
        let all = [&start.state, &start.nonce, &back.code_verifier, begun.attempt.expose()].map(str::to_owned);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4);
        for secret in &all {
            assert!(secret.len() == 43 && !stored.contains(secret.as_str()), "{secret}");
        }
        let kept = bed.texts("SELECT sealed FROM user_identity").await.remove(0);
        assert!(!kept.contains("keep-7"));
    })
    .await;
}

#[tokio::test]
async fn a_new_person_gets_an_account_without_a_password_and_the_same_one_again() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let first = stage.signs_in(&door, somebody("7", Some("Ana@Example.org"), true)).await.unwrap();
        let viewer = bed.viewer(&first).await.unwrap();
        assert_eq!((viewer.user, viewer.roles), (Some(first.user), vec!["member".to_owned()]));
        let account = "SELECT email || ' ' || name || ' ' || locale || ' ' || password_hash FROM user_account";
        assert_eq!(bed.texts(account).await, ["ana@example.org Ana zh-CN "]);
        assert_eq!(bed.events().await, ["user.registered", "user.signed-in"]);
        // Even when the provider tells another address later.
        let again = stage.signs_in(&door, somebody("7", Some("bo@example.org"), true)).await.unwrap();
        assert_eq!(again.user, first.user);
        assert_eq!(bed.texts("SELECT email FROM user_account").await, [ANA]);
        for password in ["", PASSWORD] {
            assert_eq!(code(bed.sign_in(ANA, password).await), Some(ErrorCode::InvalidCredentials), "{password:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_browser_that_began_ends_it_in_time_and_once() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        stage.door("acme/auth-gate", "gate").answers(Ok(somebody("7", Some(ANA), true)));
        door.answers(Ok(somebody("7", Some(ANA), true)));
        let (mine, other) = (stage.begin("door").await.unwrap(), stage.begin("door").await.unwrap());
        let crossed = Begun { url: mine.url.clone(), attempt: other.attempt.clone() };
        let guessed = Begun { url: mine.url.clone(), attempt: AttemptSecret::new("x".repeat(43)) };
        let refused = [
            stage.complete(&crossed).await,
            stage.complete(&guessed).await,
            stage.complete_with("door", "no state", &mine).await,
            stage.complete_with("gate", &state_of(&mine), &mine).await,
        ];
        for result in refused {
            assert_eq!(code(result), Some(ErrorCode::InvalidCredentials));
        }
        assert_eq!(door.callbacks.lock().unwrap().len(), 0, "the provider was not asked");
        stage.complete(&mine).await.unwrap();
        assert_eq!(code(stage.complete(&mine).await), Some(ErrorCode::InvalidCredentials), "once");
        bed.clock.advance(10 * MINUTE);
        assert_eq!(code(stage.complete(&other).await), Some(ErrorCode::InvalidCredentials), "ten minutes");
        assert_eq!(door.callbacks.lock().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nobody_is_sent_back_to_an_address_that_is_not_on_the_list() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        for address in ["https://evil.example/", "http://localhost/", "https://school.example/back?x=1"] {
            let refused = stage.begin_at("door", address).await.unwrap_err();
            assert_eq!(
                (refused.code(), refused.path().join(".")),
                (ErrorCode::BadUserInput, "input.redirectUri".into())
            );
        }
        assert!(door.starts.lock().unwrap().is_empty());
        assert_eq!(code(stage.begin("window").await), Some(ErrorCode::NotFound));
    })
    .await;
}

#[tokio::test]
async fn an_account_is_linked_only_when_both_sides_have_proven_the_address() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let own = bed.register(ANA).await.user;
        let enter = async |verified| stage.signs_in(&door, somebody("7", Some(ANA), verified)).await;
        assert_eq!(code(enter(true).await), Some(ErrorCode::Conflict), "ours is not proven");
        verifies(&bed, ANA).await;
        assert_eq!(code(enter(false).await), Some(ErrorCode::Conflict), "theirs is not proven");
        assert!(bed.texts("SELECT subject FROM user_identity").await.is_empty());
        assert_eq!(enter(true).await.unwrap().user, own);
        assert_eq!(enter(false).await.unwrap().user, own, "the link holds");
        assert_eq!(code(bed.sign_in(ANA, PASSWORD).await), None, "the password too");
        let linked = bed.events().await.iter().filter(|name| *name == "user.identity-linked").count();
        assert_eq!(linked, 1);
    })
    .await;
}

#[tokio::test]
async fn an_unproven_address_makes_an_account_that_is_not_proven() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        stage.signs_in(&door, somebody("7", Some(ANA), false)).await.unwrap();
        let proven = "SELECT email FROM user_account WHERE email_verified_at IS NOT NULL";
        assert!(bed.texts(proven).await.is_empty());
        for address in [None, Some("no address")] {
            let refused = stage.signs_in(&door, somebody("8", address, true)).await;
            assert_eq!(code(refused), Some(ErrorCode::InvalidCredentials), "{address:?}");
        }
        stage.signs_in(&door, somebody("9", Some("bo@example.org"), true)).await.unwrap();
        assert_eq!(bed.texts(proven).await, ["bo@example.org"]);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_account_stays_out() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let user = stage.signs_in(&door, somebody("7", Some(ANA), true)).await.unwrap().user;
        bed.identity.set_disabled(Actor::System, user, true).await.unwrap();
        for subject in ["7", "8"] {
            let refused = stage.signs_in(&door, somebody(subject, Some(ANA), true)).await;
            assert_eq!(code(refused), Some(ErrorCode::Forbidden), "{subject}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_refuses_and_a_plugin_that_fails_sign_nobody_in() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let long = format!("invalid: {}", "no ".repeat(400));
        let cases = [
            (failed(FailureKind::Refused, &long, false), ErrorCode::InvalidCredentials),
            (failed(FailureKind::Refused, "unavailable: it is down", true), ErrorCode::PluginFailed),
            (failed(FailureKind::Trap, "unreachable at 0x1234", false), ErrorCode::PluginFailed),
            (failed(FailureKind::Timeout, "10 s", true), ErrorCode::PluginFailed),
        ];
        for (failure, expected) in cases {
            door.answers(Err(failure.clone()));
            let begun = stage.begin("door").await.unwrap();
            let refused: Failure = stage.complete(&begun).await.unwrap_err();
            assert_eq!(refused.code(), expected, "{failure:?}");
            assert!(refused.message().chars().count() < 250 && !refused.message().contains("0x1234"));
            let used = stage.complete(&begun).await;
            assert_eq!(code(used), Some(ErrorCode::InvalidCredentials), "the attempt is used up");
        }
        assert!(bed.texts("SELECT id FROM user_account").await.is_empty());
        assert!(bed.texts("SELECT id FROM session").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn failed_sign_ins_count_against_the_limit_of_an_address() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        stage.door("acme/auth-door", "door");
        let begun = stage.begin("door").await.unwrap();
        let mut outcomes = Vec::new();
        for _ in 0..31 {
            let input = CompleteSignIn {
                provider: "door".to_owned(),
                params: Vec::new(),
                state: SignInState::new("guessed"),
                attempt: begun.attempt.clone(),
            };
            outcomes.push(code(stage.sign_ins.complete(input, &from("192.0.2.1")).await));
        }
        assert_eq!(outcomes.pop().unwrap(), Some(ErrorCode::RateLimited));
        assert!(outcomes.iter().all(|outcome| *outcome == Some(ErrorCode::InvalidCredentials)));
    })
    .await;
}

#[tokio::test]
async fn a_plugin_that_fails_locks_no_address_out() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        door.answers(Err(failed(FailureKind::Trap, "unreachable", false)));
        for _ in 0..31 {
            let begun = stage.begin("door").await.unwrap();
            let input = CompleteSignIn {
                provider: "door".to_owned(),
                params: Vec::new(),
                state: SignInState::new(state_of(&begun)),
                attempt: begun.attempt,
            };
            let failed = stage.sign_ins.complete(input, &from("192.0.2.1")).await;
            assert_eq!(code(failed), Some(ErrorCode::PluginFailed));
        }
    })
    .await;
}

#[tokio::test]
async fn a_second_plugin_of_the_same_name_takes_no_button_and_no_account_over() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let ana = stage.signs_in(&door, somebody("7", Some(ANA), true)).await.unwrap().user;
        stage.house.providers.lock().unwrap().clear();
        let other = stage.door("bad/auth-door", "door");
        let theirs = stage.signs_in(&other, somebody("7", Some("bo@example.org"), true)).await.unwrap().user;
        assert_ne!(theirs, ana);
        stage.house.providers.lock().unwrap().push(door);
        let buttons = stage.sign_ins.providers();
        assert_eq!(buttons.len(), 1);
        assert_eq!((buttons[0].key.as_str(), buttons[0].labels["en"].as_str()), ("door", "Enter by acme/auth-door"));
    })
    .await;
}

async fn refreshes(stage: &Stage, session: &mut SignedIn) -> Option<ErrorCode> {
    match stage.sign_ins.refresh(&session.refresh_token).await {
        Ok(next) => {
            *session = next;
            None
        }
        Err(failure) => Some(failure.code()),
    }
}

#[tokio::test]
async fn a_provider_is_asked_once_an_hour_whether_it_still_knows_the_person() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let mut session = stage.signs_in(&door, somebody("7", Some(ANA), true)).await.unwrap();
        let asked = || door.asked.lock().unwrap().clone();
        assert_eq!(refreshes(&stage, &mut session).await, None);
        bed.clock.advance(59 * MINUTE);
        assert_eq!((refreshes(&stage, &mut session).await, asked().len()), (None, 0));
        bed.clock.advance(MINUTE);
        let mut renewed = somebody("7", Some(ANA), true);
        renewed.keep = "keep-2".to_owned();
        door.answers(Ok(renewed));
        assert_eq!((refreshes(&stage, &mut session).await, asked()), (None, vec!["keep-7".to_owned()]));
        assert_eq!((refreshes(&stage, &mut session).await, asked().len()), (None, 1));
        bed.clock.advance(60 * MINUTE);
        for failure in [
            failed(FailureKind::Refused, "unavailable: it is down", true),
            failed(FailureKind::Trap, "gone: this is no answer", false),
        ] {
            door.answers(Err(failure));
            assert_eq!(refreshes(&stage, &mut session).await, None, "the session goes on");
            bed.clock.advance(60 * MINUTE);
        }
        assert_eq!(asked()[1..], ["keep-2", "keep-2"]);
    })
    .await;
}

#[tokio::test]
async fn who_is_gone_at_the_provider_loses_the_sessions_opened_through_it() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        bed.register(ANA).await;
        verifies(&bed, ANA).await;
        let mut session = stage.signs_in(&door, somebody("7", Some(ANA), true)).await.unwrap();
        let second = stage.signs_in(&door, somebody("7", Some(ANA), true)).await.unwrap();
        let own = bed.sign_in(ANA, PASSWORD).await.unwrap();
        bed.clock.advance(60 * MINUTE);
        door.answers(Err(failed(FailureKind::Refused, "gone: we do not know her", false)));
        assert_eq!(refreshes(&stage, &mut session).await, Some(ErrorCode::SessionRevoked));
        let mut second = second;
        assert_eq!(refreshes(&stage, &mut second).await, Some(ErrorCode::SessionRevoked));
        let mut own = own;
        assert_eq!(refreshes(&stage, &mut own).await, None, "a session with the password is another matter");
        assert_eq!(door.asked.lock().unwrap().len(), 1);
        assert!(bed.events().await.contains(&"user.gone-at-provider".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_keeps_nothing_is_not_asked() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let door = stage.door("acme/auth-door", "door");
        let mut nothing = somebody("7", Some(ANA), true);
        nothing.keep = String::new();
        let mut session = stage.signs_in(&door, nothing).await.unwrap();
        bed.clock.advance(90 * MINUTE);
        assert_eq!(refreshes(&stage, &mut session).await, None);
        assert!(door.asked.lock().unwrap().is_empty());
    })
    .await;
}
