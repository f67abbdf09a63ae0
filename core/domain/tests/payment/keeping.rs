//! The database keeps its word: facts and the ledger are only added to, and
//! every ledger transaction balances, whoever writes.

use sea_orm::{ConnectionTrait, Statement};

use crate::shop::{Shop, shops};

async fn refuses(shop: &Shop, statements: &[&str]) {
    let write = shop.db.write().await.unwrap();
    for sql in statements {
        let statement = Statement::from_string(shop.db.dialect().backend(), *sql);
        if write.connection().execute_raw(statement).await.is_err() {
            return;
        }
    }
    assert!(write.commit().await.is_err(), "{statements:?} was accepted");
}

#[tokio::test]
async fn nobody_changes_or_deletes_facts_and_postings() {
    for shop in shops().await {
        shop.paid("k1").await;
        let before = shop.balances().await;
        for table in ["payment_fact", "ledger_transaction", "ledger_entry"] {
            refuses(&shop, &[&format!("UPDATE {table} SET id = 'x'")]).await;
            refuses(&shop, &[&format!("DELETE FROM {table}")]).await;
        }
        refuses(&shop, &["UPDATE ledger_entry SET amount_minor = 1"]).await;
        assert_eq!(shop.balances().await, before);
        assert_eq!(shop.count("ledger_entry").await, 4);
        shop.close().await;
    }
}

#[tokio::test]
async fn a_transaction_that_does_not_balance_is_refused_by_the_database() {
    for shop in shops().await {
        shop.paid("k1").await;
        let account = shop.text("SELECT MIN(id) AS x FROM ledger_account").await;
        let old = shop.text("SELECT MIN(id) AS x FROM ledger_transaction").await;
        let entry = |id: &str, transaction: &str, side: &str, minor: i64, currency: &str| {
            format!(
                "INSERT INTO ledger_entry VALUES ('{id}', '{transaction}', '{account}', '{side}', {minor}, '{currency}', 'now')"
            )
        };
        let header = "INSERT INTO ledger_transaction VALUES ('t', 'k', 'h', 'now')";
        let debit = entry("a", "t", "debit", 5, "CNY");
        for credit in [entry("b", "t", "credit", 4, "CNY"), entry("b", "t", "credit", 5, "USD")] {
            refuses(&shop, &[&debit, &credit, header]).await;
        }
        let good = entry("b", "t", "credit", 5, "CNY");
        refuses(&shop, &[header]).await;
        refuses(&shop, &[&debit, header]).await;
        refuses(&shop, &[&debit, &good]).await;
        refuses(&shop, &[header, &debit, &good]).await;
        refuses(&shop, &[&entry("a", &old, "debit", 5, "CNY"), &entry("b", &old, "credit", 5, "CNY")]).await;
        refuses(&shop, &[&entry("a", "t", "debit", -5, "CNY")]).await;
        assert_eq!(shop.count("ledger_transaction").await, 2);
        shop.close().await;
    }
}

#[tokio::test]
async fn one_order_gives_one_entitlement_even_by_hand() {
    for shop in shops().await {
        let (order, _) = shop.paid("k1").await;
        let user = shop.buyer.user.unwrap();
        let tier = shop.tier;
        let sql = format!(
            "INSERT INTO entitlement (id, user_id, kind, tier_id, order_id, starts_at, created_at) \
             VALUES ('x', '{user}', 'tier', '{tier}', '{order}', 'now', 'now')"
        );
        refuses(&shop, &[&sql]).await;
        assert_eq!(shop.count("entitlement").await, 1);
        shop.close().await;
    }
}
