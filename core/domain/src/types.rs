//! The built-in types as the read compiler and the schema see them: one
//! description for each table that can be read.

use lyceum_model::{Field, FieldKind, Origin, Owner, Scalar, TypeDef};

/// The built-in types, without content types.
#[must_use]
pub fn system_types() -> Vec<TypeDef> {
    vec![user(), tier(), plan(), order(), comment(), moderation_item(), plugin(), plugin_delivery(), plugin_job_run()]
}

/// The whole model: the built-in types, and content types with the relations
/// that the built-in ones add to them.
///
/// # Errors
/// When a content type has the name of a built-in one, or points nowhere.
pub fn model(content: Vec<TypeDef>) -> Result<lyceum_model::TypeModel, lyceum_model::ModelError> {
    lyceum_model::TypeModel::new(all(content))
}

/// The types of the whole model, whether they fit together or not.
#[must_use]
pub fn all(content: Vec<TypeDef>) -> Vec<TypeDef> {
    let with_comments = |mut def: TypeDef| {
        if def.name == "course" || def.name == "lesson" {
            def.fields.push(many("comments", "comment", &def.name, "Comments that the viewer may see, oldest first."));
        }
        def
    };
    system_types().into_iter().chain(content.into_iter().map(with_comments)).collect()
}

struct System<'a> {
    name: &'a str,
    plural: &'a str,
    table: &'a str,
    owner: Option<&'a str>,
    public_when: Option<(&'a str, &'a str)>,
    follows: &'a [&'a str],
    listed: bool,
    description: &'a str,
}

fn system(is: System<'_>, fields: Vec<Field>) -> TypeDef {
    TypeDef {
        id: is.name.to_owned(),
        name: is.name.to_owned(),
        plural: is.plural.to_owned(),
        table: is.table.to_owned(),
        prefix: is.name.to_ascii_lowercase(),
        origin: Origin::System,
        description: is.description.to_owned(),
        fields,
        gate: None,
        owner: is.owner.map(|column| if column == "id" { Owner::Itself } else { Owner::Column(column.to_owned()) }),
        follows: is.follows.iter().map(|field| (*field).to_owned()).collect(),
        public_when: is.public_when.map(|(column, value)| (column.to_owned(), value.to_owned())),
        listed: is.listed,
    }
}

fn text(name: &str, description: &str) -> Field {
    Field::scalar(name, Scalar::Text { max: 10_000 }, description)
}

fn moment(name: &str, description: &str) -> Field {
    Field::scalar(name, Scalar::DateTime, description)
}

fn one_of(name: &str, enumeration: &str, values: &[&str], description: &str) -> Field {
    let values = values.iter().map(|v| (*v).to_owned()).collect();
    Field::scalar(name, Scalar::Enumeration { name: enumeration.to_owned(), values }, description).required()
}

fn money(name: &str, description: &str) -> Field {
    let kind = FieldKind::Money { minor_column: format!("{name}_minor"), currency_column: format!("{name}_currency") };
    Field::new(name, kind, description).required()
}

fn to_one(name: &str, target: &str, column: &str, description: &str) -> Field {
    Field::new(name, FieldKind::ToOne { target: target.to_owned(), column: column.to_owned() }, description)
}

fn many(name: &str, target: &str, via: &str, description: &str) -> Field {
    let kind = FieldKind::ToMany { target: target.to_owned(), via: via.to_owned(), order: None };
    Field::new(name, kind, description)
}

fn user() -> TypeDef {
    let is = System {
        name: "user",
        plural: "users",
        table: "user_account",
        owner: Some("id"),
        public_when: None,
        follows: &[],
        listed: true,
        description: "A person with an account.",
    };
    system(
        is,
        vec![
            text("name", "What others see.").required(),
            text("bio", "What the person tells of herself."),
            text("email", "The e-mail address.").private(),
            Field::scalar("links", Scalar::Json, "Links of the person: a list of objects with `label` and `url`."),
            text("locale", "The preferred language.").private(),
            text("timeZone", "The time zone by its IANA name, such as `Asia/Shanghai`.").private(),
            moment("emailVerifiedAt", "When the e-mail address was proven.").private(),
            moment("disabledAt", "Since when the account is disabled; null while it is not.").private(),
            moment("createdAt", "When the account was made.").required(),
            many("courses", "course", "author", "The courses of this author."),
        ],
    )
}

fn tier() -> TypeDef {
    let is = System {
        name: "tier",
        plural: "tiers",
        table: "tier",
        owner: None,
        public_when: None,
        follows: &[],
        listed: true,
        description: "A level of membership. A higher rank opens everything that a lower one opens.",
    };
    system(
        is,
        vec![
            text("key", "The name in code.").required(),
            text("name", "The name for people.").localised(),
            Field::scalar("rank", Scalar::Integer, "The place among the tiers; higher opens more.").required(),
            many("plans", "plan", "tier", "How the tier is sold."),
        ],
    )
}

fn plan() -> TypeDef {
    let is = System {
        name: "plan",
        plural: "plans",
        table: "plan",
        owner: None,
        public_when: None,
        follows: &[],
        listed: true,
        description: "A price for a tier.",
    };
    system(
        is,
        vec![
            text("key", "The name in code."),
            to_one("tier", "tier", "tier_id", "The tier that it opens."),
            one_of("interval", "PlanInterval", &["month", "year", "once"], "How long one payment lasts."),
            money("price", "What one interval costs."),
            Field::scalar("trialDays", Scalar::Integer, "Days that are free at first.").required(),
            Field::scalar("active", Scalar::Boolean, "Whether it is still sold.").required(),
        ],
    )
}

fn order() -> TypeDef {
    let is = System {
        name: "order",
        plural: "orders",
        table: "customer_order",
        owner: Some("user_id"),
        public_when: None,
        follows: &[],
        listed: true,
        description: "What somebody bought or is about to.",
    };
    system(
        is,
        vec![
            one_of("kind", "OrderKind", &["plan", "course"], "What was bought."),
            one_of(
                "state",
                "OrderState",
                &["placed", "paid", "canceled"],
                "What became of the order. Refunds are amounts.",
            ),
            text("title", "What was bought, as it was called then.").required(),
            money("amount", "The price."),
            Field::scalar("refundedMinor", Scalar::Long, "What was given back, in minor units.").required(),
            text("provider", "The payment provider."),
            moment("paidAt", "When it was paid."),
            moment("createdAt", "When it was placed.").required(),
            to_one("user", "user", "user_id", "The buyer."),
            to_one("plan", "plan", "plan_id", "The plan that was bought."),
            to_one("course", "course", "course_id", "The course that was bought."),
        ],
    )
}

fn comment() -> TypeDef {
    let is = System {
        name: "comment",
        plural: "comments",
        table: "comment",
        owner: Some("author_id"),
        public_when: Some(("state", "visible")),
        follows: &["course", "lesson"],
        listed: true,
        description: "What somebody says of a course or lesson.",
    };
    system(
        is,
        vec![
            text("body", "The text, plain.").required(),
            text("locale", "The language it is written in.").required(),
            one_of("state", "CommentState", &["visible", "held", "rejected", "deleted"], "What moderation made of it."),
            moment("createdAt", "When it was written.").required(),
            to_one("author", "user", "author_id", "Who wrote it."),
            to_one("course", "course", "subject_id", "The course it is about."),
            to_one("lesson", "lesson", "subject_id", "The lesson it is about."),
        ],
    )
}

fn moderation_item() -> TypeDef {
    let is = System {
        name: "moderationItem",
        plural: "moderationItems",
        table: "moderation_item",
        owner: None,
        public_when: None,
        follows: &[],
        listed: false,
        description: "Something that waits for a moderator, or waited.",
    };
    system(
        is,
        vec![
            one_of("state", "ModerationState", &["pending", "allowed", "rejected"], "What was decided."),
            text("subjectType", "What kind of thing it is: `comment`.").required(),
            to_one("comment", "comment", "subject_id", "The comment in question."),
            text("reason", "Why it is here.").required(),
            Field::scalar("labels", Scalar::Json, "What the moderator plugin found: a list of codes.").required(),
            text("moderator", "The plugin that sent it here.").required(),
            text("note", "A note for the one who decides."),
            to_one("decidedBy", "user", "decided_by", "Who decided."),
            moment("decidedAt", "When it was decided."),
            moment("createdAt", "When it came here.").required(),
        ],
    )
}

fn plugin() -> TypeDef {
    let is = System {
        name: "plugin",
        plural: "plugins",
        table: "plugin",
        owner: None,
        public_when: None,
        follows: &[],
        listed: true,
        description: "An installed plugin.",
    };
    system(
        is,
        vec![
            text("name", "The publisher and the name: `lyceum/ranking-default`.").required(),
            text("version", "The version.").required(),
            one_of("state", "PluginState", &["installed", "enabled", "disabled", "failed"], "Whether it runs."),
            Field::scalar("shadow", Scalar::Boolean, "It runs beside the active one, only to be compared.").required(),
            text("source", "Where it came from: `upload`, `built-in`, an address, `file:…`.").required(),
            text("digest", "The SHA-256 of the component.").required(),
            Field::scalar("manifest", Scalar::Json, "What it is and what it asks for.").required(),
            Field::scalar("grants", Scalar::Json, "What the owner granted.").required(),
            text("lastError", "Why it failed last."),
            moment("installedAt", "When it was installed.").required(),
            moment("updatedAt", "When it was changed last.").required(),
        ],
    )
}

fn plugin_delivery() -> TypeDef {
    let is = System {
        name: "pluginDelivery",
        plural: "pluginDeliveries",
        table: "plugin_delivery",
        owner: None,
        public_when: None,
        follows: &[],
        listed: true,
        description: "Something that a plugin is still to be told. What it heard is gone from here.",
    };
    system(
        is,
        vec![
            text("plugin", "The plugin: `acme/badges`; for a message its channel: `mail`.").required(),
            one_of("kind", "PluginDeliveryKind", &["after_hook", "notify"], "What it is."),
            one_of(
                "state",
                "PluginDeliveryState",
                &["waiting", "dead"],
                "Whether it is still tried; dead letters are not.",
            ),
            text("subject", "What it is about; one subject keeps its order.").required(),
            Field::scalar("payload", Scalar::Json, "What the plugin is told.").required(),
            Field::scalar("attempts", Scalar::Integer, "How often it was tried; eight times at most.").required(),
            moment("nextAt", "When it is tried next.").required(),
            text("lastError", "Why it failed last."),
            moment("createdAt", "When it came here.").required(),
        ],
    )
}

fn plugin_job_run() -> TypeDef {
    let is = System {
        name: "pluginJobRun",
        plural: "pluginJobRuns",
        table: "plugin_job_run",
        owner: None,
        public_when: None,
        follows: &[],
        listed: true,
        description: "One run of a plugin's job.",
    };
    system(
        is,
        vec![
            text("plugin", "The plugin: `acme/badges`.").required(),
            text("job", "The job's name in the manifest.").required(),
            one_of("origin", "PluginJobOrigin", &["schedule", "queue"], "Why it runs."),
            one_of(
                "state",
                "PluginJobState",
                &["waiting", "running", "done", "dead", "cancelled"],
                "How far it is; what is waiting may have done steps already.",
            ),
            Field::scalar("payload", Scalar::Json, "What the job is given.").required(),
            Field::scalar("attempt", Scalar::Integer, "How often the present step was tried.").required(),
            Field::scalar("progress", Scalar::Integer, "How much is done, in percent, when the job tells."),
            text("report", "What was done, in the job's own words: JSON as a rule."),
            text("lastError", "Why the present step failed last."),
            moment("dueAt", "When it was due.").required(),
            moment("nextAt", "When its next step is due.").required(),
            to_one("queuedBy", "user", "queued_by", "Who queued it; nobody for a scheduled run."),
            moment("createdAt", "When it was put in.").required(),
            moment("finishedAt", "When it ended."),
        ],
    )
}
