//! A carrier of messages. A fresh instance for each batch.
//!
//! **Invariant:** a result is taken only for a delivery that was in the batch,
//! and one at most.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use lyceum_domain::{
    notification::{Delivered, Delivery, DeliveryStatus, Notifier},
    plugin::PluginFailure,
};
use wasmtime::component::InstancePre;

use super::{
    answer::{ID, MESSAGE, NotTaken, cut, line, within},
    fresh::fresh,
    weight::Weight,
};
use crate::{
    bindings::notify::{NotifyPluginPre, exports::lyceum::notify::notifier as guest},
    call::{Input, Plugin},
    host::CallState,
    limits::World,
};

/// The channels that the WIT names.
const CHANNELS: &[&str] = &["mail", "sms", "push"];
/// A carrier cannot put a message off for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct PluginNotifier {
    plugin: Arc<Plugin>,
    pre: NotifyPluginPre<CallState>,
    channels: Vec<String>,
}

impl PluginNotifier {
    /// # Errors
    /// The exports have not the shape of the world.
    pub fn pre(pre: InstancePre<CallState>) -> wasmtime::Result<NotifyPluginPre<CallState>> {
        NotifyPluginPre::new(pre)
    }

    /// Asks the guest for its channels.
    ///
    /// # Errors
    /// The guest fails, or names a channel that does not exist.
    pub async fn start(plugin: Arc<Plugin>, pre: NotifyPluginPre<CallState>) -> Result<Self, PluginFailure> {
        // Under the limits of activation: the first run of a component is the slowest.
        let channels = fresh!(
            plugin,
            pre,
            World::Lifecycle,
            "channels",
            Input::exempt(0),
            |guest, store| guest.lyceum_notify_notifier().call_channels(store),
            |answer, _most| channels(answer)
        )?;
        Ok(Self { plugin, pre, channels })
    }
}

#[async_trait]
impl Notifier for PluginNotifier {
    fn name(&self) -> &str {
        &self.plugin.context().id
    }

    fn channels(&self) -> &[String] {
        &self.channels
    }

    async fn deliver(&self, batch: &[Delivery]) -> Result<Vec<Delivered>, PluginFailure> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let given: Vec<guest::Delivery> = batch.iter().map(to_guest).collect();
        fresh!(
            self.plugin,
            self.pre,
            World::Notify,
            "deliver",
            Input::new(given.weight(), &given),
            |guest, store| guest.lyceum_notify_notifier().call_deliver(store, &given),
            |answer, most| results(answer, batch, most)
        )
    }
}

fn to_guest(delivery: &Delivery) -> guest::Delivery {
    guest::Delivery {
        id: delivery.id.clone(),
        channel: delivery.channel.clone(),
        address: delivery.address.clone(),
        name: delivery.name.clone(),
        locale: delivery.locale.clone(),
        template: delivery.template.clone(),
        subject: delivery.subject.clone(),
        text: delivery.text.clone(),
        values: delivery.values.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        ext: Vec::new(),
    }
}

pub(super) fn channels(given: Vec<String>) -> Result<Vec<String>, NotTaken> {
    let wrong = given.iter().find(|name| !CHANNELS.contains(&name.as_str()));
    if let Some(name) = wrong {
        let known = CHANNELS.join(", ");
        return Err(NotTaken::invalid(format!("it serves the channel \"{}\"; there are {known}", cut(name, 50))));
    }
    let distinct: BTreeSet<&String> = given.iter().collect();
    if given.is_empty() || distinct.len() != given.len() {
        return Err(NotTaken::invalid("it serves no channel, or one of them twice"));
    }
    Ok(given)
}

pub(super) fn results(
    given: Vec<guest::DeliveryResult>,
    batch: &[Delivery],
    most: usize,
) -> Result<Vec<Delivered>, NotTaken> {
    within(given.weight(), most)?;
    let mut open: BTreeSet<&str> = batch.iter().map(|delivery| delivery.id.as_str()).collect();
    for result in &given {
        if !open.remove(result.id.as_str()) {
            let id = cut(&result.id, 50);
            return Err(NotTaken::invalid(format!("a result is for \"{id}\", which was not given or has one already")));
        }
    }
    given.into_iter().map(result).collect()
}

fn result(given: guest::DeliveryResult) -> Result<Delivered, NotTaken> {
    let guest::DeliveryResult { id, status, provider_ref, note, retry_after_s } = given;
    let pause = retry_after_s.map(|seconds| Duration::from_secs(seconds.into()).min(LONGEST_PAUSE));
    let status = match status.as_str() {
        "sent" => DeliveryStatus::Sent,
        "failed" => DeliveryStatus::Failed,
        // Any other word is of a later version: the message is not lost by it.
        _ => DeliveryStatus::Retry(pause),
    };
    let provider_ref = provider_ref.map(|text| line("a provider's id", text, ID)).transpose()?;
    Ok(Delivered { id, status, provider_ref, note: note.map(|note| cut(&note, MESSAGE)) })
}

impl Weight for guest::Delivery {
    fn weight(&self) -> usize {
        let texts = [&self.id, &self.channel, &self.address, &self.locale, &self.template, &self.subject, &self.text];
        let texts = texts.iter().map(|text| text.weight()).sum::<usize>();
        texts + self.name.weight() + self.values.weight() + self.ext.weight()
    }
}

impl Weight for guest::DeliveryResult {
    fn weight(&self) -> usize {
        self.id.weight() + self.status.weight() + self.provider_ref.weight() + self.note.weight() + 8
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn delivery(id: &str) -> Delivery {
        let text = String::new;
        let (address, name, locale, template) = (text(), None, text(), text());
        let (subject, text, values) = (text(), text(), BTreeMap::new());
        Delivery { id: id.into(), channel: "mail".into(), address, name, locale, template, subject, text, values }
    }

    fn given(id: &str, status: &str) -> guest::DeliveryResult {
        let (provider_ref, note, retry_after_s) = (None, None, Some(u32::MAX));
        guest::DeliveryResult { id: id.into(), status: status.into(), provider_ref, note, retry_after_s }
    }

    #[test]
    fn an_unknown_status_is_a_retry_and_a_pause_ends_within_a_day() {
        let status = |word: &str| result(given("1", word)).map(|delivered| delivered.status);
        assert_eq!(status("sent"), Ok(DeliveryStatus::Sent));
        assert_eq!(status("failed"), Ok(DeliveryStatus::Failed));
        assert_eq!(status("retry"), Ok(DeliveryStatus::Retry(Some(LONGEST_PAUSE))));
        assert_eq!(status("bounced"), status("retry"));
    }

    #[test]
    fn each_delivery_of_the_batch_has_at_most_one_result() {
        let batch = [delivery("1"), delivery("2")];
        let count = |ids: &[&str]| {
            let answer = ids.iter().map(|id| given(id, "sent")).collect();
            results(answer, &batch, 1_000).map(|delivered| delivered.len())
        };
        assert_eq!((count(&[]), count(&["2"]), count(&["2", "1"])), (Ok(0), Ok(1), Ok(2)));
        assert!(count(&["3"]).is_err());
        assert!(count(&["1", "1"]).is_err());
        assert!(results(vec![given("1", &"x".repeat(1_000))], &batch, 1_000).is_err());
        let odd = guest::DeliveryResult { provider_ref: Some("a\r\nb".into()), ..given("1", "sent") };
        assert!(results(vec![odd], &batch, 1_000).is_err());
    }

    #[test]
    fn only_channels_that_exist_are_served() {
        let check = |names: &[&str]| channels(names.iter().map(ToString::to_string).collect());
        assert!(check(&["mail", "sms", "push"]).is_ok());
        assert!(check(&[]).is_err());
        assert!(check(&["mail", "mail"]).is_err());
        assert!(check(&["pigeon"]).is_err());
    }
}
