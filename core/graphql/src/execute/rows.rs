//! Rows of the model: planned with the operation's meter, read in one
//! statement, told as the JSON text that the database made.

use std::collections::HashMap;

use lyceum_domain::Domains;
use lyceum_kernel::{Failure, Id, Locale, Result, Viewer};
use lyceum_model::TypeDef;
use lyceum_store::read::{Compiled, Filter, Lookup, Reading};
use serde_json::value::RawValue;

use super::Run;
use crate::{
    api::Api,
    fields::{Selected, Selections},
    limits::Meter,
    plan::{Planner, Reached},
};

impl<'a> Run<'a> {
    /// One row as the asker sees it; `null` when there is none for her.
    pub(super) async fn entity(
        &mut self,
        def: &TypeDef,
        lookup: &Lookup<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let asker = self.asker;
        self.entity_for(&asker.viewer, def, lookup, below, locales).await
    }

    /// One row as this viewer sees it.
    pub(super) async fn entity_for(
        &mut self,
        viewer: &Viewer,
        def: &TypeDef,
        lookup: &Lookup<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<String> {
        let entity = self.planned(|planner| planner.deeper(1, |p| p.entity(def, below)))?;
        let domains = &self.api.domains;
        let found = self.fetch(reading(domains, viewer, locales).one(&entity, lookup)).await?;
        Ok(found.unwrap_or_else(|| "null".to_owned()))
    }

    /// A page of a type.
    pub(super) async fn list(
        &mut self,
        def: &TypeDef,
        selected: &Selected<'_>,
        below: &Selections<'_>,
        locales: &[Locale],
        extra: Option<Filter<'_>>,
    ) -> Result<String> {
        let connection = self.planned(|planner| planner.connection(def, selected, below, Reached::Root, extra))?;
        let domains = &self.api.domains;
        let compiled = reading(domains, &self.asker.viewer, locales).list(&connection);
        let found = self.fetch(compiled).await?;
        found.ok_or_else(|| Failure::internal("a list had no row"))
    }

    /// The rows with these ids that the asker may read.
    pub(super) async fn by_ids(
        &mut self,
        kind: &str,
        ids: &[Id],
        below: &Selections<'_>,
        locales: &[Locale],
    ) -> Result<HashMap<Id, Box<RawValue>>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let domains = &self.api.domains;
        let def = self.api.type_def(kind)?;
        let rows = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let entity = self.planned(|planner| planner.deeper(rows, |p| p.entity(def, below)))?;
        let compiled = reading(domains, &self.asker.viewer, locales).by_ids(&entity, ids);
        let found = self.fetch(compiled).await?;
        let rows: Vec<(Id, Box<RawValue>)> =
            serde_json::from_str(found.as_deref().unwrap_or("[]")).map_err(Failure::internal)?;
        Ok(rows.into_iter().collect())
    }

    /// Runs a read, in the slow lane when it may take long.
    async fn fetch(&self, compiled: Compiled) -> Result<Option<String>> {
        let reader = self.api.domains.database.reader();
        if !self.meter.is_heavy() {
            return compiled.fetch(reader).await;
        }
        let place = self.api.slow_lane.place().await?;
        compiled.fetch_in(reader, place).await
    }

    /// Runs the planner with this operation's meter.
    pub(super) fn planned<'p, T>(&mut self, plan: impl FnOnce(&mut Planner<'p>) -> Result<T>) -> Result<T>
    where
        'a: 'p,
    {
        let api: &'a Api = self.api;
        let meter = std::mem::replace(&mut self.meter, Meter::new(api.options.limits));
        let mut planner = Planner {
            model: &api.domains.model,
            coercion: self.coercion,
            additions: &self.current.additions,
            asked: std::mem::take(&mut self.asked),
            meter,
        };
        let result = plan(&mut planner);
        (self.meter, self.asked) = (planner.meter, planner.asked);
        result
    }
}

fn reading<'a>(domains: &'a Domains, viewer: &'a Viewer, locales: &'a [Locale]) -> Reading<'a> {
    Reading { model: &domains.model, viewer, locales, exact: false, dialect: domains.database.dialect() }
}
