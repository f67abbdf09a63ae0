//! The pay page: what the buyer sees, and the buyer's decision.
//!
//! **Invariant:** every value from outside passes through [`Escaped`]; the
//! page loads nothing and runs no script. The return address carries the
//! merchant's reference and never a state.

use std::{fmt, sync::Arc};

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{Decision, Delivery, Gateway, PaymentStatus, Refusal, model::Payment, texts::Language};

const STYLE: &str = include_str!("page.css");

const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionForm {
    action: Decision,
    #[serde(rename = "deliver")]
    delivery: Option<Delivery>,
}

pub(crate) async fn show(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let language = Language::of(&headers);
    match gateway.with_books(|books, _| books.payment_by_id(&id)) {
        Ok(payment) => (HEADERS, Html(payment_page(&payment, gateway.switches().delivery, language))).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, HEADERS, Html(missing_page(language))).into_response(),
    }
}

/// A payment that is decided already stays as it is: a second click only
/// leads back to the shop.
pub(crate) async fn decide(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    Form(form): Form<DecisionForm>,
) -> Result<Redirect, Refusal> {
    let payment = gateway.with_books(|books, _| books.payment_by_id(&id))?;
    let delivery = form.delivery.unwrap_or(gateway.switches().delivery);
    match gateway.decide(&payment.merchant_ref, form.action, delivery, false) {
        Ok(_) | Err(Refusal::AlreadyDecided) => Ok(Redirect::to(&return_address(&payment))),
        Err(refusal) => Err(refusal),
    }
}

/// The return address with `merchantRef` appended to its query.
fn return_address(payment: &Payment) -> String {
    let mut url = reqwest::Url::parse(&payment.return_url).expect("the address was checked at creation");
    url.query_pairs_mut().append_pair("merchantRef", &payment.merchant_ref);
    url.into()
}

fn payment_page(payment: &Payment, delivery: Delivery, language: Language) -> String {
    let body = format!(
        "<p class=\"title\">{title}</p>\n<p class=\"amount\">{amount}</p>\n<p class=\"ref\">{label} {reference}</p>\n{rest}",
        title = Escaped(&payment.title),
        amount = Escaped(&payment.amount.to_string()),
        label = language.say("Reference", "订单号"),
        reference = Escaped(&payment.merchant_ref),
        rest = match payment.status {
            PaymentStatus::Open => form(delivery, language),
            _ => outcome(payment, language),
        },
    );
    document(&body, language)
}

fn form(delivery: Delivery, language: Language) -> String {
    format!(
        "<form method=\"post\">\n\
         <button class=\"main\" name=\"action\" value=\"pay\">{pay}</button>\n\
         <div class=\"pair\"><button name=\"action\" value=\"decline\">{decline}</button>\
         <button name=\"action\" value=\"cancel\">{cancel}</button></div>\n\
         <fieldset><legend>{legend}</legend>\n{switches}</fieldset>\n</form>",
        pay = language.say("Pay", "确认支付"),
        decline = language.say("Decline", "模拟失败"),
        cancel = language.say("Cancel", "取消支付"),
        legend = language.say("Tell the shop (webhook)", "如何通知商家（Webhook）"),
        switches = Delivery::ALL.iter().map(|each| delivery_switch(*each, delivery, language)).collect::<String>(),
    )
}

fn delivery_switch(delivery: Delivery, chosen: Delivery, language: Language) -> String {
    format!(
        "<label><input type=\"radio\" name=\"deliver\" value=\"{}\"{}> {}</label>\n",
        delivery.name(),
        if delivery == chosen { " checked" } else { "" },
        language.delivery(delivery),
    )
}

fn outcome(payment: &Payment, language: Language) -> String {
    format!(
        "<p class=\"state\" role=\"status\">{}</p>\n<p><a class=\"back\" href=\"{}\">{}</a></p>",
        language.status(payment.status),
        Escaped(&return_address(payment)),
        language.say("Back to the shop", "返回商家"),
    )
}

fn missing_page(language: Language) -> String {
    let text = language.say("There is no such payment.", "没有这笔支付。");
    document(&format!("<p class=\"state\" role=\"status\">{text}</p>"), language)
}

fn document(body: &str, language: Language) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{name}</h1>\n<p class=\"note\">{note}</p>\n{body}\n</main>\n</body>\n</html>\n",
        tag = language.tag(),
        name = language.say("Sandbox payment", "沙箱支付"),
        note = language.say(
            "This is a sandbox. No money moves, whatever you press.",
            "这是沙箱环境。无论点击哪个按钮，都不会产生真实扣款。",
        ),
    )
}

/// Text for HTML content and for attribute values in double quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => write!(f, "{other}"),
        })
    }
}
