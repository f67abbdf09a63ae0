//! Calling the hooks that look at changes before they happen.
//!
//! **Invariant:** hooks run before the transaction of their change is opened,
//! never in it.
//! **Invariant:** what a hook sets passes the checks of any other input.
//! **Invariant:** a plugin's own changes do not call its own hooks.
//!
//! Absent on purpose: hooks around an import. It writes thousands of entries
//! in one transaction; after-hooks learn of them.

use std::{sync::Arc, time::Duration};

use lyceum_kernel::{ErrorCode, Failure, Id, Locales, Result, Viewer};
use lyceum_model::{TypeDef, TypeModel};
use serde_json::json;
use tokio::time::Instant;

use super::{
    Actor, BeforeHook, Draft, FieldValue, HookedEntry, Moment, Proposal, Rejection,
    values::{read_values, values_of},
};
use crate::plugin::{FailureKind, PluginFailure};

/// What the hooks of one change have together (PLUGINS §5).
pub const CHAIN: Duration = Duration::from_millis(250);

/// A plugin that failed and was passed over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Warning {
    pub plugin: String,
    pub kind: FailureKind,
    pub detail: String,
}

/// What the hooks made of a change.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub change: Draft,
    pub warnings: Vec<Warning>,
}

/// The hooks of one change, in the order of their plugins' ids.
pub(super) struct Chain<'c> {
    pub hooks: Vec<Arc<dyn BeforeHook>>,
    pub model: &'c TypeModel,
    pub locales: &'c Locales,
    pub def: &'c TypeDef,
    pub viewer: &'c Viewer,
    pub moment: Moment,
}

/// The entry that a change is about, as it was read.
pub(super) struct Before {
    pub id: Option<Id>,
    pub published: bool,
    pub draft: Draft,
}

impl Chain<'_> {
    /// Asks the hooks one after the other; each sees what those before it made.
    /// `defaults` completes an entry as a save would.
    ///
    /// # Errors
    /// CHANGE_REJECTED; PLUGIN_FAILED when a plugin that guards failed.
    pub async fn ask(&self, before: &Before, change: Draft, defaults: impl Fn(&mut Draft)) -> Result<Heard> {
        let end = Instant::now() + CHAIN;
        let mut heard = Heard { change, warnings: Vec::new() };
        for hook in &self.hooks {
            let proposal = self.proposal(before, &heard.change, &defaults);
            match self.answer(hook.as_ref(), &proposal, end).await {
                Ok(Ok(draft)) => heard.change.overlay(draft),
                Ok(Err(rejection)) => return Err(self.rejected(hook.name(), rejection)),
                Err(failure) if hook.guards() => return Err(guarded(failure)),
                Err(failure) => heard.warnings.push(passed_over(failure)),
            }
        }
        Ok(heard)
    }

    /// One hook's answer, checked as input is.
    async fn answer(
        &self,
        hook: &dyn BeforeHook,
        proposal: &Proposal,
        end: Instant,
    ) -> Result<Result<Draft, Rejection>, PluginFailure> {
        let failure = |kind, detail: String| PluginFailure {
            plugin: hook.name().to_owned(),
            version: String::new(),
            world: "content".to_owned(),
            function: format!("before-{}", self.moment),
            kind,
            detail,
        };
        let late = || failure(FailureKind::Timeout, format!("the hooks' {} ms were over", CHAIN.as_millis()));
        if Instant::now() >= end {
            return Err(late());
        }
        match tokio::time::timeout_at(end, hook.before(proposal)).await.map_err(|_| late())?? {
            Err(rejection) => Ok(Err(rejection)),
            Ok(values) => self.checked(&values).map(Ok).map_err(|why| failure(FailureKind::InvalidOutput, why)),
        }
    }

    fn checked(&self, values: &[FieldValue]) -> Result<Draft, String> {
        let changes = matches!(self.moment, Moment::Create | Moment::Update);
        if !changes && !values.is_empty() {
            return Err(format!("before-{} cannot set fields", self.moment));
        }
        read_values(self.model, self.def, values, self.locales)
            .map_err(|why| format!("{}: {}", why.path().join("."), why.message()))
    }

    fn proposal(&self, before: &Before, change: &Draft, defaults: &impl Fn(&mut Draft)) -> Proposal {
        let mut after = before.draft.clone();
        after.merge(change.clone());
        let (entry, changes) = match self.moment {
            Moment::Create => {
                defaults(&mut after);
                (&after, Vec::new())
            }
            Moment::Update => (&before.draft, values_of(self.model, self.def, &before.draft.difference(&after))),
            Moment::Publish | Moment::Delete => (&before.draft, Vec::new()),
        };
        Proposal {
            moment: self.moment,
            actor: self.actor(),
            entry: HookedEntry {
                type_name: self.def.name.clone(),
                id: before.id.map(|id| id.with_prefix(&self.def.prefix)),
                published: before.published,
                fields: values_of(self.model, self.def, entry),
            },
            changes,
        }
    }

    fn actor(&self) -> Actor {
        Actor {
            user: self.viewer.user.map(|id| id.with_prefix("user")),
            roles: self.viewer.roles.clone(),
            plugin: acting_plugin(self.viewer).map(str::to_owned),
        }
    }

    fn rejected(&self, plugin: &str, rejection: Rejection) -> Failure {
        let Rejection { field, messages } = rejection;
        let tongue = |tag: &str| messages.get(tag).or_else(|| messages.get(tag.split('-').next()?));
        let preferred = self.locales.all().iter().find_map(|locale| tongue(locale.as_str()));
        let fallback = || format!("The plugin {plugin} does not allow this change.");
        let text = preferred.or_else(|| messages.values().next()).cloned().unwrap_or_else(fallback);
        let failure =
            Failure::new(ErrorCode::ChangeRejected, text).with("plugin", plugin).with("messages", json!(messages));
        match field.filter(|name| super::input_fields(self.def).any(|known| known.name == *name)) {
            Some(field) => failure.at(&format!("input.{field}")),
            None => failure,
        }
    }
}

/// The plugin on whose behalf somebody acts.
pub(super) fn acting_plugin(viewer: &Viewer) -> Option<&str> {
    viewer.plugin.as_deref()
}

fn guarded(failure: PluginFailure) -> Failure {
    let text = format!("The plugin {} guards this and failed, so nothing was changed.", failure.plugin);
    Failure::new(ErrorCode::PluginFailed, text).with("plugin", failure.plugin.clone()).caused_by(failure)
}

fn passed_over(failure: PluginFailure) -> Warning {
    tracing::warn!(plugin = failure.plugin, cause = %failure, "a before-hook failed and was passed over");
    Warning { plugin: failure.plugin, kind: failure.kind, detail: failure.detail }
}
