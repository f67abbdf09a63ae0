//! Checkout: the order is committed first, then the provider is called, then
//! its answer is folded.

use lyceum_kernel::{ErrorCode, Failure, Id, Money, Result, Viewer};
use lyceum_store::Write;
use sha2::{Digest, Sha256};

use super::{
    events,
    fold::FactKind,
    ledger,
    model::{Checkout, CheckoutOutcome, OrderState, PaymentState},
    port::{ProviderError, ProviderOrder, View},
    service::{Asked, Payments, Till, Verdict, next_query, query_delay, signed_in, unavailable, verdict},
    store::{self, Order, Payment},
    way_back::web_host,
};
use crate::{
    identity::{self, take_within},
    membership::{Interval, Plan},
};

/// What is sold, at the price of the house.
struct Offer {
    plan: Option<Plan>,
    course: Option<Id>,
    /// The tier whose members have it: the plan's, or the one that opens the course.
    tier: Option<Id>,
    title: String,
    price: Money,
}

impl Offer {
    /// Whether nobody needs it twice. A month can be added to a month.
    fn is_for_life(&self) -> bool {
        self.plan.as_ref().is_none_or(|plan| plan.interval == Interval::Once)
    }
}

/// What placing an order came to.
enum Placed {
    /// Nothing to pay.
    Paid(Id),
    ToPay(Box<(Order, Payment)>),
    /// Another request with the same key was first.
    Before,
    /// Orders of the same thing wait for payment.
    Open(Vec<Order>),
}

impl Payments {
    /// Orders a plan or a course and opens its payment. The same key with the
    /// same input gives the same order; a payment that was not sent or whose
    /// outcome is unknown goes on under the same merchant reference.
    ///
    /// What is bought once has one open order: a second request, also with
    /// another key, goes on with it, or closes it when it pays in another way.
    ///
    /// # Errors
    /// `BAD_USER_INPUT`, `IDEMPOTENCY_CONFLICT`, `INVALID_STATE` (not for
    /// sale, owned or opened for life already), `CONFLICT` (the first request still runs),
    /// `EMAIL_NOT_VERIFIED` (for a trial), `TOO_MANY_OPEN_ORDERS`, `RATE_LIMITED`,
    /// `PAYMENT_DECLINED`, `PAYMENT_UNKNOWN`, `PAYMENT_PROVIDER_UNAVAILABLE`.
    /// The last three carry `orderId` where there is an order.
    pub async fn checkout(&self, viewer: &Viewer, checkout: Checkout) -> Result<CheckoutOutcome> {
        let user = signed_in(viewer)?;
        self.check(&checkout)?;
        if let Some(order) = store::order_by_key(self.db.reader(), user, &checkout.idempotency_key).await? {
            return self.go_on(order, &checkout).await;
        }
        let offer = self.offer(&checkout).await?;
        match self.place(user, &checkout, &offer, &[]).await? {
            Placed::Open(open) => self.go_on_or_replace(user, &checkout, &offer, open).await,
            placed => self.placed(user, &checkout, placed).await,
        }
    }

    async fn placed(&self, user: Id, checkout: &Checkout, placed: Placed) -> Result<CheckoutOutcome> {
        match placed {
            Placed::Paid(order) => self.outcome(order).await,
            Placed::ToPay(placed) => self.send(&placed.0, &placed.1).await,
            Placed::Before => {
                let order = store::order_by_key(self.db.reader(), user, &checkout.idempotency_key).await?;
                self.go_on(order.ok_or_else(|| Failure::not_found("order"))?, checkout).await
            }
            Placed::Open(open) => Err(open.first().map_or_else(|| Failure::not_found("order"), |o| running(o.id))),
        }
    }

    /// The open order that this request could have made is used again. Others
    /// are closed first; one that the provider does not close stays, and is an
    /// incident should it be paid as well.
    async fn go_on_or_replace(
        &self,
        user: Id,
        checkout: &Checkout,
        offer: &Offer,
        open: Vec<Order>,
    ) -> Result<CheckoutOutcome> {
        let mut left = Vec::new();
        for order in open {
            let payment = store::payment_of_order(self.db.reader(), order.id).await?;
            if payment.as_ref().is_some_and(|p| p.frozen) {
                return Err(unknown(order.id));
            }
            let in_time = payment.is_some_and(|p| self.db.now() < p.expires_at);
            if in_time && order.amount == offer.price && order.request_hash == request_hash(checkout) {
                return self.resume(order).await;
            }
            if !self.is_withdrawn(order.id).await {
                left.push(order.id);
            }
        }
        let placed = self.place(user, checkout, offer, &left).await?;
        self.placed(user, checkout, placed).await
    }

    /// Whether no money is expected for an order any more.
    async fn is_withdrawn(&self, order: Id) -> bool {
        match self.withdraw(order).await {
            Ok(state) => state != OrderState::Placed,
            Err(failure) => {
                tracing::warn!(%order, ?failure, "an order could not be closed for another one of the same thing");
                false
            }
        }
    }

    fn check(&self, checkout: &Checkout) -> Result<()> {
        if !(1..=200).contains(&checkout.idempotency_key.chars().count()) {
            return Err(Failure::input("input.idempotencyKey", "The key has 1 to 200 characters."));
        }
        match self.settings.way_back(&checkout.return_url) {
            Some(_) => Ok(()),
            None if web_host(&checkout.return_url).is_some() => {
                let text = "This host is not one to return to. The operator names them in payments.return_hosts.";
                Err(Failure::input("input.returnUrl", text))
            }
            None => Err(Failure::input("input.returnUrl", "The URL must begin with https:// or http:// and a host.")),
        }
    }

    async fn offer(&self, checkout: &Checkout) -> Result<Offer> {
        match (checkout.plan_id, checkout.course_id) {
            (Some(plan), None) => self.plan_offer(plan).await,
            (None, Some(course)) => self.course_offer(course).await,
            _ => Err(Failure::input("input", "Name exactly one of planId and courseId.")),
        }
    }

    async fn plan_offer(&self, id: Id) -> Result<Offer> {
        let plan = self.memberships.plan(id).await?.ok_or_else(|| Failure::not_found("plan").at("input.planId"))?;
        if !plan.active {
            return Err(invalid_state("This plan is not on sale."));
        }
        let title = format!("{} ({})", plan.tier_name, plan.interval);
        Ok(Offer { price: plan.price, tier: Some(plan.tier), plan: Some(plan), course: None, title })
    }

    async fn course_offer(&self, id: Id) -> Result<Offer> {
        let course = self.catalog.sellable_course(id).await?.filter(|c| c.published);
        let course = course.ok_or_else(|| Failure::not_found("course").at("input.courseId"))?;
        let price = course.price.ok_or_else(|| invalid_state("This course is not sold on its own."))?;
        if price.minor < 0 {
            return Err(Failure::internal(format!("the course {id} has a negative price")));
        }
        Ok(Offer { plan: None, course: Some(course.id), tier: course.tier, title: course.title, price })
    }

    /// Commits the order, and with it the merchant reference, before anything
    /// is sent. `beside` are open orders of the same thing that nobody could
    /// close.
    async fn place(&self, user: Id, checkout: &Checkout, offer: &Offer, beside: &[Id]) -> Result<Placed> {
        let mut write = self.db.write().await?;
        // Of two orders at once the second sees what the first was given.
        self.memberships.lock_person(&write, user).await?;
        if store::order_by_key(write.connection(), user, &checkout.idempotency_key).await?.is_some() {
            return Ok(Placed::Before);
        }
        self.check_owned(&write, user, offer).await?;
        let open = open_orders_of(&write, user, checkout, offer, beside).await?;
        if !open.is_empty() {
            // Closing them calls the provider, so it is counted.
            take_within(&write, &format!("checkout:{user}"), self.settings.checkouts_per_person).await?;
            write.commit().await?;
            return Ok(Placed::Open(open));
        }
        let mut order = self.new_order(&write, user, checkout, offer).await?;
        let free = order.amount.minor == 0;
        let till = if free { None } else { Some(self.till(&checkout.provider)?) };
        order.provider = till.as_ref().map(|t| t.account.provider.clone());
        if !store::insert_order(&write, &order).await? {
            return Ok(Placed::Before);
        }
        take_within(&write, &format!("checkout:{user}"), self.settings.checkouts_per_person).await?;
        write.emit(&events::order("placed", &order)).await?;
        let Some(till) = till else {
            self.fulfil(&mut write, &order).await?;
            write.commit().await?;
            return Ok(Placed::Paid(order.id));
        };
        self.check_open_orders(&write, user).await?;
        let payment = self.open_payment(&write, &order, &till).await?;
        write.commit().await?;
        Ok(Placed::ToPay(Box::new((order, payment))))
    }

    /// Refuses what the person has for ever. Who reads a course by a membership
    /// that ends may buy it.
    async fn check_owned(&self, write: &Write, user: Id, offer: &Offer) -> Result<()> {
        if let Some(course) = offer.course
            && self.memberships.owns_course(write, user, course).await?
        {
            return Err(invalid_state("You own this course already."));
        }
        match offer.tier {
            Some(tier) if self.memberships.has_for_life(write, user, tier).await? => {
                let course = "Your membership for life opens this course already.";
                let plan = "You have this tier, or a higher one, for life already.";
                Err(invalid_state(if offer.course.is_some() { course } else { plan }))
            }
            _ => Ok(()),
        }
    }

    async fn new_order(&self, write: &Write, user: Id, checkout: &Checkout, offer: &Offer) -> Result<Order> {
        let trial_tier = match &offer.plan {
            Some(plan) if plan.trial_days > 0 => self.trial(write, user, plan).await?,
            _ => None,
        };
        let minor = if trial_tier.is_some() { 0 } else { offer.price.minor };
        Ok(Order {
            id: Id::new(),
            user,
            plan: offer.plan.as_ref().map(|p| p.id),
            course: offer.course,
            title: offer.title.clone(),
            amount: Money { minor, ..offer.price },
            refunded: 0,
            state: OrderState::Placed,
            paid_at: None,
            provider: None,
            trial_tier,
            idempotency_key: checkout.idempotency_key.clone(),
            request_hash: request_hash(checkout),
            return_url: checkout.return_url.clone(),
        })
    }

    /// The tier of a plan, when this person is to have a trial of it. Whether
    /// the address had one is remembered beyond the account.
    async fn trial(&self, write: &Write, user: Id, plan: &Plan) -> Result<Option<Id>> {
        if self.memberships.ever_had(write, user, plan.tier).await? {
            return Ok(None);
        }
        let email = identity::proven_address(write, user).await?.ok_or_else(|| {
            let text = "A free trial needs a proven e-mail address. Use requestEmailVerification.";
            Failure::new(ErrorCode::EmailNotVerified, text).at("input.planId")
        })?;
        let address = self.key.fingerprint("trial", &one_mailbox(&email));
        Ok(self.memberships.begin_trial(write, &address, plan.tier).await?.then_some(plan.tier))
    }

    /// With the person locked, and the new order counted.
    async fn check_open_orders(&self, write: &Write, user: Id) -> Result<()> {
        let most = self.settings.open_orders;
        if store::open_orders(write.connection(), user).await? <= i64::from(most) {
            return Ok(());
        }
        let text = format!("At most {most} orders may wait for payment. Pay or cancel one first.");
        Err(Failure::new(ErrorCode::TooManyOpenOrders, text).with("limit", most))
    }

    async fn open_payment(&self, write: &Write, order: &Order, till: &Till) -> Result<Payment> {
        let (id, now) = (Id::new(), write.now());
        let payment = Payment {
            id,
            order: order.id,
            provider: till.account.provider.clone(),
            account: till.account.key(),
            merchant_ref: id.as_str().to_ascii_uppercase(),
            provider_ref: None,
            amount: order.amount,
            state: PaymentState::Submitting,
            redirect_url: None,
            expires_at: now.plus(self.settings.order_lifetime),
            next_query_at: Some(now.plus(query_delay(0))),
            query_count: 0,
            frozen: false,
        };
        store::insert_payment(write, &payment).await?;
        store::prepare_attempt(write, id, 1).await?;
        ledger::post(write, &payment.terms().placed()).await?;
        Ok(payment)
    }

    /// Sends a prepared attempt and folds the answer. No transaction is open
    /// while the provider is called.
    async fn send(&self, order: &Order, payment: &Payment) -> Result<CheckoutOutcome> {
        let till = self.till_of(payment)?;
        let answer = till.provider.create(&till.account.account, &provider_order(order, payment, &till)).await;
        self.answered(payment, answer).await?;
        self.outcome(order.id).await
    }

    async fn answered(&self, payment: &Payment, answer: Result<View, ProviderError>) -> Result<()> {
        let mut write = self.db.write().await?;
        match answer {
            Ok(view) => {
                store::end_attempt(&write, payment.id, "done", None).await?;
                self.settle(&mut write, payment.id, &view, "create").await?;
            }
            Err(error) => self.refused(&mut write, payment, &error).await?,
        }
        write.commit().await
    }

    async fn refused(&self, write: &mut Write, payment: &Payment, error: &ProviderError) -> Result<()> {
        let why = error.to_string();
        match verdict(error) {
            // Asking goes on all the same: a plugin can be wrong about this.
            Verdict::NotSent => store::end_attempt(write, payment.id, "not-sent", Some(&why)).await,
            Verdict::Unknown => store::end_attempt(write, payment.id, "unknown", Some(&why)).await,
            Verdict::Declined(reason) => {
                store::end_attempt(write, payment.id, "declined", Some(&why)).await?;
                self.settle_own(write, payment.id, FactKind::Failed, &reason).await
            }
        }
    }

    /// A repetition of a checkout.
    async fn go_on(&self, order: Order, checkout: &Checkout) -> Result<CheckoutOutcome> {
        if order.request_hash != request_hash(checkout) {
            let message = "This idempotency key was used before with another input.";
            return Err(Failure::new(ErrorCode::IdempotencyConflict, message).at("input.idempotencyKey"));
        }
        if let (OrderState::Placed, Some(course)) = (order.state, order.course)
            && self.catalog.sellable_course(course).await?.is_none()
        {
            return Err(Failure::not_found("course").at("input.courseId"));
        }
        self.resume(order).await
    }

    /// Goes on with an order where it stands.
    async fn resume(&self, order: Order) -> Result<CheckoutOutcome> {
        let payment = store::payment_of_order(self.db.reader(), order.id).await?;
        let Some(payment) = payment.filter(|p| p.state.is_open() && !p.frozen && p.redirect_url.is_none()) else {
            return self.outcome(order.id).await;
        };
        let attempt = store::last_attempt(self.db.reader(), payment.id).await?;
        match attempt.as_ref().map(|a| a.state.as_str()) {
            Some("prepared") if payment.next_query_at.is_some_and(|at| self.db.now() < at) => Err(running(order.id)),
            Some("prepared" | "unknown") => self.ask_then_send(&order, &payment).await,
            Some("not-sent") => self.send_again(&order, &payment).await,
            _ => self.outcome(order.id).await,
        }
    }

    /// Unknown is not failed: the provider is asked first, and only what it
    /// does not know is sent again, under the same reference.
    async fn ask_then_send(&self, order: &Order, payment: &Payment) -> Result<CheckoutOutcome> {
        let till = self.till_of(payment)?;
        match self.query(&till, payment, "query").await? {
            Asked::NotFound => self.send_again(order, payment).await,
            Asked::NoAnswer => Err(unknown(order.id)),
            Asked::Told => {
                let write = self.db.write().await?;
                store::end_attempt(&write, payment.id, "resolved", None).await?;
                write.commit().await?;
                self.outcome(order.id).await
            }
        }
    }

    async fn send_again(&self, order: &Order, payment: &Payment) -> Result<CheckoutOutcome> {
        let write = self.db.write().await?;
        let locked = store::lock_payment(&write, payment.id).await?.ok_or_else(|| Failure::not_found("payment"))?;
        let last = store::last_attempt(write.connection(), payment.id).await?;
        // Another request may have begun to send while we asked.
        if last.as_ref().is_some_and(|a| a.state == "prepared") && locked.next_query_at > payment.next_query_at {
            return Err(running(order.id));
        }
        if write.now() >= locked.expires_at || !locked.state.is_open() || locked.frozen {
            drop(write);
            return self.outcome(order.id).await;
        }
        store::end_attempt(&write, payment.id, "resolved", None).await?;
        store::prepare_attempt(&write, payment.id, last.map_or(1, |a| a.number + 1)).await?;
        let next = next_query(write.now(), 0, locked.expires_at);
        store::schedule_payment(&write, payment.id, next).await?;
        write.commit().await?;
        self.send(order, &locked).await
    }

    /// What the buyer is told about an order.
    async fn outcome(&self, order: Id) -> Result<CheckoutOutcome> {
        let reader = self.db.reader();
        let order = store::order(reader, order).await?.ok_or_else(|| Failure::not_found("order"))?;
        let payment = store::payment_of_order(reader, order.id).await?;
        let done = |redirect_url| Ok(CheckoutOutcome { order_id: order.id, redirect_url, state: order.state });
        let Some(payment) = payment.filter(|_| order.state == OrderState::Placed) else {
            let declined = order.state == OrderState::Canceled && self.was_declined(order.id).await?;
            return if declined { Err(declined_failure(order.id)) } else { done(None) };
        };
        if payment.frozen {
            return Err(unknown(order.id));
        }
        if payment.redirect_url.is_some() {
            return done(payment.redirect_url);
        }
        let attempt = store::last_attempt(reader, payment.id).await?;
        match attempt.as_ref().map(|a| a.state.as_str()) {
            Some("not-sent") => {
                Err(unavailable("The payment provider cannot be reached. Nothing was charged; try again.")
                    .with("orderId", order.id.with_prefix("order")))
            }
            Some("prepared" | "unknown") => Err(unknown(order.id)),
            _ => done(None),
        }
    }

    async fn was_declined(&self, order: Id) -> Result<bool> {
        let payment = store::payment_of_order(self.db.reader(), order).await?;
        Ok(payment.is_some_and(|p| p.state == PaymentState::Failed))
    }
}

/// Open orders that a new one would be the second of.
async fn open_orders_of(
    write: &Write,
    user: Id,
    checkout: &Checkout,
    offer: &Offer,
    beside: &[Id],
) -> Result<Vec<Order>> {
    if !offer.is_for_life() {
        return Ok(Vec::new());
    }
    let mut open = store::open_orders_of(write.connection(), user, checkout.plan_id, checkout.course_id).await?;
    open.retain(|order| !beside.contains(&order.id));
    Ok(open)
}

fn provider_order(order: &Order, payment: &Payment, till: &Till) -> ProviderOrder {
    let own_page = till.account.return_page_url.clone();
    ProviderOrder {
        merchant_ref: payment.merchant_ref.clone(),
        amount: payment.amount,
        flow: "redirect".to_owned(),
        title: order.title.clone(),
        manual_capture: false,
        expires: payment.expires_at,
        return_url: own_page.unwrap_or_else(|| order.return_url.clone()),
        notify_url: till.account.notify_url.clone(),
        metadata: vec![("order".to_owned(), order.id.to_string())],
    }
}

/// A hash of everything the buyer decides, so that a key stands for one input.
fn request_hash(checkout: &Checkout) -> String {
    let Checkout { plan_id, course_id, provider, return_url, idempotency_key: _ } = checkout;
    let input = serde_json::json!([plan_id, course_id, provider, return_url]);
    hex::encode(Sha256::digest(input.to_string()))
}

/// An address without the part after `+`: both reach the same mailbox.
fn one_mailbox(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    format!("{}@{domain}", local.split('+').next().unwrap_or(local))
}

fn invalid_state(message: &str) -> Failure {
    Failure::new(ErrorCode::InvalidState, message)
}

fn running(order: Id) -> Failure {
    Failure::new(ErrorCode::Conflict, "The first request for this order is still running. Try again shortly.")
        .with("orderId", order.with_prefix("order"))
        .with("retryAfterSeconds", query_delay(0).as_secs())
}

fn unknown(order: Id) -> Failure {
    let message = "The payment provider did not answer clearly. Look at the order; do not pay again.";
    Failure::new(ErrorCode::PaymentUnknown, message).with("orderId", order.with_prefix("order"))
}

fn declined_failure(order: Id) -> Failure {
    Failure::new(ErrorCode::PaymentDeclined, "The payment provider declined.")
        .with("orderId", order.with_prefix("order"))
}
