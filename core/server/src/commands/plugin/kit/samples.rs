//! A call for each function that a plugin has, made up.

use lyceum_domain::plugin::{Extensions, Inspection};
use lyceum_plugin_host::{Call, World};

use super::{Subject, auth, content, graphql, job, moderation, notify, ranking, sdl};

/// One call, and the row of the limits that it is under.
pub struct Sample {
    pub name: String,
    pub world: World,
    pub call: Call,
}

/// Calls of every world but payment and content, which need more to be made up.
pub fn of(is: &Inspection, active: &dyn Extensions) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name: String, world, call| samples.push(Sample { name, world, call });
    if let Some(ranker) = active.ranker() {
        for count in [1, 500] {
            let columns = ranking::columns(ranker.columns(), &(0..count).collect::<Vec<u32>>());
            let call = Call::Rank { context: ranking::context(count), columns };
            add(format!("rank {count} items"), World::Ranking, call);
        }
    }
    if !active.moderators().is_empty() {
        let world = if is.asks.0.contains_key("http") { World::ModerationHttp } else { World::Moderation };
        for count in [1, 50] {
            add(format!("review {count} comments"), world, Call::Review { items: moderation::comments(count) });
        }
    }
    for notifier in active.notifiers() {
        for channel in notifier.channels() {
            let call = Call::Deliver { batch: notify::batch(channel, 10) };
            add(format!("deliver 10 by {channel}"), World::Notify, call);
        }
    }
    if !active.auth_providers().is_empty() {
        add("begin".into(), World::Auth, Call::Begin { start: auth::start() });
    }
    for runner in active.job_runners() {
        for spec in runner.jobs() {
            add(format!("job {}", spec.name), World::Job, Call::Run { step: job::step(&spec.name, None) });
        }
    }
    for resolver in active.field_resolvers() {
        for field in sdl::added(resolver.sdl()) {
            let name = format!("resolve 100 × {}.{}", field.type_name, field.field);
            let call = Call::Resolve { request: graphql::request(&field), parents: graphql::parents(&field, 100) };
            add(name, World::GraphqlField, call);
        }
    }
    samples
}

/// Calls of a plugin's hooks, on the entry of its tests.
pub fn hooks(subject: &Subject) -> Vec<Sample> {
    let before = content::proposals(subject).into_iter().map(|proposal| Sample {
        name: format!("before-{}", proposal.moment),
        world: World::BeforeHook,
        call: Call::Before { proposal },
    });
    let after = content::facts(subject).into_iter().map(|fact| Sample {
        name: format!("after-{}", fact.moment),
        world: World::AfterHook,
        call: Call::After { fact },
    });
    before.chain(after).collect()
}
