//! Refunds: partial, full, too much, unknown, and failed after all.

use lyceum_domain::payment::{ObjectKind, RefundOrder, RefundState, Status};
use lyceum_kernel::{ErrorCode, Id, Money};

use crate::{
    gateway::{Note, Script},
    shop::{PRICE, Shop, balances, shops},
};

fn of(order: Id, minor: i64, key: &str) -> RefundOrder {
    RefundOrder { order, minor, reason: "asked".into(), idempotency_key: key.into() }
}

/// Under a key of its own.
async fn refund(shop: &Shop, order: Id, minor: i64) -> Result<RefundState, ErrorCode> {
    let outcome = shop.payments.refund(&shop.admin, of(order, minor, Id::new().as_str())).await;
    outcome.map(|o| o.state).map_err(|failure| failure.code())
}

#[tokio::test]
async fn a_full_refund_takes_the_membership_and_a_partial_one_does_not() {
    for shop in shops().await {
        let (order, _) = shop.paid("k1").await;
        assert_eq!(refund(&shop, order, 900).await, Ok(RefundState::Succeeded));
        assert!(shop.entitled().await);
        assert_eq!(refund(&shop, order, 1001).await, Err(ErrorCode::BadUserInput));
        assert_eq!(refund(&shop, order, 0).await, Err(ErrorCode::BadUserInput));
        assert_eq!(refund(&shop, order, 1000).await, Ok(RefundState::Succeeded));
        assert!(!shop.entitled().await);
        assert_eq!(refund(&shop, order, 1).await, Err(ErrorCode::InvalidState));
        assert_eq!(shop.state(order).await, "paid");
        assert_eq!(shop.count("customer_order WHERE refunded_minor = 1900").await, 1);
        assert_eq!((shop.events("refund.succeeded").await, shop.events("entitlement.revoked").await), (2, 1));
        assert_eq!(shop.balances().await, balances(&[("deferred-revenue", -1900), ("refunds", 1900)]));
        shop.close().await;
    }
}

#[tokio::test]
async fn only_who_may_manage_orders_refunds_and_only_what_was_paid() {
    for shop in shops().await {
        let (order, _) = shop.ordered("k1").await;
        let denied = shop.payments.refund(&shop.buyer, of(order, 1900, "k")).await.unwrap_err();
        assert_eq!(denied.code(), ErrorCode::Forbidden);
        assert_eq!(refund(&shop, order, 1900).await, Err(ErrorCode::InvalidState));
        assert_eq!(refund(&shop, Id::new(), 1900).await, Err(ErrorCode::NotFound));
        assert_eq!((shop.count("refund").await, shop.gateway.refunded().len()), (0, 0));
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refunds_at_once_never_give_back_more_than_was_paid() {
    for shop in shops().await {
        let (order, _) = shop.paid("k1").await;
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let (payments, admin) = (shop.payments.clone(), shop.admin.clone());
                tokio::spawn(async move { payments.refund(&admin, of(order, 800, &n.to_string())).await.is_ok() })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += i32::from(task.await.unwrap());
        }
        assert_eq!((done, shop.gateway.refunded().len()), (2, 2));
        assert_eq!(shop.count("customer_order WHERE refunded_minor = 1600").await, 1);
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_refund_ten_times_at_once_goes_out_once() {
    for shop in shops().await {
        let (order, _) = shop.paid("k1").await;
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (payments, admin) = (shop.payments.clone(), shop.admin.clone());
                tokio::spawn(async move { payments.refund(&admin, of(order, 100, "once")).await.unwrap().refund_id })
            })
            .collect();
        let mut refunds = Vec::new();
        for task in tasks {
            refunds.push(task.await.unwrap());
        }
        refunds.dedup();
        assert_eq!((refunds.len(), shop.gateway.refunded().len()), (1, 1));
        assert_eq!(shop.count("customer_order WHERE refunded_minor = 100").await, 1);
        let again = shop.payments.refund(&shop.admin, of(order, 100, "once")).await.unwrap();
        assert_eq!((again.refund_id, again.state), (refunds[0], RefundState::Succeeded));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_key_stands_for_one_refund_of_one_person() {
    for shop in shops().await {
        let ((order, _), (other, _)) = (shop.paid("k1").await, shop.paid("k2").await);
        shop.payments.refund(&shop.admin, of(order, 100, "k")).await.unwrap();
        for input in
            [of(order, 101, "k"), of(other, 100, "k"), RefundOrder { reason: "other".into(), ..of(order, 100, "k") }]
        {
            let refused = shop.payments.refund(&shop.admin, input).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::IdempotencyConflict);
        }
        let empty = shop.payments.refund(&shop.admin, of(order, 100, "")).await.unwrap_err();
        assert_eq!((empty.code(), empty.path().join(".")), (ErrorCode::BadUserInput, "input.idempotencyKey".into()));
        let colleague = lyceum_kernel::Viewer { user: Some(Id::new()), ..shop.admin.clone() };
        shop.payments.refund(&colleague, of(order, 100, "k")).await.unwrap();
        assert_eq!(shop.gateway.refunded().len(), 2);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_whose_outcome_is_unknown_keeps_its_number() {
    for script in [Script::AnswerLost, Script::RequestLost, Script::NotSent, Script::Trap] {
        for shop in shops().await {
            let (order, _) = shop.paid("k1").await;
            shop.gateway.will(&[script]);
            assert_eq!(refund(&shop, order, 1900).await, Ok(RefundState::Requested));
            assert!(shop.entitled().await);
            // It is reserved: nobody refunds it a second time.
            assert_eq!(refund(&shop, order, 1900).await, Err(ErrorCode::InvalidState));
            shop.wait(15);
            shop.sweep().await;
            assert!(!shop.entitled().await, "{script:?}");
            let numbers = shop.gateway.refunded();
            assert!(numbers.iter().all(|n| *n == numbers[0]), "{script:?}: {numbers:?}");
            assert_eq!(numbers.len(), if script == Script::AnswerLost { 1 } else { 2 });
            assert_eq!(shop.count("customer_order WHERE refunded_minor = 1900").await, 1);
            shop.close().await;
        }
    }
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_refund_converges_under_its_number() {
    for script in [Script::HangBefore, Script::HangAfter] {
        for shop in shops().await {
            let (order, _) = shop.paid("k1").await;
            shop.gateway.will(&[script]);
            shop.gateway.dies_in(shop.payments.refund(&shop.admin, of(order, 1900, "k"))).await;
            shop.wait(15);
            shop.sweep().await;
            assert_eq!(shop.count("refund WHERE state = 'succeeded'").await, 1, "{script:?}");
            let numbers = shop.gateway.refunded();
            assert!(numbers.iter().all(|n| *n == numbers[0]));
            assert!(!shop.entitled().await);
            shop.close().await;
        }
    }
}

#[tokio::test]
async fn a_declined_refund_frees_its_amount() {
    for shop in shops().await {
        let (order, _) = shop.paid("k1").await;
        shop.gateway.will(&[Script::Declined]);
        assert_eq!(refund(&shop, order, 1900).await, Ok(RefundState::Failed));
        assert!(shop.entitled().await);
        assert_eq!(refund(&shop, order, 1900).await, Ok(RefundState::Succeeded));
        assert_eq!(shop.balances().await, balances(&[("deferred-revenue", -1900), ("refunds", 1900)]));
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_gives_the_membership_back() {
    for shop in shops().await {
        let (order, reference) = shop.paid("k1").await;
        assert_eq!(refund(&shop, order, 1900).await, Ok(RefundState::Succeeded));
        assert!(!shop.entitled().await);
        let number = shop.gateway.refunded()[0].clone();
        let provider = Some(format!("gw-{number}"));
        let failed = Note::refund("e9", "", &reference, Status::Failed("account closed".into()), PRICE);
        let failed = Note { merchant: Some(number), provider, ..failed };
        assert_eq!(shop.notify(&failed).await.status, 200);
        assert!(shop.entitled().await);
        assert_eq!(shop.count("customer_order WHERE refunded_minor = 0").await, 1);
        let ledger = balances(&[("clearing:fake/test/shop", 1900), ("deferred-revenue", -1900)]);
        assert_eq!(shop.balances().await, ledger);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_refund_made_at_the_provider_counts_too() {
    for shop in shops().await {
        let (order, reference) = shop.paid("k1").await;
        let half = Money { minor: 950, ..PRICE };
        shop.notify(&Note::refund("e8", "re-1", &reference, Status::Succeeded, half)).await;
        assert!(shop.entitled().await);
        assert_eq!(refund(&shop, order, 951).await, Err(ErrorCode::BadUserInput));
        shop.notify(&Note::refund("e9", "re-2", &reference, Status::Succeeded, half)).await;
        assert!(!shop.entitled().await);
        assert_eq!(shop.count("refund WHERE requested_by IS NULL").await, 2);
        shop.close().await;
    }
}

#[tokio::test]
async fn an_open_dispute_blocks_refunds_and_a_lost_one_takes_the_membership() {
    for shop in shops().await {
        let (order, reference) = shop.paid("k1").await;
        let about = |id: &str, status| Note {
            kind: ObjectKind::Dispute,
            ..Note::refund(id, "dp-1", &reference, status, PRICE)
        };
        shop.notify(&about("d1", Status::NeedsResponse)).await;
        assert_eq!(refund(&shop, order, 1).await, Err(ErrorCode::InvalidState));
        assert!(shop.entitled().await);
        shop.notify(&about("d2", Status::Lost)).await;
        assert!(!shop.entitled().await);
        assert_eq!(shop.balances().await, balances(&[("deferred-revenue", -1900), ("dispute-loss", 1900)]));
        shop.close().await;
    }
}
