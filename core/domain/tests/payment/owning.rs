//! What is bought for ever is paid once, and nobody pays for nothing unseen.

use lyceum_domain::{
    membership::{CreatePlan, Interval},
    payment::{Checkout, CheckoutOutcome, OrderState, RefundOrder, Status},
};
use lyceum_kernel::{ErrorCode, Failure, Id, Money};

use crate::{
    gateway::Note,
    shop::{PRICE, Shelf, Shop, shops},
};

const COURSE_PRICE: Money = Money { minor: 9900, ..PRICE };

async fn tier(shop: &Shop, key: &str, rank: i64) -> Id {
    let names = vec![("en".parse().unwrap(), key.to_owned())];
    shop.memberships.create_tier(&shop.admin, key, names, rank).await.unwrap().id
}

async fn plan(shop: &Shop, tier: Id, interval: Interval) -> Id {
    let plan = CreatePlan { key: None, tier, interval, price: PRICE, trial_days: 0 };
    shop.memberships.create_plan(&shop.admin, plan).await.unwrap().id
}

async fn order_plan(shop: &Shop, plan: Id) -> Result<CheckoutOutcome, Failure> {
    let checkout = Checkout { plan_id: Some(plan), ..shop.order_of_plan(Id::new().as_str()) };
    shop.payments.checkout(&shop.buyer, checkout).await
}

async fn order_course(shop: &Shop, key: &str) -> Result<CheckoutOutcome, Failure> {
    shop.payments.checkout(&shop.buyer, shop.order_of_course(Shelf::priced(), key)).await
}

/// The same course, for a buyer who comes back to another page.
fn from_another_page(shop: &Shop, key: &str) -> Checkout {
    let return_url = "https://learn.example/other".into();
    Checkout { return_url, ..shop.order_of_course(Shelf::priced(), key) }
}

/// The money of an order comes.
async fn pay(shop: &Shop, order: Id, amount: Money) {
    let reference = shop.reference_of(order).await;
    shop.gateway.set(&reference, Status::Succeeded);
    let note = Note::payment(order.as_str(), &reference, Status::Succeeded, amount);
    assert_eq!(shop.notify(&note).await.status, 200);
    assert_eq!(shop.state(order).await, "paid");
}

async fn buy(shop: &Shop, plan: Id) -> Id {
    let order = order_plan(shop, plan).await.unwrap().order_id;
    pay(shop, order, PRICE).await;
    order
}

async fn incidents(shop: &Shop) -> Vec<String> {
    let kinds = shop.text("SELECT COALESCE(MIN(kind), '') AS x FROM payment_incident").await;
    let count = shop.count("payment_incident").await;
    assert_eq!(shop.events("payment.incident").await, count);
    if count == 0 { Vec::new() } else { vec![kinds; usize::try_from(count).unwrap()] }
}

fn refusal(result: Result<CheckoutOutcome, Failure>) -> (ErrorCode, String) {
    let failure = result.expect_err("it is refused");
    (failure.code(), failure.message().to_owned())
}

#[tokio::test]
async fn a_second_tab_goes_on_with_the_order_of_the_first() {
    for shop in shops().await {
        let first = order_course(&shop, "k1").await.unwrap();
        assert_eq!(order_course(&shop, "k2").await.unwrap(), first);
        assert_eq!((shop.count("customer_order").await, shop.gateway.created().len()), (1, 1));
        pay(&shop, first.order_id, COURSE_PRICE).await;
        let owned = (ErrorCode::InvalidState, "You own this course already.".to_owned());
        assert_eq!(refusal(order_course(&shop, "k3").await), owned);
        assert_eq!(incidents(&shop).await, Vec::<String>::new());
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tabs_at_once_make_one_order() {
    for shop in shops().await {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (payments, buyer) = (shop.payments.clone(), shop.buyer.clone());
                let checkout = shop.order_of_course(Shelf::priced(), &format!("k{n}"));
                tokio::spawn(async move { payments.checkout(&buyer, checkout).await })
            })
            .collect();
        for task in tasks {
            // Who comes while the first is being sent tries again.
            let outcome = task.await.unwrap();
            assert!(outcome.as_ref().map_or_else(|f| f.code() == ErrorCode::Conflict, |_| true), "{outcome:?}");
        }
        assert_eq!((shop.count("customer_order").await, shop.gateway.created().len()), (1, 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_that_is_paid_another_way_closes_the_one_before() {
    for shop in shops().await {
        let first = order_course(&shop, "k1").await.unwrap();
        let checkout = from_another_page(&shop, "k2");
        let second = shop.payments.checkout(&shop.buyer, checkout).await.unwrap();
        assert_eq!((shop.state(first.order_id).await, second.state), ("canceled".to_owned(), OrderState::Placed));
        // A new price is another order too.
        shop.shelf.reprice(8800);
        let third = order_course(&shop, "k3").await.unwrap();
        assert_eq!(shop.state(second.order_id).await, "canceled");
        assert_eq!(shop.gateway.created()[2].1.minor, 8800);
        pay(&shop, third.order_id, Money { minor: 8800, ..PRICE }).await;
        assert_eq!(incidents(&shop).await, Vec::<String>::new());
        shop.close().await;
    }
}

#[tokio::test]
async fn an_order_that_was_paid_unseen_is_found_before_another_is_placed() {
    for shop in shops().await {
        let first = order_course(&shop, "k1").await.unwrap();
        shop.gateway.set(&shop.reference_of(first.order_id).await, Status::Succeeded);
        let refused = shop.payments.checkout(&shop.buyer, from_another_page(&shop, "k2")).await;
        assert_eq!(refusal(refused).0, ErrorCode::InvalidState);
        assert_eq!((shop.state(first.order_id).await.as_str(), shop.count("customer_order").await), ("paid", 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn two_orders_that_are_paid_all_the_same_are_an_incident_and_either_can_be_refunded() {
    for shop in shops().await {
        let first = order_course(&shop, "k1").await.unwrap().order_id;
        shop.gateway.be_silent(true);
        let second = shop.payments.checkout(&shop.buyer, from_another_page(&shop, "k2")).await.unwrap().order_id;
        shop.gateway.be_silent(false);
        pay(&shop, first, COURSE_PRICE).await;
        assert_eq!(incidents(&shop).await, Vec::<String>::new());
        pay(&shop, second, COURSE_PRICE).await;
        assert_eq!(incidents(&shop).await, ["bought-twice"]);
        let refund = RefundOrder { order: first, minor: 9900, reason: String::new(), idempotency_key: "r".into() };
        shop.payments.refund(&shop.admin, refund).await.unwrap();
        let entitled = shop.memberships.entitlements_of(shop.buyer.user.unwrap()).await.unwrap();
        assert_eq!(entitled.purchases, [Shelf::priced()]);
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_orders_paid_at_once_are_an_incident() {
    for shop in shops().await {
        let first = order_course(&shop, "k1").await.unwrap().order_id;
        shop.gateway.be_silent(true);
        let second = shop.payments.checkout(&shop.buyer, from_another_page(&shop, "k2")).await.unwrap().order_id;
        tokio::join!(pay(&shop, first, COURSE_PRICE), pay(&shop, second, COURSE_PRICE));
        assert_eq!(incidents(&shop).await, ["bought-twice"]);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_plan_for_life_has_one_open_order_and_months_have_many() {
    for shop in shops().await {
        let life = plan(&shop, shop.tier, Interval::Once).await;
        let first = order_plan(&shop, life).await.unwrap();
        assert_eq!(order_plan(&shop, life).await.unwrap(), first);
        let [one, two] = [order_plan(&shop, shop.plan).await.unwrap(), order_plan(&shop, shop.plan).await.unwrap()];
        assert_ne!(one.order_id, two.order_id);
        pay(&shop, one.order_id, PRICE).await;
        pay(&shop, first.order_id, PRICE).await;
        assert_eq!(incidents(&shop).await, Vec::<String>::new());
        // The month was ordered before, and paid when it gave nothing any more.
        pay(&shop, two.order_id, PRICE).await;
        assert_eq!(incidents(&shop).await, ["bought-twice"]);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_member_for_life_buys_the_tier_and_lower_ones_no_more_but_higher_ones() {
    for shop in shops().await {
        let (silver, platinum) = (tier(&shop, "silver", 10).await, tier(&shop, "platinum", 30).await);
        let life = plan(&shop, shop.tier, Interval::Once).await;
        let order = buy(&shop, life).await;
        let refused = (ErrorCode::InvalidState, "You have this tier, or a higher one, for life already.".to_owned());
        for (tier, interval) in [
            (shop.tier, Interval::Once),
            (shop.tier, Interval::Month),
            (silver, Interval::Year),
            (silver, Interval::Once),
        ] {
            let plan = plan(&shop, tier, interval).await;
            assert_eq!(refusal(order_plan(&shop, plan).await), refused, "{interval}");
        }
        let higher = plan(&shop, platinum, Interval::Month).await;
        assert!(order_plan(&shop, higher).await.is_ok());
        // What was taken back is bought again.
        let refund = RefundOrder { order, minor: PRICE.minor, reason: String::new(), idempotency_key: "r".into() };
        shop.payments.refund(&shop.admin, refund).await.unwrap();
        assert!(order_plan(&shop, shop.plan).await.is_ok());
        shop.close().await;
    }
}

#[tokio::test]
async fn a_trial_is_not_used_up_by_who_has_the_tier_for_life() {
    for shop in shops().await {
        let ana = shop.person("ana@learn.example", true).await;
        let high = tier(&shop, "high", 50).await;
        let life = plan(&shop, high, Interval::Once).await;
        let trial = CreatePlan { key: None, tier: shop.tier, interval: Interval::Month, price: PRICE, trial_days: 7 };
        let trial = shop.memberships.create_plan(&shop.admin, trial).await.unwrap().id;
        let order = |plan, key| Checkout { plan_id: Some(plan), ..shop.order_of_plan(key) };
        let paid = shop.payments.checkout(&ana, order(life, "k1")).await.unwrap();
        pay(&shop, paid.order_id, PRICE).await;
        assert_eq!(refusal(shop.payments.checkout(&ana, order(trial, "k2")).await).0, ErrorCode::InvalidState);
        assert_eq!((shop.count("trial").await, shop.count("customer_order").await), (0, 1));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_course_that_a_membership_opens_can_be_bought_unless_the_membership_is_for_life() {
    for shop in shops().await {
        shop.shelf.open_by(shop.tier);
        buy(&shop, shop.plan).await;
        let bought = order_course(&shop, "k1").await.unwrap();
        pay(&shop, bought.order_id, COURSE_PRICE).await;
        assert_eq!(incidents(&shop).await, Vec::<String>::new());
        let high = tier(&shop, "high", 50).await;
        buy(&shop, plan(&shop, high, Interval::Once).await).await;
        let other = shop.payments.checkout(&shop.buyer, shop.order_of_course(Shelf::free(), "k2")).await;
        let text = "Your membership for life opens this course already.".to_owned();
        assert_eq!(refusal(other), (ErrorCode::InvalidState, text));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_payment_for_a_course_that_was_deleted_is_an_incident() {
    for shop in shops().await {
        let order = order_course(&shop, "k1").await.unwrap().order_id;
        shop.shelf.delete(Shelf::priced());
        // Nobody is sent to pay for it any more.
        for key in ["k1", "k2"] {
            assert_eq!(refusal(order_course(&shop, key).await).0, ErrorCode::NotFound);
        }
        pay(&shop, order, COURSE_PRICE).await;
        assert_eq!((incidents(&shop).await, shop.count("entitlement").await), (vec!["course-gone".to_owned()], 0));
        // The money can be given back, and a second webhook changes nothing.
        pay(&shop, order, COURSE_PRICE).await;
        let refund = RefundOrder { order, minor: 9900, reason: String::new(), idempotency_key: "r".into() };
        shop.payments.refund(&shop.admin, refund).await.unwrap();
        assert_eq!(
            (shop.count("customer_order WHERE refunded_minor = 9900").await, incidents(&shop).await.len()),
            (1, 1)
        );
        shop.close().await;
    }
}

#[tokio::test]
async fn a_plan_that_is_taken_from_sale_while_it_is_paid_gives_what_was_bought() {
    for shop in shops().await {
        let (order, _) = shop.ordered("k1").await;
        shop.run(&format!("UPDATE plan SET active = FALSE WHERE id = '{}'", shop.plan)).await;
        pay(&shop, order, PRICE).await;
        assert_eq!((shop.entitled().await, incidents(&shop).await), (true, Vec::new()));
        assert_eq!(refusal(shop.check_out("k2").await).0, ErrorCode::InvalidState);
        shop.close().await;
    }
}
