//! Webhooks: twice, out of order, forged, late, before the buyer returns.

use std::sync::Arc;

use lyceum_domain::payment::{InboundRequest, OrderState, Payments, Settings, Status, WayBack};
use lyceum_kernel::{Currency, Money, Timestamp};
use lyceum_store::StatementLog;

use crate::{
    gateway::Note,
    shop::{PRICE, Shop, balances, settings, shops},
};

async fn assert_paid_once(shop: &Shop, order: lyceum_kernel::Id) {
    assert_eq!(shop.state(order).await, "paid");
    assert_eq!(shop.events("order.paid").await, 1);
    assert_eq!(shop.count("entitlement").await, 1);
    let ledger = balances(&[("clearing:fake/test/shop", 1900), ("deferred-revenue", -1900)]);
    assert_eq!(shop.balances().await, ledger);
    assert_eq!(shop.count("ledger_transaction").await, 2);
}

#[tokio::test]
async fn the_same_webhook_again_is_acknowledged_and_changes_nothing() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let note = Note::payment("e1", &reference, Status::Succeeded, PRICE);
        for _ in 0..3 {
            assert_eq!(shop.notify(&note).await.status, 200);
        }
        // The same news under another event id.
        assert_eq!(shop.notify(&Note { id: "e2".into(), ..note }).await.status, 200);
        assert_paid_once(&shop, order).await;
        assert_eq!(shop.count("webhook_inbox").await, 2);
        assert_eq!(shop.count("payment_fact WHERE kind = 'succeeded'").await, 1);
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_equal_webhooks_at_once_pay_once_and_are_all_acknowledged() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let payments = shop.payments.clone();
                let request = Note::payment("e1", &reference, Status::Succeeded, PRICE).signed("good");
                tokio::spawn(async move { payments.receive_webhook("fake", request).await.status })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 200);
        }
        assert_paid_once(&shop, order).await;
        assert_eq!(shop.count("webhook_inbox").await, 1);
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhook_return_page_janitor_and_checkout_at_once_pay_once() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        shop.gateway.set(&reference, Status::Succeeded);
        shop.wait(20);
        let tasks: Vec<_> = (0..24)
            .map(|n| {
                let (payments, db, buyer) = (shop.payments.clone(), shop.db.clone(), shop.buyer.clone());
                let (reference, again) = (reference.clone(), shop.order_of_plan("k1"));
                tokio::spawn(async move {
                    let note = Note::payment(&format!("e{n}"), &reference, Status::Succeeded, PRICE);
                    match n % 4 {
                        0 => assert_eq!(payments.receive_webhook("fake", note.signed("good")).await.status, 200),
                        1 => drop(payments.return_page("fake", coming_back(&reference)).await.unwrap()),
                        2 => drop(payments.query_open(db.now()).await.unwrap()),
                        _ => drop(payments.checkout(&buyer, again).await.unwrap()),
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
}

fn coming_back(reference: &str) -> InboundRequest {
    InboundRequest {
        method: "GET".into(),
        path: "/returns/payments/fake".into(),
        query: reference.into(),
        headers: Vec::new(),
        body: Vec::new(),
        received: Timestamp::from_millis(0),
    }
}

#[tokio::test]
async fn every_order_of_four_webhooks_ends_the_same() {
    for shop in shops().await {
        let mut orders = 0;
        for code in 0..256 {
            let order: Vec<usize> = (0..4).map(|place| (code >> (2 * place)) & 3).collect();
            if (0..4).any(|n| !order.contains(&n)) {
                continue;
            }
            orders += 1;
            one_order_of_webhooks(&shop, code, &order).await;
        }
        assert_eq!(orders, 24);
        let ledger = balances(&[("deferred-revenue", -1900 * 24), ("refunds", 1900 * 24)]);
        assert_eq!(shop.balances().await, ledger);
        assert!(!shop.entitled().await);
        shop.close().await;
    }
}

async fn one_order_of_webhooks(shop: &Shop, code: usize, sequence: &[usize]) {
    let (order, reference) = shop.ordered(&format!("k{code}")).await;
    let refund = format!("re-{code}");
    let id = |n| format!("e{code}-{n}");
    let notes = [
        Note::payment(&id(0), &reference, Status::Processing, PRICE),
        Note::payment(&id(1), &reference, Status::Succeeded, PRICE),
        Note::refund(&id(2), &refund, &reference, Status::Processing, PRICE),
        Note::refund(&id(3), &refund, &reference, Status::Succeeded, PRICE),
    ];
    for n in sequence {
        assert_eq!(shop.notify(&notes[*n]).await.status, 200, "{sequence:?}");
    }
    let end = format!("customer_order WHERE id = '{order}' AND state = 'paid' AND refunded_minor = 1900");
    assert_eq!(shop.count(&end).await, 1, "{sequence:?}");
    assert_eq!(shop.payment_state(order).await, "succeeded", "{sequence:?}");
    let gone = format!("entitlement WHERE order_id = '{order}' AND revoked_at IS NOT NULL");
    assert_eq!(shop.count(&gone).await, 1, "{sequence:?}");
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_only_counted() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let note = Note::payment("e1", &reference, Status::Succeeded, PRICE);
        for _ in 0..103 {
            assert_eq!(shop.payments.receive_webhook("fake", note.signed("forged")).await.status, 401);
        }
        assert_eq!(shop.state(order).await, "placed");
        assert!(!shop.entitled().await);
        assert_eq!(
            (shop.count("webhook_inbox").await, shop.count("payment_fact WHERE kind = 'succeeded'").await),
            (0, 0)
        );
        // The genuine one still counts.
        assert_eq!(shop.notify(&note).await.status, 200);
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn refused_webhooks_are_written_down_together_each_ten_seconds() {
    for shop in shops().await {
        let note = Note::payment("e1", "x", Status::Succeeded, PRICE);
        let refuse = async |times: usize| {
            for _ in 0..times {
                shop.payments.receive_webhook("fake", note.signed("forged")).await;
            }
        };
        let counted = "SELECT CAST(refused AS TEXT) AS x FROM webhook_refusal WHERE reason = 'bad-signature'";
        let written = async || (shop.text(counted).await, shop.count("webhook_refusal_sample").await);
        refuse(40).await;
        assert_eq!(written().await, ("1".to_owned(), 1));
        shop.wait(10);
        let log = Arc::new(StatementLog::default());
        log.clone().record(refuse(60)).await;
        assert_eq!(written().await, ("41".to_owned(), 2));
        let inserts = log.statements().iter().filter(|sql| sql.starts_with("INSERT")).count();
        assert_eq!(inserts, 2, "one count and one sample for sixty requests");
        shop.payments.write_refusals().await.unwrap();
        assert_eq!(written().await, ("100".to_owned(), 3));
        shop.close().await;
    }
}

#[tokio::test]
async fn what_lets_somebody_in_is_not_stored_with_a_request() {
    for shop in shops().await {
        let (_, reference) = shop.ordered("k1").await;
        let secrets = || {
            ["Authorization", "cookie", "Proxy-Authorization"].map(|name| (name.to_owned(), "hush".to_owned())).to_vec()
        };
        for (n, signature) in ["good", "forged"].into_iter().enumerate() {
            let mut request = Note::payment(&format!("e{n}"), &reference, Status::Processing, PRICE).signed(signature);
            request.headers.extend(secrets());
            shop.payments.receive_webhook("fake", request).await;
        }
        for table in ["webhook_inbox", "webhook_refusal_sample"] {
            assert_eq!(shop.count(table).await, 1, "{table}");
            assert_eq!(shop.count(&format!("{table} WHERE request LIKE '%hush%'")).await, 0, "{table}");
            assert_eq!(shop.count(&format!("{table} WHERE request LIKE '%signature%'")).await, 1, "{table}");
        }
        shop.close().await;
    }
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_and_once_a_minute_for_strangers() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let note = Note::payment("e1", &reference, Status::Succeeded, PRICE);
        assert_eq!(shop.payments.receive_webhook("fake", note.signed("rotated")).await.status, 200);
        assert_eq!(shop.gateway.refreshes(), 1);
        assert_paid_once(&shop, order).await;
        for (wait, refreshes) in [(0, 1), (59, 1), (1, 2), (1, 2)] {
            shop.wait(wait);
            let reply = shop.payments.receive_webhook("fake", note.signed("stranger's key")).await;
            assert!(reply.status >= 400);
            assert_eq!(shop.gateway.refreshes(), refreshes);
        }
        shop.close().await;
    }
}

#[tokio::test]
async fn coming_back_again_and_again_asks_the_provider_each_ten_seconds() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let (_, other) = shop.ordered("k2").await;
        for (wait, queries) in [(0, 1), (0, 1), (9, 1), (1, 2), (1, 2)] {
            shop.wait(wait);
            let returned = shop.payments.return_page("fake", coming_back(&reference)).await.unwrap();
            assert_eq!((returned.order_id, shop.gateway.queries()), (order, queries));
        }
        shop.payments.return_page("fake", coming_back(&other)).await.unwrap();
        assert_eq!(shop.gateway.queries(), 3);
        shop.close().await;
    }
}

#[tokio::test]
async fn nobody_is_sent_on_to_a_host_that_is_not_allowed_any_more() {
    for shop in shops().await {
        let (_, reference) = shop.ordered("k1").await;
        let way = async |payments: &Payments| payments.return_page("fake", coming_back(&reference)).await.unwrap().way;
        assert_eq!(way(&shop.payments).await, WayBack::Redirect);
        let other = Settings { return_hosts: vec!["other.example".into()], ..settings() };
        assert_eq!(way(&shop.server(other)).await, WayBack::Link);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_plugin_that_fails_tells_the_provider_to_come_again_and_changes_nothing() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let note = Note::payment("e1", &reference, Status::Succeeded, PRICE);
        assert_eq!(shop.payments.receive_webhook("fake", note.signed("trap")).await.status, 503);
        assert_eq!(shop.payments.receive_webhook("other", note.signed("good")).await.status, 404);
        assert_eq!((shop.state(order).await.as_str(), shop.count("webhook_inbox").await), ("placed", 0));
        assert_eq!(shop.notify(&note).await.status, 200);
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn a_database_that_fails_tells_the_provider_to_come_again_and_changes_nothing() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let note = Note::payment("e1", &reference, Status::Succeeded, PRICE);
        shop.run("ALTER TABLE ledger_account RENAME TO lost").await;
        assert_eq!(shop.notify(&note).await.status, 500);
        assert_eq!(
            (shop.state(order).await.as_str(), shop.payment_state(order).await.as_str()),
            ("placed", "action-required")
        );
        assert_eq!((shop.count("webhook_inbox").await, shop.count("entitlement").await), (0, 0));
        shop.run("ALTER TABLE lost RENAME TO ledger_account").await;
        assert_eq!(shop.notify(&note).await.status, 200);
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn money_that_comes_after_the_closing_still_buys() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        shop.notify(&Note::payment("e1", &reference, Status::Closed, PRICE)).await;
        assert_eq!((shop.state(order).await.as_str(), shop.balances().await), ("canceled", Vec::new()));
        shop.wait(3600);
        shop.notify(&Note::payment("e2", &reference, Status::Succeeded, PRICE)).await;
        assert_eq!((shop.state(order).await.as_str(), shop.events("order.paid").await), ("paid", 1));
        assert!(shop.entitled().await);
        let ledger = balances(&[("clearing:fake/test/shop", 1900), ("deferred-revenue", -1900)]);
        assert_eq!(shop.balances().await, ledger);
        // And a closing that comes after the money changes nothing.
        shop.notify(&Note { id: "e3".into(), ..Note::payment("", &reference, Status::Closed, PRICE) }).await;
        assert_eq!((shop.state(order).await.as_str(), shop.payment_state(order).await.as_str()), ("paid", "succeeded"));
        shop.close().await;
    }
}

#[tokio::test]
async fn the_webhook_may_come_before_the_buyer_returns_and_after() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        shop.notify(&Note::payment("e1", &reference, Status::Succeeded, PRICE)).await;
        let returned = shop.payments.return_page("fake", coming_back(&reference)).await.unwrap();
        assert_eq!((returned.order_id, returned.state), (order, OrderState::Paid));
        assert_eq!((returned.return_url.as_str(), shop.gateway.queries()), ("https://learn.example/thanks", 0));
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        // Coming back alone is no payment.
        let returned = shop.payments.return_page("fake", coming_back(&reference)).await.unwrap();
        assert_eq!((returned.state, shop.gateway.queries()), (OrderState::Placed, 1));
        shop.gateway.set(&reference, Status::Succeeded);
        shop.wait(10);
        let returned = shop.payments.return_page("fake", coming_back(&reference)).await.unwrap();
        assert_eq!(returned.state, OrderState::Paid);
        assert_eq!(shop.notify(&Note::payment("e1", &reference, Status::Succeeded, PRICE)).await.status, 200);
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
}

#[tokio::test]
async fn the_same_event_id_with_another_meaning_is_an_incident_and_not_acknowledged() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        let note = Note::payment("e1", &reference, Status::Processing, PRICE);
        assert_eq!(shop.notify(&note).await.status, 200);
        let other = Note { status: Status::Succeeded, ..note };
        assert_eq!(shop.notify(&other).await.status, 500);
        assert_eq!(shop.notify(&other).await.status, 500);
        assert_eq!(
            (shop.state(order).await.as_str(), shop.payment_state(order).await.as_str()),
            ("placed", "processing")
        );
        assert_eq!((shop.count("payment_incident").await, shop.events("payment.incident").await), (1, 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn another_amount_or_currency_freezes_the_payment_and_goes_to_suspense() {
    for wrong in [Money { minor: 1, ..PRICE }, Money { currency: Currency::USD, ..PRICE }] {
        for shop in shops().await {
            let (order, reference) = shop.ordered("k1").await;
            assert_eq!(shop.notify(&Note::payment("e1", &reference, Status::Succeeded, wrong)).await.status, 200);
            assert_eq!(shop.state(order).await, "placed");
            assert!(!shop.entitled().await);
            assert_eq!(
                (shop.count("payment WHERE frozen_at IS NOT NULL").await, shop.events("payment.incident").await),
                (1, 1)
            );
            let suspense = ("suspense:fake/test/shop".to_owned(), -i128::from(wrong.minor));
            assert!(shop.balances().await.contains(&suspense));
            // Even the right amount does not thaw it: a person does.
            assert_eq!(shop.notify(&Note::payment("e2", &reference, Status::Succeeded, PRICE)).await.status, 200);
            assert_eq!(shop.state(order).await, "placed");
            shop.close().await;
        }
    }
}

#[tokio::test]
async fn success_without_an_amount_pays_nothing() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        shop.notify(&Note { amount: None, ..Note::payment("e1", &reference, Status::Succeeded, PRICE) }).await;
        assert_eq!((shop.state(order).await.as_str(), shop.count("payment_incident").await), ("placed", 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn money_for_an_unknown_reference_goes_to_suspense() {
    for shop in shops().await {
        let reply = shop.notify(&Note::payment("e1", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Status::Succeeded, PRICE)).await;
        assert_eq!((reply.status, shop.count("payment_incident").await), (200, 1));
        let ledger = balances(&[("clearing:fake/test/shop", 1900), ("suspense:fake/test/shop", -1900)]);
        assert_eq!(shop.balances().await, ledger);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_second_payment_for_one_order_goes_to_suspense() {
    for shop in shops().await {
        let (order, reference) = shop.paid("k1").await;
        let twice = Note::payment("e9", &reference, Status::Succeeded, PRICE);
        shop.notify(&Note { provider: Some("another-charge".into()), ..twice }).await;
        assert_eq!((shop.state(order).await.as_str(), shop.events("order.paid").await), ("paid", 1));
        let ledger =
            [("clearing:fake/test/shop", 3800), ("deferred-revenue", -1900), ("suspense:fake/test/shop", -1900)];
        assert_eq!((shop.balances().await, shop.count("payment_incident").await), (balances(&ledger), 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn an_event_that_tells_nothing_is_asked_about() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        shop.gateway.set(&reference, Status::Succeeded);
        let hint = Note { hint: true, ..Note::payment("e1", &reference, Status::Succeeded, PRICE) };
        assert_eq!(shop.notify(&hint).await.status, 200);
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        shop.gateway.set(&reference, Status::Succeeded);
        shop.gateway.be_silent(true);
        let hint = Note { hint: true, ..Note::payment("e1", &reference, Status::Succeeded, PRICE) };
        assert_eq!(shop.notify(&hint).await.status, 200);
        assert_eq!(shop.state(order).await, "placed");
        shop.gateway.be_silent(false);
        shop.sweep().await;
        assert_paid_once(&shop, order).await;
        shop.close().await;
    }
}
