//! Tiers, plans, checkout and refunds.

use lyceum_domain::{
    membership::{CreatePlan, Interval},
    payment::{Checkout, RefundOrder},
};
use lyceum_kernel::{Failure, Locale, Money, Result};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{Call, Done, Made, Registry, id_at, optional_id_at, text_at, typed};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>) {
    registry.inputs.object(
        "LocalisedTextInput",
        "A text in one language.",
        vec![
            Input::new("locale", InputType::String, "The language.").required(),
            Input::new("text", InputType::String, "The text.").required(),
        ],
    );
    registry.add(
        "createTier",
        "Makes a level of membership.",
        vec![
            Input::new("key", InputType::String, "The name in code: small letters, digits, `-`.").required(),
            Input::new("names", InputType::Object("LocalisedTextInput".into()), "The name in each language.")
                .list()
                .required(),
            Input::new("rank", InputType::Int, "The place among the tiers, which no other one has; higher opens more.")
                .required(),
        ],
        vec![Output::new("tier", "Tier", "The tier.")],
        create_tier,
    );
    registry.add(
        "createPlan",
        "Sets a price for a tier.",
        vec![
            Input::new("tierId", InputType::Id, "The tier.").required(),
            Input::new("key", InputType::String, "The name in code."),
            Input::new("interval", InputType::Enum("PlanInterval".into()), "How long one payment lasts.").required(),
            Input::new("price", InputType::Object("MoneyInput".into()), "What one interval costs.").required(),
            Input::new("trialDays", InputType::Int, "Days that are free at first, once for a proven e-mail address."),
        ],
        vec![Output::new("plan", "Plan", "The plan.")],
        create_plan,
    );
    registry.inputs.one_of(
        "CheckoutItem",
        "What is bought: exactly one of these.",
        vec![
            Input::new("planId", InputType::Id, "A plan of a tier."),
            Input::new("courseId", InputType::Id, "A course."),
        ],
    );
    registry.add(
        "checkout",
        "Places an order for a plan or a course and answers where to pay it. The price is that of the plan or course. What is bought for ever has one open order: asked for again, also with another key, it is answered again.",
        vec![
            Input::new(
                "item",
                InputType::Object("CheckoutItem".into()),
                "What is bought. Give it, or `planId`, or `courseId`.",
            ),
            Input::new("planId", InputType::Id, "The plan that is bought, instead of `item`."),
            Input::new("courseId", InputType::Id, "The course that is bought, instead of `item`."),
            Input::new("provider", InputType::String, "The payment provider, such as `sandbox`.").required(),
            Input::new(
                "returnUrl",
                InputType::String,
                "Where the buyer comes back to. It never decides whether an order is paid.",
            )
            .required(),
            Input::new("idempotencyKey", InputType::String, "The same key with the same input gives the same order.")
                .required(),
        ],
        vec![
            Output::new("order", "Order", "The order."),
            Output::new("redirectUrl", "String", "Where to pay; null when there is nothing to pay."),
        ],
        checkout,
    );
    registry.add(
        "refundOrder",
        "Gives money back. When all of it went back the entitlement ends, and what was bought after it moves forward.",
        vec![
            Input::new("orderId", InputType::Id, "The order.").required(),
            Input::new("amountMinor", InputType::Long, "How much, in minor units.").required(),
            Input::new("reason", InputType::String, "Why; at most 500 characters."),
            Input::new("idempotencyKey", InputType::String, "The same key with the same input is the same refund.")
                .required(),
        ],
        vec![
            Output::new("order", "Order", "The order."),
            Output::new("refundState", "String", "`requested`, `processing`, `succeeded`, `failed` or `canceled`.")
                .required(),
        ],
        refund,
    );
}

#[derive(Deserialize)]
struct Named {
    locale: String,
    text: String,
}

async fn create_tier(call: Call, input: Map<String, Json>) -> Result<Done> {
    let named: Vec<Named> = serde_json::from_value(input["names"].clone()).map_err(Failure::internal)?;
    let locales = &call.domains.locales;
    let name = |(index, named): (usize, Named)| -> Result<(Locale, String)> {
        let wrong = |error: lyceum_kernel::LocaleError| {
            Failure::input(&format!("input.names.{index}.locale"), error.to_string())
        };
        Ok((locales.find(&named.locale).map_err(wrong)?.clone(), named.text))
    };
    let names = named.into_iter().enumerate().map(name).collect::<Result<_>>()?;
    let rank = input["rank"].as_i64().unwrap_or_default();
    let tier = call.domains.memberships.create_tier(&call.viewer, text_at(&input, "key"), names, rank).await?;
    Ok(Done::new(vec![("tier", Made::Entity("tier".into(), tier.id))]))
}

async fn create_plan(call: Call, input: Map<String, Json>) -> Result<Done> {
    let money = |field: &str| Failure::input(&format!("input.price.{field}"), "This is not a price.");
    let price = &input["price"];
    let currency = price["currency"].as_str().and_then(|code| code.parse().ok()).ok_or_else(|| money("currency"))?;
    let interval: Interval = text_at(&input, "interval").to_ascii_lowercase().parse().map_err(Failure::internal)?;
    let plan = CreatePlan {
        key: input.get("key").and_then(Json::as_str).map(str::to_owned),
        tier: id_at(&input, "tierId", "tier")?,
        interval,
        price: Money::new(price["minor"].as_i64().ok_or_else(|| money("minor"))?, currency),
        trial_days: input.get("trialDays").and_then(Json::as_i64).unwrap_or_default(),
    };
    let plan = call.domains.memberships.create_plan(&call.viewer, plan).await?;
    Ok(Done::new(vec![("plan", Made::Entity("plan".into(), plan.id))]))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckoutInput {
    provider: String,
    return_url: String,
    idempotency_key: String,
}

async fn checkout(call: Call, input: Map<String, Json>) -> Result<Done> {
    let item = |name: &str, prefix: &str| {
        let within = input.get("item").and_then(Json::as_object).filter(|item| item.contains_key(name));
        if within.is_some() && input.contains_key(name) {
            return Err(Failure::input(&format!("input.{name}"), "Give it here or in \"item\", not in both."));
        }
        optional_id_at(within.unwrap_or(&input), name, prefix)
    };
    let (plan_id, course_id) = (item("planId", "plan")?, item("courseId", "course")?);
    let CheckoutInput { provider, return_url, idempotency_key } = typed(input)?;
    let checkout = Checkout { plan_id, course_id, provider, return_url, idempotency_key };
    let outcome = call.domains.payments.checkout(&call.viewer, checkout).await?;
    Ok(Done::new(vec![
        ("order", Made::Entity("order".into(), outcome.order_id)),
        ("redirectUrl", Made::Json(outcome.redirect_url.into())),
    ]))
}

async fn refund(call: Call, input: Map<String, Json>) -> Result<Done> {
    let order = id_at(&input, "orderId", "order")?;
    let minor = input.get("amountMinor").and_then(Json::as_i64);
    let refund = RefundOrder {
        order,
        minor: minor.ok_or_else(|| Failure::input("input.amountMinor", "Say how much is given back."))?,
        reason: text_at(&input, "reason").to_owned(),
        idempotency_key: text_at(&input, "idempotencyKey").to_owned(),
    };
    let outcome = call.domains.payments.refund(&call.viewer, refund).await?;
    Ok(Done::new(vec![
        ("order", Made::Entity("order".into(), order)),
        ("refundState", Made::Json(outcome.state.as_str().into())),
    ]))
}
