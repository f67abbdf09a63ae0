//! What people do with their own account while they are signed in.

use lyceum_domain::identity::{Actor, DeviceToken, MailCode, Password, Peer, ProfileLink, SignedIn, UpdateProfile};
use lyceum_domain::notification::Delivery;
use lyceum_kernel::{ErrorCode, Failure, Id, Result, Viewer};

use crate::{
    people::{Bed, DAY, MINUTE, PASSWORD, each_database, from, input},
    stage::{Carrier, Stage, stage},
};

const NEW: &str = "another horse";

fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|failure| failure.code())
}

#[tokio::test]
async fn a_person_sees_her_open_sessions_and_nobody_elses() {
    each_database(async |bed| {
        let here = bed.identity.register(input("ana@example.org"), &from("192.0.2.1")).await.unwrap();
        bed.register("bo@example.org").await;
        bed.clock.advance(MINUTE);
        let there = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        let gone = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        bed.identity.sign_out(&bed.viewer(&gone).await.unwrap()).await.unwrap();
        let viewer = bed.viewer(&here).await.unwrap();
        let ids = async || -> Vec<Id> {
            bed.identity.own_sessions(&viewer).await.unwrap().iter().map(|session| session.id).collect()
        };
        assert_eq!(ids().await, [there.session, here.session], "the one that was used last is first");
        bed.clock.advance(MINUTE);
        bed.identity.refresh(&here.refresh_token).await.unwrap();
        assert_eq!(ids().await, [here.session, there.session]);
        let sessions = bed.identity.own_sessions(&viewer).await.unwrap();
        assert_eq!(sessions[0].last_used_at, bed.db.now());
        assert_eq!(sessions[0].created_at, sessions[1].created_at.minus(MINUTE));
        assert_eq!(sessions[0].user_agent.as_deref(), Some("test"));
        assert_eq!(code(bed.identity.own_sessions(&Viewer::default()).await), Some(ErrorCode::Unauthenticated));
        bed.clock.advance(31 * DAY);
        assert_eq!(ids().await, [], "those that expired are gone");
    })
    .await;
}

#[tokio::test]
async fn ending_a_session_stops_its_tokens_at_once_and_no_others() {
    each_database(async |bed| {
        let (here, bo) = (bed.register("ana@example.org").await, bed.register("bo@example.org").await);
        let there = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        let viewer = bed.viewer(&here).await.unwrap();
        for _ in 0..2 {
            bed.identity.end_session(&viewer, there.session).await.unwrap();
        }
        assert_eq!(code(bed.viewer(&there).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.identity.refresh(&there.refresh_token).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.viewer(&here).await), None);
        for other in [bo.session, Id::new()] {
            let refused = bed.identity.end_session(&viewer, other).await.unwrap_err();
            assert_eq!((refused.code(), refused.path().join(".")), (ErrorCode::NotFound, "input.id".to_owned()));
        }
        assert_eq!(code(bed.viewer(&bo).await), None);
        let nobody = bed.identity.end_session(&Viewer::default(), here.session).await;
        assert_eq!(code(nobody), Some(ErrorCode::Unauthenticated));
        let ended = bed.texts("SELECT data FROM outbox WHERE name = 'session.revoked'").await;
        let data = serde_json::json!({ "user": here.user, "reason": "ended-by-owner" });
        assert_eq!(
            ended.iter().map(|text| serde_json::from_str(text).unwrap()).collect::<Vec<serde_json::Value>>(),
            [data]
        );
    })
    .await;
}

async fn signed_in_twice(bed: &Bed) -> [SignedIn; 2] {
    [bed.register("ana@example.org").await, bed.sign_in("ana@example.org", PASSWORD).await.unwrap()]
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_once_whoever_asks() {
    each_database(async |bed| {
        let sessions = signed_in_twice(&bed).await;
        let bo = bed.register("bo@example.org").await;
        let [first, second] = [bed.viewer(&sessions[0]).await.unwrap(), bed.viewer(&sessions[1]).await.unwrap()];
        let (one, other) =
            tokio::join!(bed.identity.sign_out_everywhere(&first), bed.identity.sign_out_everywhere(&second));
        assert_eq!(one.unwrap() + other.unwrap(), 2);
        for session in &sessions {
            assert_eq!(code(bed.viewer(session).await), Some(ErrorCode::SessionRevoked));
            assert_eq!(code(bed.identity.refresh(&session.refresh_token).await), Some(ErrorCode::SessionRevoked));
        }
        assert_eq!(code(bed.viewer(&bo).await), None);
        assert_eq!(bed.texts("SELECT user_id FROM known_device").await, [bo.user.to_string()]);
        assert_eq!(
            bed.texts("SELECT data FROM outbox WHERE name = 'user.signed-out-everywhere'").await,
            ["{\"sessions\":2}"]
        );
        assert_eq!(code(bed.identity.sign_out_everywhere(&Viewer::default()).await), Some(ErrorCode::Unauthenticated));
    })
    .await;
}

async fn changes(stage: &Stage, viewer: &Viewer, current: &str, new: &str) -> Result<DeviceToken> {
    stage.proofs.change_password(viewer, &Password::new(current), &Password::new(new)).await
}

fn refusal<T>(result: Result<T>) -> (ErrorCode, String) {
    let failure = result.err().unwrap();
    (failure.code(), failure.path().join("."))
}

fn at(code: ErrorCode, path: &str) -> (ErrorCode, String) {
    (code, path.to_owned())
}

#[tokio::test]
async fn a_new_password_needs_the_current_one_and_ends_the_other_sessions() {
    each_database(async |bed| {
        let (stage, [here, there]) = (stage(&bed).await, signed_in_twice(&bed).await);
        let carrier = stage.carrier("acme/pigeon");
        let viewer = bed.viewer(&here).await.unwrap();
        stage.proofs.request_password_reset("ana@example.org", &Peer::default()).await.unwrap();
        stage.work().await;
        let reset = MailCode::new(carrier.code());
        let wrong = at(ErrorCode::InvalidCredentials, "input.currentPassword");
        assert_eq!(refusal(changes(&stage, &viewer, "wrong horse", NEW).await), wrong);
        assert_eq!(refusal(changes(&stage, &viewer, &"x".repeat(300), NEW).await), wrong);
        let short = changes(&stage, &viewer, PASSWORD, "short").await;
        assert_eq!(refusal(short), at(ErrorCode::BadUserInput, "input.newPassword"));
        assert_eq!((stage.work().await, code(bed.viewer(&there).await)), (0, None), "nothing has happened");
        let device = changes(&stage, &viewer, PASSWORD, NEW).await.unwrap();
        assert_eq!(code(bed.viewer(&here).await), None);
        assert_eq!(code(bed.identity.refresh(&here.refresh_token).await), None);
        assert_eq!(code(bed.viewer(&there).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.identity.refresh(&there.refresh_token).await), Some(ErrorCode::SessionRevoked));
        assert_eq!(code(bed.sign_in("ana@example.org", PASSWORD).await), Some(ErrorCode::InvalidCredentials));
        let known = Some(device.clone());
        let again =
            bed.identity.sign_in("ana@example.org", &Password::new(NEW), known, &Peer::default()).await.unwrap();
        assert_eq!(again.device_token, Some(device), "this device is known, and no other");
        assert_eq!(bed.texts("SELECT hash FROM known_device").await.len(), 1);
        let with_code = stage.proofs.reset_password(&reset, &Password::new(PASSWORD)).await;
        assert_eq!(refusal(with_code), at(ErrorCode::BadUserInput, "input.token"), "no code outlives the change");
        stage.work().await;
        let mail = carrier.last();
        assert_eq!((mail.template.as_str(), mail.address.as_str()), ("password-changed", "ana@example.org"));
        assert_eq!(refusal(changes(&stage, &viewer, PASSWORD, NEW).await), wrong, "a repeated call changes nothing");
        assert!(bed.events().await.contains(&"user.password-changed".to_owned()));
        assert_eq!(code(changes(&stage, &Viewer::default(), PASSWORD, NEW).await), Some(ErrorCode::Unauthenticated));
    })
    .await;
}

#[tokio::test]
async fn of_two_new_passwords_at_once_one_counts() {
    each_database(async |bed| {
        let (stage, [here, there]) = (stage(&bed).await, signed_in_twice(&bed).await);
        let [here, there] = [bed.viewer(&here).await.unwrap(), bed.viewer(&there).await.unwrap()];
        let (one, other) = tokio::join!(
            changes(&stage, &here, PASSWORD, "the first horse"),
            changes(&stage, &there, PASSWORD, "the second horse")
        );
        let failures: Vec<ErrorCode> = [one, other].into_iter().filter_map(code).collect();
        assert_eq!(failures, [ErrorCode::InvalidCredentials]);
        let events = bed.events().await;
        assert_eq!(events.iter().filter(|name| *name == "user.password-changed").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn guesses_of_the_current_password_are_slowed_down_apart_from_those_of_strangers() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        for _ in 0..60 {
            drop(bed.sign_in("ana@example.org", "wrong horse").await);
        }
        for _ in 0..10 {
            let wrong = changes(&stage, &ana, "wrong horse", NEW).await;
            assert_eq!(code(wrong), Some(ErrorCode::InvalidCredentials));
        }
        assert_eq!(code(changes(&stage, &ana, PASSWORD, NEW).await), Some(ErrorCode::RateLimited));
        bed.clock.advance(MINUTE / 60);
        changes(&stage, &ana, PASSWORD, NEW).await.unwrap();
        // Right passwords are no guesses, but the owner's mailbox is spared.
        for round in 0..4 {
            let [old, new] = if round % 2 == 0 { [NEW, PASSWORD] } else { [PASSWORD, NEW] };
            changes(&stage, &ana, old, new).await.unwrap();
        }
        let limited: Failure = changes(&stage, &ana, NEW, PASSWORD).await.unwrap_err();
        assert_eq!(limited.code(), ErrorCode::RateLimited);
    })
    .await;
}

#[tokio::test]
async fn who_has_no_password_is_shown_the_way_to_the_first_one() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        bed.execute("UPDATE user_account SET password_hash = ''", []).await;
        let refused = changes(&stage, &ana, "", NEW).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidState);
        assert!(refused.message().contains("requestPasswordReset"), "{}", refused.message());
    })
    .await;
}

fn link(label: &str, url: &str) -> ProfileLink {
    ProfileLink { label: label.to_owned(), url: url.to_owned() }
}

fn profile_of(fields: &str) -> String {
    format!("SELECT {fields} FROM user_account WHERE email = 'ana@example.org'")
}

#[tokio::test]
async fn a_profile_keeps_what_is_left_out_and_clears_what_is_null() {
    each_database(async |bed| {
        let ana = bed.member("ana@example.org").await;
        bed.register("bo@example.org").await;
        let all = UpdateProfile {
            name: Some(" Ana  María ".to_owned()),
            bio: Some(Some("One.\r\nTwo.".to_owned())),
            locale: Some("zh-CN".parse().unwrap()),
            time_zone: Some(Some("europe/berlin".to_owned())),
            links: Some(Some(vec![link("Home", "https://Example.org")])),
        };
        for _ in 0..2 {
            assert_eq!(bed.identity.update_profile(&ana, &all).await.unwrap(), ana.user.unwrap());
        }
        let row = "name || '|' || bio || '|' || locale || '|' || time_zone || '|' || links";
        let stored = "Ana María|One.\nTwo.|zh-CN|Europe/Berlin|[{\"label\":\"Home\",\"url\":\"https://example.org/\"}]";
        assert_eq!(bed.texts(&profile_of(row)).await, [stored]);
        let emptied = UpdateProfile {
            bio: Some(Some("  ".to_owned())),
            time_zone: Some(None),
            links: Some(Some(Vec::new())),
            ..UpdateProfile::default()
        };
        bed.identity.update_profile(&ana, &emptied).await.unwrap();
        let row = "name || COALESCE(bio, '-') || locale || COALESCE(time_zone, '-') || COALESCE(links, '-')";
        assert_eq!(bed.texts(&profile_of(row)).await, ["Ana María-zh-CN--"]);
        bed.identity.update_profile(&ana, &UpdateProfile::default()).await.unwrap();
        let events = bed.texts("SELECT data FROM outbox WHERE name = 'user.profile-updated' ORDER BY position").await;
        let fields =
            [r#"{"fields":["name","bio","locale","timeZone","links"]}"#, r#"{"fields":["bio","timeZone","links"]}"#];
        assert_eq!(events, fields, "a repeated call changes nothing");
        assert_eq!(bed.texts("SELECT name FROM user_account WHERE email = 'bo@example.org'").await, ["Ana"]);
    })
    .await;
}

#[tokio::test]
async fn two_tabs_that_change_different_fields_lose_nothing() {
    each_database(async |bed| {
        let ana = bed.member("ana@example.org").await;
        let name = UpdateProfile { name: Some("Anna".to_owned()), ..UpdateProfile::default() };
        let bio = UpdateProfile { bio: Some(Some("Bio".to_owned())), ..UpdateProfile::default() };
        let (one, other) =
            tokio::join!(bed.identity.update_profile(&ana, &name), bed.identity.update_profile(&ana, &bio));
        assert_eq!([one.unwrap(), other.unwrap()], [ana.user.unwrap(); 2]);
        assert_eq!(bed.texts(&profile_of("name || bio")).await, ["AnnaBio"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_profile_must_not_say_is_refused_at_its_field() {
    each_database(async |bed| {
        let ana = bed.member("ana@example.org").await;
        let none = UpdateProfile::default;
        let links = |links| UpdateProfile { links: Some(Some(links)), ..UpdateProfile::default() };
        let bio = |bio: &str| UpdateProfile { bio: Some(Some(bio.to_owned())), ..UpdateProfile::default() };
        let home = || link("Home", "https://example.org/");
        let wrong = [
            ("input.name", UpdateProfile { name: Some(String::new()), ..none() }),
            ("input.name", UpdateProfile { name: Some("\u{430}dmin".to_owned()), ..none() }),
            ("input.bio", bio("\u{202e}olleh")),
            ("input.bio", bio(&"x".repeat(2001))),
            ("input.timeZone", UpdateProfile { time_zone: Some(Some("Mars/Base".to_owned())), ..none() }),
            ("input.links", links(vec![home(); 11])),
            ("input.links.1.url", links(vec![home(), link("Home", "javascript:alert(1)")])),
            ("input.links.0.label", links(vec![link("ad\u{200b}min", "https://example.org/")])),
            ("input.links.0.label", links(vec![link(&"x".repeat(81), "https://example.org/")])),
        ];
        for (path, change) in wrong {
            assert_eq!(refusal(bed.identity.update_profile(&ana, &change).await), at(ErrorCode::BadUserInput, path));
        }
        let change = bio("Bio");
        let nobody = bed.identity.update_profile(&Viewer::default(), &change).await;
        assert_eq!(refusal(nobody), at(ErrorCode::Unauthenticated, ""));
        bed.identity.put_role(Actor::System, "member", &[]).await.unwrap();
        let here = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        let without_rights = bed.viewer(&here).await.unwrap();
        let refused = bed.identity.update_profile(&without_rights, &change).await;
        assert_eq!(refusal(refused), at(ErrorCode::Forbidden, "input.bio"));
        assert!(!bed.events().await.contains(&"user.profile-updated".to_owned()));
    })
    .await;
}

const ADDRESS: &str = "SELECT email FROM user_account WHERE id = (SELECT MIN(id) FROM user_account)";

async fn asks(stage: &Stage, viewer: &Viewer, email: &str, password: Option<&str>) -> Result<()> {
    stage.proofs.change_email(viewer, email, password.map(Password::new).as_ref(), &Peer::default()).await
}

/// The messages of the last batch, by address.
fn sent(carrier: &Carrier) -> Vec<(String, String)> {
    let batches = carrier.batches.lock().unwrap();
    let mut sent: Vec<(String, String)> =
        batches.concat().iter().map(|mail| (mail.address.clone(), mail.template.clone())).collect();
    sent.sort();
    sent
}

/// The code that the last message to this address has.
fn code_for(carrier: &Carrier, address: &str) -> MailCode {
    let batches = carrier.batches.lock().unwrap();
    let to = |mail: &&Delivery| mail.address == address && mail.values.contains_key("code");
    MailCode::new(batches.concat().iter().rev().find(to).unwrap().values["code"].clone())
}

#[tokio::test]
async fn an_address_changes_when_the_code_that_was_sent_there_comes_back() {
    each_database(async |bed| {
        let (stage, [here, there]) = (stage(&bed).await, signed_in_twice(&bed).await);
        let (ana, bo) = (bed.viewer(&here).await.unwrap(), bed.member("bo@example.org").await);
        let carrier = stage.carrier("acme/pigeon");
        for _ in 0..2 {
            // The second one is too soon: the code that was sent is still good.
            asks(&stage, &ana, " New@example.org", Some(PASSWORD)).await.unwrap();
        }
        stage.work().await;
        let told = |address: &str, template: &str| (address.to_owned(), template.to_owned());
        let asked = [told("ana@example.org", "email-change-requested"), told("new@example.org", "change-email")];
        assert_eq!(sent(&carrier), asked);
        assert_eq!(bed.texts(ADDRESS).await, ["ana@example.org"], "nothing has changed");
        let good = code_for(&carrier, "new@example.org");
        let anothers = stage.proofs.confirm_email_change(&bo, &good).await;
        assert_eq!(refusal(anothers), at(ErrorCode::BadUserInput, "input.token"));
        let nobody = stage.proofs.confirm_email_change(&Viewer::default(), &good).await;
        assert_eq!(refusal(nobody), at(ErrorCode::Unauthenticated, ""));
        let other_purpose = stage.proofs.reset_password(&good, &Password::new(NEW)).await;
        assert_eq!(refusal(other_purpose), at(ErrorCode::BadUserInput, "input.token"));
        assert_eq!(stage.proofs.confirm_email_change(&ana, &good).await.unwrap(), ana.user.unwrap());
        assert_eq!(bed.texts(ADDRESS).await, ["new@example.org"]);
        let proven = "SELECT email FROM user_account WHERE email_verified_at IS NOT NULL";
        assert_eq!(bed.texts(proven).await, ["new@example.org"]);
        let again = stage.proofs.confirm_email_change(&ana, &good).await;
        assert_eq!(refusal(again), at(ErrorCode::BadUserInput, "input.token"), "once");
        for session in [&here, &there] {
            assert_eq!(code(bed.viewer(session).await), None, "sessions go on");
        }
        assert_eq!(code(bed.sign_in("new@example.org", PASSWORD).await), None);
        assert_eq!(code(bed.sign_in("ana@example.org", PASSWORD).await), Some(ErrorCode::InvalidCredentials));
        stage.work().await;
        assert!(sent(&carrier).contains(&told("ana@example.org", "email-changed")));
        let events = bed.events().await;
        let of_change: Vec<&String> = events.iter().filter(|name| name.contains("email-change")).collect();
        assert_eq!(of_change, ["user.email-change-requested", "user.email-changed"]);
    })
    .await;
}

#[tokio::test]
async fn an_address_is_asked_for_with_the_password_and_only_when_it_is_free() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        bed.register("bo@example.org").await;
        let refused = async |email, password| refusal(asks(&stage, &ana, email, password).await);
        let free = "new@example.org";
        assert_eq!(refused(free, None).await, at(ErrorCode::BadUserInput, "input.currentPassword"));
        let wrong = refused(free, Some("wrong horse")).await;
        assert_eq!(wrong, at(ErrorCode::InvalidCredentials, "input.currentPassword"));
        assert_eq!(refused("ana", Some(PASSWORD)).await, at(ErrorCode::BadUserInput, "input.email"));
        assert_eq!(refused("ANA@example.org", Some(PASSWORD)).await, at(ErrorCode::BadUserInput, "input.email"));
        // With a wrong password nobody learns whether an address is taken.
        assert_eq!(refused("bo@example.org", Some("wrong horse")).await, wrong);
        for _ in 0..5 {
            assert_eq!(refused("BO@example.org", Some(PASSWORD)).await, at(ErrorCode::Conflict, "input.email"));
        }
        assert_eq!(refused("bo@example.org", Some(PASSWORD)).await, at(ErrorCode::RateLimited, ""));
        assert_eq!(stage.work().await, 0);
        assert_eq!(code(asks(&stage, &Viewer::default(), free, None).await), Some(ErrorCode::Unauthenticated));
        // Who signs in through a provider only has no password to give.
        bed.execute("UPDATE user_account SET password_hash = ''", []).await;
        asks(&stage, &ana, free, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_two_who_want_one_address_the_first_to_confirm_has_it() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let carrier = stage.carrier("acme/pigeon");
        let people = [bed.member("ana@example.org").await, bed.member("bo@example.org").await];
        let mut codes = Vec::new();
        for person in &people {
            asks(&stage, person, "new@example.org", Some(PASSWORD)).await.unwrap();
            stage.work().await;
            codes.push(code_for(&carrier, "new@example.org"));
        }
        let (one, other) = tokio::join!(
            stage.proofs.confirm_email_change(&people[0], &codes[0]),
            stage.proofs.confirm_email_change(&people[1], &codes[1])
        );
        let refused: Vec<_> = [one, other].into_iter().filter(Result::is_err).map(refusal).collect();
        assert_eq!(refused, [at(ErrorCode::Conflict, "input.token")]);
        assert_eq!(bed.texts("SELECT email FROM user_account WHERE email = 'new@example.org'").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_takes_the_code_for_another_address_back() {
    each_database(async |bed| {
        let (stage, ana) = (stage(&bed).await, bed.member("ana@example.org").await);
        let carrier = stage.carrier("acme/pigeon");
        let mut password = PASSWORD;
        for by_mail in [false, true] {
            asks(&stage, &ana, "new@example.org", Some(password)).await.unwrap();
            stage.work().await;
            let change = code_for(&carrier, "new@example.org");
            if by_mail {
                stage.proofs.request_password_reset("ana@example.org", &Peer::default()).await.unwrap();
                stage.work().await;
                let reset = code_for(&carrier, "ana@example.org");
                stage.proofs.reset_password(&reset, &Password::new(PASSWORD)).await.unwrap();
            } else {
                changes(&stage, &ana, password, NEW).await.unwrap();
                password = NEW;
            }
            let late = stage.proofs.confirm_email_change(&ana, &change).await;
            assert_eq!(refusal(late), at(ErrorCode::BadUserInput, "input.token"));
        }
        assert_eq!(bed.texts(ADDRESS).await, ["ana@example.org"]);
    })
    .await;
}
