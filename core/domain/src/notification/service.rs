//! Putting messages into the queue, and handing them to a carrier.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use lyceum_kernel::{Event, Failure, Id, Locale, Result, Timestamp, Viewer};
use lyceum_store::Write;
use serde::{Deserialize, Serialize};

use super::{
    gather::{Gathering, SLOTS, unsent},
    message::{Channel, LONGEST, Message, Recipient, Template},
    port::{Delivery, Notifier},
    text,
};
use crate::plugin::{
    Extensions, FailedAttempt, Secret, SecretKey,
    delivery::{Deliveries, DeliveryHandler, DeliveryKind, Item, NewItem, Undelivered},
    may_manage,
};

/// Messages to people.
pub struct Notifications {
    queue: Deliveries,
    extensions: Arc<dyn Extensions>,
    key: SecretKey,
    /// Development mode: what nobody carries is printed to the log.
    dev: bool,
    gathering: Arc<Gathering>,
}

/// A message as it waits in the queue.
#[derive(Serialize, Deserialize)]
struct Kept {
    channel: String,
    template: String,
    to: String,
    locale: String,
    /// After this it is thrown away; absent in what an earlier version kept.
    #[serde(default)]
    until: Option<Timestamp>,
    /// [`Letter`] under the installation's key, in base64.
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Letter {
    name: Option<String>,
    subject: String,
    text: String,
    values: BTreeMap<String, String>,
}

impl Notifications {
    #[must_use]
    pub fn new(queue: Deliveries, extensions: Arc<dyn Extensions>, key: SecretKey, dev: bool) -> Self {
        Self { queue, extensions, key, dev, gathering: Arc::default() }
    }

    /// Puts a message into the queue, in the transaction of the caller's. Call
    /// [`Self::wake`] after the commit. What waits on its channel and is of no
    /// use any more goes.
    ///
    /// # Errors
    /// Internal.
    pub async fn send(&self, write: &Write, message: &Message) -> Result<Id> {
        let Message { template, to, values } = message;
        let Recipient { channel, address, name, locale } = to;
        let written = text::write(*template, locale, values);
        let letter =
            Letter { name: name.clone(), subject: written.subject, text: written.text, values: values.clone() };
        let plain = serde_json::to_vec(&letter).map_err(Failure::internal)?;
        let kept = Kept {
            channel: channel.name().to_owned(),
            template: template.name().to_owned(),
            to: address.clone(),
            locale: locale.to_string(),
            until: Some(write.now().plus(template.good_for())),
            sealed: STANDARD.encode(self.key.seal(channel.name(), template.name(), &Secret::new(plain))),
        };
        self.queue.drop_waiting(write, DeliveryKind::Notify, channel.name(), write.now().minus(LONGEST)).await?;
        let item = NewItem {
            plugin: channel.name().to_owned(),
            kind: DeliveryKind::Notify,
            // Each its own: a message that fails holds up no other.
            subject: format!("{}/{}", template.name(), Id::new()),
            position: 0,
            payload: serde_json::to_value(kept).map_err(Failure::internal)?,
        };
        self.queue.enqueue(write, &item).await
    }

    /// Tells the workers of this process that there is something to send.
    pub fn wake(&self) {
        self.queue.wake();
    }

    /// Sends a message to an address of the owner's choice, to find out
    /// whether it arrives. Tells the plugin that carries it; none when it
    /// waits, or is printed to the log in development.
    ///
    /// # Errors
    /// UNAUTHENTICATED, FORBIDDEN; BAD_USER_INPUT at `input.channel` or
    /// `input.address`.
    pub async fn test(&self, viewer: &Viewer, channel: &str, address: &str, locale: &Locale) -> Result<Option<String>> {
        may_manage(viewer)?;
        let channel = Channel::find(channel)
            .ok_or_else(|| Failure::input("input.channel", "The channels are `mail`, `sms` and `push`."))?;
        let to = Recipient::typed(channel, address, locale.clone())?;
        let mut write = self.queue.database().write().await?;
        let id = self.send(&write, &Message { template: Template::Test, to, values: BTreeMap::new() }).await?;
        write.emit(&Event::new("pluginDelivery", "test-sent", id).by_viewer(viewer)).await?;
        write.commit().await?;
        self.wake();
        Ok(self.notifier(channel.name()).map(|notifier| notifier.name().to_owned()))
    }

    /// The first that serves the channel, in the order of ids.
    fn notifier(&self, channel: &str) -> Option<Arc<dyn Notifier>> {
        let serving = self.extensions.notifiers().into_iter().filter(|n| n.channels().iter().any(|c| c == channel));
        serving.min_by(|a, b| a.name().cmp(b.name()))
    }

    fn opened(&self, item: &Item, kept: Kept) -> Result<Delivery, FailedAttempt> {
        let unreadable = |why: String| unreadable(item, &why);
        let sealed = STANDARD.decode(&kept.sealed).map_err(|why| unreadable(why.to_string()))?;
        let plain = self.key.open(&kept.channel, &kept.template, &sealed).map_err(|why| unreadable(why.to_string()))?;
        let letter: Letter = serde_json::from_slice(plain.expose())
            .map_err(|_| unreadable("its contents are of another version".into()))?;
        let Letter { name, subject, text, values } = letter;
        let Kept { channel, template, to, locale, until: _, sealed: _ } = kept;
        Ok(Delivery { id: item.id.to_string(), channel, address: to, name, locale, template, subject, text, values })
    }
}

#[async_trait]
impl DeliveryHandler for Notifications {
    fn kind(&self) -> DeliveryKind {
        DeliveryKind::Notify
    }

    /// The channels that somebody serves. No plugin is called so: their ids
    /// have a slash.
    fn plugins(&self) -> Vec<String> {
        let served = Channel::ALL.into_iter().filter(|c| self.dev || self.notifier(c.name()).is_some());
        served.map(|channel| channel.name().to_owned()).collect()
    }

    fn slots(&self) -> usize {
        SLOTS
    }

    async fn deliver(&self, item: &Item) -> Result<(), Undelivered> {
        let kept: Kept =
            serde_json::from_value(item.payload.clone()).map_err(|why| unreadable(item, &why.to_string()))?;
        if kept.until.is_some_and(|until| until < self.queue.database().now()) {
            tracing::info!(channel = kept.channel, template = kept.template, id = %item.id, "a message came too late");
            return Ok(());
        }
        let delivery = self.opened(item, kept)?;
        match self.notifier(&delivery.channel) {
            Some(notifier) => self.gathering.deliver(notifier, delivery).await,
            None if self.dev => {
                print(&delivery);
                Ok(())
            }
            None => Err(unsent(&item.plugin, "nobody serves this channel any more", true).into()),
        }
    }
}

fn unreadable(item: &Item, why: &str) -> FailedAttempt {
    unsent(&item.plugin, &format!("the message cannot be read: {why}"), false)
}

/// For the one who develops: the code is in the text.
fn print(delivery: &Delivery) {
    tracing::info!(
        channel = delivery.channel,
        to = delivery.address,
        template = delivery.template,
        "no plugin carries messages, so here it is:\n{}\n\n{}",
        delivery.subject,
        delivery.text
    );
}
