//! What a permission opens, proved from the outside: a component that imports
//! everything calls every function that the WIT has, without and with a grant.
//!
//! The list of functions is read from the WIT. A function that the component
//! does not know, or that this file has no arguments for, fails the test.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use lyceum_domain::{
    job::JobStep,
    plugin::{Activation, Extensions as _, Grants, Permission, PluginNotice, PluginRuntime as _},
};
use lyceum_kernel::Timestamp;
use lyceum_plugin_host::{LimitTable, MemoryServices, PluginHost};
use serde_json::{Value as Json, json};
use wit_parser::Resolve;

use crate::support::{activation, component, generous, grants, host, secrets};

const PROBE: &str = "hostile/probe";
/// Every plugin has these.
const BASELINE: [&str; 5] = ["log", "config", "clock", "random", "metrics"];

/// `interface.function`, as the WIT has them.
fn functions() -> Vec<String> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/wit");
    let mut resolve = Resolve::default();
    resolve.push_dir(schema.join("types/1.0.0")).unwrap();
    let (package, _) = resolve.push_dir(schema.join("host/1.0.0")).unwrap();
    let interfaces = resolve.packages[package].interfaces.iter();
    interfaces
        .flat_map(|(name, id)| {
            resolve.interfaces[*id].functions.keys().map(move |function| format!("{name}.{function}"))
        })
        .collect()
}

fn arguments(function: &str) -> Json {
    match function {
        "kv.get" | "kv.delete" => json!({ "key": "k" }),
        "kv.set" => json!({ "key": "k", "value": "v" }),
        "kv.keys" | "events.read" => json!({ "limit": 1 }),
        "http.send" => json!({ "url": "http://127.0.0.1:9/" }),
        "smtp.send" => json!({
            "server": "smtp://127.0.0.1:9", "sender": "a@example.com", "recipients": ["b@example.com"], "message": "Hi",
        }),
        "secret-ref.has" => json!({ "name": "key" }),
        "crypto.sign" | "crypto.verify" | "crypto.open" | "crypto.seal" | "crypto.trust" | "crypto.public-key" => {
            json!({ "key": "key", "alg": "hmac-sha256", "message": "m" })
        }
        "crypto.hash" => json!({ "alg": "sha256", "message": "m" }),
        "content-read.get" | "content-write.publish" | "content-write.unpublish" | "content-write.delete" => {
            json!({ "type": "course", "id": "course_01h455vb4pex5vsknk084sn02q" })
        }
        "content-read.list" => json!({ "type": "course", "limit": 1 }),
        "content-write.create" | "content-write.update" => {
            json!({ "type": "course", "id": "course_01h455vb4pex5vsknk084sn02q", "input": "{}" })
        }
        "events.emit" => json!({ "name": "called", "data": "{}" }),
        "log.write" => json!({ "message": "called" }),
        "random.bytes" => json!({ "len": 8 }),
        "metrics.count" => json!({ "name": "calls", "add": 1 }),
        "metrics.observe" => json!({ "name": "wait", "value": 1 }),
        "config.get" | "clock.now-ms" => json!({}),
        unknown => panic!("the WIT has `{unknown}`: teach this test and the probe to call it"),
    }
}

fn everything() -> Grants {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let content = Permission { collections: texts(&["*"]), scope: Some("all".into()), ..Permission::default() };
    let named = |names: &[&str]| Permission { names: texts(names), ..Permission::default() };
    let hosts = |hosts: &[&str]| Permission { hosts: texts(hosts), ..Permission::default() };
    grants(&[
        ("secret-ref", named(&["key"])),
        ("kv", Permission { quota_bytes: Some(64 << 10), ..Permission::default() }),
        ("http", hosts(&["http://127.0.0.1:9"])),
        ("smtp", hosts(&["smtp://127.0.0.1:9"])),
        ("crypto", named(&["key"])),
        ("content-read", content.clone()),
        ("content-write", content),
        ("events", named(&["course.*"])),
    ])
}

/// A host in which the probe runs.
pub struct Bench {
    pub host: PluginHost,
    pub services: Arc<MemoryServices>,
}

impl Bench {
    pub async fn open(grants: Grants) -> Self {
        Self::within(generous(), grants).await
    }

    pub async fn within(limits: LimitTable, grants: Grants) -> Self {
        let bench = Self { host: host(limits), services: Arc::default() };
        bench.host.attach(bench.services.clone());
        let secrets = secrets(&[("key", "hunter2hunter2hunter2")]);
        bench.host.activate(Activation { grants, secrets, ..activation(component(PROBE)) }).await.unwrap();
        bench
    }

    pub async fn call(&self, function: &str, args: Json) -> Json {
        let runner = self.host.job_runners().remove(0);
        let step = JobStep {
            run: "job_01h455vb4pex5vsknk084sn02q".into(),
            job: "probe".into(),
            payload: json!({ "call": function, "args": args }).to_string(),
            attempt: 1,
            due: Timestamp::from_millis(0),
            resume: None,
        };
        let outcome = runner.run(&step).await.unwrap_or_else(|failed| panic!("{function}: {failed}"));
        serde_json::from_str(&outcome.report.unwrap()).unwrap()
    }
}

fn is_baseline(function: &str) -> bool {
    BASELINE.iter().any(|interface| function.split('.').next() == Some(interface))
}

#[tokio::test]
async fn every_function_is_refused_without_a_grant_and_each_refusal_is_told() {
    let bench = Bench::open(Grants::default()).await;
    let mut refused = BTreeMap::new();
    for function in functions() {
        let answer = bench.call(&function, arguments(&function)).await;
        if is_baseline(&function) {
            assert!(answer.get("ok").is_some(), "{function}: {answer}");
            continue;
        }
        assert_eq!(answer["error"], "denied", "{function}: {answer}");
        let (interface, name) = function.split_once('.').unwrap();
        *refused.entry(interface.to_owned()).or_insert(0) += 1;
        let Some(PluginNotice::Denied { plugin, permission, function, .. }) = bench.services.notices().pop() else {
            panic!("{interface}.{name} was not told")
        };
        assert_eq!((plugin.as_str(), permission.as_str(), function.as_str()), (PROBE, interface, name));
    }
    assert_eq!(bench.host.denials(PROBE), refused);
    assert_eq!(refused.len(), 8, "eight permissions: {refused:?}");
    assert_eq!(bench.host.usage(PROBE).denials, refused);
}

#[tokio::test]
async fn no_function_is_refused_with_its_grant() {
    let bench = Bench::open(everything()).await;
    for function in functions() {
        let answer = bench.call(&function, arguments(&function)).await;
        assert_ne!(answer["error"], "denied", "{function}: {answer}");
        assert!(answer.get("unknown").is_none(), "the probe does not know {function}");
    }
    assert_eq!(bench.services.notices(), []);
}

#[tokio::test]
async fn a_grant_opens_what_it_names_and_nothing_beside() {
    let only = Permission { collections: vec!["lesson".into()], scope: Some("all".into()), ..Permission::default() };
    let bench = Bench::open(grants(&[("content-read", only)])).await;
    assert_eq!(bench.call("content-read.list", json!({ "type": "lesson", "limit": 1 })).await, json!({ "ok": [] }));
    assert_eq!(bench.call("content-read.list", json!({ "type": "course", "limit": 1 })).await["error"], "denied");
    assert_eq!(bench.call("content-write.create", json!({ "type": "lesson", "input": "{}" })).await["error"], "denied");
    assert_eq!(bench.host.denials(PROBE), [("content-read".to_owned(), 1), ("content-write".to_owned(), 1)].into());
}

#[tokio::test]
async fn what_is_logged_beyond_the_limit_is_counted_and_figures_are_kept() {
    let bench = Bench::open(Grants::default()).await;
    bench.call("log.write", json!({ "message": "x".repeat(10 << 10), "times": 3 })).await;
    bench.call("metrics.count", json!({ "name": "calls", "add": 2 })).await;
    let usage = bench.host.usage(PROBE);
    assert_eq!(usage.dropped_log_lines, 2, "16 KiB a call hold one line of ten");
    assert_eq!((usage.metrics[0].name.as_str(), usage.metrics[0].count), ("calls", 2));
    let job = usage.by_world.iter().find(|world| world.world == "job").unwrap();
    assert_eq!((job.calls, job.failures, job.host_calls_max), (2, 0, 3));
    let line = r#"lyceum_plugin_calls_total{plugin="hostile/probe",world="job",outcome="ok"} 2"#;
    assert!(bench.host.metrics_text().contains(line));
}
