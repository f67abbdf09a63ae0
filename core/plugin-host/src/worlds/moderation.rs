//! A moderator plugin. A fresh instance for each call: one member's text can
//! leave nothing behind for the next.

use std::sync::Arc;

use async_trait::async_trait;
use lyceum_domain::{
    moderation::{Decision, Moderator, ReviewItem, Verdict},
    plugin::PluginFailure,
};
use wasmtime::component::InstancePre;

use super::{
    answer::{ID, NotTaken, TEXT, count, ext, text},
    weight::Weight,
};
use crate::{
    bindings::moderation::{ModerationPluginPre, exports::lyceum::moderation::moderator as guest},
    call::{Input, Plugin},
    host::CallState,
    interface::Capability,
    limits::World,
};

/// Labels of one verdict.
const LABELS: usize = 32;

pub(crate) struct PluginModerator {
    plugin: Arc<Plugin>,
    pre: ModerationPluginPre<CallState>,
    world: World,
}

impl PluginModerator {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn new(plugin: Arc<Plugin>, pre: InstancePre<CallState>) -> wasmtime::Result<Self> {
        let with_http = plugin.context().granted.has(Capability::Http);
        let world = if with_http { World::ModerationHttp } else { World::Moderation };
        Ok(Self { plugin, pre: ModerationPluginPre::new(pre)?, world })
    }
}

#[async_trait]
impl Moderator for PluginModerator {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    async fn review(&self, items: &[ReviewItem]) -> Result<Vec<Verdict>, PluginFailure> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let looks: Vec<_> = items.iter().map(|item| (&item.kind, &item.locale, &item.text)).collect();
        let call = self.plugin.open(self.world, "review", Input::new(items.weight(), &looks), 1).await?;
        let asked: Vec<guest::ReviewItem> = items.iter().map(to_guest).collect();
        let mut store = call.store();
        let outcome = call
            .bounded(async {
                let instance = self.pre.instantiate_async(&mut store).await?;
                instance.lyceum_moderation_moderator().call_review(&mut store, &asked).await
            })
            .await;
        let most = call.output();
        call.close(store.data(), outcome, |answer| verdicts(answer, items.len(), most))
    }
}

fn to_guest(item: &ReviewItem) -> guest::ReviewItem {
    guest::ReviewItem {
        id: item.id.clone(),
        kind: item.kind.clone(),
        locale: item.locale.clone(),
        text: item.text.clone(),
        ext: Vec::new(),
    }
}

pub(super) fn verdicts(
    answer: Result<Vec<guest::Verdict>, guest::Error>,
    items: usize,
    most: usize,
) -> Result<Vec<Verdict>, NotTaken> {
    let verdicts = answer.map_err(|error| NotTaken::refused(&error.code, &error.message))?;
    count("verdicts", verdicts.len(), items)?;
    let bytes = verdicts.weight();
    if bytes > most {
        return Err(NotTaken::invalid(format!("the answer has {bytes} bytes; at most {most}")));
    }
    verdicts.into_iter().map(verdict).collect()
}

fn verdict(given: guest::Verdict) -> Result<Verdict, NotTaken> {
    let guest::Verdict { decision, labels, confidence, note, ext: more } = given;
    if !(0.0..=1.0).contains(&confidence) {
        return Err(NotTaken::invalid(format!("a confidence is {confidence}; it goes from 0 to 1")));
    }
    if labels.len() > LABELS {
        return Err(NotTaken::invalid(format!("a verdict has {} labels; at most {LABELS}", labels.len())));
    }
    ext("a verdict", more)?;
    Ok(Verdict {
        decision: decided(&decision)?,
        labels: labels.into_iter().map(|label| text("a label", label, ID)).collect::<Result<_, _>>()?,
        confidence,
        note: note.map(|note| text("a note", note, TEXT)).transpose()?,
    })
}

fn decided(word: &str) -> Result<Decision, NotTaken> {
    match word {
        "allow" => Ok(Decision::Allow),
        "hold" => Ok(Decision::Hold),
        "reject" => Ok(Decision::Reject),
        other => {
            let other: String = other.chars().take(50).collect();
            Err(NotTaken::invalid(format!("a decision is \"{other}\"; there are allow, hold and reject")))
        }
    }
}

impl Weight for guest::Verdict {
    fn weight(&self) -> usize {
        self.decision.weight() + self.labels.weight() + self.note.weight() + self.ext.weight() + 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(decision: &str, confidence: f32) -> guest::Verdict {
        guest::Verdict { decision: decision.into(), labels: vec![], confidence, note: None, ext: vec![] }
    }

    #[test]
    fn one_good_verdict_for_each_item_or_none_is_taken() {
        let check = |answer: Vec<guest::Verdict>| verdicts(Ok(answer), 1, 1_000);
        assert!(check(vec![given("hold", 1.0)]).is_ok());
        assert!(check(vec![]).is_err());
        assert!(check(vec![given("maybe", 0.5)]).is_err());
        assert!(check(vec![given("allow", f32::NAN)]).is_err());
        assert!(check(vec![given("allow", 1.5)]).is_err());
        let noted = guest::Verdict { note: Some("x".repeat(2_000)), ..given("allow", 0.5) };
        assert!(check(vec![noted]).is_err(), "over the output limit");
    }
}
