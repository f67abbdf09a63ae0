//! The API: the schema of one model with everything that answers it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use lyceum_domain::Domains;
use lyceum_kernel::{Failure, Result};
use lyceum_model::{TypeDef, TypeModel};

use crate::{
    actions::{self, Action},
    budget::Budgets,
    document::{Documents, PersistedQueries},
    extend::Additions,
    filter,
    inputs::Inputs,
    limits::Limits,
    outputs::{Output, Outputs},
    roots::{self, Root},
    schema::{self, Compiled, Definition},
    slow_lane::SlowLane,
};

/// What the operator decides about the API.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApiOptions {
    pub limits: Limits,
    /// Reports the statements of each request in `extensions`.
    pub dev: bool,
    /// How long others may keep what a visitor read by a persisted query.
    pub max_age: Duration,
}

pub struct Api {
    pub(crate) domains: Domains,
    pub(crate) options: ApiOptions,
    pub(crate) definition: Definition,
    current: ArcSwap<Current>,
    /// Held by the one request that builds the next [`Current`].
    building: Mutex<()>,
    pub(crate) persisted: PersistedQueries,
    pub(crate) budgets: Budgets,
    pub(crate) slow_lane: SlowLane,
    roots_by_name: HashMap<String, usize>,
    actions_by_name: HashMap<String, usize>,
}

/// What changes when plugins change: the schema with their fields, and the
/// documents that fit it.
pub(crate) struct Current {
    pub compiled: Arc<Compiled>,
    pub documents: Arc<Documents>,
    pub additions: Additions,
    /// Of the set of active plugins.
    generation: u64,
}

/// Stands in the answer of a development server until the statements are known.
pub(crate) const STATEMENTS_PLACE: &str = ",\"sql\":\u{1}";

impl Api {
    /// # Errors
    /// Internal: when the model makes no valid schema.
    pub fn new(domains: Domains, options: ApiOptions) -> Result<Arc<Self>> {
        let definition = definition(&domains.model);
        let current = ArcSwap::from_pointee(Current::build(&domains, &definition, None)?);
        let roots_by_name = definition.roots.iter().enumerate().map(|(i, root)| (root.name.clone(), i)).collect();
        let actions_by_name =
            definition.actions.iter().enumerate().map(|(i, action)| (action.name.clone(), i)).collect();
        let building = Mutex::new(());
        let persisted = PersistedQueries::default();
        let slow_lane = SlowLane::new(domains.database.read_connections());
        let budgets = Budgets::new(options.limits.cost_per_minute);
        Ok(Arc::new(Self {
            domains,
            options,
            definition,
            current,
            building,
            persisted,
            budgets,
            slow_lane,
            roots_by_name,
            actions_by_name,
        }))
    }

    /// The schema of the plugins that are active now. When they changed, the
    /// first request builds it and the others go on with the one before.
    pub(crate) fn current(&self) -> Arc<Current> {
        let current = self.current.load_full();
        if current.generation == self.domains.extensions.generation() {
            return current;
        }
        let Ok(_building) = self.building.try_lock() else { return current };
        match Current::build(&self.domains, &self.definition, Some(&current)) {
            Ok(next) => self.current.store(Arc::new(next)),
            Err(failure) => tracing::error!(cause = ?failure, "the schema with the fields of plugins is not valid"),
        }
        self.current.load_full()
    }

    #[must_use]
    pub fn domains(&self) -> &Domains {
        &self.domains
    }

    /// The schema in the schema definition language.
    #[must_use]
    pub fn sdl(&self) -> String {
        self.current().compiled.sdl.clone()
    }

    /// The names of all root fields of `Query` and `Mutation`.
    #[must_use]
    pub fn operations(&self) -> (Vec<&str>, Vec<&str>) {
        let queries = self.definition.roots.iter().map(|root| root.name.as_str()).collect();
        (queries, self.definition.actions.iter().map(|action| action.name.as_str()).collect())
    }

    pub(crate) fn root(&self, name: &str) -> Option<&Root> {
        self.roots_by_name.get(name).map(|index| &self.definition.roots[*index])
    }

    pub(crate) fn action(&self, name: &str) -> Option<&Action> {
        self.actions_by_name.get(name).map(|index| &self.definition.actions[*index])
    }

    pub(crate) fn type_def(&self, name: &str) -> Result<&TypeDef> {
        self.domains.model.get(name).ok_or_else(|| Failure::internal(format!("the model has no type {name}")))
    }
}

/// The schema of a model as text, without a database.
///
/// # Errors
/// Internal: when the model makes no valid schema.
pub fn sdl(model: &TypeModel) -> Result<String> {
    let compiled = Compiled::new(model, &definition(model), &Additions::default()).map_err(Failure::internal)?;
    Ok(compiled.sdl)
}

impl Current {
    /// Without a difference that clients see, schema and documents stay.
    fn build(domains: &Domains, definition: &Definition, before: Option<&Self>) -> Result<Self> {
        // Read first: what changes meanwhile is seen by the next request.
        let generation = domains.extensions.generation();
        let additions = Additions::of(&domains.model, definition, &domains.extensions.field_resolvers());
        if let Some(before) = before.filter(|before| before.additions.same_schema(&additions)) {
            let (compiled, documents) = (before.compiled.clone(), before.documents.clone());
            return Ok(Self { compiled, documents, additions, generation });
        }
        let compiled = Compiled::new(&domains.model, definition, &additions).map_err(Failure::internal)?;
        Ok(Self { compiled: Arc::new(compiled), documents: Arc::default(), additions, generation })
    }
}

pub(crate) fn definition(model: &TypeModel) -> Definition {
    let (mut inputs, mut outputs) = (Inputs::default(), Outputs::default());
    schema::register_enums(&mut inputs, model);
    filter::register(&mut inputs, model);
    register_shared(&mut inputs, &mut outputs);
    let roots = roots::roots(model, &mut inputs, &mut outputs);
    let actions = actions::actions(model, &mut inputs, &mut outputs);
    Definition { inputs, outputs, roots, actions }
}

/// The objects that the read compiler answers beside the types of the model.
fn register_shared(inputs: &mut Inputs, outputs: &mut Outputs) {
    let amount = vec![
        Output::new("minor", "Long", "The amount in the currency's minor unit: fen, cents, whole yen.").required(),
        Output::new("currency", "String", "The ISO 4217 code.").required(),
    ];
    outputs.object("Money", "An amount of money.", amount);
    let page = vec![
        Output::new("hasNextPage", "Boolean", "Whether there are rows behind the page.").required(),
        Output::new("hasPreviousPage", "Boolean", "Whether there are rows before the page.").required(),
        Output::new("startCursor", "String", "The cursor of the first row."),
        Output::new("endCursor", "String", "The cursor of the last row."),
    ];
    outputs.object("PageInfo", "What is before and behind a page.", page);
    let reasons = [
        ("PUBLIC", "Open to everybody."),
        ("SIGNED_IN", "Open to everybody who has signed in, as the viewer has."),
        ("ENTITLED", "Open to the viewer by membership, by purchase, or by a right to edit it."),
        ("SIGN_IN_REQUIRED", "The viewer has to sign in."),
        ("TIER_REQUIRED", "The viewer needs a membership of the tier or of a higher one."),
        ("PURCHASE_REQUIRED", "The viewer has to buy it."),
    ];
    inputs.enumeration("AccessReason", "Why gated fields are open, or what is missing.", reasons);
    let kinds = [("PLAN", "A plan of a tier."), ("PURCHASE", "The course alone.")];
    inputs.enumeration("OfferKind", "What is offered.", kinds);
    let access = vec![
        Output::new("granted", "Boolean", "Whether the gated fields are open to the viewer.").required(),
        Output::new("reason", "AccessReason", "Why, or what is missing.").required(),
        Output::new("requirement", "ContentAccess", "What the entry asks for.").required(),
        Output::new("offers", "Offer", "What would open them; empty when they are open.").list(),
    ];
    outputs.object("Access", "Whether the gated fields of an entry are open to the viewer.", access);
    let offer = vec![
        Output::new("kind", "OfferKind", "A plan of a tier, or the course alone.").required(),
        Output::new("price", "Money", "The price."),
        Output::new("plan", "Plan", "The plan, for `checkout(input: { planId })`."),
        Output::new("courseId", "ID", "The course, for `checkout(input: { courseId })`."),
    ];
    outputs.object("Offer", "One way to open an entry.", offer);
}
