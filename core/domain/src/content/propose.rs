//! A change between its input and its transaction: read, heard by the hooks,
//! checked again, carried out.

use std::sync::Arc;

use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Result, Viewer};
use lyceum_model::TypeDef;
use lyceum_store::{Write, is_deadlock};
use serde_json::Value as Json;

use super::{
    BeforeHook, Change, Contents, Draft, Moment,
    hooks::{Before, Chain, Warning, acting_plugin},
    hops, references, row,
    service::{open_by_default, refusal},
};

/// How often a change is made again that the database ended for another one's sake.
const DEADLOCK_TRIES: usize = 3;

/// A change that may go into a transaction.
#[derive(Clone, Default)]
pub(super) struct Planned {
    pub change: Draft,
    pub warnings: Vec<Warning>,
}

impl Planned {
    /// A change that no hook looks at.
    pub fn unheard(change: Change) -> Self {
        Self { change: change.0, warnings: Vec::new() }
    }

    /// The event of this change, with what the owner should know of it.
    ///
    /// # Errors
    /// INVALID_STATE when plugins have answered each other too often.
    pub fn event(&self, viewer: &Viewer, def: &TypeDef, what: &str, id: Id) -> Result<Event> {
        let event = hops::counted(Event::new(&def.name, what, id).by_viewer(viewer))?;
        if self.warnings.is_empty() {
            return Ok(event);
        }
        Ok(event.noting("hookWarnings", serde_json::to_value(&self.warnings).unwrap_or(Json::Null)))
    }
}

impl Contents {
    /// What becomes of the first draft of an entry.
    ///
    /// # Errors
    /// CHANGE_REJECTED, PLUGIN_FAILED; UNAUTHENTICATED or FORBIDDEN.
    pub(super) async fn plan_create(&self, viewer: &Viewer, def: &TypeDef, change: Change) -> Result<Planned> {
        let hooks = self.hooks(viewer, Moment::Create, def);
        if hooks.is_empty() {
            return Ok(Planned::unheard(change));
        }
        // Who may not create shows nothing to a plugin.
        if viewer.scope(&def.name, true, Action::Create).is_empty() {
            return Err(refusal(viewer, def));
        }
        let before = Before { id: None, published: false, draft: Draft::default() };
        let chain = self.chain(hooks, viewer, Moment::Create, def);
        let heard = chain.ask(&before, change.0, |draft| open_by_default(def, draft)).await?;
        Ok(Planned { change: heard.change, warnings: heard.warnings })
    }

    /// Changes an entry. What was saved by somebody else while the hooks
    /// looked is shown to them once more; a second time is a conflict.
    ///
    /// # Errors
    /// Those of the change; CHANGE_REJECTED, PLUGIN_FAILED, CONFLICT.
    pub(super) async fn alter(
        &self,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        moment: Moment,
        change: Change,
    ) -> Result<()> {
        // One that locks an entry and then its parent, and one that goes the other way.
        for _ in 0..DEADLOCK_TRIES {
            match self.alter_once(viewer, def, id, moment, change.clone()).await {
                Err(failure) if is_deadlock(&failure) => {}
                done => return done,
            }
        }
        self.alter_once(viewer, def, id, moment, change).await
    }

    async fn alter_once(&self, viewer: &Viewer, def: &TypeDef, id: Id, moment: Moment, change: Change) -> Result<()> {
        let hooks = self.hooks(viewer, moment, def);
        if hooks.is_empty() {
            let mut write = self.database().write().await?;
            self.carry_out(&mut write, viewer, def, id, moment, Planned::unheard(change)).await?;
            return write.commit().await;
        }
        let chain = self.chain(hooks, viewer, moment, def);
        for _ in 0..2 {
            let (seen, planned) = self.plan(&chain, id, change.clone()).await?;
            let mut write = self.database().write().await?;
            if row::latest_number(&write, def, id).await?.is_none_or(|number| number == seen) {
                self.carry_out(&mut write, viewer, def, id, moment, planned).await?;
                return write.commit().await;
            }
        }
        let text = format!("Somebody else is changing this {}. Try again.", def.name);
        Err(Failure::new(ErrorCode::Conflict, text))
    }

    /// The number of the revision that the hooks saw, and what they made of
    /// the change.
    async fn plan(&self, chain: &Chain<'_>, id: Id, change: Change) -> Result<(i64, Planned)> {
        let action = match chain.moment {
            Moment::Create | Moment::Update => Action::Update,
            Moment::Publish => Action::Publish,
            Moment::Delete => Action::Delete,
        };
        let reader = self.database().reader();
        self.allow(reader, chain.viewer, chain.def, id, action).await?;
        let mut seen = row::seen(reader, chain.def, id).await?.ok_or_else(|| Failure::not_found(&chain.def.name))?;
        seen.draft = references::as_it_stands(reader, self.model(), chain.def, seen.draft).await?;
        let mut after = seen.draft.clone();
        after.merge(change.0.clone());
        if chain.moment == Moment::Update && after == seen.draft {
            return Ok((seen.number, Planned::unheard(change)));
        }
        let before = Before { id: Some(id), published: seen.published, draft: seen.draft };
        let heard = chain.ask(&before, change.0, |draft| open_by_default(chain.def, draft)).await?;
        Ok((seen.number, Planned { change: heard.change, warnings: heard.warnings }))
    }

    async fn carry_out(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        moment: Moment,
        planned: Planned,
    ) -> Result<()> {
        match moment {
            Moment::Create | Moment::Update => self.update_in(write, viewer, def, id, planned).await.map(drop),
            Moment::Publish => self.publish_in(write, viewer, def, id, &planned).await,
            Moment::Delete => self.delete_in(write, viewer, def, id, &planned).await,
        }
    }

    /// The hooks that want to see this change, in the order of their plugins'
    /// ids. Without plugins this is one look at an empty list.
    fn hooks(&self, viewer: &Viewer, moment: Moment, def: &TypeDef) -> Vec<Arc<dyn BeforeHook>> {
        let mut hooks = self.extensions().before_hooks();
        if !hooks.is_empty() {
            hooks.retain(|hook| hook.wants(moment, &def.name) && Some(hook.name()) != acting_plugin(viewer));
            hooks.sort_by(|a, b| a.name().cmp(b.name()));
        }
        hooks
    }

    fn chain<'c>(
        &'c self,
        hooks: Vec<Arc<dyn BeforeHook>>,
        viewer: &'c Viewer,
        moment: Moment,
        def: &'c TypeDef,
    ) -> Chain<'c> {
        Chain { hooks, model: self.model(), locales: self.locales(), def, viewer, moment }
    }
}
