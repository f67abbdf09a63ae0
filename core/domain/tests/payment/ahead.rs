//! What is bought ahead: renewals keep the day of the beginning, and a refund
//! takes the days of its own order only.

use lyceum_domain::{
    membership::{CreatePlan, Interval},
    payment::{Checkout, RefundOrder, Status},
};
use lyceum_kernel::Id;

use crate::{
    gateway::Note,
    shop::{PRICE, Shop, shops},
};

const DAY: u64 = 24 * 3600;

/// A way to buy a tier, at the price of the shop.
async fn plan(shop: &Shop, tier: Id, interval: Interval) -> Id {
    let plan = CreatePlan { key: None, tier, interval, price: PRICE, trial_days: 0 };
    shop.memberships.create_plan(&shop.admin, plan).await.unwrap().id
}

async fn bought(shop: &Shop, plan: Id) -> Id {
    let key = Id::new().to_string();
    let checkout = Checkout { plan_id: Some(plan), ..shop.order_of_plan(&key) };
    let order = shop.payments.checkout(&shop.buyer, checkout).await.unwrap().order_id;
    let reference = shop.reference_of(order).await;
    shop.notify(&Note::payment(&key, &reference, Status::Succeeded, PRICE)).await;
    assert_eq!(shop.state(order).await, "paid");
    order
}

async fn refunded(shop: &Shop, order: Id, minor: i64) {
    let key = Id::new().to_string();
    let refund = RefundOrder { order, minor, reason: String::new(), idempotency_key: key };
    shop.payments.refund(&shop.admin, refund).await.unwrap();
}

/// First and last day of what an order gave.
async fn days(shop: &Shop, order: Id) -> (String, String) {
    let day = async |column: &str| {
        let sql = format!("SELECT COALESCE({column}, 'never') AS x FROM entitlement WHERE order_id = '{order}'");
        shop.text(&sql).await.chars().take(10).collect::<String>()
    };
    (day("starts_at").await, day("ends_at").await)
}

fn from_to(starts: &str, ends: &str) -> (String, String) {
    (starts.to_owned(), ends.to_owned())
}

#[tokio::test]
async fn renewals_from_the_31st_keep_the_31st() {
    for shop in shops().await {
        // 31 December 2027.
        shop.wait(670 * DAY);
        let mut ends = Vec::new();
        for _ in 0..5 {
            let order = bought(&shop, shop.plan).await;
            ends.push(days(&shop, order).await.1);
        }
        assert_eq!(ends, ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]);
        let year = plan(&shop, shop.tier, Interval::Year).await;
        assert_eq!(days(&shop, bought(&shop, year).await).await, from_to("2028-05-31", "2029-05-31"));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_of_the_running_month_brings_the_later_ones_forward() {
    for shop in shops().await {
        let [first, second, third] =
            [bought(&shop, shop.plan).await, bought(&shop, shop.plan).await, bought(&shop, shop.plan).await];
        shop.wait(10 * DAY);
        refunded(&shop, first, PRICE.minor).await;
        assert!(shop.entitled().await);
        assert_eq!(days(&shop, second).await, from_to("2026-03-11", "2026-04-11"));
        assert_eq!(days(&shop, third).await, from_to("2026-04-11", "2026-05-11"));
        assert_eq!((shop.events("entitlement.revoked").await, shop.events("entitlement.moved").await), (1, 2));
        shop.wait(60 * DAY);
        assert!(shop.entitled().await);
        shop.wait(DAY);
        assert!(!shop.entitled().await);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_of_a_month_in_the_middle_moves_what_is_after_it_only() {
    for shop in shops().await {
        let [first, second, third] =
            [bought(&shop, shop.plan).await, bought(&shop, shop.plan).await, bought(&shop, shop.plan).await];
        refunded(&shop, second, PRICE.minor).await;
        assert_eq!(days(&shop, first).await, from_to("2026-03-01", "2026-04-01"));
        assert_eq!(days(&shop, third).await, from_to("2026-04-01", "2026-05-01"));
        // Another one stands behind what is left.
        assert_eq!(days(&shop, bought(&shop, shop.plan).await).await, from_to("2026-05-01", "2026-06-01"));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_partial_refund_and_one_of_a_month_that_has_run_move_nothing() {
    for shop in shops().await {
        let [first, second] = [bought(&shop, shop.plan).await, bought(&shop, shop.plan).await];
        refunded(&shop, first, PRICE.minor - 1).await;
        assert_eq!(days(&shop, second).await, from_to("2026-04-01", "2026-05-01"));
        shop.wait(40 * DAY);
        refunded(&shop, first, 1).await;
        assert_eq!(days(&shop, second).await, from_to("2026-04-01", "2026-05-01"));
        assert_eq!((shop.entitled().await, shop.events("entitlement.moved").await), (true, 0));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_month_refunded_after_a_plan_for_life_was_bought_leaves_the_plan_for_life() {
    for shop in shops().await {
        let life = plan(&shop, shop.tier, Interval::Once).await;
        let month = bought(&shop, shop.plan).await;
        let life = bought(&shop, life).await;
        refunded(&shop, month, PRICE.minor).await;
        assert!(shop.entitled().await);
        assert_eq!(days(&shop, life).await, from_to("2026-03-01", "never"));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_plan_for_life_that_waits_for_a_month_moves_forward_with_it() {
    for shop in shops().await {
        let life = plan(&shop, shop.tier, Interval::Once).await;
        let [month, life] = [bought(&shop, shop.plan).await, bought(&shop, life).await];
        // As it was dated before a plan for life began at once.
        shop.run(&format!(
            "UPDATE entitlement SET starts_at = (SELECT ends_at FROM entitlement WHERE order_id = '{month}') \
             WHERE order_id = '{life}'"
        ))
        .await;
        refunded(&shop, month, PRICE.minor).await;
        assert!(shop.entitled().await);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_that_fails_after_all_puts_the_later_months_back() {
    for shop in shops().await {
        let [first, second] = [bought(&shop, shop.plan).await, bought(&shop, shop.plan).await];
        refunded(&shop, first, PRICE.minor).await;
        assert_eq!(days(&shop, second).await, from_to("2026-03-01", "2026-04-01"));
        let (number, reference) = (shop.gateway.refunded()[0].clone(), shop.reference_of(first).await);
        let provider = Some(format!("gw-{number}"));
        let failed = Note::refund("e9", "", &reference, Status::Failed("account closed".into()), PRICE);
        shop.notify(&Note { merchant: Some(number), provider, ..failed }).await;
        assert_eq!(days(&shop, first).await, from_to("2026-03-01", "2026-04-01"));
        assert_eq!(days(&shop, second).await, from_to("2026-04-01", "2026-05-01"));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_of_one_tier_moves_nothing_of_another() {
    for shop in shops().await {
        let names = vec![("en".parse().unwrap(), "Silver".to_owned())];
        let silver = shop.memberships.create_tier(&shop.admin, "silver", names, 10).await.unwrap().id;
        let silver = plan(&shop, silver, Interval::Month).await;
        let gold = bought(&shop, shop.plan).await;
        let [_, ahead] = [bought(&shop, silver).await, bought(&shop, silver).await];
        refunded(&shop, gold, PRICE.minor).await;
        assert_eq!(days(&shop, ahead).await, from_to("2026-04-01", "2026-05-01"));
        assert_eq!((shop.entitled().await, shop.events("entitlement.moved").await), (false, 0));
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn months_refunded_at_once_leave_no_gap() {
    for shop in shops().await {
        let mut orders = Vec::new();
        for _ in 0..5 {
            orders.push(bought(&shop, shop.plan).await);
        }
        let refund = |order| RefundOrder {
            order,
            minor: PRICE.minor,
            reason: String::new(),
            idempotency_key: Id::new().to_string(),
        };
        let (a, b, c) = tokio::join!(
            shop.payments.refund(&shop.admin, refund(orders[0])),
            shop.payments.refund(&shop.admin, refund(orders[1])),
            shop.payments.refund(&shop.admin, refund(orders[3])),
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(days(&shop, orders[2]).await, from_to("2026-03-01", "2026-04-01"));
        assert_eq!(days(&shop, orders[4]).await, from_to("2026-04-01", "2026-05-01"));
        shop.close().await;
    }
}
