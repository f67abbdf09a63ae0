//! A server with content types and the guests that a test puts in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use lyceum_domain::{
    content::{AfterHook, BeforeHook, Change, Contents, Fact, FieldValue, HookAnswer, Moment, Proposal, Rejection},
    job::{JobOutcome, JobRunner, JobSpec, JobStep},
    plugin::{FailedAttempt, FailureKind, PluginFailure},
    types::model,
};
use lyceum_kernel::{Action, Id, Locales, Result, RowScope, Rule, Rules, Viewer};
use lyceum_model::content;
use lyceum_store::schema::{self, Apply};
use serde_json::{Value as Json, json};

use crate::people::Bed;
pub use crate::people::house::House;

pub struct Desk {
    pub contents: Contents,
    pub house: Arc<House>,
    pub viewer: Viewer,
}

/// Somebody who may do everything.
pub fn owner() -> Viewer {
    use Action::{Create, Delete, Manage, Publish, Read, Update};
    let actions = vec![Read, Create, Update, Delete, Publish, Manage];
    Viewer { rules: Arc::new(Rules::new(vec![everything(actions)])), ..Viewer::default() }
}

pub fn plugin(name: &str) -> Viewer {
    use Action::{Create, Delete, Publish, Read, Update};
    Viewer::for_plugin(name, vec![everything(vec![Read, Create, Update, Delete, Publish])])
}

fn everything(actions: Vec<Action>) -> Rule {
    Rule { subject: "*".into(), actions, rows: RowScope::All, fields: None }
}

pub async fn desk(bed: &Bed) -> Desk {
    let types = content::built_in().unwrap();
    let plan = schema::plan(&bed.db, &types).await.unwrap().plan;
    let how = Apply { allow_destructive: false, default_locale: "en".parse().unwrap() };
    schema::apply(&bed.db, &plan, &how).await.unwrap();
    let model = Arc::new(model(content::resolve(&types)).unwrap());
    let house = Arc::new(House::default());
    let contents = Contents::new(bed.db.clone(), model, Locales::default(), house.clone());
    Desk { contents, house, viewer: owner() }
}

impl Desk {
    pub fn change(&self, kind: &str, input: Json) -> Change {
        let def = self.contents.content_type(kind).unwrap();
        let Json::Object(input) = input else { panic!("an input is an object") };
        Change::parse(self.contents.model(), def, &input, self.contents.locales()).unwrap()
    }

    pub async fn create(&self, kind: &str, input: Json) -> Result<Id> {
        let def = self.contents.content_type(kind).unwrap();
        self.contents.create(&self.viewer, def, self.change(kind, input)).await
    }

    pub async fn update(&self, kind: &str, id: Id, input: Json) -> Result<()> {
        self.update_as(&self.viewer, kind, id, input).await
    }

    pub async fn update_as(&self, viewer: &Viewer, kind: &str, id: Id, input: Json) -> Result<()> {
        let def = self.contents.content_type(kind).unwrap();
        self.contents.update(viewer, def, id, self.change(kind, input)).await
    }

    pub async fn publish(&self, kind: &str, id: Id) -> Result<()> {
        self.contents.publish(&self.viewer, self.contents.content_type(kind).unwrap(), id).await
    }

    pub async fn delete(&self, kind: &str, id: Id) -> Result<()> {
        self.contents.delete(&self.viewer, self.contents.content_type(kind).unwrap(), id).await
    }

    pub fn puts_before(&self, guest: Before) -> Arc<Before> {
        let guest = Arc::new(guest);
        self.house.before.lock().unwrap().push(guest.clone());
        guest
    }
}

pub fn failure(plugin: &str, kind: FailureKind) -> PluginFailure {
    let [version, world, function] = ["1.0.0", "content", "test"].map(str::to_owned);
    PluginFailure { plugin: plugin.to_owned(), version, world, function, kind, detail: "as the test says".to_owned() }
}

pub fn set(field: &str, locale: Option<&str>, value: Json) -> FieldValue {
    FieldValue { field: field.to_owned(), locale: locale.map(str::to_owned), value }
}

pub fn rejection(field: Option<&str>) -> Rejection {
    let messages = BTreeMap::from([("en".to_owned(), "Too loud.".to_owned()), ("zh".to_owned(), "太吵。".to_owned())]);
    Rejection { field: field.map(str::to_owned), messages }
}

type Answer = Box<dyn Fn(&Proposal) -> Result<HookAnswer, PluginFailure> + Send + Sync>;
type Meanwhile = Box<dyn Fn() -> futures::future::BoxFuture<'static, ()> + Send + Sync>;

/// A guest with before-hooks.
pub struct Before {
    pub name: String,
    pub guards: bool,
    pub moments: Vec<Moment>,
    pub answer: Answer,
    /// What happens while it works.
    pub meanwhile: Option<Meanwhile>,
    pub heard: Mutex<Vec<Proposal>>,
}

impl Before {
    pub fn new(
        name: &str,
        answer: impl Fn(&Proposal) -> Result<HookAnswer, PluginFailure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            guards: false,
            moments: Moment::ALL.to_vec(),
            answer: Box::new(answer),
            meanwhile: None,
            heard: Mutex::default(),
        }
    }

    /// One that changes nothing.
    pub fn silent(name: &str) -> Self {
        Self::new(name, |_| Ok(Ok(Vec::new())))
    }

    pub fn guarding(self) -> Self {
        Self { guards: true, ..self }
    }

    pub fn only(self, moments: &[Moment]) -> Self {
        Self { moments: moments.to_vec(), ..self }
    }

    pub fn meanwhile(self, what: impl Fn() -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        Self { meanwhile: Some(Box::new(what)), ..self }
    }

    pub fn heard(&self) -> Vec<Proposal> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl BeforeHook for Before {
    fn name(&self) -> &str {
        &self.name
    }

    fn guards(&self) -> bool {
        self.guards
    }

    fn wants(&self, moment: Moment, _type_name: &str) -> bool {
        self.moments.contains(&moment)
    }

    async fn before(&self, proposal: &Proposal) -> Result<HookAnswer, PluginFailure> {
        self.heard.lock().unwrap().push(proposal.clone());
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile().await;
        }
        (self.answer)(proposal)
    }
}

/// The value of a field in a list of fields.
pub fn value(fields: &[FieldValue], name: &str) -> Json {
    fields.iter().find(|field| field.field == name).map_or(Json::Null, |field| field.value.clone())
}

/// A guest with after-hooks. It refuses the entries whose title is `deaf`.
#[derive(Default)]
pub struct After {
    pub name: String,
    pub heard: Mutex<Vec<Fact>>,
    pub told: tokio::sync::Notify,
}

impl After {
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), ..Self::default() })
    }

    /// `moment title` of everything that it heard.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|fact| format!("{} {}", fact.moment, title(fact))).collect()
    }
}

fn title(fact: &Fact) -> String {
    let title = fact.entry.as_ref().map(|entry| value(&entry.fields, "title"));
    title.and_then(|title| title.as_str().map(str::to_owned)).unwrap_or_else(|| "-".to_owned())
}

#[async_trait]
impl AfterHook for After {
    fn name(&self) -> &str {
        &self.name
    }

    fn wants(&self, _moment: Moment, type_name: &str) -> bool {
        type_name == "course"
    }

    async fn after(&self, fact: &Fact) -> Result<(), FailedAttempt> {
        if title(fact) == "deaf" {
            return Err(FailedAttempt { failure: failure(&self.name, FailureKind::Trap), retryable: true });
        }
        self.heard.lock().unwrap().push(fact.clone());
        self.told.notify_one();
        Ok(())
    }
}

type StepAnswer = Box<dyn Fn(&JobStep) -> Result<JobOutcome, FailedAttempt> + Send + Sync>;

/// A guest with jobs.
pub struct Worker {
    pub name: String,
    pub specs: Vec<JobSpec>,
    pub answer: StepAnswer,
    /// What happens while it works.
    pub meanwhile: Option<Meanwhile>,
    pub heard: Mutex<Vec<JobStep>>,
}

impl Worker {
    pub fn new(
        name: &str,
        answer: impl Fn(&JobStep) -> Result<JobOutcome, FailedAttempt> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            specs: Vec::new(),
            answer: Box::new(answer),
            meanwhile: None,
            heard: Mutex::default(),
        }
    }

    pub fn with(mut self, job: &str, every: Option<Duration>) -> Self {
        self.specs.push(JobSpec { name: job.to_owned(), every, summary: BTreeMap::new() });
        self
    }

    pub fn heard(&self) -> Vec<JobStep> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl JobRunner for Worker {
    fn name(&self) -> &str {
        &self.name
    }

    fn jobs(&self) -> &[JobSpec] {
        &self.specs
    }

    async fn run(&self, step: &JobStep) -> Result<JobOutcome, FailedAttempt> {
        self.heard.lock().unwrap().push(step.clone());
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile().await;
        }
        (self.answer)(step)
    }
}

pub fn outcome(resume: Option<&str>) -> JobOutcome {
    JobOutcome { resume: resume.map(str::to_owned), wait: Duration::ZERO, progress: None, report: None }
}

pub fn failed(plugin: &str, retryable: bool) -> FailedAttempt {
    FailedAttempt { failure: failure(plugin, FailureKind::Refused), retryable }
}

/// Waits until something is so, ten seconds at most.
pub async fn until(mut so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !so().await {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it becomes so within ten seconds");
}

pub fn titled(title: &str) -> Json {
    json!({ "title": title })
}
