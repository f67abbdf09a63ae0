//! What plugins cost, beside the targets of `PLUGINS.md` §7.
//!
//! `cargo bench -p lyceum-plugin-host` prints each target, what was measured and
//! whether it is over. Guest work is included where a call cannot do without;
//! a target that is over on a busy machine says little, so nothing fails here.

use std::{
    collections::BTreeMap,
    fs,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use hmac::{Hmac, Mac};
use lyceum_domain::{
    content::Moment,
    moderation::ReviewItem,
    payment::{Account, InboundRequest},
    plugin::{Activation, Extensions, FieldRequest, Grants, Permission, PluginRuntime, Secret},
    ranking::{Column, RankContext, Ranker},
};
use lyceum_kernel::Timestamp;
use lyceum_plugin_host::{PluginHost, PluginHostConfig};
use serde_json::json;
use sha2::Sha256;

const WARM_UP: usize = 200;
/// How long each kind of call is made again and again.
const MEASURED: Duration = Duration::from_secs(1);
const NOW_SECONDS: i64 = 1_700_000_000;
const TYPESCRIPT: &str = "graphql-reading-time";
const ITEMS: u32 = 500;

/// The most that §7 allows, in microseconds: of half the calls, of 99 in 100.
#[derive(Clone, Copy, Default)]
struct Target {
    p50: Option<f64>,
    p99: Option<f64>,
}

const fn p50(most: f64) -> Target {
    Target { p50: Some(most), p99: None }
}

const UNNAMED: Target = Target { p50: None, p99: None };

/// One line of the table.
fn line(name: &str, target: Target, p50: f64, p99: f64) {
    let wanted = |most: Option<f64>| most.map_or("-".to_owned(), |most| format!("{most:.1}"));
    let over = target.p50.is_some_and(|most| p50 > most) || target.p99.is_some_and(|most| p99 > most);
    let verdict = match (target.p50, target.p99) {
        (None, None) => "",
        _ if over => "OVER",
        _ => "ok",
    };
    println!("{name:44} {:>10} {p50:10.1} {:>10} {p99:10.1}  {verdict}", wanted(target.p50), wanted(target.p99));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{:44} {:>10} {:>10} {:>10} {:>10}", "µs", "target p50", "p50", "target p99", "p99");
    nothing().await;
    starts().await;
    rank("Rust", "ranking-default", p50(5.0)).await;
    rank("QuickJS", "ranking-newest", p50(250.0)).await;
    let host = PluginHost::new(PluginHostConfig::default()).expect("a host");
    for name in ["moderation-wordlist", "payment-sandbox", TYPESCRIPT] {
        host.activate(activation(name)).await.expect("the component is good");
    }
    review(&host).await;
    fields(&host).await;
    verify(&host).await;
    beside_loops().await;
}

/// What a host without plugins costs a request: looking at empty lists.
async fn nothing() {
    const TIMES: u32 = 1_000_000;
    let host = PluginHost::new(PluginHostConfig::default()).expect("a host");
    let empty: [(&str, &dyn Fn()); 3] = [
        ("no plugin: a change of content, in ns", &|| {
            let wanted =
                |hook: &std::sync::Arc<dyn lyceum_domain::content::BeforeHook>| hook.wants(Moment::Update, "course");
            black_box(host.before_hooks().iter().any(wanted));
        }),
        ("no plugin: moderators of a comment, in ns", &|| drop(black_box(host.moderators()))),
        ("no plugin: the ranker of a list, in ns", &|| drop(black_box(host.ranker()))),
    ];
    for (name, ask) in empty.into_iter().filter(|(name, _)| wanted(name)) {
        let started = Instant::now();
        (0..TIMES).for_each(|_| ask());
        let each = started.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES);
        line(name, UNNAMED, each, each);
    }
}

/// From a component to a plugin in service, compiled and from the cache.
async fn starts() {
    let names = [("ranking-default", "Rust", 1e6), (TYPESCRIPT, "QuickJS", 10e6)];
    for (name, language, most) in names {
        let cache = tempfile::tempdir().expect("a folder");
        for (how, target) in [("compiled", p50(most)), ("from the cache", UNNAMED)] {
            if !wanted("install to active") {
                return;
            }
            let cache_dir = Some(cache.path().to_owned());
            let host = PluginHost::new(PluginHostConfig { cache_dir, ..PluginHostConfig::default() }).expect("a host");
            let started = Instant::now();
            host.activate(activation(name)).await.expect("the component is good");
            let took = started.elapsed().as_secs_f64() * 1e6;
            line(&format!("install to active, {language}, {how}"), target, took, took);
        }
    }
}

fn activation(name: &str) -> Activation {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/components/{name}.wasm"));
    let payment = name.starts_with("payment");
    let names = vec!["webhook_secret".to_owned()];
    let grants: BTreeMap<String, Permission> = [
        ("crypto".to_owned(), Permission::default()),
        ("secret-ref".to_owned(), Permission { names, ..Permission::default() }),
    ]
    .into();
    Activation {
        wasm: fs::read(path).expect("the component is committed").into(),
        grants: Grants(if payment { grants } else { BTreeMap::new() }),
        config: "{}".into(),
        secrets: [("webhook_secret".to_owned(), Secret::new("whsec_1"))].into(),
        previous_version: None,
        role: lyceum_domain::plugin::Role::Active,
    }
}

/// Whether a line is asked for: an argument picks those with it in their name.
fn wanted(name: &str) -> bool {
    let mut asked = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    asked.peek().is_none() || asked.any(|part| name.contains(&part))
}

/// Times one kind of call.
async fn measure<F: Future<Output = ()>>(name: &str, target: Target, mut call: impl FnMut() -> F) {
    if !wanted(name) {
        return;
    }
    for _ in 0..WARM_UP {
        call().await;
    }
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < MEASURED {
        let started = Instant::now();
        call().await;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    line(name, target, times[times.len() / 2], times[times.len() * 99 / 100]);
}

async fn review(host: &PluginHost) {
    let moderator = host.moderators().remove(0);
    let text = "老师讲得很清楚，谢谢！第三课的微信支付部分特别好。".to_owned();
    let items = [ReviewItem { id: "1".into(), kind: "comment".into(), locale: None, text }];
    measure("moderation, 1 comment, Rust, ephemeral", p50(35.0), || async {
        moderator.review(&items).await.expect("a verdict");
    })
    .await;
}

/// One field of one lesson: in a kept instance, and in a fresh one each time, for
/// which the same plugin is told to promise nothing.
async fn fields(host: &PluginHost) {
    let request = FieldRequest {
        type_name: "Lesson".into(),
        field: "readingMinutes".into(),
        args: json!({}),
        locale: "en".into(),
        viewer: None,
    };
    let parents = [json!({ "id": "lesson:1", "body": "a b c" })];
    let warm = host.field_resolvers().remove(0);
    measure("a field of one parent, QuickJS, warm", UNNAMED, || async {
        warm.resolve(&request, &parents).await.expect("an answer");
    })
    .await;
    let host = PluginHost::new(PluginHostConfig::default()).expect("a host");
    host.activate(forgetful(TYPESCRIPT)).await.expect("the component is good");
    let fresh = host.field_resolvers().remove(0);
    measure("a field of one parent, QuickJS, ephemeral", p50(150.0), || async {
        fresh.resolve(&request, &parents).await.expect("an answer");
    })
    .await;
}

/// The plugin without its promise, so that each call has a fresh instance.
fn forgetful(name: &str) -> Activation {
    let kept = activation(name);
    Activation { wasm: without_promise(&kept.wasm).into(), ..kept }
}

/// The component with `state = "none"` made a comment of the same length, wherever it
/// stands: a component of Rust has its manifest among its data too.
fn without_promise(wasm: &[u8]) -> Vec<u8> {
    let promise = br#"state = "none""#;
    let mut forgetful = wasm.to_vec();
    let starts = 0..=wasm.len() - promise.len();
    let places: Vec<usize> = starts.filter(|at| wasm[*at..].starts_with(promise)).collect();
    assert!(!places.is_empty(), "it makes the promise");
    places.into_iter().for_each(|at| forgetful[at] = b'#');
    forgetful
}

/// A long list in a kept instance, in a fresh one each time, and the shortest list,
/// which is dispatch and little else.
async fn rank(language: &str, name: &str, target: Target) {
    let (warm, forgetful) = (serving(activation(name)).await, serving(forgetful(name)).await);
    let (all, one) = (list(&warm, ITEMS), list(&warm, 1));
    measure(&format!("ranking, {ITEMS} items, {language}, warm"), target, || ranked(&warm, &all)).await;
    measure(&format!("ranking, {ITEMS} items, {language}, ephemeral"), UNNAMED, || ranked(&forgetful, &all)).await;
    let dispatch = match language {
        "Rust" => Target { p50: Some(2.0), p99: Some(10.0) },
        _ => UNNAMED,
    };
    measure(&format!("warm dispatch: ranking, 1 item, {language}"), dispatch, || ranked(&warm, &one)).await;
}

/// The ranker of a host that has no other plugin.
async fn serving(activation: Activation) -> Arc<dyn Ranker> {
    let host = PluginHost::new(PluginHostConfig::default()).expect("a host");
    host.activate(activation).await.expect("the component is good");
    host.ranker().expect("a ranker")
}

type List = (RankContext, Vec<(String, Column)>);

fn list(ranker: &Arc<dyn Ranker>, count: u32) -> List {
    let (surface, locale) = ("recommended-courses".into(), "en".into());
    let column = |name: &String| match name.as_str() {
        "age-hours" | "affinity" => Column::F32((0..count).map(|n| 1.0 / (1.0 + n as f32)).collect()),
        "price-minor" => Column::U64((0..u64::from(count)).collect()),
        _ => Column::U32((0..count).collect()),
    };
    let columns = ranker.columns().iter().map(|name| (name.clone(), column(name))).collect();
    (RankContext { surface, locale, now_ms: NOW_SECONDS * 1_000, count }, columns)
}

async fn ranked(ranker: &Arc<dyn Ranker>, (context, columns): &List) {
    ranker.rank(context, columns.clone()).await.expect("scores");
}

async fn verify(host: &PluginHost) {
    let provider = host.payment_provider("sandbox").expect("a provider");
    let account = Account { id: "acc_1".into(), live: false, settings: Vec::new() };
    let body = r#"{"id":"evt_1","type":"payment.succeeded","createdMs":8,"account":"acc_1","data":{"payment":
        {"id":"pay_1","merchantRef":"01ARZ3NDEKTSV4RRFFQ69G5FAV","status":"paid","amountMinor":9900,
        "currency":"CNY","paidMs":7,"createdMs":5}}}"#;
    let mut mac = Hmac::<Sha256>::new_from_slice(b"whsec_1").expect("HMAC takes keys of any length");
    mac.update(format!("{NOW_SECONDS}.{body}").as_bytes());
    let signature = format!("t={NOW_SECONDS},v1={}", hex::encode(mac.finalize().into_bytes()));
    let request = InboundRequest {
        method: "POST".into(),
        path: "/webhooks/payments/sandbox".into(),
        query: String::new(),
        headers: vec![("sandbox-signature".into(), signature)],
        body: body.as_bytes().to_vec(),
        received: Timestamp::from_millis(NOW_SECONDS * 1_000),
    };
    measure("payment, verify a webhook, Rust, ephemeral", UNNAMED, || async {
        provider.verify(&account, &request).await.expect("no failure").expect("genuine");
    })
    .await;
}

/// What a good call waits for sixteen guests that never end, on the only thread:
/// each of them has it for a tick of a millisecond at a time.
async fn beside_loops() {
    let good = serving(activation("ranking-default")).await;
    let (hostile, list) = (serving(activation("hostile/ranking")).await, list(&good, 20));
    measure("ranking, 20 items, alone", UNNAMED, || ranked(&good, &list)).await;
    if !wanted("beside") {
        return;
    }
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let hostile = Arc::clone(&hostile);
        loops.spawn(async move {
            let endless = RankContext { surface: "loop".into(), locale: "en".into(), now_ms: 0, count: 0 };
            // A caller that leaves early: the plugin is not shut out for it.
            while tokio::time::timeout(Duration::from_millis(5), hostile.rank(&endless, Vec::new())).await.is_err() {}
        });
    }
    measure("ranking, 20 items, beside 16 endless loops", UNNAMED, || ranked(&good, &list)).await;
    assert_eq!(loops.len(), 16, "they loop to the end");
}
