//! `after-hooks`: told what happened, from the record of events.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    content::{AfterHook, Fact, Moment},
    plugin::{FailedAttempt, HooksAsked},
};
use wasmtime::component::InstancePre;

use super::shapes;
use crate::{
    bindings::after::{AfterPluginPre, exports::lyceum::content::after_hooks as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::World,
    worlds::{
        fresh::{attempt, fresh, told},
        weight::Weight,
    },
};

pub(crate) struct PluginAfterHook {
    plugin: Arc<Plugin>,
    pre: AfterPluginPre<CallState>,
    asked: HooksAsked,
}

impl PluginAfterHook {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn new(plugin: Arc<Plugin>, pre: InstancePre<CallState>, asked: HooksAsked) -> wasmtime::Result<Self> {
        Ok(Self { plugin, pre: AfterPluginPre::new(pre)?, asked })
    }
}

#[async_trait]
impl AfterHook for PluginAfterHook {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn wants(&self, moment: Moment, type_name: &str) -> bool {
        self.asked.after.contains(&moment) && self.asked.wants_type(type_name)
    }

    async fn after(&self, fact: &Fact) -> Result<(), FailedAttempt> {
        let (moment, fact) = (fact.moment, to_guest(fact));
        let mut retryable = None;
        let answer = fresh!(
            self.plugin,
            self.pre,
            World::AfterHook,
            function(moment),
            Input::new(weight(&fact), &fact),
            |guest, store| async {
                let hooks = guest.lyceum_content_after_hooks();
                match moment {
                    Moment::Create => hooks.call_after_create(store, &fact).await,
                    Moment::Update => hooks.call_after_update(store, &fact).await,
                    Moment::Publish => hooks.call_after_publish(store, &fact).await,
                    Moment::Delete => hooks.call_after_delete(store, &fact).await,
                }
            },
            |answer, _most| told(answer, &mut retryable)
        );
        answer.map_err(|failure| attempt(failure, retryable))
    }
}

const fn function(moment: Moment) -> &'static str {
    match moment {
        Moment::Create => "after-create",
        Moment::Update => "after-update",
        Moment::Publish => "after-publish",
        Moment::Delete => "after-delete",
    }
}

fn to_guest(fact: &Fact) -> guest::Fact {
    guest::Fact {
        event: fact.event.clone(),
        type_name: fact.type_name.clone(),
        id: fact.id.clone(),
        actor: shapes::actor(&fact.actor),
        at_ms: fact.at.as_millis(),
        entry: fact.entry.as_ref().map(shapes::entry),
    }
}

fn weight(fact: &guest::Fact) -> usize {
    let texts = [&fact.event, &fact.type_name, &fact.id];
    texts.iter().map(|text| text.weight()).sum::<usize>() + fact.actor.weight() + fact.entry.weight() + 8
}
