//! The domains under test, with the guests that a test puts in.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::future::join_all;
use lyceum_domain::{
    identity::{
        AuthAbout, AuthCallback, AuthProvider, AuthStart, AuthWay, BeginSignIn, Begun, CompleteSignIn, EmailProofs,
        ExternalIdentity, HashingCost, Identity, IdentityConfig, Peer, SignInState, SignIns, SignedIn, TokenKey,
    },
    notification::{Delivered, Delivery, DeliveryStatus, Notifications, Notifier},
    plugin::{
        FailedAttempt, FailureKind, PluginFailure, SecretKey,
        delivery::{Deliveries, DeliveryHandler, run},
    },
};
use lyceum_kernel::{Locales, Result};

use crate::people::{Bed, house::House};

pub const BACK: &str = "https://school.example/back";

pub struct Stage {
    pub house: Arc<House>,
    pub queue: Deliveries,
    pub notifications: Arc<Notifications>,
    pub proofs: EmailProofs,
    pub sign_ins: SignIns,
    pub handlers: Vec<Arc<dyn DeliveryHandler>>,
}

pub fn config() -> IdentityConfig {
    let hashing = HashingCost { memory_kib: 8, passes: 1, ..HashingCost::default() };
    IdentityConfig { hashing, redirect_uris: vec![BACK.to_owned()], ..IdentityConfig::default() }
}

pub async fn stage(bed: &Bed) -> Stage {
    stage_with(bed, config(), false).await
}

pub async fn stage_with(bed: &Bed, config: IdentityConfig, dev: bool) -> Stage {
    let (house, key) = (Arc::new(House::default()), SecretKey::new(&[9; 32]).unwrap());
    let identity = Identity::open(bed.db.clone(), config, TokenKey::new(&[7; 32]).unwrap()).await.unwrap();
    let (identity, queue) = (Arc::new(identity), Deliveries::new(bed.db.clone()));
    let notifications = Arc::new(Notifications::new(queue.clone(), house.clone(), key.clone(), dev));
    Stage {
        proofs: EmailProofs::new(identity.clone(), notifications.clone()),
        sign_ins: SignIns::new(identity, house.clone(), key, Locales::default(), dev),
        handlers: vec![notifications.clone()],
        notifications,
        queue,
        house,
    }
}

impl Stage {
    pub fn carrier(&self, name: &'static str) -> Arc<Carrier> {
        let carrier = Arc::new(Carrier::named(name));
        self.house.notifiers.lock().unwrap().push(carrier.clone());
        carrier
    }

    pub fn door(&self, name: &'static str, key: &'static str) -> Arc<Door> {
        let door = Arc::new(Door::named(name, key));
        self.house.providers.lock().unwrap().push(door.clone());
        door
    }

    /// Tries everything that is due, all at once. How many there were.
    pub async fn work(&self) -> usize {
        let items = self.queue.claim(&self.handlers, 1000).await.unwrap();
        for outcome in join_all(items.iter().map(|item| self.queue.attempt(&self.handlers, item))).await {
            outcome.unwrap();
        }
        items.len()
    }

    /// Lets the worker work until `done` resolves.
    pub async fn run_until(&self, done: impl Future<Output = ()>) {
        run(&self.queue, self.house.as_ref(), &[], &self.handlers, done).await;
    }

    pub async fn begin(&self, provider: &str) -> Result<Begun> {
        self.begin_at(provider, BACK).await
    }

    pub async fn begin_at(&self, provider: &str, redirect_uri: &str) -> Result<Begun> {
        let input = BeginSignIn {
            provider: provider.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            locale: Some("zh".to_owned()),
        };
        self.sign_ins.begin(&input, &Peer::default()).await
    }

    pub async fn complete(&self, begun: &Begun) -> Result<SignedIn> {
        self.complete_with("door", &state_of(begun), begun).await
    }

    pub async fn complete_with(&self, provider: &str, state: &str, begun: &Begun) -> Result<SignedIn> {
        let input = CompleteSignIn {
            provider: provider.to_owned(),
            params: vec![("code".to_owned(), "c0de".to_owned()), ("state".to_owned(), state.to_owned())],
            state: SignInState::new(state),
            attempt: begun.attempt.clone(),
        };
        self.sign_ins.complete(input, &Peer::default()).await
    }

    /// From the button to the session.
    pub async fn signs_in(&self, door: &Door, identity: ExternalIdentity) -> Result<SignedIn> {
        door.answers(Ok(identity));
        let begun = self.begin("door").await?;
        self.complete(&begun).await
    }
}

/// The state that stands in the provider's address.
pub fn state_of(begun: &Begun) -> String {
    begun.url.rsplit_once("state=").unwrap().1.to_owned()
}

pub fn failed(kind: FailureKind, detail: &str, retryable: bool) -> FailedAttempt {
    let [plugin, version, world, function] = ["acme/auth-door", "1.0.0", "auth", "test"].map(str::to_owned);
    let failure = PluginFailure { plugin, version, world, function, kind, detail: detail.to_owned() };
    FailedAttempt { failure, retryable }
}

/// A carrier of mail that keeps its batches.
pub struct Carrier {
    name: &'static str,
    channels: Vec<String>,
    pub batches: Mutex<Vec<Vec<Delivery>>>,
    /// What it says of an address; `Sent` of others, nothing where it is none.
    pub says: Mutex<BTreeMap<String, Option<DeliveryStatus>>>,
}

impl Carrier {
    fn named(name: &'static str) -> Self {
        let channels = vec!["mail".to_owned()];
        Self { name, channels, batches: Mutex::default(), says: Mutex::default() }
    }

    pub fn sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(Vec::len).collect()
    }

    /// The one message of the last batch.
    pub fn last(&self) -> Delivery {
        let batches = self.batches.lock().unwrap();
        assert_eq!(batches.last().unwrap().len(), 1);
        batches.last().unwrap()[0].clone()
    }

    pub fn code(&self) -> String {
        self.last().values["code"].clone()
    }
}

#[async_trait]
impl Notifier for Carrier {
    fn name(&self) -> &str {
        self.name
    }

    fn channels(&self) -> &[String] {
        &self.channels
    }

    async fn deliver(&self, batch: &[Delivery]) -> std::result::Result<Vec<Delivered>, PluginFailure> {
        self.batches.lock().unwrap().push(batch.to_vec());
        let says = self.says.lock().unwrap();
        let result = |delivery: &Delivery| {
            let status = says.get(&delivery.address).copied().unwrap_or(Some(DeliveryStatus::Sent))?;
            let note = Some("as the test says".to_owned());
            Some(Delivered { id: delivery.id.clone(), status, provider_ref: None, note })
        };
        Ok(batch.iter().filter_map(result).collect())
    }
}

type Answer = std::result::Result<ExternalIdentity, FailedAttempt>;

/// A provider that keeps what it was told.
pub struct Door {
    name: &'static str,
    key: &'static str,
    about: AuthAbout,
    pub starts: Mutex<Vec<AuthStart>>,
    pub callbacks: Mutex<Vec<AuthCallback>>,
    /// With what it was asked again.
    pub asked: Mutex<Vec<String>>,
    answer: Mutex<Option<Answer>>,
}

impl Door {
    fn named(name: &'static str, key: &'static str) -> Self {
        let labels = BTreeMap::from([("en".to_owned(), format!("Enter by {name}"))]);
        Self {
            name,
            key,
            about: AuthAbout { labels, refreshes: true },
            starts: Mutex::default(),
            callbacks: Mutex::default(),
            asked: Mutex::default(),
            answer: Mutex::default(),
        }
    }

    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    fn answer(&self) -> Answer {
        self.answer.lock().unwrap().clone().expect("the test says what it answers")
    }
}

#[async_trait]
impl AuthProvider for Door {
    fn name(&self) -> &str {
        self.name
    }

    fn key(&self) -> &str {
        self.key
    }

    fn about(&self) -> &AuthAbout {
        &self.about
    }

    async fn begin(&self, start: &AuthStart) -> std::result::Result<AuthWay, FailedAttempt> {
        self.starts.lock().unwrap().push(start.clone());
        Ok(AuthWay { url: format!("https://door.example/?state={}", start.state), keep: "way".to_owned() })
    }

    async fn complete(&self, callback: &AuthCallback) -> Answer {
        self.callbacks.lock().unwrap().push(callback.clone());
        self.answer()
    }

    async fn refresh(&self, keep: &str) -> Answer {
        self.asked.lock().unwrap().push(keep.to_owned());
        self.answer()
    }
}

/// Somebody as the provider tells.
pub fn somebody(subject: &str, email: Option<&str>, email_verified: bool) -> ExternalIdentity {
    ExternalIdentity {
        subject: subject.to_owned(),
        email: email.map(str::to_owned),
        email_verified,
        name: Some("Ana".to_owned()),
        picture: None,
        keep: format!("keep-{subject}"),
    }
}
