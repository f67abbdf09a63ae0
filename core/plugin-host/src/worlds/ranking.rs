//! A ranker plugin. Instances are kept when the plugin promises to hold no state.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    plugin::PluginFailure,
    ranking::{COLUMNS, Column, RankContext, Ranker},
};
use wasmtime::component::InstancePre;

use super::{
    answer::{NotTaken, count},
    warm::Kept,
    weight::Weight,
};
use crate::{
    bindings::ranking::{RankingPlugin, RankingPluginPre, exports::lyceum::ranking::ranker as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::{RANKING_ITEMS, World},
};

pub(crate) struct PluginRanker {
    plugin: Arc<Plugin>,
    pre: RankingPluginPre<CallState>,
    columns: Vec<String>,
    kept: Kept<RankingPlugin>,
}

impl PluginRanker {
    /// Asks the guest for its columns, which also shows that it runs.
    ///
    /// # Errors
    /// The guest fails, or asks for a column that does not exist.
    pub async fn start(
        plugin: Arc<Plugin>,
        pre: RankingPluginPre<CallState>,
        stateless: bool,
    ) -> Result<Self, PluginFailure> {
        let mut ranker = Self { plugin, pre, columns: Vec::new(), kept: Kept::new(stateless) };
        ranker.columns = ranker.ask_columns().await?;
        Ok(ranker)
    }

    pub fn pre(pre: InstancePre<CallState>) -> wasmtime::Result<RankingPluginPre<CallState>> {
        RankingPluginPre::new(pre)
    }

    async fn ask_columns(&self) -> Result<Vec<String>, PluginFailure> {
        // Under the limits of activation: the first run of a component is the slowest.
        let call = self.plugin.open(World::Lifecycle, "columns", Input::exempt(0), 1).await?;
        let mut warm = self.kept.take(&call);
        let outcome = call
            .bounded(async {
                let instance = self.pre.instantiate_async(&mut warm.store).await?;
                let columns = instance.lyceum_ranking_ranker().call_columns(&mut warm.store).await?;
                warm.guest = Some(instance);
                Ok(columns)
            })
            .await;
        let columns = call.close(warm.store.data(), outcome, known)?;
        self.kept.give_back(warm);
        Ok(columns)
    }
}

#[async_trait]
impl Ranker for PluginRanker {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    async fn rank(&self, context: &RankContext, columns: Vec<(String, Column)>) -> Result<Vec<f32>, PluginFailure> {
        let times = context.count.div_ceil(RANKING_ITEMS).max(1);
        let input = context.surface.weight() + context.locale.weight() + columns.weight();
        let (context, items) = (to_guest(context), context.count);
        let columns: Vec<guest::Column> = columns.into_iter().map(column).collect();
        // Without the time, which is new each time.
        let looks = (&context.surface, &context.locale, &columns);
        let call = self.plugin.open(World::Ranking, "rank", Input::new(input, &looks), times).await?;
        let mut warm = self.kept.take(&call);
        let outcome = call
            .bounded(async {
                let instance = match warm.guest.take() {
                    Some(instance) => instance,
                    None => self.pre.instantiate_async(&mut warm.store).await?,
                };
                let answer = instance.lyceum_ranking_ranker().call_rank(&mut warm.store, &context, &columns).await?;
                warm.guest = Some(instance);
                Ok(answer)
            })
            .await;
        let scores = call.close(warm.store.data(), outcome, |answer| scores(answer, items))?;
        self.kept.give_back(warm);
        Ok(scores)
    }
}

fn to_guest(context: &RankContext) -> guest::Context {
    guest::Context {
        surface: context.surface.clone(),
        locale: context.locale.clone(),
        now_ms: context.now_ms,
        count: context.count,
        ext: Vec::new(),
    }
}

fn column((name, column): (String, Column)) -> guest::Column {
    let values = match column {
        Column::F32(values) => guest::Values::F32s(values),
        Column::U32(values) => guest::Values::U32s(values),
        Column::U64(values) => guest::Values::U64s(values),
    };
    guest::Column { name, values }
}

pub(super) fn known(columns: Vec<String>) -> Result<Vec<String>, NotTaken> {
    match columns.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        Some(name) => {
            let name: String = name.chars().take(50).collect();
            Err(NotTaken::invalid(format!("it wants the column \"{name}\"; there are {}", COLUMNS.join(", "))))
        }
        None => Ok(columns),
    }
}

pub(super) fn scores(answer: Result<Vec<f32>, guest::Error>, items: u32) -> Result<Vec<f32>, NotTaken> {
    let scores = answer.map_err(|error| NotTaken::refused(&error.code, &error.message))?;
    count("scores", scores.len(), usize::try_from(items).unwrap_or(usize::MAX))?;
    match scores.iter().position(|score| !score.is_finite()) {
        Some(place) => Err(NotTaken::invalid(format!("the score of item {place} is {}", scores[place]))),
        None => Ok(scores),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_finite_score_for_each_item_is_taken() {
        assert_eq!(scores(Ok(vec![1.0, -2.0]), 2), Ok(vec![1.0, -2.0]));
        assert!(scores(Ok(vec![1.0]), 2).is_err());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(scores(Ok(vec![1.0, bad]), 2).is_err());
        }
    }

    #[test]
    fn only_columns_that_exist_can_be_wanted() {
        assert!(known(vec!["comments".into()]).is_ok());
        assert!(known(vec!["e-mail".into()]).is_err());
    }
}
