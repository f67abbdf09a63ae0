//! Changes by a plugin: through the use cases of content, as the plugin.

use lyceum_kernel::{ErrorCode, Failure, GlobalId, Id, Result};
use lyceum_model::{Gate, TypeDef};
use serde_json::{Map, Value as Json};

use super::{ContentScope, Contents, EntryWrite, input, own, viewer};
use crate::{content::Change, plugin::EntryScope};

/// The global id of the entry.
pub(super) async fn write(
    contents: &Contents,
    scope: &ContentScope,
    type_name: &str,
    write: EntryWrite,
) -> Result<String> {
    let def = viewer::granted_type(contents, scope, type_name)?;
    if scope.entries == EntryScope::Published {
        return Err(Failure::new(ErrorCode::Forbidden, "Entries are written with the scope `own` or `all`."));
    }
    let desk = Writing { contents, scope, def };
    let id = match write {
        EntryWrite::Create(input) => desk.create(&input).await?,
        EntryWrite::Update { id, input } => desk.update(&id, &input).await?,
        EntryWrite::Publish(id) => {
            let id = desk.known(&id).await?;
            contents.publish(&desk.viewer(), def, id).await?;
            id
        }
        EntryWrite::Unpublish(id) => {
            let id = desk.known(&id).await?;
            contents.unpublish(&desk.viewer(), def, id).await?;
            id
        }
        EntryWrite::Delete(id) => {
            let id = desk.known(&id).await?;
            contents.delete(&desk.viewer(), def, id).await?;
            id
        }
    };
    Ok(id.with_prefix(&def.prefix))
}

struct Writing<'a> {
    contents: &'a Contents,
    scope: &'a ContentScope,
    def: &'a TypeDef,
}

impl Writing<'_> {
    fn viewer(&self) -> lyceum_kernel::Viewer {
        viewer::writer(self.scope)
    }

    async fn create(&self, input: &Json) -> Result<Id> {
        let change = self.change(input).await?;
        self.contents.create(&self.viewer(), self.def, change).await
    }

    async fn update(&self, id: &str, input: &Json) -> Result<Id> {
        let id = self.known(id).await?;
        let change = self.change(input).await?;
        self.contents.update(&self.viewer(), self.def, id, change).await?;
        Ok(id)
    }

    async fn change(&self, input: &Json) -> Result<Change> {
        let input = input::check(self.def, input)?;
        self.check_place(input).await?;
        Change::parse(self.contents.model(), self.def, input, self.contents.locales())
    }

    /// The id, if the plugin may touch the entry. What is not its own is not there.
    async fn known(&self, id: &str) -> Result<Id> {
        let id = GlobalId::expect(id, &self.def.prefix).map_err(|error| Failure::input("id", error.to_string()))?;
        self.check_own(id).await.map(|()| id)
    }

    async fn check_own(&self, id: Id) -> Result<()> {
        let fits = self.scope.entries == EntryScope::All
            || own::is_own(self.contents.database(), &self.scope.plugin, id).await?;
        if fits { Ok(()) } else { Err(Failure::not_found(&self.def.name)) }
    }

    /// Who writes only what is its own needs the parent too, which gives the
    /// entry its readers.
    async fn check_place(&self, input: &Map<String, Json>) -> Result<()> {
        let Some(Gate::Inherit { field }) = &self.def.gate else { return Ok(()) };
        let name = format!("{field}Id");
        let Some(parent) = input.get(&name).and_then(Json::as_str) else { return Ok(()) };
        match GlobalId::parse(parent) {
            Ok(parent) => self.check_own(parent.id).await.map_err(|failure| failure.at(&format!("input.{name}"))),
            // The content domain says what is wrong with it.
            Err(_) => Ok(()),
        }
    }
}
