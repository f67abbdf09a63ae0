//! Fields that a plugin adds to the API. Instances are kept when the plugin
//! promises to hold no state.
//!
//! **Invariant:** every parent has one answer, in order, or the whole call failed.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use lyceum_domain::plugin::{FieldRequest, FieldResolver, PluginFailure};
use serde_json::Value as Json;
use wasmtime::component::InstancePre;

use super::{
    answer::{MESSAGE, NotTaken, count, cut, json, within},
    warm::Kept,
    weight::Weight,
};
use crate::{
    bindings::{
        graphql::{GraphqlPlugin, GraphqlPluginPre, exports::lyceum::graphql::field_resolver as guest},
        host::lyceum::types::common::Error,
    },
    call::{Input, Plugin},
    host::CallState,
    limits::{GRAPHQL_PARENTS, World},
};

pub(crate) struct PluginFields {
    plugin: Arc<Plugin>,
    pre: GraphqlPluginPre<CallState>,
    sdl: String,
    kept: Kept<GraphqlPlugin>,
}

impl PluginFields {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn new(
        plugin: Arc<Plugin>,
        pre: InstancePre<CallState>,
        sdl: String,
        stateless: bool,
    ) -> wasmtime::Result<Self> {
        Ok(Self { plugin, pre: GraphqlPluginPre::new(pre)?, sdl, kept: Kept::new(stateless) })
    }

    /// One call of the guest.
    async fn batch(
        &self,
        request: &guest::Request,
        parents: &[String],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        let input = request.weight() + parents.weight();
        let looks = (request, parents);
        let call = self.plugin.open(World::GraphqlField, "resolve-batch", Input::new(input, &looks), 1).await?;
        let mut warm = self.kept.take(&call);
        let outcome = call
            .bounded(async {
                let instance = match warm.guest.take() {
                    Some(instance) => instance,
                    None => self.pre.instantiate_async(&mut warm.store).await?,
                };
                let resolver = instance.lyceum_graphql_field_resolver();
                let answer = resolver.call_resolve_batch(&mut warm.store, request, parents).await?;
                warm.guest = Some(instance);
                Ok(answer)
            })
            .await;
        let most = call.output();
        let answers = call.close(warm.store.data(), outcome, |answer| answers(answer, parents.len(), most))?;
        self.kept.give_back(warm);
        Ok(answers)
    }
}

#[async_trait]
impl FieldResolver for PluginFields {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn sdl(&self) -> &str {
        &self.sdl
    }

    async fn resolve(
        &self,
        request: &FieldRequest,
        parents: &[Json],
    ) -> Result<Vec<Result<Json, String>>, PluginFailure> {
        let request = to_guest(request);
        let parents: Vec<String> = parents.iter().map(Json::to_string).collect();
        let room = self.plugin.limits(World::GraphqlField, 1).input.saturating_sub(request.weight());
        let mut all = Vec::with_capacity(parents.len());
        for batch in batches(&parents, room) {
            all.extend(self.batch(&request, &parents[batch]).await?);
        }
        Ok(all)
    }
}

/// Runs of parents that are not too many and not too much for one call. One
/// that is too much alone stands alone, and its call is refused.
fn batches(parents: &[String], room: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    // The list itself weighs something too.
    let mut used = usize::MAX;
    for (place, parent) in parents.iter().enumerate() {
        let after = used.saturating_add(parent.weight());
        match runs.last_mut() {
            Some(run) if run.len() < GRAPHQL_PARENTS && after <= room => (run.end, used) = (place + 1, after),
            _ => {
                runs.push(place..place + 1);
                used = <[String]>::weight(&[]) + parent.weight();
            }
        }
    }
    runs
}

fn to_guest(request: &FieldRequest) -> guest::Request {
    guest::Request {
        type_name: request.type_name.clone(),
        field: request.field.clone(),
        args: request.args.to_string(),
        locale: request.locale.clone(),
        viewer: request.viewer.clone(),
        ext: Vec::new(),
    }
}

pub(super) fn answers(
    given: Vec<Result<String, Error>>,
    parents: usize,
    most: usize,
) -> Result<Vec<Result<Json, String>>, NotTaken> {
    count("answers", given.len(), parents)?;
    within(given.iter().map(size).sum(), most)?;
    given.into_iter().map(answer).collect()
}

fn size(given: &Result<String, Error>) -> usize {
    match given {
        Ok(value) => value.weight(),
        Err(error) => error.code.weight() + error.message.weight(),
    }
}

/// An error is of one field alone; what is no JSON is the plugin's fault.
fn answer(given: Result<String, Error>) -> Result<Result<Json, String>, NotTaken> {
    match given {
        Ok(value) => json("an answer", &value).map(Ok),
        Err(error) => Ok(Err(format!("{}: {}", cut(&error.code, 64), cut(&error.message, MESSAGE)))),
    }
}

impl Weight for guest::Request {
    fn weight(&self) -> usize {
        let texts = [&self.type_name, &self.field, &self.args, &self.locale];
        texts.iter().map(|text| text.weight()).sum::<usize>() + self.viewer.weight() + self.ext.weight()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parents_go_in_runs_of_a_hundred_or_of_what_fits() {
        let parents = vec!["x".repeat(92); 250];
        assert_eq!(batches(&parents, usize::MAX), [0..100, 100..200, 200..250]);
        let three = 8 + 3 * 100;
        assert_eq!(batches(&parents[..7], three), [0..3, 3..6, 6..7]);
        assert_eq!(batches(&parents[..7], three - 1), [0..2, 2..4, 4..6, 6..7]);
        assert_eq!(batches(&parents[..2], 10), [0..1, 1..2]);
        assert_eq!(batches(&[], 10).len(), 0);
    }

    #[test]
    fn one_answer_for_each_parent_and_an_error_stays_alone() {
        let error = Error { code: "gone".into(), message: "no\nsuch lesson".into(), retryable: false };
        let given = vec![Ok("3".to_owned()), Err(error)];
        let good = vec![Ok(json!(3)), Err("gone: no such lesson".to_owned())];
        assert_eq!(answers(given.clone(), 2, 1_000), Ok(good));
        assert!(answers(given.clone(), 3, 1_000).is_err());
        assert!(answers(given, 2, 20).is_err());
        assert!(answers(vec![Ok("three".into())], 1, 1_000).is_err());
    }
}
