//! A call as it is written down, and how it is made.

use lyceum_domain::{
    content::{Fact, Proposal},
    identity::{AuthCallback, AuthStart},
    job::JobStep,
    moderation::ReviewItem,
    notification::Delivery,
    plugin::{Extensions, FailedAttempt, FieldRequest, PluginFailure},
    ranking::{Column, RankContext},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// The input of one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "kebab-case")]
pub enum Call {
    Rank { context: RankContext, columns: Vec<(String, Column)> },
    Review { items: Vec<ReviewItem> },
    Before { proposal: Proposal },
    After { fact: Fact },
    Resolve { request: FieldRequest, parents: Vec<Json> },
    Deliver { batch: Vec<Delivery> },
    Begin { start: AuthStart },
    Complete { callback: AuthCallback },
    Run { step: JobStep },
}

/// What a call gave, as JSON; none: the plugin does not do this.
pub(super) type Made = Option<Result<Json, PluginFailure>>;

impl Call {
    /// World and function, as errors name them.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Rank { .. } => "ranking/rank".into(),
            Self::Review { .. } => "moderation/review".into(),
            Self::Before { proposal } => format!("content/before-{}", proposal.moment),
            Self::After { fact } => format!("content/after-{}", fact.moment),
            Self::Resolve { request, .. } => format!("graphql/{}.{}", request.type_name, request.field),
            Self::Deliver { .. } => "notify/deliver".into(),
            Self::Begin { .. } => "auth/begin".into(),
            Self::Complete { .. } => "auth/complete".into(),
            Self::Run { step } => format!("job/{}", step.job),
        }
    }

    /// Makes the call on the one plugin that is active.
    pub async fn make(&self, active: &dyn Extensions) -> Made {
        match self {
            Self::Rank { context, columns } => rank(active, context, columns).await,
            Self::Review { items } => Some(told(active.moderators().first()?.review(items).await)),
            Self::Before { proposal } => {
                let hooks = active.before_hooks();
                let hook = hooks.iter().find(|hook| hook.wants(proposal.moment, &proposal.entry.type_name))?;
                Some(told(hook.before(proposal).await))
            }
            Self::After { fact } => {
                let hooks = active.after_hooks();
                let hook = hooks.iter().find(|hook| hook.wants(fact.moment, &fact.type_name))?;
                Some(attempted(hook.after(fact).await))
            }
            Self::Resolve { request, parents } => {
                Some(told(active.field_resolvers().first()?.resolve(request, parents).await))
            }
            Self::Deliver { batch } => Some(told(active.notifiers().first()?.deliver(batch).await)),
            Self::Begin { start } => Some(attempted(active.auth_providers().first()?.begin(start).await)),
            Self::Complete { callback } => Some(attempted(active.auth_providers().first()?.complete(callback).await)),
            Self::Run { step } => Some(attempted(active.job_runners().first()?.run(step).await)),
        }
    }
}

/// A new version may want other columns; those that were kept are all there are.
async fn rank(active: &dyn Extensions, context: &RankContext, columns: &[(String, Column)]) -> Made {
    let ranker = active.ranker()?;
    let kept = |name: &String| columns.iter().find(|(column, _)| column == name).cloned();
    let columns: Option<Vec<_>> = ranker.columns().iter().map(kept).collect();
    Some(told(ranker.rank(context, columns?).await))
}

fn told<T: Serialize>(answer: Result<T, PluginFailure>) -> Result<Json, PluginFailure> {
    answer.map(|answer| json!(answer))
}

fn attempted<T: Serialize>(answer: Result<T, FailedAttempt>) -> Result<Json, PluginFailure> {
    told(answer.map_err(|attempt| attempt.failure))
}
