//! Every component in the museum runs on the host as it is now.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use lyceum_domain::{
    content::{Actor, Fact, FieldValue, HookedEntry, Moment, Proposal},
    job::JobStep,
    plugin::{Activation, Extensions as _, FailureKind, FieldRequest, Grants, Permission, PluginRuntime as _},
};
use lyceum_kernel::Timestamp;
use lyceum_plugin_host::{InterfaceName, PluginHost};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    auth, notify,
    support::{activation, columns, context, generous, host, item},
};

const WORLDS: [&str; 8] = ["auth", "content", "graphql", "job", "moderation", "notify", "payment", "ranking"];
const LANGUAGES: [&str; 3] = ["python", "rust", "typescript"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guests {
    guest: Vec<Guest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guest {
    file: String,
    language: String,
    worlds: Vec<String>,
    exports: Vec<String>,
    digest: String,
    config: String,
}

/// A folder for each released minor version.
fn minors() -> Vec<PathBuf> {
    let museum = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/museum");
    let mut folders: Vec<PathBuf> = fs::read_dir(museum).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.join("GUESTS.toml").exists());
    folders.sort();
    folders
}

fn guests(minor: &Path) -> Vec<Guest> {
    let list = fs::read_to_string(minor.join("GUESTS.toml")).unwrap();
    toml::from_str::<Guests>(&list).unwrap().guest
}

/// Whether there must be a museum: not before the first release.
fn released() -> bool {
    !minors().is_empty() || std::env::var_os("LYCEUM_TEST_STRICT").is_some()
}

#[test]
fn every_world_and_language_of_every_minor_is_kept() {
    assert!(!released() || !minors().is_empty(), "the museum is empty: plugins/museum/keep.sh 1.0");
    for minor in minors() {
        let guests = guests(&minor);
        let worlds: BTreeSet<&str> = guests.iter().flat_map(|guest| &guest.worlds).map(String::as_str).collect();
        let languages: BTreeSet<&str> = guests.iter().map(|guest| guest.language.as_str()).collect();
        assert_eq!((worlds, languages), (WORLDS.into(), LANGUAGES.into()), "{}", minor.display());
        let listed: BTreeSet<&str> = guests.iter().map(|guest| guest.file.as_str()).collect();
        let files = fs::read_dir(&minor).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<String> = files.filter(|name| name.ends_with(".wasm")).collect();
        assert_eq!(listed, there.iter().map(String::as_str).collect(), "{}", minor.display());
    }
}

#[tokio::test]
async fn every_component_that_was_kept_still_serves() {
    for minor in minors() {
        for guest in guests(&minor) {
            let wasm = fs::read(minor.join(&guest.file)).unwrap();
            assert_eq!(hex::encode(Sha256::digest(&wasm)), guest.digest, "{} was changed", guest.file);
            serves(&guest, wasm).await;
        }
    }
}

async fn serves(guest: &Guest, wasm: Vec<u8>) {
    let host = host(generous());
    let seen = host.inspect(&wasm).unwrap_or_else(|failure| panic!("{}: {failure}", guest.file));
    let implements: BTreeSet<String> = seen.implements.iter().cloned().collect();
    assert_eq!(implements, whole(&guest.exports), "{}", guest.file);
    let config = guest.config.clone();
    let activation = Activation { grants: all(&seen.asks), config, ..activation(wasm) };
    host.activate(activation).await.unwrap_or_else(|failure| panic!("{}: {failure}", guest.file));
    for export in &guest.exports {
        answers(&host, export).await.unwrap_or_else(|kind| panic!("{}: {export}: {kind:?}", guest.file));
    }
}

/// `lyceum:job/job@1.0` as the host says it.
fn whole(exports: &[String]) -> BTreeSet<String> {
    exports.iter().map(|name| name.parse::<InterfaceName>().unwrap().to_string()).collect()
}

/// Everything that is asked for, with an address where the owner has to name one.
fn all(asks: &Grants) -> Grants {
    let named = |host: &String| host.replace("://*", "://museum.example.com").replace(":*", ":9");
    let grant = |(name, ask): (&String, &Permission)| {
        let hosts = ask.hosts.iter().map(named).collect();
        (name.clone(), Permission { hosts, ..ask.clone() })
    };
    Grants(asks.0.iter().map(grant).collect::<BTreeMap<_, _>>())
}

/// One good call of one export.
async fn answers(host: &PluginHost, export: &str) -> Result<(), FailureKind> {
    let path = export.split('@').next().unwrap();
    match path {
        "lyceum:ranking/ranker" => rank(host).await,
        "lyceum:moderation/moderator" => {
            let verdicts = host.moderators().remove(0).review(&[item("老师讲得很清楚")]).await;
            verdicts.map(|verdicts| assert_eq!(verdicts.len(), 1)).map_err(|failure| failure.kind)
        }
        "lyceum:content/before-hooks" => before(host).await,
        "lyceum:content/after-hooks" => after(host).await,
        "lyceum:notify/notifier" => {
            let results = host.notifiers().remove(0).deliver(&[notify::delivery("1", "fine")]).await;
            results.map(|results| assert_eq!(results[0].id, "1")).map_err(|failure| failure.kind)
        }
        "lyceum:auth/auth-provider" => sign_in(host).await,
        "lyceum:job/job" => job(host).await,
        "lyceum:graphql/field-resolver" => field(host).await,
        "lyceum:payment/provider" => {
            let key = host.payment_providers().remove(0);
            let can = host.payment_provider(&key).unwrap().describe().await;
            can.map(|can| assert!(!can.flows.is_empty())).map_err(|failure| failure.kind)
        }
        // The host asked for its health before it put the plugin in place; a
        // notification needs the provider's signature, which `payments` has.
        "lyceum:lifecycle/lifecycle" | "lyceum:payment/inbound" => Ok(()),
        other => panic!("{other}: teach this test to call it"),
    }
}

async fn rank(host: &PluginHost) -> Result<(), FailureKind> {
    let ranker = host.ranker().unwrap();
    let scores = ranker.rank(&context("recommended-courses", 3), columns(ranker.columns(), 3)).await;
    scores.map(|scores| assert_eq!(scores.len(), 3)).map_err(|failure| failure.kind)
}

fn course() -> HookedEntry {
    let title = FieldValue { field: "title".into(), locale: Some("zh".into()), value: json!("摄影入门") };
    HookedEntry { type_name: "course".into(), id: None, published: false, fields: vec![title] }
}

async fn before(host: &PluginHost) -> Result<(), FailureKind> {
    let proposal = Proposal { moment: Moment::Create, actor: Actor::default(), entry: course(), changes: Vec::new() };
    let answer = host.before_hooks().remove(0).before(&proposal).await;
    answer.map(|answer| assert!(answer.is_ok(), "{answer:?}")).map_err(|failure| failure.kind)
}

async fn after(host: &PluginHost) -> Result<(), FailureKind> {
    let (event, id, type_name) = ("event-1".into(), "course:1".into(), "course".into());
    let (actor, at, moment) = (Actor::default(), Timestamp::from_millis(1_700_000_000_000), Moment::Publish);
    let fact = Fact { event, moment, type_name, id, actor, at, entry: Some(course()) };
    host.after_hooks().remove(0).after(&fact).await.map_err(|attempt| attempt.failure.kind)
}

/// Its provider is not there: what it says of that is an answer too.
async fn sign_in(host: &PluginHost) -> Result<(), FailureKind> {
    let provider = host.auth_providers().remove(0);
    assert!(provider.about().labels.contains_key("en"), "the label was asked for at the start");
    match provider.begin(&auth::start("en")).await.map_err(|attempt| attempt.failure.kind) {
        Ok(way) => {
            assert!(way.url.starts_with("https://"), "{}", way.url);
            Ok(())
        }
        Err(FailureKind::Refused) => Ok(()),
        Err(kind) => Err(kind),
    }
}

async fn job(host: &PluginHost) -> Result<(), FailureKind> {
    let step = JobStep {
        run: "run-1".into(),
        job: "sync".into(),
        payload: json!({ "call": "clock.now-ms", "args": {} }).to_string(),
        attempt: 1,
        due: Timestamp::from_millis(0),
        resume: None,
    };
    host.job_runners().remove(0).run(&step).await.map(drop).map_err(|attempt| attempt.failure.kind)
}

/// The first field that it adds to lessons.
async fn field(host: &PluginHost) -> Result<(), FailureKind> {
    let resolver = host.field_resolvers().remove(0);
    let line = resolver.sdl().lines().find(|line| line.contains("@needs")).unwrap().trim();
    let field = line.split([':', '(']).next().unwrap().to_owned();
    let (type_name, args, locale) = ("Lesson".into(), json!({}), "en".into());
    let request = FieldRequest { type_name, field, args, locale, viewer: None };
    let answers = resolver.resolve(&request, &[json!({ "id": "lesson:1", "body": "a b c" })]).await;
    answers
        .map(|answers| assert!(answers.len() == 1 && answers[0].is_ok(), "{answers:?}"))
        .map_err(|failure| failure.kind)
}
