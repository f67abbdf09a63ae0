//! Hooks: what they answer is settled after one turn, and twice is as once.

use std::collections::BTreeSet;

use lyceum_domain::{
    content::{Actor, AfterHook, BeforeHook, Fact, FieldValue, HookedEntry, Moment, Proposal},
    plugin::Extensions as _,
};
use lyceum_kernel::Timestamp;
use serde_json::{Value as Json, json};

use super::{Kit, attempted, expect, no_crash, told};
use crate::commands::plugin::test::{NOW_MS, Subject};

const WORLD: &str = "content";

pub(super) async fn run(kit: &mut Kit<'_>) {
    let entry_file = kit.subject.tests.join("entry.json");
    for proposal in proposals(kit.subject) {
        let hooks = kit.host().before_hooks();
        let Some(hook) = hooks.first().map(AsRef::as_ref) else { break };
        let moment = proposal.moment;
        let outcome = settled(hook, &proposal).await;
        kit.note(WORLD, &format!("before-{moment} changes nothing more after its own answer"), outcome);
        let outcome = proper(hook, &proposal).await;
        let advice = |problem| format!("{problem} (the entry is made up; {} may hold another)", entry_file.display());
        kit.note(
            WORLD,
            &format!("before-{moment} names fields that are there, or says why not"),
            outcome.map_err(advice),
        );
    }
    for fact in facts(kit.subject) {
        let hooks = kit.host().after_hooks();
        let Some(hook) = hooks.first().map(AsRef::as_ref) else { break };
        let outcome = twice(hook, &fact).await;
        kit.note(WORLD, &format!("after-{} takes the same fact twice", fact.moment), outcome);
    }
}

/// A proposal for each moment that the plugin wants.
pub(super) fn proposals(subject: &Subject) -> Vec<Proposal> {
    let Some(hooks) = &subject.is.extends.hooks else { return Vec::new() };
    let proposal = |moment: &Moment| {
        let entry = entry(subject, *moment != Moment::Create);
        let changed = |field: &&FieldValue| *moment == Moment::Update && field.field == "title";
        let changes = entry.fields.iter().filter(changed).cloned().collect();
        Proposal { moment: *moment, actor: actor(), entry, changes }
    };
    hooks.before.iter().map(proposal).collect()
}

pub(super) fn facts(subject: &Subject) -> Vec<Fact> {
    let Some(hooks) = &subject.is.extends.hooks else { return Vec::new() };
    let fact = |moment: &Moment| {
        let entry = entry(subject, true);
        Fact {
            event: format!("event:{moment}"),
            moment: *moment,
            type_name: entry.type_name.clone(),
            id: entry.id.clone().unwrap_or_default(),
            actor: actor(),
            at: Timestamp::from_millis(NOW_MS),
            entry: (*moment != Moment::Delete).then_some(entry),
        }
    };
    hooks.after.iter().map(fact).collect()
}

fn actor() -> Actor {
    Actor { user: Some("user:1".into()), roles: vec!["author".into()], plugin: None }
}

/// The entry of `tests/entry.json`, or one with the fields that most types have.
fn entry(subject: &Subject, exists: bool) -> HookedEntry {
    let written = std::fs::read_to_string(subject.tests.join("entry.json")).ok();
    let written: Option<HookedEntry> = written.and_then(|text| serde_json::from_str(&text).ok());
    let types = subject.is.extends.hooks.iter().flat_map(|hooks| &hooks.types);
    let type_name = types.into_iter().find(|name| *name != "*").cloned().unwrap_or_else(|| "course".into());
    let mut entry = written.unwrap_or_else(|| made_up(type_name));
    entry.id = exists.then(|| format!("{}:1", entry.type_name));
    entry
}

fn made_up(type_name: String) -> HookedEntry {
    let localised = [
        ("title", "Hello, world", "你好，世界"),
        ("summary", "A short text.", "一段短文。"),
        ("body", "A longer text, with several words in it.", "一段稍长的文字，里面有几个词。"),
    ];
    let value = |field: &str, locale: Option<&str>, value: Json| FieldValue {
        field: field.into(),
        locale: locale.map(Into::into),
        value,
    };
    let both = |(name, en, zh)| [value(name, Some("en"), json!(en)), value(name, Some("zh"), json!(zh))];
    let mut fields: Vec<FieldValue> = localised.into_iter().flat_map(both).collect();
    fields.push(value("slug", None, Json::Null));
    HookedEntry { type_name, id: None, published: false, fields }
}

async fn settled(hook: &dyn BeforeHook, proposal: &Proposal) -> Result<(), String> {
    let Ok(changes) = hook.before(proposal).await.map_err(told)? else { return Ok(()) };
    let mut next = proposal.clone();
    changes.iter().for_each(|change| apply(&mut next, change));
    let Ok(more) = hook.before(&next).await.map_err(told)? else {
        return Err("it refuses what it has answered itself".into());
    };
    let values = &next.entry.fields;
    let moved = more.iter().find(|change| !values.contains(change) && !next.changes.contains(change));
    expect(moved.is_none(), || {
        let (field, value) = moved.map(|change| (change.field.clone(), change.value.clone())).unwrap_or_default();
        format!("given its own answer it changes `{field}` again, to {value}: let the second turn change nothing")
    })
}

fn apply(proposal: &mut Proposal, change: &FieldValue) {
    let is_it = |field: &&mut FieldValue| field.field == change.field && field.locale == change.locale;
    match proposal.entry.fields.iter_mut().find(is_it) {
        Some(field) => field.value = change.value.clone(),
        None => proposal.entry.fields.push(change.clone()),
    }
    if proposal.moment == Moment::Update {
        proposal.changes.retain(|field| field.field != change.field || field.locale != change.locale);
        proposal.changes.push(change.clone());
    }
}

async fn proper(hook: &dyn BeforeHook, proposal: &Proposal) -> Result<(), String> {
    match hook.before(proposal).await.map_err(told)? {
        Ok(changes) => {
            let known: BTreeSet<&str> = proposal.entry.fields.iter().map(|field| field.field.as_str()).collect();
            let stranger = changes.iter().find(|change| !known.contains(change.field.as_str()));
            expect(stranger.is_none(), || {
                let field = stranger.map(|change| change.field.as_str()).unwrap_or_default();
                format!("it sets `{field}`, which the entry does not have: name fields of the type")
            })
        }
        Err(rejection) => {
            let said = rejection.messages.get("en").is_some_and(|text| !text.trim().is_empty());
            expect(said, || "it refuses without a message in `en`: say why, for the person who made the change".into())
        }
    }
}

async fn twice(hook: &dyn AfterHook, fact: &Fact) -> Result<(), String> {
    let first = hook.after(fact).await;
    let second = hook.after(fact).await;
    match (first, second) {
        (Ok(()), Err(attempt)) => Err(format!("the second time it fails: {attempt}")),
        (Err(attempt), _) => no_crash(Err(attempt.failure.clone())).map_err(|_| attempted(attempt)),
        (Ok(()), Ok(())) => Ok(()),
    }
}
