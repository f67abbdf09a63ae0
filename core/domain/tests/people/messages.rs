//! Messages in the queue and in the hands of carriers.

use std::{collections::BTreeMap, time::Duration};

use lyceum_domain::{
    identity::Peer,
    notification::{BATCH, Channel, DeliveryStatus, Message, Recipient, Template},
};
use lyceum_kernel::{ErrorCode, Locale};

use crate::{
    people::{Bed, DAY, each_database},
    stage::{Stage, config, stage, stage_with},
};

fn to(address: &str) -> Message {
    let locale: Locale = "en".parse().unwrap();
    let to = Recipient::typed(Channel::Mail, address, locale).unwrap();
    Message { template: Template::Test, to, values: BTreeMap::new() }
}

async fn send(bed: &Bed, stage: &Stage, address: &str) {
    let write = bed.db.write().await.unwrap();
    stage.notifications.send(&write, &to(address)).await.unwrap();
    write.commit().await.unwrap();
}

/// What waits or is dead, with the number of tries.
async fn queue(bed: &Bed) -> Vec<String> {
    bed.texts("SELECT plugin || ' ' || state || ' ' || attempts FROM plugin_delivery ORDER BY id").await
}

#[tokio::test]
async fn a_message_waits_until_somebody_serves_its_channel() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        send(&bed, &stage, "ana@example.org").await;
        assert_eq!(stage.work().await, 0);
        assert_eq!(queue(&bed).await, ["mail waiting 0"]);
        let (second, first) = (stage.carrier("lyceum/notify-smtp"), stage.carrier("acme/pigeon"));
        assert_eq!(stage.work().await, 1);
        assert_eq!((first.sizes(), second.sizes()), (vec![1], vec![]), "the first by its id carries");
        let delivery = first.last();
        assert_eq!((delivery.channel.as_str(), delivery.address.as_str()), ("mail", "ana@example.org"));
        assert_eq!((delivery.template.as_str(), delivery.subject.as_str()), ("test", "A test message"));
        assert!(queue(&bed).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_code_is_not_good_any_more_is_thrown_away() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        bed.register("ana@example.org").await;
        stage.proofs.request_password_reset("ana@example.org", &Peer::default()).await.unwrap();
        send(&bed, &stage, "bo@example.org").await;
        bed.clock.advance(Duration::from_secs(3601));
        let carrier = stage.carrier("acme/pigeon");
        assert_eq!(stage.work().await, 2);
        assert_eq!(carrier.last().address, "bo@example.org", "a test is good for a day");
        assert_eq!(carrier.sizes(), [1]);
        assert!(queue(&bed).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_nobody_carries_does_not_pile_up() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        send(&bed, &stage, "ana@example.org").await;
        bed.clock.advance(DAY);
        send(&bed, &stage, "bo@example.org").await;
        assert_eq!(queue(&bed).await.len(), 2, "still good");
        bed.clock.advance(Duration::from_millis(1));
        send(&bed, &stage, "cy@example.org").await;
        assert_eq!(queue(&bed).await.len(), 2);
        let carrier = stage.carrier("acme/pigeon");
        stage.work().await;
        assert_eq!(carrier.sizes(), [2]);
    })
    .await;
}

#[tokio::test]
async fn a_message_of_a_transaction_that_fails_is_not_sent() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let write = bed.db.write().await.unwrap();
        stage.notifications.send(&write, &to("ana@example.org")).await.unwrap();
        drop(write);
        assert!(queue(&bed).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_carrier_is_given_at_most_ten_messages_at_once() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        for number in 0..23 {
            send(&bed, &stage, &format!("p{number}@example.org")).await;
        }
        let carrier = stage.carrier("acme/pigeon");
        assert_eq!(stage.work().await, 23);
        assert_eq!(carrier.sizes(), [BATCH, BATCH, 3]);
        assert!(queue(&bed).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_worker_hands_over_whole_batches() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        for number in 0..20 {
            send(&bed, &stage, &format!("p{number}@example.org")).await;
        }
        let carrier = stage.carrier("acme/pigeon");
        let all_carried = async {
            while !queue(&bed).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        stage.run_until(all_carried).await;
        assert_eq!(carrier.sizes(), [BATCH, BATCH]);
    })
    .await;
}

#[tokio::test]
async fn a_carrier_says_when_it_is_to_be_asked_again() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let carrier = stage.carrier("acme/pigeon");
        let wishes = [("hour@example.org", 3600), ("hasty@example.org", 0), ("week@example.org", 7 * 86_400)];
        let wish = |seconds| Some(DeliveryStatus::Retry(Some(Duration::from_secs(seconds))));
        *carrier.says.lock().unwrap() = wishes.map(|(address, seconds)| (address.to_owned(), wish(seconds))).into();
        for (address, _) in wishes {
            send(&bed, &stage, address).await;
        }
        stage.work().await;
        let due = bed.texts("SELECT next_at FROM plugin_delivery ORDER BY id").await;
        let after = |seconds| bed.after(Duration::from_secs(seconds)).to_string();
        assert_eq!(due, [after(3600), after(5), after(86_400)]);
        carrier.says.lock().unwrap().clear();
        let asked_after = async |seconds| {
            bed.clock.advance(Duration::from_secs(seconds));
            stage.work().await
        };
        // 4 s: none; 5 s; 3599 s: none; 3600 s; a day.
        let mut asked = Vec::new();
        for seconds in [4, 1, 3594, 1, 82_799, 1] {
            asked.push(asked_after(seconds).await);
        }
        assert_eq!(asked, [0, 1, 0, 1, 0, 1]);
        assert!(queue(&bed).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn each_message_has_its_own_outcome() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let carrier = stage.carrier("acme/pigeon");
        let says = [
            ("later@example.org", Some(DeliveryStatus::Retry(None))),
            ("never@example.org", Some(DeliveryStatus::Failed)),
            ("silent@example.org", None),
        ];
        *carrier.says.lock().unwrap() = says.map(|(address, status)| (address.to_owned(), status)).into();
        for address in ["sent@example.org", "later@example.org", "never@example.org", "silent@example.org"] {
            send(&bed, &stage, address).await;
        }
        stage.work().await;
        assert_eq!(queue(&bed).await, ["mail waiting 1", "mail dead 1", "mail waiting 1"]);
        let first: Vec<String> = carrier.batches.lock().unwrap()[0].iter().map(|d| d.id.clone()).collect();
        carrier.says.lock().unwrap().clear();
        bed.clock.advance(Duration::from_secs(6));
        assert_eq!(stage.work().await, 2);
        assert!(carrier.batches.lock().unwrap()[1].iter().all(|delivery| first.contains(&delivery.id)));
        assert_eq!(queue(&bed).await, ["mail dead 1"]);
    })
    .await;
}

#[tokio::test]
async fn in_development_a_message_that_nobody_carries_is_printed() {
    each_database(async |bed| {
        let stage = stage_with(&bed, config(), true).await;
        send(&bed, &stage, "ana@example.org").await;
        assert_eq!(stage.work().await, 1);
        assert!(queue(&bed).await.is_empty());
        let carrier = stage.carrier("acme/pigeon");
        send(&bed, &stage, "ana@example.org").await;
        stage.work().await;
        assert_eq!(carrier.sizes(), [1], "not printed when somebody carries it");
    })
    .await;
}

#[tokio::test]
async fn a_waiting_message_does_not_show_its_code() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        bed.register("ana@example.org").await;
        stage.proofs.request_password_reset("ana@example.org", &Peer::default()).await.unwrap();
        let payload = bed.texts("SELECT payload FROM plugin_delivery").await.remove(0);
        let carrier = stage.carrier("acme/pigeon");
        stage.work().await;
        let delivery = carrier.last();
        assert!(payload.contains("ana@example.org") && payload.contains("reset-password"), "{payload}");
        assert!(!payload.contains(&carrier.code()) && !payload.contains(&delivery.text));
        assert!(delivery.text.contains(&carrier.code()));
        assert_eq!(bed.texts("SELECT hash FROM mail_code").await.len(), 1);
        assert_ne!(bed.texts("SELECT hash FROM mail_code").await[0], carrier.code());
    })
    .await;
}

#[tokio::test]
async fn who_manages_plugins_may_send_a_test_and_nobody_else() {
    each_database(async |bed| {
        let stage = stage(&bed).await;
        let owner = bed.person("owner@example.org", &["admin"]).await;
        let member = bed.member("ana@example.org").await;
        let locale: Locale = "zh-CN".parse().unwrap();
        let test = async |viewer: &lyceum_kernel::Viewer, channel: &str, address: &str| {
            stage.notifications.test(viewer, channel, address, &locale).await.map_err(|failure| failure.code())
        };
        assert_eq!(test(&member, "mail", "x@example.org").await, Err(ErrorCode::Forbidden));
        assert_eq!(test(&bed.identity.visitor(), "mail", "x@example.org").await, Err(ErrorCode::Unauthenticated));
        for (channel, address) in [("fax", "x@example.org"), ("mail", "x"), ("mail", ""), ("sms", "1\n2")] {
            assert_eq!(test(&owner, channel, address).await, Err(ErrorCode::BadUserInput), "{channel} {address}");
        }
        assert_eq!(test(&owner, "mail", "x@example.org").await, Ok(None), "it waits");
        let carrier = stage.carrier("acme/pigeon");
        assert_eq!(test(&owner, "mail", "x@example.org").await, Ok(Some("acme/pigeon".to_owned())));
        assert_eq!(stage.work().await, 2);
        assert_eq!(carrier.batches.lock().unwrap()[0][0].subject, "测试消息");
    })
    .await;
}
