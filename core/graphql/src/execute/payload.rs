//! Actions, and the selected fields of what they made.

use futures::future::BoxFuture;
use lyceum_kernel::{Failure, Result, Viewer};
use lyceum_model::names::pascal;
use lyceum_store::read::Lookup;
use serde_json::{Map, Value as Json};

use super::{Run, text::ObjectText};
use crate::{
    actions::{Call, Made},
    fields::{Selected, Selections},
    limits::Meter,
};

impl Run<'_> {
    pub(super) async fn action(
        &mut self,
        name: &str,
        selected: &Selected<'_>,
        below: &Selections<'_>,
    ) -> Result<String> {
        let (api, asker) = (self.api, self.asker);
        let action = api.action(name).ok_or_else(|| Failure::internal(format!("no action {name}")))?;
        let arguments = self.coercion.arguments(selected.field, self.variables)?;
        let input = match arguments.get("input") {
            Some(Json::Object(input)) => input.clone(),
            _ => Map::new(),
        };
        let call = Call { domains: api.domains.clone(), viewer: asker.viewer.clone(), peer: asker.peer.clone() };
        let done = (action.run)(call, input).await?;
        let viewer = done.viewer.as_ref().unwrap_or(&asker.viewer);
        self.reader = Some(viewer.clone());
        // Its cost was added up when it was rehearsed.
        let before = std::mem::replace(&mut self.meter, Meter::new(api.options.limits));
        let answer = self.projected(&done.made, &action.payload, below, viewer).await;
        self.meter = before;
        answer
    }

    /// Plans what an action will answer, so that a query that is too costly is
    /// refused before anything happens. Its cost counts here.
    pub(super) async fn rehearse(&mut self, selected: &Selected<'_>, selections: &Selections<'_>) -> Result<()> {
        let (api, asker, name) = (self.api, self.asker, selected.name());
        if name == "__typename" {
            return Ok(());
        }
        let action = api.action(name).ok_or_else(|| Failure::internal(format!("no action {name}")))?;
        self.meter.field()?;
        self.projected(&Made::Nothing, &action.payload, &selections.below(selected), &asker.viewer).await?;
        self.asked.clear();
        Ok(())
    }

    /// The selected fields of what an action made.
    fn projected<'s>(
        &'s mut self,
        made: &'s Made,
        object: &'s str,
        below: &'s Selections<'s>,
        viewer: &'s Viewer,
    ) -> BoxFuture<'s, Result<String>> {
        Box::pin(async move {
            let mut out = ObjectText::new();
            for selected in below.fields(&[object])? {
                self.meter.field()?;
                let told = match selected.name() {
                    "__typename" => Json::from(object).to_string(),
                    name => {
                        let output = self.api.definition.outputs.field(object, name);
                        let output = output.ok_or_else(|| Failure::internal(format!("{object} has no {name}")))?;
                        let inner = below.below(&selected);
                        self.projected_field(made.field(name), &output.ty, &inner, viewer).await?
                    }
                };
                out.put(selected.key, &told);
            }
            Ok(out.end())
        })
    }

    async fn projected_field(
        &mut self,
        made: &Made,
        ty: &str,
        below: &Selections<'_>,
        viewer: &Viewer,
    ) -> Result<String> {
        let api = self.api;
        match made {
            Made::Json(value) if !api.definition.outputs.0.contains_key(ty) => Ok(value.to_string()),
            Made::Entity(name, id) => {
                let locales = api.domains.locales.chain(api.locale_of(self.asker));
                self.entity_for(viewer, api.type_def(name)?, &Lookup::Id(*id), below, &locales).await
            }
            Made::Fields(_) | Made::Json(_) => self.projected(made, ty, below, viewer).await,
            Made::Nothing => {
                if let Some(def) = api.domains.model.types().iter().find(|def| pascal(&def.name) == ty) {
                    self.planned(|planner| planner.deeper(1, |p| p.entity(def, below)))?;
                }
                Ok("null".to_owned())
            }
        }
    }
}
