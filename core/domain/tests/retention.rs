//! What is forgotten, and what is not.
#![allow(clippy::unwrap_used)]

mod people;

use lyceum_domain::retention::{Retention, RetentionSettings};
use people::{Bed, DAY, PASSWORD, each_database};

async fn swept(bed: &Bed) -> u64 {
    Retention::new(bed.db.clone(), RetentionSettings::default()).sweep().await.unwrap().rows
}

/// An event of the inbox that came now.
async fn receive(bed: &Bed, id: &str) {
    let sql = "INSERT INTO webhook_inbox (id, provider, account, event_id, event_name, meaning_hash, body_hash, request, \
               body_base64, state, received_at) VALUES ($1, 'fake', 'a', $1, 'n', 'm', 'b', '{}', 'Ym9keQ==', 'folded', $2)";
    bed.execute(sql, [id.into(), bed.db.now().to_string().into()]).await;
}

async fn consumer(bed: &Bed, name: &str, position: i64) {
    let sql = "INSERT INTO outbox_consumer (name, position, updated_at) VALUES ($1, $2, 'now') \
               ON CONFLICT (name) DO UPDATE SET position = excluded.position";
    bed.execute(sql, [name.into(), position.into()]).await;
}

#[tokio::test]
async fn the_request_of_a_webhook_goes_after_ninety_days_and_its_row_stays() {
    each_database(async |bed| {
        receive(&bed, "old").await;
        bed.clock.advance(90 * DAY);
        receive(&bed, "new").await;
        assert_eq!(swept(&bed).await, 0);
        bed.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(swept(&bed).await, 1);
        let stored = "SELECT event_id || ':' || request || body_base64 FROM webhook_inbox ORDER BY event_id";
        assert_eq!(bed.texts(stored).await, ["new:{}Ym9keQ==", "old:"]);
        assert_eq!(swept(&bed).await, 0);
    })
    .await;
}

#[tokio::test]
async fn events_go_after_a_week_when_every_consumer_has_passed_and_the_newest_stays() {
    each_database(async |bed| {
        for name in ["a", "b", "c"] {
            bed.register(&format!("{name}@example.org")).await;
        }
        bed.clock.advance(8 * DAY);
        let left = async || bed.texts("SELECT CAST(position AS TEXT) FROM outbox ORDER BY position").await;
        assert_eq!((swept(&bed).await, left().await.len()), (0, 3), "nobody has read them");
        // On PostgreSQL positions have gaps.
        let all = left().await;
        let place = |text: &str| text.parse::<i64>().unwrap();
        consumer(&bed, "search", place(&all[2])).await;
        consumer(&bed, "plugin", place(&all[0])).await;
        assert_eq!((swept(&bed).await, left().await), (1, all[1..].to_vec()));
        consumer(&bed, "plugin", place(&all[2])).await;
        assert_eq!((swept(&bed).await, left().await), (1, all[2..].to_vec()));
        // What comes then has a position of its own.
        bed.register("d@example.org").await;
        let then = left().await;
        assert_eq!((then.len(), &then[0]), (2, &all[2]));
        assert!(place(&then[1]) > place(&all[2]));
    })
    .await;
}

#[tokio::test]
async fn what_has_expired_goes_and_what_is_good_stays() {
    each_database(async |bed| {
        bed.register("ana@example.org").await;
        bed.sign_in("ana@example.org", "wrong horse").await.unwrap_err();
        bed.clock.advance(29 * DAY);
        let here = bed.sign_in("ana@example.org", PASSWORD).await.unwrap();
        bed.clock.advance(2 * DAY);
        swept(&bed).await;
        let rows = async |table: &str| bed.texts(&format!("SELECT 'x' FROM {table}")).await.len();
        assert_eq!((rows("refresh_token").await, rows("session").await, rows("attempt_run").await), (1, 2, 0));
        let here = bed.identity.refresh(&here.refresh_token).await.unwrap();
        bed.clock.advance(29 * DAY + DAY / 2);
        swept(&bed).await;
        assert_eq!((rows("session").await, rows("known_device").await), (1, 2));
        assert!(bed.identity.refresh(&here.refresh_token).await.is_ok());
        bed.clock.advance(400 * DAY);
        swept(&bed).await;
        assert_eq!((rows("session").await, rows("known_device").await, rows("user_account").await), (0, 0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_goes_after_ninety_days_and_what_is_still_tried_stays() {
    each_database(async |bed| {
        let fails = async |consumer: &str, died: Option<String>| {
            let sql = "INSERT INTO outbox_failure (consumer, position, name, subject_type, subject_id, data, occurred_at, \
                       tries, error, next_at, died_at) VALUES ($1, 1, 'n', 't', 's', '{}', $2, 1, 'e', $2, $3)";
            bed.execute(sql, [consumer.into(), bed.db.now().to_string().into(), died.into()]).await;
        };
        fails("dead", Some(bed.db.now().to_string())).await;
        fails("tried", None).await;
        bed.clock.advance(90 * DAY);
        assert_eq!(swept(&bed).await, 0);
        bed.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(swept(&bed).await, 1);
        assert_eq!(bed.texts("SELECT consumer FROM outbox_failure").await, ["tried"]);
    })
    .await;
}

#[tokio::test]
async fn a_backlog_is_taken_in_batches() {
    each_database(async |bed| {
        let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
                    INSERT INTO attempt (id, key, expires_at) SELECT 'x' || i, 'k', '2020-01-01T00:00:00.000Z' FROM n";
        bed.execute(many, []).await;
        let retention = Retention::new(bed.db.clone(), RetentionSettings::default());
        let first = retention.sweep().await.unwrap();
        let second = retention.sweep().await.unwrap();
        assert_eq!((first.rows, first.more, second.rows, second.more), (1000, true, 500, false));
    })
    .await;
}
