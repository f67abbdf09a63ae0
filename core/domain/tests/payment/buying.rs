//! Checkout: what is sold, repetitions, unknown outcomes and crashes.

use std::time::Duration;

use lyceum_domain::{
    identity::Limit,
    membership::{CreatePlan, Interval},
    payment::{Checkout, OrderState, Payments, Settings, Status},
};
use lyceum_kernel::{ErrorCode, Failure, Id, Viewer};

use crate::{
    gateway::{Note, Script},
    shop::{PRICE, Shelf, Shop, balances, settings, shops, viewer},
};

fn code<T: std::fmt::Debug>(result: Result<T, Failure>) -> ErrorCode {
    result.expect_err("it is refused").code()
}

#[tokio::test]
async fn a_purchase_opens_the_tier_and_balances_the_ledger() {
    for shop in shops().await {
        let outcome = shop.check_out("k1").await.unwrap();
        let reference = shop.reference_of(outcome.order_id).await;
        assert_eq!(outcome.state, OrderState::Placed);
        assert_eq!(outcome.redirect_url, Some(format!("https://pay.example/{reference}")));
        assert_eq!(shop.gateway.created(), [(reference.clone(), PRICE)]);
        assert_eq!(reference.len(), 26);
        assert!(!shop.entitled().await);
        let receivable = format!("receivable:{}", outcome.order_id);
        assert_eq!(shop.balances().await, balances(&[("deferred-revenue", -1900), (&receivable, 1900)]));

        let note = Note::payment("e1", &reference, Status::Succeeded, PRICE);
        let reply = shop.notify(&note).await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"success".as_slice()));
        assert_eq!(shop.state(outcome.order_id).await, "paid");
        assert!(shop.entitled().await);
        assert_eq!((shop.events("order.paid").await, shop.events("payment.succeeded").await), (1, 1));
        let ledger = balances(&[("clearing:fake/test/shop", 1900), ("deferred-revenue", -1900)]);
        assert_eq!(shop.balances().await, ledger);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_membership_opens_lower_tiers_and_lapses_at_its_end() {
    for shop in shops().await {
        let names = || vec![("en".parse().unwrap(), "x".to_owned())];
        let silver = shop.memberships.create_tier(&shop.admin, "silver", names(), 10).await.unwrap().id;
        let platinum = shop.memberships.create_tier(&shop.admin, "platinum", names(), 30).await.unwrap().id;
        shop.paid("k1").await;
        let user = shop.buyer.user.unwrap();
        let tiers = shop.memberships.entitlements_of(user).await.unwrap().tiers;
        assert_eq!(
            (tiers.contains(&silver), tiers.contains(&shop.tier), tiers.contains(&platinum)),
            (true, true, false)
        );
        // A second month is added to the first.
        shop.paid("k2").await;
        shop.wait(60 * 24 * 3600);
        assert!(shop.entitled().await);
        shop.wait(24 * 3600);
        assert!(!shop.entitled().await);
        shop.close().await;
    }
}

#[tokio::test]
async fn the_same_key_gives_the_same_order_and_another_input_is_refused() {
    for shop in shops().await {
        let first = shop.check_out("k1").await.unwrap();
        assert_eq!(shop.check_out("k1").await.unwrap(), first);
        let other = Checkout { return_url: "https://learn.example/other".into(), ..shop.order_of_plan("k1") };
        assert_eq!(code(shop.payments.checkout(&shop.buyer, other).await), ErrorCode::IdempotencyConflict);
        let neighbour = viewer(Vec::new());
        let theirs = shop.payments.checkout(&neighbour, shop.order_of_plan("k1")).await.unwrap();
        assert_ne!(theirs.order_id, first.order_id);
        assert_eq!(shop.count("customer_order").await, 2);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_checkout_sent_twice_at_once_makes_one_order() {
    for shop in shops().await {
        let (a, b, c) = tokio::join!(shop.check_out("k1"), shop.check_out("k1"), shop.check_out("k1"));
        let made = [a, b, c].into_iter().filter_map(Result::ok).collect::<Vec<_>>();
        assert!(!made.is_empty());
        assert!(made.iter().all(|o| o.order_id == made[0].order_id));
        assert_eq!((shop.count("customer_order").await, shop.gateway.created().len()), (1, 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_and_leaves_no_order() {
    for shop in shops().await {
        let buy = |checkout| shop.payments.checkout(&shop.buyer, checkout);
        let good = shop.order_of_plan("k");
        let nobody = shop.payments.checkout(&Viewer::default(), good.clone()).await;
        assert_eq!(code(nobody), ErrorCode::Unauthenticated);
        for (checkout, expected) in [
            (Checkout { plan_id: None, ..good.clone() }, ErrorCode::BadUserInput),
            (Checkout { course_id: Some(Shelf::priced()), ..good.clone() }, ErrorCode::BadUserInput),
            (Checkout { plan_id: Some(Id::new()), ..good.clone() }, ErrorCode::NotFound),
            (Checkout { provider: "other".into(), ..good.clone() }, ErrorCode::BadUserInput),
            (Checkout { return_url: "javascript:alert(1)".into(), ..good.clone() }, ErrorCode::BadUserInput),
            (Checkout { idempotency_key: String::new(), ..good.clone() }, ErrorCode::BadUserInput),
            (shop.order_of_course(Shelf::unpriced(), "k"), ErrorCode::InvalidState),
            (shop.order_of_course(Shelf::draft(), "k"), ErrorCode::NotFound),
            (shop.order_of_course(Id::new(), "k"), ErrorCode::NotFound),
        ] {
            assert_eq!(code(buy(checkout.clone()).await), expected, "{checkout:?}");
        }
        assert_eq!((shop.count("customer_order").await, shop.gateway.created().len()), (0, 0));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_course_is_bought_once_and_a_free_one_is_paid_at_once() {
    for shop in shops().await {
        let buy = |course, key| shop.payments.checkout(&shop.buyer, shop.order_of_course(course, key));
        let free = buy(Shelf::free(), "k1").await.unwrap();
        assert_eq!((free.state, free.redirect_url), (OrderState::Paid, None));
        assert_eq!((shop.count("payment").await, shop.events("order.paid").await), (0, 1));
        let priced = buy(Shelf::priced(), "k2").await.unwrap();
        let reference = shop.reference_of(priced.order_id).await;
        let paid = lyceum_kernel::Money { minor: 9900, ..PRICE };
        shop.notify(&Note::payment("e1", &reference, Status::Succeeded, paid)).await;
        let entitled = shop.memberships.entitlements_of(shop.buyer.user.unwrap()).await.unwrap();
        assert_eq!(entitled.tiers, []);
        let mut purchases = entitled.purchases;
        purchases.sort();
        assert_eq!(purchases, [Shelf::priced(), Shelf::free()]);
        assert_eq!(code(buy(Shelf::priced(), "k3").await), ErrorCode::InvalidState);
        shop.close().await;
    }
}

async fn plan_with_trial(shop: &Shop) -> Id {
    let plan = CreatePlan { key: None, tier: shop.tier, interval: Interval::Month, price: PRICE, trial_days: 7 };
    shop.memberships.create_plan(&shop.admin, plan).await.unwrap().id
}

#[tokio::test]
async fn a_trial_is_free_once_and_then_the_plan_has_its_price() {
    for shop in shops().await {
        let (plan, ana) = (plan_with_trial(&shop).await, shop.person("ana@learn.example", true).await);
        let buy = |key| {
            let checkout = Checkout { plan_id: Some(plan), ..shop.order_of_plan(key) };
            shop.payments.checkout(&ana, checkout)
        };
        let entitled = async || !shop.memberships.entitlements_of(ana.user.unwrap()).await.unwrap().tiers.is_empty();
        assert_eq!(buy("k1").await.unwrap().state, OrderState::Paid);
        assert!(entitled().await);
        shop.wait(7 * 24 * 3600);
        assert!(!entitled().await);
        assert_eq!(buy("k2").await.unwrap().state, OrderState::Placed);
        assert_eq!(shop.gateway.created()[0].1, PRICE);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_trial_needs_a_proven_address_that_had_none_under_any_account() {
    for shop in shops().await {
        let plan = plan_with_trial(&shop).await;
        let buy = async |person: &Viewer| {
            let checkout = Checkout { plan_id: Some(plan), ..shop.order_of_plan("k") };
            shop.payments.checkout(person, checkout).await
        };
        let unproven = shop.person("ana@learn.example", false).await;
        let refused = buy(&unproven).await.unwrap_err();
        assert_eq!((refused.code(), refused.path().join(".")), (ErrorCode::EmailNotVerified, "input.planId".into()));
        assert_eq!((shop.count("customer_order").await, shop.count("trial").await), (0, 0));
        shop.run("DELETE FROM user_account").await;
        let first = shop.person("ana@learn.example", true).await;
        assert_eq!(buy(&first).await.unwrap().state, OrderState::Paid);
        // The account goes; the address, also with a tag, has had its trial.
        shop.run("DELETE FROM user_account").await;
        for again in ["ana@learn.example", "ana+2@learn.example"] {
            let person = shop.person(again, true).await;
            assert_eq!(buy(&person).await.unwrap().state, OrderState::Placed, "{again}");
        }
        let other = shop.person("bob@learn.example", true).await;
        assert_eq!(buy(&other).await.unwrap().state, OrderState::Paid);
        assert_eq!(shop.count("trial WHERE address_hash LIKE '%learn%'").await, 0);
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_checkouts_at_once_one_is_the_trial() {
    for shop in shops().await {
        let (plan, ana) = (plan_with_trial(&shop).await, shop.person("ana@learn.example", true).await);
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (payments, ana) = (shop.payments.clone(), ana.clone());
                let checkout = Checkout { plan_id: Some(plan), ..shop.order_of_plan(&format!("k{n}")) };
                tokio::spawn(async move { payments.checkout(&ana, checkout).await.unwrap().state })
            })
            .collect();
        let mut trials = 0;
        for task in tasks {
            trials += i32::from(task.await.unwrap() == OrderState::Paid);
        }
        assert_eq!((trials, shop.count("customer_order WHERE state = 'placed'").await), (1, 7));
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_orders_of_one_person_wait_for_payment() {
    for shop in shops().await {
        let tasks: Vec<_> = (0..24)
            .map(|n| {
                let (payments, buyer, order) =
                    (shop.payments.clone(), shop.buyer.clone(), shop.order_of_plan(&format!("k{n}")));
                tokio::spawn(async move { payments.checkout(&buyer, order).await })
            })
            .collect();
        let mut refused = Vec::new();
        for task in tasks {
            refused.extend(task.await.unwrap().err());
        }
        assert_eq!((refused.len(), shop.count("customer_order").await, shop.gateway.created().len()), (4, 20, 20));
        assert!(refused.iter().all(|failure| failure.code() == ErrorCode::TooManyOpenOrders));
        assert_eq!(refused[0].details(), [("limit", 20.into())]);
        // Others may, and so may this one when an order is gone.
        let other = shop.payments.checkout(&viewer(Vec::new()), shop.order_of_plan("k")).await;
        assert!(other.is_ok());
        let open = shop.text("SELECT MIN(id) AS x FROM customer_order WHERE state = 'placed'").await;
        shop.run(&format!("UPDATE customer_order SET state = 'canceled' WHERE id = '{open}'")).await;
        assert!(shop.check_out("more").await.is_ok());
        shop.close().await;
    }
}

#[tokio::test]
async fn one_person_places_so_many_orders_in_an_hour_and_repeating_one_is_free() {
    for shop in shops().await {
        let limit = Limit { tries: 2, window: Duration::from_secs(3600) };
        let payments = shop.server(Settings { checkouts_per_person: limit, ..settings() });
        let buy = async |key| payments.checkout(&shop.buyer, shop.order_of_plan(key)).await;
        for key in ["k1", "k1", "k2", "k2", "k1"] {
            assert!(buy(key).await.is_ok());
        }
        assert_eq!(code(buy("k3").await), ErrorCode::RateLimited);
        assert_eq!(shop.count("customer_order").await, 2);
        shop.wait(3600);
        assert!(buy("k3").await.is_ok());
        shop.close().await;
    }
}

#[tokio::test]
async fn a_return_url_names_a_host_that_the_operator_allows() {
    for shop in shops().await {
        let open = Settings { return_hosts: Vec::new(), public_url: Some("https://shop.example".into()), ..settings() };
        let (strict, dev) = (shop.server(open.clone()), shop.server(Settings { dev: true, ..open }));
        let buy = async |payments: &Payments, url: &str| {
            let checkout = Checkout { return_url: url.into(), ..shop.order_of_plan(url) };
            payments.checkout(&shop.buyer, checkout).await
        };
        let refused = buy(&strict, "https://evil.example/").await.unwrap_err();
        assert_eq!((refused.code(), refused.path().join(".")), (ErrorCode::BadUserInput, "input.returnUrl".into()));
        assert!(buy(&strict, "https://shop.example/thanks").await.is_ok());
        assert!(buy(&dev, "https://evil.example/").await.is_ok());
        shop.close().await;
    }
}

#[tokio::test]
async fn only_who_may_manage_sets_prices() {
    for shop in shops().await {
        let names = vec![("en".parse().unwrap(), "x".to_owned())];
        let plan = CreatePlan { key: None, tier: shop.tier, interval: Interval::Once, price: PRICE, trial_days: 0 };
        let tier = shop.memberships.create_tier(&shop.buyer, "free", names.clone(), 99).await;
        assert_eq!(code(tier), ErrorCode::Forbidden);
        assert_eq!(code(shop.memberships.create_plan(&shop.buyer, plan.clone()).await), ErrorCode::Forbidden);
        assert_eq!(code(shop.memberships.create_plan(&Viewer::default(), plan).await), ErrorCode::Unauthenticated);
        assert_eq!(code(shop.memberships.create_tier(&shop.admin, "gold", names, 1).await), ErrorCode::Conflict);
        assert_eq!((shop.count("tier").await, shop.count("plan").await), (1, 1));
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rank_belongs_to_one_tier() {
    for shop in shops().await {
        let make = async |key: &str, rank| {
            let names = vec![("en".parse().unwrap(), "x".to_owned())];
            shop.memberships.create_tier(&shop.admin, key, names, rank).await
        };
        let taken = make("other", 20).await.unwrap_err();
        assert_eq!((taken.code(), taken.path().join(".")), (ErrorCode::Conflict, "input.rank".into()));
        let sentence =
            "The tier \"gold\" has the rank 20. Each tier has a rank of its own: a higher one opens the lower ones.";
        assert_eq!(taken.message(), sentence);
        let taken = make("gold", 20).await.unwrap_err();
        assert_eq!((taken.code(), taken.path().join(".")), (ErrorCode::Conflict, "input.key".into()));
        let (a, b, c) = tokio::join!(make("a", 30), make("b", 30), make("c", 30));
        let made = [a, b, c];
        assert_eq!(made.iter().filter(|tier| tier.is_ok()).count(), 1);
        assert!(made.iter().filter_map(|tier| tier.as_ref().err()).all(|e| e.path() == ["input", "rank"]));
        assert_eq!((shop.count("tier").await, shop.count("tier_locale").await), (2, 2));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_declined_payment_cancels_the_order_and_owes_nothing() {
    for shop in shops().await {
        shop.gateway.will(&[Script::Declined]);
        assert_eq!(code(shop.check_out("k1").await), ErrorCode::PaymentDeclined);
        assert_eq!(code(shop.check_out("k1").await), ErrorCode::PaymentDeclined);
        assert_eq!(shop.gateway.created().len(), 1);
        assert_eq!((shop.events("order.canceled").await, shop.balances().await), (1, Vec::new()));
        shop.close().await;
    }
}

#[tokio::test]
async fn what_was_not_sent_is_sent_again_under_the_same_reference() {
    for shop in shops().await {
        shop.gateway.will(&[Script::NotSent]);
        assert_eq!(code(shop.check_out("k1").await), ErrorCode::PaymentProviderUnavailable);
        let outcome = shop.check_out("k1").await.unwrap();
        assert_one_reference(&shop, 2);
        assert!(outcome.redirect_url.is_some());
        shop.close().await;
    }
}

fn assert_one_reference(shop: &Shop, sent: usize) {
    let created = shop.gateway.created();
    assert_eq!(created.len(), sent);
    assert!(created.iter().all(|c| *c == created[0]), "{created:?}");
    assert!(shop.gateway.held() <= 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_about_and_not_sent_again() {
    for shop in shops().await {
        shop.gateway.will(&[Script::AnswerLost]);
        let failure = shop.check_out("k1").await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::PaymentUnknown);
        assert_eq!(failure.details()[0].0, "orderId");
        let outcome = shop.check_out("k1").await.unwrap();
        assert!(outcome.redirect_url.is_some());
        assert_eq!((shop.state(outcome.order_id).await.as_str(), shop.gateway.queries()), ("placed", 1));
        assert_one_reference(&shop, 1);
        shop.close().await;
    }
}

#[tokio::test]
async fn an_unknown_outcome_that_did_not_happen_is_sent_again_under_the_same_reference() {
    for shop in shops().await {
        for script in [Script::RequestLost, Script::Trap] {
            shop.gateway.will(&[script]);
            let key = format!("{script:?}");
            let before = shop.gateway.created().len();
            assert_eq!(code(shop.check_out(&key).await), ErrorCode::PaymentUnknown);
            assert!(shop.check_out(&key).await.unwrap().redirect_url.is_some());
            let sent = shop.gateway.created().split_off(before);
            assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
        }
        shop.close().await;
    }
}

#[tokio::test]
async fn while_the_provider_is_silent_an_unknown_outcome_stays_unknown() {
    for shop in shops().await {
        shop.gateway.will(&[Script::AnswerLost]);
        shop.gateway.be_silent(true);
        assert_eq!(code(shop.check_out("k1").await), ErrorCode::PaymentUnknown);
        assert_eq!(code(shop.check_out("k1").await), ErrorCode::PaymentUnknown);
        for seconds in [15, 60, 300, 900] {
            shop.wait(seconds);
            shop.sweep().await;
        }
        let order: Id = shop.text("SELECT id AS x FROM customer_order").await.parse().unwrap();
        assert_eq!(shop.state(order).await, "placed");
        assert_eq!((shop.gateway.queries(), shop.gateway.created().len()), (5, 1));
        shop.gateway.be_silent(false);
        shop.gateway.set(&shop.reference_of(order).await, Status::Succeeded);
        shop.wait(3600);
        shop.sweep().await;
        assert_eq!(shop.state(order).await, "paid");
        assert!(shop.entitled().await);
        shop.close().await;
    }
}

/// The server dies in the middle of a checkout.
async fn dies(shop: &Shop, script: Script) {
    shop.gateway.will(&[script]);
    shop.gateway.dies_in(shop.check_out("k1")).await;
}

#[tokio::test]
async fn a_crash_before_the_request_left_converges_under_the_same_reference() {
    for shop in shops().await {
        dies(&shop, Script::HangBefore).await;
        let payments = shop.restarted();
        // It may still be on its way: nobody sends it a second time yet.
        let again = payments.checkout(&shop.buyer, shop.order_of_plan("k1")).await;
        assert_eq!(code(again), ErrorCode::Conflict);
        shop.wait(15);
        shop.sweep().await;
        let outcome = payments.checkout(&shop.buyer, shop.order_of_plan("k1")).await.unwrap();
        assert!(outcome.redirect_url.is_some());
        assert_one_reference(&shop, 2);
        assert_eq!(shop.count("payment_attempt").await, 2);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_crash_after_the_provider_did_it_converges_by_asking() {
    for shop in shops().await {
        dies(&shop, Script::HangAfter).await;
        let order: Id = shop.text("SELECT id AS x FROM customer_order").await.parse().unwrap();
        let reference = shop.reference_of(order).await;
        shop.gateway.set(&reference, Status::Succeeded);
        shop.wait(15);
        shop.restarted().query_open(lyceum_kernel::Clock::now(shop.clock.as_ref())).await.unwrap();
        assert_eq!(shop.state(order).await, "paid");
        assert!(shop.entitled().await);
        assert_eq!(shop.check_out("k1").await.unwrap().state, OrderState::Paid);
        assert_one_reference(&shop, 1);
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_that_is_not_paid_in_time_expires_and_is_closed_at_the_provider() {
    for shop in shops().await {
        let (order, reference) = shop.ordered("k1").await;
        for _ in 0..8 {
            shop.wait(4 * 3600);
            shop.sweep().await;
        }
        assert_eq!(
            (shop.state(order).await.as_str(), shop.payment_state(order).await.as_str()),
            ("canceled", "closed")
        );
        assert_eq!(shop.balances().await, []);
        let outcome = shop.check_out("k1").await.unwrap();
        assert_eq!((outcome.state, outcome.redirect_url), (OrderState::Canceled, None));
        assert_eq!(shop.gateway.created(), [(reference, PRICE)]);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_buyer_cancels_their_own_open_order_only() {
    for shop in shops().await {
        let (order, _) = shop.ordered("k1").await;
        assert_eq!(code(shop.payments.cancel(&viewer(Vec::new()), order).await), ErrorCode::NotFound);
        assert_eq!(shop.payments.cancel(&shop.buyer, order).await.unwrap(), OrderState::Canceled);
        let (paid, _) = shop.paid("k2").await;
        assert_eq!(code(shop.payments.cancel(&shop.buyer, paid).await), ErrorCode::InvalidState);
        assert_eq!(shop.state(paid).await, "paid");
        shop.close().await;
    }
}
