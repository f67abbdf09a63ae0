//! Putting an entry in by its slug, as an import does.
//!
//! **Invariant:** what an author has saved and not published stays unpublished
//! and is not lost: a change from outside is laid over what readers see and over
//! the author's draft apart.
//! **Invariant:** an entry that was taken down stays down.

use lyceum_kernel::{Failure, Id, Result, Viewer};
use lyceum_model::TypeDef;
use lyceum_store::Write;

use super::{Change, Contents, propose::Planned, row};

/// What a save did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    pub id: Id,
    pub created: bool,
    pub changed: bool,
}

impl Contents {
    /// Makes or changes the entry with this slug, within a transaction of the
    /// caller's, and publishes it unless it was taken down. A state that is there
    /// already is left alone. No before-hook is asked: a guest never runs in a
    /// transaction.
    pub(crate) async fn put_in(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        slug: &str,
        mut change: Change,
    ) -> Result<Saved> {
        let scope = self.scope(def, &change.0);
        let known = row::find_slug(write, def, slug, scope.as_ref().map(|(c, p)| (c.as_str(), p.as_str()))).await?;
        let Some(id) = known else {
            let id = self.create_in(write, viewer, def, Planned::unheard(change)).await?;
            self.publish_in(write, viewer, def, id, &Planned::default()).await?;
            return Ok(Saved { id, created: true, changed: true });
        };
        // Found by its slug, which stays as it is: it may be written as before.
        if let Some(field) = def.slug() {
            change.0.fields.remove(&field.name);
        }
        let head = row::head(write, def, id).await?.ok_or_else(|| Failure::not_found(&def.name))?;
        let changed = if head.published {
            self.put_over(write, viewer, def, id, change).await?
        } else {
            let changed = self.update_in(write, viewer, def, id, Planned::unheard(change)).await?;
            if !head.taken_down {
                self.publish_in(write, viewer, def, id, &Planned::default()).await?;
            }
            changed || !head.taken_down
        };
        Ok(Saved { id, created: false, changed })
    }

    /// Changes what readers see. Whether anything changed.
    async fn put_over(
        &self,
        write: &mut Write,
        viewer: &Viewer,
        def: &TypeDef,
        id: Id,
        change: Change,
    ) -> Result<bool> {
        let latest = row::latest_revision(write, id).await?;
        let latest = latest.ok_or_else(|| Failure::internal(format!("{id} has no revision")))?;
        let shown = row::published_revision(write, def, id).await?.filter(|shown| shown.number < latest.number);
        let Some(shown) = shown else {
            let changed = self.update_in(write, viewer, def, id, Planned::unheard(change)).await?;
            if changed {
                self.publish_in(write, viewer, def, id, &Planned::default()).await?;
            }
            return Ok(changed);
        };
        let mut public = shown.draft.clone();
        public.merge(change.0);
        let change = shown.draft.difference(&public);
        if public == shown.draft {
            return Ok(false);
        }
        // The latest revision becomes what readers will see, and then the author's draft again.
        let to_public = Planned::unheard(Change(latest.draft.difference(&public)));
        self.update_in(write, viewer, def, id, to_public).await?;
        self.publish_in(write, viewer, def, id, &Planned::default()).await?;
        let mut draft = latest.draft;
        draft.merge(change);
        self.update_in(write, viewer, def, id, Planned::unheard(Change(public.difference(&draft)))).await?;
        Ok(true)
    }
}
