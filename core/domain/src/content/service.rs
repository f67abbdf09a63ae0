//! The use cases of content.

use std::sync::Arc;

use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Locales, Result, RowScope, Viewer};
use lyceum_model::{Access, FieldKind, Gate, Scalar, TypeDef, TypeModel};
use lyceum_store::{Database, Write, is_deadlock, read::Reading};
use sea_orm::ConnectionTrait;
use serde_json::Value as Json;

use super::{Change, Draft, Moment, propose::Planned, references, removal, row, slug::slugify};
use crate::plugin::{Extensions, desk::claim};

/// Entries of every content type.
#[derive(Clone)]
pub struct Contents {
    database: Database,
    model: Arc<TypeModel>,
    locales: Locales,
    extensions: Arc<dyn Extensions>,
}

/// How often a slug is made anew, of an entry that was given none.
const MADE_SLUG_TRIES: usize = 4;

fn is_taken_slug(failure: &Failure) -> bool {
    failure.code() == ErrorCode::Conflict && failure.path() == ["input", "slug"]
}

impl Contents {
    #[must_use]
    pub fn new(database: Database, model: Arc<TypeModel>, locales: Locales, extensions: Arc<dyn Extensions>) -> Self {
        Self { database, model, locales, extensions }
    }

    #[must_use]
    pub fn locales(&self) -> &Locales {
        &self.locales
    }

    #[must_use]
    pub fn model(&self) -> &Arc<TypeModel> {
        &self.model
    }

    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    pub(super) fn extensions(&self) -> &dyn Extensions {
        self.extensions.as_ref()
    }

    /// The content type with this name.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn content_type(&self, name: &str) -> Result<&TypeDef> {
        self.model.get(name).filter(|def| def.is_content()).ok_or_else(|| Failure::not_found("content type"))
    }

    /// Makes a draft.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` or `FORBIDDEN`; `BAD_USER_INPUT`; `CONFLICT` when the slug is taken;
    /// `CHANGE_REJECTED` or `PLUGIN_FAILED` of a hook.
    pub async fn create(&self, viewer: &Viewer, def: &TypeDef, change: Change) -> Result<Id> {
        let planned = self.plan_create(viewer, def, change).await?;
        let has_slug = def.slug().is_none_or(|field| planned.change.fields.contains_key(&field.name));
        for _ in 0..MADE_SLUG_TRIES {
            match self.create_once(viewer, def, planned.clone()).await {
                // Somebody gave the slug that was made, at the same moment: it is there now.
                Err(failure) if !has_slug && is_taken_slug(&failure) => {}
                Err(failure) if is_deadlock(&failure) => {}
                done => return done,
            }
        }
        self.create_once(viewer, def, planned).await
    }

    async fn create_once(&self, viewer: &Viewer, def: &TypeDef, planned: Planned) -> Result<Id> {
        let mut write = self.database.write().await?;
        let id = self.create_in(&mut write, viewer, def, planned).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Saves a draft. A published entry keeps its published state.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`, `BAD_USER_INPUT`, `CONFLICT`;
    /// `CHANGE_REJECTED` or `PLUGIN_FAILED` of a hook.
    pub async fn update(&self, viewer: &Viewer, def: &TypeDef, id: Id, change: Change) -> Result<()> {
        self.alter(viewer, def, id, Moment::Update, change).await
    }

    /// Shows the latest draft to everyone who may read published entries.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`; `CHANGE_REJECTED` or `PLUGIN_FAILED` of a hook.
    pub async fn publish(&self, viewer: &Viewer, def: &TypeDef, id: Id) -> Result<()> {
        self.alter(viewer, def, id, Moment::Publish, Change::default()).await
    }

    /// Hides an entry again. Its drafts stay, and so does the moment when it
    /// was first published.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`.
    pub async fn unpublish(&self, viewer: &Viewer, def: &TypeDef, id: Id) -> Result<()> {
        let mut write = self.database.write().await?;
        self.allow(write.connection(), viewer, def, id, Action::Publish).await?;
        if row::head(&write, def, id).await?.is_some_and(|head| head.published) {
            row::unpublish(&write, def, id).await?;
            write.emit(&Event::new(&def.name, "unpublished", id).by_viewer(viewer)).await?;
        }
        write.commit().await
    }

    /// Removes an entry with its revisions and what belongs to it alone.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FORBIDDEN`; `INVALID_STATE` while others refer to it;
    /// `CHANGE_REJECTED` or `PLUGIN_FAILED` of a hook.
    pub async fn delete(&self, viewer: &Viewer, def: &TypeDef, id: Id) -> Result<()> {
        self.alter(viewer, def, id, Moment::Delete, Change::default()).await
    }

    pub(super) async fn delete_in(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        planned: &Planned,
    ) -> Result<()> {
        // Of two who delete at once, the second waits here and finds nothing.
        row::head(write, def, id).await?.ok_or_else(|| Failure::not_found(&def.name))?;
        self.allow(write.connection(), viewer, def, id, Action::Delete).await?;
        for (def, id) in removal::remove(write, &self.model, def, id).await? {
            write.emit(&Planned::default().event(viewer, def, "deleted", id)?).await?;
        }
        write.emit(&planned.event(viewer, def, "deleted", id)?).await
    }

    pub(super) async fn create_in(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        planned: Planned,
    ) -> Result<Id> {
        let scopes = viewer.scope(&def.name, true, Action::Create);
        if scopes.is_empty() {
            return Err(refusal(viewer, def));
        }
        // An explicit null leaves a field empty.
        let mut draft = Draft::default();
        draft.merge(planned.change.clone());
        self.fill_slug(write, def, &mut draft).await?;
        open_by_default(def, &mut draft);
        references::drop_gone(write, &self.model, def, &mut draft, &planned.change).await?;
        self.check_whole(def, &draft)?;
        self.allow_place(write, viewer, def, &draft, &scopes).await?;
        let id = Id::new();
        row::insert(write, def, id, viewer.user, &draft).await?;
        claim(write, viewer, def, id).await?;
        self.save_revision(write, viewer, def, id, 1, &draft).await?;
        write.emit(&planned.event(viewer, def, "created", id)?).await?;
        Ok(id)
    }

    /// Whether anything changed.
    pub(super) async fn update_in(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        planned: Planned,
    ) -> Result<bool> {
        self.allow(write.connection(), viewer, def, id, Action::Update).await?;
        let head = row::head(write, def, id).await?.ok_or_else(|| Failure::not_found(&def.name))?;
        let latest =
            row::latest_revision(write, id).await?.ok_or_else(|| Failure::internal(format!("{id} has no revision")))?;
        let mut draft = latest.draft.clone();
        draft.merge(planned.change.clone());
        open_by_default(def, &mut draft);
        let changed = draft != latest.draft;
        if !changed && head.published {
            return Ok(false);
        }
        references::drop_gone(write, &self.model, def, &mut draft, &planned.change).await?;
        self.check_whole(def, &draft)?;
        let scopes = viewer.scope(&def.name, true, Action::Update);
        self.allow_place(write, viewer, def, &draft, &scopes).await?;
        if !head.published {
            // Also without a change: after a take-down the row is still what was
            // published, and the latest revision may say more.
            row::replace(write, def, id, &draft).await?;
        }
        if changed {
            self.save_revision(write, viewer, def, id, latest.number + 1, &draft).await?;
            write.emit(&planned.event(viewer, def, "updated", id)?).await?;
        }
        Ok(changed)
    }

    pub(super) async fn publish_in(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        planned: &Planned,
    ) -> Result<()> {
        self.allow(write.connection(), viewer, def, id, Action::Publish).await?;
        row::head(write, def, id).await?.ok_or_else(|| Failure::not_found(&def.name))?;
        let latest =
            row::latest_revision(write, id).await?.ok_or_else(|| Failure::internal(format!("{id} has no revision")))?;
        let mut draft = latest.draft;
        references::drop_gone(write, &self.model, def, &mut draft, &Draft::default()).await?;
        self.check_whole(def, &draft)?;
        row::replace(write, def, id, &draft).await?;
        row::publish(write, def, id, latest.number).await?;
        write.emit(&planned.event(viewer, def, "published", id)?).await
    }

    async fn save_revision(
        &self,
        write: &Write,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        number: i64,
        draft: &Draft,
    ) -> Result<()> {
        row::insert_revision(write, row::NewRevision { def, id, number, state: "draft", author: viewer.user, draft })
            .await
    }

    /// Refuses what the viewer may not do; as NOT_FOUND what may not be seen.
    pub(super) async fn allow(
        &self,
        connection: &impl ConnectionTrait,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        action: Action,
    ) -> Result<()> {
        let dialect = self.database.dialect();
        let may = async |action| {
            let reading = Reading { model: &self.model, viewer, locales: self.locales.all(), exact: false, dialect };
            Ok::<_, Failure>(reading.may(def, id, action).fetch(connection).await?.is_some())
        };
        if may(action).await? {
            return Ok(());
        }
        if may(Action::Read).await? { Err(refusal(viewer, def)) } else { Err(Failure::not_found(&def.name)) }
    }

    /// Refuses an entry in a parent of somebody else: who may write only what
    /// is theirs needs the parent too, which gives the entry its readers.
    async fn allow_place(
        &self,
        write: &Write,
        viewer: &Viewer,
        def: &TypeDef,
        draft: &Draft,
        scopes: &[RowScope],
    ) -> Result<()> {
        let Some(Gate::Inherit { field }) = &def.gate else { return Ok(()) };
        let parent = def.field(field).and_then(|field| self.model.get(field.target()?));
        let id = draft.fields.get(field).and_then(Json::as_str).and_then(|id| id.parse().ok());
        match (parent, id) {
            (Some(parent), Some(id)) if !scopes.contains(&RowScope::All) => {
                self.allow(write.connection(), viewer, parent, id, Action::Update).await
            }
            _ => Ok(()),
        }
    }

    async fn fill_slug(&self, write: &Write, def: &TypeDef, draft: &mut Draft) -> Result<()> {
        let Some(field) = def.slug() else { return Ok(()) };
        if draft.fields.contains_key(&field.name) {
            return Ok(());
        }
        let title =
            ["title", "name"].iter().find_map(|name| draft.localised(name, self.locales.all())).unwrap_or_default();
        let base = Some(slugify(title)).filter(|slug| !slug.is_empty()).unwrap_or_else(|| def.name.clone());
        let scope = self.scope(def, draft);
        let scope = scope.as_ref().map(|(column, parent)| (column.as_str(), parent.as_str()));
        row::lock_made_slug(write, def, &base).await?;
        let mut slug = base.clone();
        let mut number = 1;
        while row::find_slug(write, def, &slug, scope).await?.is_some() {
            number += 1;
            slug = if number <= 20 { format!("{base}-{number}") } else { format!("{base}-{}", Id::new()) };
        }
        draft.fields.insert(field.name.clone(), slug.into());
        Ok(())
    }

    /// The column and the id within which the slug of this draft is unique.
    pub(super) fn scope(&self, def: &TypeDef, draft: &Draft) -> Option<(String, String)> {
        let FieldKind::Scalar { scalar: Scalar::Slug { scope: Some(scope) }, .. } = &def.slug()?.kind else {
            return None;
        };
        let FieldKind::ToOne { column, .. } = &def.field(scope)?.kind else { return None };
        Some((column.clone(), draft.fields.get(scope)?.as_str()?.to_owned()))
    }

    /// What must hold of an entry as a whole.
    fn check_whole(&self, def: &TypeDef, draft: &Draft) -> Result<()> {
        for field in def.fields.iter().filter(|f| f.writable && f.required) {
            let there =
                if field.localised { draft.has_text(&field.name) } else { draft.fields.contains_key(&field.name) };
            if !there {
                let name = if field.target().is_some() { format!("{}Id", field.name) } else { field.name.clone() };
                return Err(Failure::input(&format!("input.{name}"), "A value is needed here."));
            }
        }
        let access = draft.fields.get("access").and_then(Json::as_str);
        if access == Some("tier") && !draft.fields.contains_key("accessTier") {
            return Err(Failure::input("input.accessTierId", "Say which tier opens this entry."));
        }
        Ok(())
    }
}

/// An entry that asks for nothing is public.
pub(super) fn open_by_default(def: &TypeDef, draft: &mut Draft) {
    if def.gate == Some(Gate::Own) {
        draft.fields.entry("access").or_insert_with(|| Access::Public.as_str().into());
    }
}

pub(super) fn refusal(viewer: &Viewer, def: &TypeDef) -> Failure {
    match viewer.user {
        None => Failure::new(ErrorCode::Unauthenticated, "Sign in first."),
        Some(_) => Failure::new(ErrorCode::Forbidden, format!("You may not do this with a {}.", def.name)),
    }
}
