//! What a plugin call costs, in microseconds, guest work included.
//!
//! `cargo bench -p lyceum-plugin-host`; prints p50 and p99 of each.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use hmac::{Hmac, Mac};
use lyceum_domain::{
    moderation::ReviewItem,
    payment::{Account, InboundRequest},
    plugin::{Activation, Extensions, Grants, Permission, PluginRuntime, Secret},
    ranking::{Column, RankContext},
};
use lyceum_kernel::Timestamp;
use lyceum_plugin_host::{PluginHost, PluginHostConfig};
use sha2::Sha256;

const WARM_UP: usize = 200;
const CALLS: usize = 3_000;
const NOW_SECONDS: i64 = 1_700_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let host = PluginHost::new(PluginHostConfig::default()).expect("a host");
    for name in ["ranking-default", "moderation-wordlist", "payment-sandbox"] {
        let started = Instant::now();
        host.activate(activation(name)).await.expect("the component is good");
        println!("{:34} {:9.1} ms", format!("{name}: install to active"), started.elapsed().as_secs_f64() * 1e3);
    }
    println!("{:34} {:>9} {:>9}", "call", "p50 µs", "p99 µs");
    review(&host).await;
    rank(&host).await;
    verify(&host).await;
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
    }
}

/// Times one kind of call.
async fn measure<F: Future<Output = ()>>(name: &str, mut call: impl FnMut() -> F) {
    for _ in 0..WARM_UP {
        call().await;
    }
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let started = Instant::now();
        call().await;
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    println!("{name:34} {:9.1} {:9.1}", times[CALLS / 2], times[CALLS * 99 / 100]);
}

async fn review(host: &PluginHost) {
    let moderator = host.moderators().remove(0);
    let text = "老师讲得很清楚，谢谢！第三课的微信支付部分特别好。".to_owned();
    let items = [ReviewItem { id: "1".into(), kind: "comment".into(), locale: None, text }];
    measure("moderation, 1 comment, ephemeral", || async {
        moderator.review(&items).await.expect("a verdict");
    })
    .await;
}

async fn rank(host: &PluginHost) {
    const ITEMS: u32 = 500;
    let ranker = host.ranker().expect("a ranker");
    let context = RankContext {
        surface: "recommended-courses".into(),
        locale: "en".into(),
        now_ms: NOW_SECONDS * 1_000,
        count: ITEMS,
    };
    let column = |name: &String| match name.as_str() {
        "age-hours" | "affinity" => Column::F32((0..ITEMS).map(|n| 1.0 / (1.0 + n as f32)).collect()),
        "price-minor" => Column::U64((0..u64::from(ITEMS)).collect()),
        _ => Column::U32((0..ITEMS).collect()),
    };
    let columns: Vec<_> = ranker.columns().iter().map(|name| (name.clone(), column(name))).collect();
    measure("ranking, 500 items, warm", || async {
        ranker.rank(&context, columns.clone()).await.expect("scores");
    })
    .await;
    let one: Vec<_> = columns.iter().map(|(name, column)| (name.clone(), shortened(column))).collect();
    let context = RankContext { count: 1, ..context };
    measure("ranking, 1 item, warm", || async {
        ranker.rank(&context, one.clone()).await.expect("scores");
    })
    .await;
}

fn shortened(column: &Column) -> Column {
    match column {
        Column::F32(values) => Column::F32(values[..1].to_vec()),
        Column::U32(values) => Column::U32(values[..1].to_vec()),
        Column::U64(values) => Column::U64(values[..1].to_vec()),
    }
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
    measure("payment, verify a webhook", || async {
        provider.verify(&account, &request).await.expect("no failure").expect("genuine");
    })
    .await;
}
