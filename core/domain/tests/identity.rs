//! Accounts, sessions, roles and viewers on a real database.
#![allow(clippy::unwrap_used)]

mod people;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lyceum_domain::identity::{
    Actor, DeviceToken, HashingCost, Identity, IdentityConfig, MemberList, Password, Peer, RefreshToken, RegisterInput,
    TokenKey,
};
use lyceum_kernel::{Action, ErrorCode, Failure, Id, RowScope, Rule, Viewer};
use lyceum_store::StatementLog;
use people::{Bed, DAY, MINUTE, PASSWORD, created, each_database, from, input, open};

fn code<T>(result: Result<T, Failure>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code())
}

fn retry_after(failure: &Failure) -> Option<i64> {
    failure.details().iter().find(|(name, _)| *name == "retryAfterSeconds").and_then(|(_, value)| value.as_i64())
}

#[tokio::test]
async fn registering_signs_in_as_a_member() {
    each_database(async |bed| {
        let signed_in = bed.register("ana@example.org").await;
        let viewer = bed.viewer(&signed_in).await.unwrap();
        assert_eq!((viewer.user, viewer.session), (Some(signed_in.user), Some(signed_in.session)));
        assert_eq!(viewer.roles, ["member"]);
        assert_eq!(signed_in.access_expires_at, bed.after(15 * MINUTE));
        assert_eq!(signed_in.refresh_expires_at, bed.after(30 * DAY));
        assert_eq!(bed.events().await, ["user.registered"]);
    })
    .await;
}

#[tokio::test]
async fn a_viewer_takes_one_statement_and_a_visitor_none() {
    each_database(async |bed| {
        let signed_in = bed.register("ana@example.org").await;
        let log = Arc::new(StatementLog::default());
        let visitor = log.clone().record(bed.identity.viewer_for(None)).await.unwrap();
        assert_eq!((visitor.user, visitor.roles, log.statements().len()), (None, vec!["visitor".to_owned()], 0));
        log.clone().record(bed.viewer(&signed_in)).await.unwrap();
        assert_eq!(log.statements().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn built_in_roles_allow_what_they_are_named_for() {
    use RowScope::{All, Authors, Own, Published};
    each_database(async |bed| {
        let visitor = bed.identity.visitor();
        assert_eq!(visitor.scope("course", true, Action::Read), [Published]);
        assert_eq!(visitor.scope("tier", false, Action::Read), [All]);
        assert_eq!(visitor.scope("comment", false, Action::Create), []);
        assert_eq!(visitor.scope("order", false, Action::Read), []);
        assert_eq!(visitor.scope("user", false, Action::Read), [Authors]);
        let member = bed.member("m@example.org").await;
        assert_eq!(member.scope("order", false, Action::Read), [Own]);
        assert_eq!(member.scope("comment", false, Action::Read), [Own, Published]);
        assert_eq!(member.scope("course", true, Action::Create), []);
        let author = bed.person("a@example.org", &["author"]).await;
        assert_eq!(author.roles, ["author", "member"]);
        assert_eq!(author.scope("course", true, Action::Publish), [Own]);
        assert!(!author.may("moderationItem", Action::Moderate));
        let editor = bed.person("e@example.org", &["editor"]).await;
        assert_eq!(editor.scope("course", true, Action::Delete), [All]);
        assert!(editor.may("moderationItem", Action::Moderate) && !editor.may("plugin", Action::Manage));
        let admin = bed.person("x@example.org", &["admin"]).await;
        assert!(admin.may("plugin", Action::Manage) && admin.may("role", Action::Manage));
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_is_a_conflict_in_any_spelling() {
    each_database(async |bed| {
        bed.register("ana@example.org").await;
        let refused = bed.identity.register(input(" ANA@Example.org"), &Peer::default()).await.unwrap_err();
        assert_eq!((refused.code(), refused.path().join(".")), (ErrorCode::Conflict, "input.email".to_owned()));
        assert_eq!(bed.texts("SELECT email FROM user_account").await, ["ana@example.org"]);
        assert_eq!(bed.events().await, ["user.registered"]);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_input_names_its_field_and_stores_nothing() {
    each_database(async |bed| {
        let good = input("ana@example.org");
        let wrong = [
            ("input.email", RegisterInput { email: "ana".to_owned(), ..good.clone() }),
            ("input.name", RegisterInput { name: " ".to_owned(), ..good.clone() }),
            ("input.name", RegisterInput { name: "x".repeat(81), ..good.clone() }),
            ("input.password", RegisterInput { password: Password::new("nine char"), ..good.clone() }),
            ("input.password", RegisterInput { password: Password::new(&"x".repeat(257)), ..good.clone() }),
        ];
        for (path, input) in wrong {
            let refused = bed.identity.register(input, &Peer::default()).await.unwrap_err();
            assert_eq!((refused.code(), refused.path().join(".").as_str()), (ErrorCode::BadUserInput, path));
        }
        assert_eq!(bed.texts("SELECT id FROM user_account").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn passwords_and_tokens_are_not_in_the_database() {
    each_database(async |bed| {
        let signed_in = bed.register("ana@example.org").await;
        let hash = bed.texts("SELECT password_hash FROM user_account").await.remove(0);
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$") && !hash.contains(PASSWORD));
        let stored = bed.texts("SELECT hash FROM refresh_token").await.remove(0);
        assert_eq!(stored.len(), 64);
        assert_ne!(stored, signed_in.refresh_token.expose());
        let shown = format!("{signed_in:?}");
        assert!(!shown.contains(signed_in.refresh_token.expose()) && !shown.contains(signed_in.access_token.expose()));
    })
    .await;
}

#[tokio::test]
async fn a_missing_account_and_a_wrong_password_look_alike() {
    each_database(async |bed| {
        bed.register("ana@example.org").await;
        let wrong = bed.sign_in("ana@example.org", "wrong horse").await.unwrap_err();
        let missing = bed.sign_in("bob@example.org", "wrong horse").await.unwrap_err();
        assert_eq!(wrong.code(), ErrorCode::InvalidCredentials);
        assert_eq!(format!("{wrong:?}"), format!("{missing:?}"));
        let absurd = bed.sign_in("ana@example.org", &"x".repeat(100_000)).await;
        assert_eq!(code(absurd), Some(ErrorCode::InvalidCredentials));
    })
    .await;
}

#[tokio::test]
async fn a_missing_account_costs_a_hash_too() {
    each_database(async |bed| {
        // One hashes at a time, and who finds it taken is refused: whoever hashes nothing never is.
        let hashing = HashingCost { at_once: 1, max_wait: Duration::ZERO, ..HashingCost::default() };
        let config = IdentityConfig { hashing, ..IdentityConfig::default() };
        let identity = Identity::open(bed.db.clone(), config, TokenKey::new(&[7; 32]).unwrap()).await.unwrap();
        let (password, peer) = (Password::new(PASSWORD), Peer::default());
        let missing = async |n| identity.sign_in(&format!("bob{n}@example.org"), &password, None, &peer).await;
        let answers = futures::future::join_all((0..8).map(missing)).await;
        let codes: BTreeSet<_> = answers.into_iter().map(|answer| code(answer).unwrap().name()).collect();
        assert_eq!(codes, ["INVALID_CREDENTIALS", "UNAVAILABLE"].into());
    })
    .await;
}

#[tokio::test]
async fn signing_in_works_in_any_spelling_of_the_address() {
    each_database(async |bed| {
        let registered = bed.register("ana@example.org").await;
        let signed_in = bed.sign_in("Ana@EXAMPLE.org", PASSWORD).await.unwrap();
        assert_eq!(signed_in.user, registered.user);
        assert_ne!(signed_in.session, registered.session);
        assert_eq!(bed.events().await, ["user.registered", "user.signed-in"]);
    })
    .await;
}

#[tokio::test]
async fn an_access_token_lasts_fifteen_minutes_and_is_refreshed() {
    each_database(async |bed| {
        let first = bed.register("ana@example.org").await;
        bed.clock.advance(15 * MINUTE - Duration::from_millis(1));
        assert!(bed.viewer(&first).await.is_ok());
        bed.clock.advance(Duration::from_millis(1));
        assert_eq!(code(bed.viewer(&first).await), Some(ErrorCode::TokenExpired));
        let second = bed.identity.refresh(&first.refresh_token).await.unwrap();
        assert_eq!((second.user, second.session), (first.user, first.session));
        assert_eq!(bed.viewer(&second).await.unwrap().user, Some(first.user));
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_its_session_and_no_other() {
    each_database(async |bed| {
        let first = bed.register("ana@example.org").await;
        let elsewhere = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        let second = bed.identity.refresh(&first.refresh_token).await.unwrap();
        bed.clock.advance(MINUTE);
        for _ in 0..2 {
            let reused = bed.identity.refresh(&first.refresh_token).await;
            assert_eq!(code(reused), Some(ErrorCode::SessionRevoked));
        }
        assert_eq!(code(bed.viewer(&second).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.identity.refresh(&second.refresh_token).await), Some(ErrorCode::SessionRevoked));
        assert!(bed.viewer(&elsewhere).await.is_ok());
        assert_eq!(bed.events().await, ["user.registered", "user.signed-in", "session.revoked"]);
    })
    .await;
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_wins_and_its_session_goes_on() {
    each_database(async |bed| {
        let first = bed.register("ana@example.org").await;
        let tries = (0..8).map(|_| bed.identity.refresh(&first.refresh_token));
        let (won, lost): (Vec<_>, Vec<_>) = futures::future::join_all(tries).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7));
        assert!(lost.into_iter().all(|refused| code(refused) == Some(ErrorCode::SessionRefreshed)));
        let winner = won.into_iter().next().unwrap().unwrap();
        assert!(bed.viewer(&winner).await.is_ok());
        bed.clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(code(bed.identity.refresh(&first.refresh_token).await), Some(ErrorCode::SessionRefreshed));
        assert!(bed.identity.refresh(&winner.refresh_token).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn without_a_grace_a_second_use_ends_the_session_at_once() {
    each_database(async |bed| {
        let identity = bed.server(|config| config.refresh_grace = Duration::ZERO).await;
        let first = bed.register("ana@example.org").await;
        identity.refresh(&first.refresh_token).await.unwrap();
        assert_eq!(code(identity.refresh(&first.refresh_token).await), Some(ErrorCode::SessionRevoked));
    })
    .await;
}

#[tokio::test]
async fn refresh_tokens_that_are_nonsense_or_just_used_take_no_writer() {
    each_database(async |bed| {
        let first = bed.register("ana@example.org").await;
        bed.identity.refresh(&first.refresh_token).await.unwrap();
        let _other = bed.db.write().await.unwrap();
        for (token, refusal) in [
            (RefreshToken::new("made up"), ErrorCode::SessionRevoked),
            (first.refresh_token, ErrorCode::SessionRefreshed),
        ] {
            // With a transaction it would wait for the other one, on SQLite.
            let log = Arc::new(StatementLog::default());
            assert_eq!(code(log.clone().record(bed.identity.refresh(&token)).await), Some(refusal));
            assert_eq!(log.statements().len(), 1, "{:?}", log.statements());
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_four_hundred_days_however_often_it_is_refreshed() {
    each_database(async |bed| {
        let mut signed_in = bed.register("ana@example.org").await;
        let end = bed.after(400 * DAY);
        for _ in 0..19 {
            bed.clock.advance(21 * DAY);
            signed_in = bed.identity.refresh(&signed_in.refresh_token).await.unwrap();
        }
        assert_eq!(signed_in.refresh_expires_at, end);
        bed.clock.advance(DAY);
        assert_eq!(code(bed.viewer(&signed_in).await), Some(ErrorCode::TokenExpired));
        assert_eq!(code(bed.identity.refresh(&signed_in.refresh_token).await), Some(ErrorCode::SessionRevoked));
    })
    .await;
}

#[tokio::test]
async fn a_person_refreshes_so_often_in_an_hour() {
    each_database(async |bed| {
        let identity = bed.server(|config| config.refresh_per_person.tries = 2).await;
        let mut signed_in = bed.register("ana@example.org").await;
        for _ in 0..2 {
            signed_in = identity.refresh(&signed_in.refresh_token).await.unwrap();
        }
        let refused = identity.refresh(&signed_in.refresh_token).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::RateLimited);
        bed.clock.advance(60 * MINUTE);
        assert!(identity.refresh(&signed_in.refresh_token).await.is_ok(), "the token was not used up");
    })
    .await;
}

#[tokio::test]
async fn a_session_lasts_thirty_days_after_its_last_refresh() {
    each_database(async |bed| {
        let mut signed_in = bed.register("ana@example.org").await;
        for _ in 0..3 {
            bed.clock.advance(29 * DAY);
            signed_in = bed.identity.refresh(&signed_in.refresh_token).await.unwrap();
            assert!(bed.viewer(&signed_in).await.is_ok());
        }
        bed.clock.advance(30 * DAY);
        assert_eq!(code(bed.identity.refresh(&signed_in.refresh_token).await), Some(ErrorCode::SessionRevoked));
        let unknown = bed.identity.refresh(&RefreshToken::new("made up")).await;
        assert_eq!(code(unknown), Some(ErrorCode::SessionRevoked));
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_this_session_at_once() {
    each_database(async |bed| {
        let here = bed.register("ana@example.org").await;
        let there = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        let viewer = bed.viewer(&here).await.unwrap();
        bed.identity.sign_out(&viewer).await.unwrap();
        bed.identity.sign_out(&viewer).await.unwrap();
        assert_eq!(code(bed.viewer(&here).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.identity.refresh(&here.refresh_token).await), Some(ErrorCode::SessionRevoked));
        assert!(bed.viewer(&there).await.is_ok());
        assert_eq!(code(bed.identity.sign_out(&Viewer::default()).await), Some(ErrorCode::Unauthenticated));
        assert_eq!(bed.events().await, ["user.registered", "user.signed-in", "user.signed-out"]);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_account_is_out_and_an_enabled_one_signs_in_anew() {
    each_database(async |bed| {
        let before = bed.register("ana@example.org").await;
        bed.identity.set_disabled(Actor::System, before.user, true).await.unwrap();
        assert_eq!(code(bed.viewer(&before).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.identity.refresh(&before.refresh_token).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.sign_in("ana@example.org", PASSWORD).await), Some(ErrorCode::Forbidden));
        assert_eq!(code(bed.sign_in("ana@example.org", "wrong horse").await), Some(ErrorCode::InvalidCredentials));
        bed.identity.set_disabled(Actor::System, before.user, false).await.unwrap();
        assert_eq!(code(bed.viewer(&before).await), Some(ErrorCode::SessionRevoked));
        assert!(bed.sign_in("ana@example.org", PASSWORD).await.is_ok());
        let nobody = bed.identity.set_disabled(Actor::System, Id::new(), true).await;
        assert_eq!(code(nobody), Some(ErrorCode::NotFound));
        assert_eq!(bed.events().await, ["user.registered", "user.disabled", "user.enabled", "user.signed-in"]);
    })
    .await;
}

#[tokio::test]
async fn wrong_passwords_from_one_network_slow_that_network_down_and_no_other() {
    each_database(async |bed| {
        bed.register("ana@example.org").await;
        let tries = async |email: &str, password: &str, peer: &str| {
            bed.identity.sign_in(email, &Password::new(password), None, &from(peer)).await
        };
        // The same for an account that does not exist.
        for (email, peer) in [("ana@example.org", "192.0.2.7"), ("bob@example.org", "192.0.2.8")] {
            for _ in 0..10 {
                assert_eq!(code(tries(email, "wrong horse", peer).await), Some(ErrorCode::InvalidCredentials));
            }
            for pause in [1, 2, 4, 8] {
                let refused = tries(email, PASSWORD, peer).await.unwrap_err();
                assert_eq!((refused.code(), retry_after(&refused)), (ErrorCode::RateLimited, Some(pause)));
                let told = |name| refused.details().iter().find(|(known, _)| *known == name).map(|(_, value)| value);
                assert_eq!((told("limit"), told("remaining")), (Some(&10.into()), Some(&0.into())));
                bed.clock.advance(Duration::from_secs(pause.unsigned_abs()));
                assert_eq!(code(tries(email, "wrong horse", peer).await), Some(ErrorCode::InvalidCredentials));
            }
        }
        assert_eq!(code(tries("ana@example.org", PASSWORD, "198.51.100.1").await), None, "from another network");
        let waiting = tries("ana@example.org", PASSWORD, "192.0.2.7").await;
        assert_eq!(code(waiting), Some(ErrorCode::RateLimited), "a success elsewhere forgives nothing here");
        bed.clock.advance(Duration::from_secs(16));
        assert_eq!(code(tries("ana@example.org", PASSWORD, "192.0.2.7").await), None);
    })
    .await;
}

#[tokio::test]
async fn the_right_password_after_five_wrong_ones_is_taken_at_once() {
    each_database(async |bed| {
        bed.register("ana@example.org").await;
        for _ in 0..3 {
            for _ in 0..5 {
                let wrong = bed.sign_in("ana@example.org", "wrong horse").await;
                assert_eq!(code(wrong), Some(ErrorCode::InvalidCredentials));
            }
            assert!(bed.sign_in("ana@example.org", PASSWORD).await.is_ok());
        }
        assert_eq!(bed.texts("SELECT key FROM attempt").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn guesses_at_the_same_time_do_not_slip_through() {
    each_database(async |bed| {
        bed.register("ana@example.org").await;
        let guesses = (0..18).map(|_| bed.sign_in("ana@example.org", "wrong horse"));
        let codes: Vec<_> = futures::future::join_all(guesses).await.into_iter().filter_map(code).collect();
        let count = |wanted| codes.iter().filter(|code| **code == wanted).count();
        assert_eq!((count(ErrorCode::InvalidCredentials), count(ErrorCode::RateLimited)), (10, 8));
    })
    .await;
}

#[tokio::test]
async fn a_known_device_passes_while_many_networks_guess() {
    each_database(async |bed| {
        let (own, stranger) = (bed.register("ana@example.org").await, bed.register("bob@example.org").await);
        let tries = async |password: &str, device: Option<DeviceToken>, peer: String| {
            bed.identity.sign_in("ana@example.org", &Password::new(password), device, &from(&peer)).await
        };
        for number in 0..50 {
            let guess = tries("wrong horse", None, format!("192.0.2.{number}")).await;
            assert_eq!(code(guess), Some(ErrorCode::InvalidCredentials));
        }
        let home = || "198.51.100.1".to_owned();
        let unknown = tries(PASSWORD, None, home()).await.unwrap_err();
        assert_eq!((unknown.code(), retry_after(&unknown)), (ErrorCode::RateLimited, Some(1)));
        for token in [stranger.device_token, Some(DeviceToken::new("made up"))] {
            assert_eq!(code(tries(PASSWORD, token, home()).await), Some(ErrorCode::RateLimited), "as none");
        }
        let again = tries(PASSWORD, own.device_token.clone(), home()).await.unwrap();
        assert_eq!(again.device_token, own.device_token, "the device keeps its token");
        // The device too has only its own tries.
        for _ in 0..10 {
            let wrong = tries("wrong horse", own.device_token.clone(), home()).await;
            assert_eq!(code(wrong), Some(ErrorCode::InvalidCredentials));
        }
        assert_eq!(code(tries(PASSWORD, own.device_token.clone(), home()).await), Some(ErrorCode::RateLimited));
        // The pause of an account never exceeds a minute.
        bed.clock.advance(MINUTE);
        assert_eq!(code(tries(PASSWORD, None, home()).await), None);
    })
    .await;
}

#[tokio::test]
async fn a_device_is_known_by_a_hash_and_one_person_has_fifty() {
    each_database(async |bed| {
        let first = bed.register("ana@example.org").await;
        let mut tokens = vec![first.device_token.unwrap()];
        for _ in 0..50 {
            bed.clock.advance(Duration::from_secs(1));
            tokens.push(bed.sign_in("ana@example.org", PASSWORD).await.unwrap().device_token.unwrap());
        }
        let stored = bed.texts("SELECT hash FROM known_device").await;
        assert_eq!(stored.len(), 50);
        assert!(stored.iter().all(|hash| tokens.iter().all(|token| token.expose() != hash)));
        let again = async |token: &DeviceToken| {
            let password = Password::new(PASSWORD);
            let device = Some(token.clone());
            let signed_in = bed.identity.sign_in("ana@example.org", &password, device, &Peer::default()).await;
            signed_in.unwrap().device_token.unwrap() == *token
        };
        assert!(again(&tokens[50]).await && !again(&tokens[0]).await, "the oldest is forgotten");
    })
    .await;
}

#[tokio::test]
async fn one_address_has_thirty_wrong_tries_over_all_accounts() {
    each_database(async |bed| {
        let guess = async |number: i32, peer: &str| {
            let email = format!("p{number}@example.org");
            code(bed.identity.sign_in(&email, &Password::new("wrong horse"), None, &from(peer)).await)
        };
        for number in 0..30 {
            assert_eq!(guess(number, "192.0.2.7").await, Some(ErrorCode::InvalidCredentials));
        }
        assert_eq!(guess(30, "192.0.2.7").await, Some(ErrorCode::RateLimited));
        assert_eq!(guess(31, "192.0.2.8").await, Some(ErrorCode::InvalidCredentials));
    })
    .await;
}

#[tokio::test]
async fn one_address_registers_twenty_accounts_an_hour() {
    each_database(async |bed| {
        let register = async |number: i32| {
            code(bed.identity.register(input(&format!("p{number}@example.org")), &from("2001:db8::1")).await)
        };
        for number in 0..20 {
            assert_eq!(register(number).await, None);
        }
        assert_eq!(register(20).await, Some(ErrorCode::RateLimited));
        bed.clock.advance(60 * MINUTE);
        assert_eq!(register(21).await, None);
    })
    .await;
}

#[tokio::test]
async fn only_who_may_gives_roles_and_makes_accounts() {
    each_database(async |bed| {
        let (admin, editor) =
            (bed.person("x@example.org", &["admin"]).await, bed.person("e@example.org", &["editor"]).await);
        let identity = &bed.identity;
        let made = identity.create_user(Actor::Viewer(&admin), created("new@example.org", &["author", "member"])).await;
        assert_eq!(bed.texts("SELECT role_key FROM user_role ORDER BY role_key").await, ["admin", "author", "editor"]);
        let refused = identity.create_user(Actor::Viewer(&editor), created("f@example.org", &[])).await;
        assert_eq!(code(refused), Some(ErrorCode::Forbidden));
        let refused = identity.create_user(Actor::Viewer(&identity.visitor()), created("f@example.org", &[])).await;
        assert_eq!(code(refused), Some(ErrorCode::Unauthenticated));
        let refused = identity.set_roles(Actor::Viewer(&editor), editor.user.unwrap(), &["admin".to_owned()]).await;
        assert_eq!(code(refused), Some(ErrorCode::Forbidden));
        let unknown = identity.create_user(Actor::System, created("f@example.org", &["wizard"])).await.unwrap_err();
        assert_eq!((unknown.code(), unknown.path().join(".")), (ErrorCode::BadUserInput, "input.roles".to_owned()));
        assert_eq!(bed.texts("SELECT id FROM user_account WHERE email = 'f@example.org'").await.len(), 0);
        identity.set_roles(Actor::Viewer(&admin), made.unwrap(), &[]).await.unwrap();
        assert_eq!(bed.texts("SELECT role_key FROM user_role ORDER BY role_key").await, ["admin", "editor"]);
    })
    .await;
}

fn reads_orders() -> Rule {
    Rule { subject: "order".to_owned(), actions: vec![Action::Read], rows: RowScope::All, fields: None }
}

#[tokio::test]
async fn a_changed_role_counts_on_every_server_from_the_next_request_on() {
    each_database(async |bed: Bed| {
        let other = open(&bed.db).await;
        bed.identity.create_user(Actor::System, created("a@example.org", &["author"])).await.unwrap();
        let signed_in = bed.sign_in("a@example.org", PASSWORD).await.unwrap();
        let on_other = async || other.viewer_for(Some(signed_in.access_token.expose())).await.unwrap();
        assert!(!on_other().await.may("order", Action::Read));
        bed.identity.put_role(Actor::System, "author", &[reads_orders()]).await.unwrap();
        assert!(bed.viewer(&signed_in).await.unwrap().may("order", Action::Read));
        let log = Arc::new(StatementLog::default());
        let viewer = log.clone().record(on_other()).await;
        assert!(viewer.may("order", Action::Read) && viewer.scope("course", true, Action::Create).is_empty());
        assert_eq!(log.statements().len(), 2);
        log.clone().record(on_other()).await;
        assert_eq!(log.statements().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_built_in_role_follows_a_new_version_unless_it_was_changed() {
    let old = r#"[{"type":"content","actions":["read"],"rows":"published"},{"type":"tier","actions":["read"],"rows":"all"},{"type":"plan","actions":["read"],"rows":"all"},{"type":"user","actions":["read"],"rows":"all","fields":["id","name","bio","createdAt","courses"]},{"type":"comment","actions":["read"],"rows":"published"}]"#;
    let own = old.replace("\"bio\",", "");
    each_database(async |bed: Bed| {
        for (stored, rows) in [(old, RowScope::Authors), (own.as_str(), RowScope::All)] {
            bed.execute("UPDATE role SET rules = $1 WHERE key = 'visitor'", [stored.into()]).await;
            assert_eq!(open(&bed.db).await.visitor().scope("user", false, Action::Read), [rows]);
        }
    })
    .await;
}

#[tokio::test]
async fn who_manages_users_takes_an_address_as_proven() {
    each_database(async |bed| {
        let ana = bed.register("ana@example.org").await;
        let proven = async || bed.texts("SELECT email FROM user_account WHERE email_verified_at IS NOT NULL").await;
        let viewer = bed.viewer(&ana).await.unwrap();
        let refused = bed.identity.take_as_proven(Actor::Viewer(&viewer), ana.user).await;
        assert_eq!((code(refused), proven().await.len()), (Some(ErrorCode::Forbidden), 0));
        bed.identity.take_as_proven(Actor::System, ana.user).await.unwrap();
        assert_eq!(proven().await, ["ana@example.org"]);
        let nobody = bed.identity.take_as_proven(Actor::System, Id::new()).await;
        assert_eq!(code(nobody), Some(ErrorCode::NotFound));
        assert_eq!(bed.events().await, ["user.registered", "user.email-verified"]);
    })
    .await;
}

#[tokio::test]
async fn the_member_list_is_the_owners_choice() {
    use RowScope::{All, Authors, Own};
    each_database(async |bed| {
        let signed_in = bed.register("ana@example.org").await;
        for (choice, visitor, member) in [
            (MemberList::Nobody, vec![Authors], vec![Own, Authors]),
            (MemberList::Members, vec![Authors], vec![All]),
            (MemberList::Visitors, vec![All], vec![All]),
        ] {
            let server = bed.server(|config| config.member_list = choice).await;
            let seen = server.viewer_for(Some(signed_in.access_token.expose())).await.unwrap();
            assert_eq!(server.visitor().scope("user", false, Action::Read), visitor, "{choice:?}");
            assert_eq!(seen.scope("user", false, Action::Read), member, "{choice:?}");
            assert_eq!(server.visitor().field_scope("user", false, Action::Read, "email"), []);
            assert_eq!(seen.field_scope("user", false, Action::Read, "email"), [Own]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_changed_roles_and_admin_stays_admin() {
    each_database(async |bed: Bed| {
        bed.identity.put_role(Actor::System, "visitor", &[]).await.unwrap();
        assert_eq!(bed.identity.visitor().scope("course", true, Action::Read), []);
        assert_eq!(open(&bed.db).await.visitor().scope("course", true, Action::Read), []);
        assert_eq!(code(bed.identity.put_role(Actor::System, "admin", &[]).await), Some(ErrorCode::InvalidState));
        let refused = bed.identity.put_role(Actor::System, "No Key", &[]).await.unwrap_err();
        assert_eq!(refused.path().join("."), "input.key");
    })
    .await;
}

impl Bed {
    async fn tier(&self, key: &str, rank: i64) -> Id {
        let id = Id::new();
        let sql = "INSERT INTO tier (id, key, rank, created_at) VALUES ($1, $2, $3, $4)";
        self.execute(sql, [id.as_str().into(), key.into(), rank.into(), self.db.now().to_string().into()]).await;
        id
    }

    /// An entitlement from and to so many days from now.
    async fn entitle(&self, user: Id, (kind, thing): (&str, Id), from: i64, to: Option<i64>, revoked: bool) {
        let day = |days: i64| lyceum_kernel::Timestamp::from_millis(self.db.now().as_millis() + days * 86_400_000);
        let column = if kind == "tier" { "tier_id" } else { "course_id" };
        let sql = format!(
            "INSERT INTO entitlement (id, user_id, kind, {column}, starts_at, ends_at, revoked_at, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $5)"
        );
        let revoked_at = revoked.then(|| self.db.now().to_string());
        self.execute(
            &sql,
            [
                Id::new().as_str().into(),
                user.as_str().into(),
                kind.into(),
                thing.as_str().into(),
                day(from).to_string().into(),
                to.map(|days| day(days).to_string()).into(),
                revoked_at.into(),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_tier_opens_those_below_and_only_while_it_lasts() {
    each_database(async |bed| {
        let (basic, plus, top) = (bed.tier("basic", 1).await, bed.tier("plus", 2).await, bed.tier("top", 3).await);
        let signed_in = bed.register("ana@example.org").await;
        let (user, course) = (signed_in.user, Id::new());
        bed.entitle(user, ("tier", plus), -1, Some(1), false).await;
        bed.entitle(user, ("tier", top), -1, None, true).await;
        bed.entitle(user, ("tier", top), 1, None, false).await;
        bed.entitle(user, ("tier", top), -2, Some(0), false).await;
        bed.entitle(Id::new(), ("tier", top), -1, None, false).await;
        bed.entitle(user, ("course", course), -1, None, false).await;
        bed.entitle(user, ("course", course), -1, Some(1), false).await;
        bed.entitle(user, ("course", Id::new()), -1, None, true).await;
        let viewer = bed.viewer(&signed_in).await.unwrap();
        assert_eq!((viewer.tiers, viewer.purchases), (vec![basic, plus], vec![course]));
        bed.clock.advance(DAY);
        let later = bed.identity.refresh(&signed_in.refresh_token).await.unwrap();
        assert_eq!(bed.viewer(&later).await.unwrap().tiers, [basic, plus, top]);
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    each_database(async |bed| {
        let admin = bed.person("x@example.org", &["admin"]).await;
        let second = bed.person("y@example.org", &["admin"]).await;
        let ids = [admin.user.unwrap(), second.user.unwrap()];
        let author = ["author".to_owned()];
        // Each demotes the other at once.
        let (one, other) = tokio::join!(
            bed.identity.set_roles(Actor::Viewer(&admin), ids[1], &[]),
            bed.identity.set_roles(Actor::Viewer(&second), ids[0], &author)
        );
        let failures: Vec<ErrorCode> = [one, other].into_iter().filter_map(code).collect();
        assert_eq!(failures, [ErrorCode::InvalidState]);
        let left = bed.texts("SELECT user_id FROM user_role WHERE role_key = 'admin'").await;
        let last: Id = left[0].parse().unwrap();
        assert_eq!(left.len(), 1);
        let by = Actor::System;
        assert_eq!(code(bed.identity.set_disabled(by, last, true).await), Some(ErrorCode::InvalidState));
        assert_eq!(code(bed.identity.set_roles(by, last, &[]).await), Some(ErrorCode::InvalidState));
        bed.identity.set_roles(by, last, &["admin".to_owned(), "author".to_owned()]).await.unwrap();
        // A disabled administrator counts for nothing.
        let third = bed.person("z@example.org", &["admin"]).await.user.unwrap();
        bed.identity.set_disabled(by, third, true).await.unwrap();
        assert_eq!(code(bed.identity.set_disabled(by, last, true).await), Some(ErrorCode::InvalidState));
        bed.identity.set_disabled(by, third, false).await.unwrap();
        bed.identity.set_disabled(by, last, true).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_same_roles_once_more_are_no_change() {
    each_database(async |bed| {
        let ana = bed.register("ana@example.org").await;
        let roles = ["editor", "author", "member", "author"].map(str::to_owned);
        for _ in 0..2 {
            let given = bed.identity.set_roles(Actor::System, ana.user, &roles).await.unwrap();
            assert_eq!(given, ["author", "editor"]);
        }
        assert_eq!(bed.viewer(&ana).await.unwrap().roles, ["author", "editor", "member"]);
        let nothing = bed.identity.set_roles(Actor::System, ana.user, &["none".to_owned()]).await.unwrap_err();
        assert_eq!(nothing.path().join("."), "input.roles");
        let nobody = bed.identity.set_roles(Actor::System, Id::new(), &[]).await.unwrap_err();
        assert_eq!((nobody.code(), nobody.path().join(".")), (ErrorCode::NotFound, "input.userId".to_owned()));
        assert_eq!(bed.events().await, ["user.registered", "user.roles-changed"]);
    })
    .await;
}
