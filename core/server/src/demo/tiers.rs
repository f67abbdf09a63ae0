//! The tiers and plans of the demo.

use std::collections::BTreeMap;

use lyceum_domain::membership::CreatePlan;
use lyceum_kernel::{ErrorCode, Failure, Id, Locale, Money, Viewer};
use lyceum_store::failed;
use sea_orm::{ConnectionTrait as _, Statement};
use serde::Deserialize;

use crate::{StartError, app::App};

const TIERS: &str = include_str!("../../../../examples/demo/tiers.json");

#[derive(Deserialize)]
struct Tier {
    key: String,
    rank: i64,
    name: BTreeMap<String, String>,
    plans: Vec<Plan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    interval: String,
    price: Money,
    trial_days: i64,
}

pub(super) async fn create(app: &App, viewer: &Viewer) -> Result<(), StartError> {
    let tiers: Vec<Tier> = serde_json::from_str(TIERS).map_err(Failure::internal)?;
    for tier in tiers {
        let id = match known(app, &tier.key).await? {
            Some(id) => id,
            None => app.domains().memberships.create_tier(viewer, &tier.key, names(app, &tier)?, tier.rank).await?.id,
        };
        for plan in tier.plans {
            sell(app, viewer, &tier.key, id, plan).await?;
        }
    }
    Ok(())
}

fn names(app: &App, tier: &Tier) -> Result<Vec<(Locale, String)>, Failure> {
    let locale = |language: &str| app.domains().locales.find(language).cloned().map_err(Failure::internal);
    tier.name.iter().map(|(language, name)| Ok((locale(language)?, name.clone()))).collect()
}

/// A plan that is there already is known by its key.
async fn sell(app: &App, viewer: &Viewer, key: &str, tier: Id, plan: Plan) -> Result<(), Failure> {
    let new = CreatePlan {
        key: Some(format!("{key}-{}", plan.interval)),
        tier,
        interval: plan.interval.parse().map_err(Failure::internal)?,
        price: plan.price,
        trial_days: plan.trial_days,
    };
    match app.domains().memberships.create_plan(viewer, new).await {
        Err(failure) if failure.code() != ErrorCode::Conflict => Err(failure),
        _ => Ok(()),
    }
}

async fn known(app: &App, key: &str) -> Result<Option<Id>, Failure> {
    let database = &app.domains().database;
    let sql = "SELECT id FROM tier WHERE key = $1";
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [key.into()]);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| row.try_get::<String>("", "id").map_err(failed)?.parse().map_err(Failure::internal)).transpose()
}
