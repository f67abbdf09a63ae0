//! `before-hooks`: the fields to be set differently, or a refusal.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use lyceum_domain::{
    content::{BeforeHook, FieldValue, HookAnswer, Moment, Proposal, Rejection},
    plugin::{HooksAsked, PluginFailure},
};
use wasmtime::component::InstancePre;

use super::shapes;
use crate::{
    bindings::before::{BeforePluginPre, exports::lyceum::content::before_hooks as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::World,
    worlds::{
        answer::{MESSAGE, NotTaken, cut, json, language, languages, within},
        fresh::fresh,
        weight::Weight,
    },
};

/// Fields that one answer may set.
const FIELDS: usize = 256;

pub(crate) struct PluginBeforeHook {
    plugin: Arc<Plugin>,
    pre: BeforePluginPre<CallState>,
    asked: HooksAsked,
}

impl PluginBeforeHook {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn new(plugin: Arc<Plugin>, pre: InstancePre<CallState>, asked: HooksAsked) -> wasmtime::Result<Self> {
        Ok(Self { plugin, pre: BeforePluginPre::new(pre)?, asked })
    }
}

#[async_trait]
impl BeforeHook for PluginBeforeHook {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn guards(&self) -> bool {
        self.asked.guard
    }

    fn wants(&self, moment: Moment, type_name: &str) -> bool {
        self.asked.before.contains(&moment) && self.asked.wants_type(type_name)
    }

    async fn before(&self, proposal: &Proposal) -> Result<HookAnswer, PluginFailure> {
        let moment = proposal.moment;
        let (actor, entry) = (shapes::actor(&proposal.actor), shapes::entry(&proposal.entry));
        let changes: Vec<guest::FieldValue> = proposal.changes.iter().map(shapes::field).collect();
        let input = actor.weight() + entry.weight() + changes.weight();
        let looks = (&actor, &entry, &changes);
        fresh!(
            self.plugin,
            self.pre,
            World::BeforeHook,
            function(moment),
            Input::new(input, &looks),
            |guest, store| async {
                let hooks = guest.lyceum_content_before_hooks();
                match moment {
                    Moment::Create => hooks.call_before_create(store, &actor, &entry).await,
                    Moment::Update => hooks.call_before_update(store, &actor, &entry, &changes).await,
                    Moment::Publish => hooks.call_before_publish(store, &actor, &entry).await.map(unchanged),
                    Moment::Delete => hooks.call_before_delete(store, &actor, &entry).await.map(unchanged),
                }
            },
            |answer, most| checked(answer, most)
        )
    }
}

const fn function(moment: Moment) -> &'static str {
    match moment {
        Moment::Create => "before-create",
        Moment::Update => "before-update",
        Moment::Publish => "before-publish",
        Moment::Delete => "before-delete",
    }
}

pub(in crate::worlds) type Answer = Result<Vec<guest::FieldValue>, guest::Rejection>;

fn unchanged(answer: Result<(), guest::Rejection>) -> Answer {
    answer.map(|()| Vec::new())
}

pub(in crate::worlds) fn checked(answer: Answer, most: usize) -> Result<HookAnswer, NotTaken> {
    match answer {
        Ok(fields) => {
            within(fields.weight(), most)?;
            values(fields).map(Ok)
        }
        Err(given) => {
            within(given.field.weight() + given.messages.weight(), most)?;
            rejection(given).map(Err)
        }
    }
}

fn values(given: Vec<guest::FieldValue>) -> Result<Vec<FieldValue>, NotTaken> {
    if given.len() > FIELDS {
        return Err(NotTaken::invalid(format!("it sets {} fields; at most {FIELDS}", given.len())));
    }
    let mut seen = BTreeSet::new();
    for value in &given {
        if !seen.insert((value.field.as_str(), value.locale.as_deref())) {
            return Err(NotTaken::invalid(format!("it sets the field \"{}\" twice", cut(&value.field, 50))));
        }
    }
    given.into_iter().map(value).collect()
}

fn value(given: guest::FieldValue) -> Result<FieldValue, NotTaken> {
    let field = field_name(given.field)?;
    let locale = given.locale.map(|tag| language(&format!("the field \"{field}\""), tag)).transpose()?;
    let value = json(&format!("the field \"{field}\""), &given.value)?;
    Ok(FieldValue { field, locale, value })
}

/// Whether the type has such a field is for the domain to say.
fn field_name(name: String) -> Result<String, NotTaken> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric()) && name.starts_with(|c: char| c.is_ascii_lowercase());
    if plain && name.len() <= 100 {
        return Ok(name);
    }
    Err(NotTaken::invalid(format!("\"{}\" is no name of a field", cut(&name, 50))))
}

fn rejection(given: guest::Rejection) -> Result<Rejection, NotTaken> {
    let field = given.field.map(field_name).transpose()?;
    Ok(Rejection { field, messages: languages("the refusal", given.messages, MESSAGE)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(field: &str, locale: Option<&str>, value: &str) -> guest::FieldValue {
        guest::FieldValue { field: field.into(), locale: locale.map(Into::into), value: value.into() }
    }

    #[test]
    fn fields_with_names_languages_and_json_are_taken() {
        let answer = vec![given("title", Some("zh-CN"), "\"甲\""), given("title", Some("en"), "null")];
        let good = [("zh-CN", json!("甲")), ("en", json!(null))];
        let good = good.map(|(tag, value)| FieldValue { field: "title".into(), locale: Some(tag.into()), value });
        assert_eq!(checked(Ok(answer), 1_000), Ok(Ok(good.to_vec())));
        for bad in [given("", None, "1"), given("Title", None, "1"), given("a b", None, "1"), given("title", None, "x")]
        {
            assert!(checked(Ok(vec![bad]), 1_000).is_err());
        }
        assert!(checked(Ok(vec![given("title", Some("?"), "1")]), 1_000).is_err());
        assert!(checked(Ok(vec![given("title", None, "1"); 2]), 1_000).is_err(), "twice");
        assert!(checked(Ok(vec![given("title", None, &"1".repeat(1_000))]), 1_000).is_err(), "too long");
        let many = (0..=FIELDS).map(|n| given(&format!("f{n}"), None, "1")).collect();
        assert!(checked(Ok(many), usize::MAX).is_err());
    }

    #[test]
    fn a_refusal_needs_words() {
        let refuse = |field: Option<&str>, messages: &[(&str, &str)]| {
            let messages = messages.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect();
            checked(Err(guest::Rejection { field: field.map(Into::into), messages }), 10_000)
        };
        let long = "x".repeat(2_000);
        let rejection = refuse(Some("title"), &[("en", &long)]).expect("taken").expect_err("a refusal");
        assert_eq!((rejection.field.as_deref(), rejection.messages["en"].len()), (Some("title"), MESSAGE));
        assert!(refuse(None, &[]).is_err());
        assert!(refuse(Some("a b"), &[("en", "no")]).is_err());
    }
}
