//! What people do with their own account while they are signed in.

use lyceum_kernel::{ErrorCode, Id, Result, Viewer};

use crate::people::{Bed, DAY, MINUTE, PASSWORD, each_database, from, input};

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

async fn signed_in_twice(bed: &Bed) -> [lyceum_domain::identity::SignedIn; 2] {
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
