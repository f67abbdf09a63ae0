//! The integrator's commands on compiled components: test, bench, inspect,
//! upgrade --check. No toolchain is needed.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// A folder with one component in it.
struct Bench(TempDir);

impl Bench {
    fn with(component: &str) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let from =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/components").join(format!("{component}.wasm"));
        fs::copy(from, bench.path("it.wasm")).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, value: &Json) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }

    fn lyceum(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lyceum"))
            .current_dir(self.0.path())
            .args(["--dev", "--data-dir", "data", "plugin"])
            .env("LYCEUM_PLUGINS_RECORDINGS", "true")
            .args(arguments.split(' '))
            .output()
            .unwrap()
    }

    /// What a command that succeeds prints.
    fn told(&self, arguments: &str) -> String {
        let output = self.lyceum(arguments);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{arguments}: {told}{}", String::from_utf8_lossy(&output.stderr));
        told
    }

    /// What a command that fails with 1 prints.
    fn refused(&self, arguments: &str) -> String {
        let output = self.lyceum(arguments);
        let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {told}");
        told
    }
}

fn has(told: &str, line: &str) {
    assert!(told.lines().any(|is| is == line), "{line:?} is not in\n{told}");
}

fn begins(told: &str, line: &str) {
    assert!(told.lines().any(|is| is.starts_with(line)), "no line begins with {line:?} in\n{told}");
}

/// A call of `review` on one text.
fn review(text: &str) -> Json {
    json!({ "function": "review", "items": [{ "id": "1", "kind": "comment", "locale": null, "text": text }] })
}

#[test]
fn first_party_plugins_keep_the_rules_of_their_worlds() {
    let told = Bench::with("ranking-default").told("test it.wasm");
    has(&told, "ok ranking: scores follow the items");
    has(&told, "ok ranking: 5000 items have 5000 finite scores");
    has(&told, "11 passed, 0 failed");
    let told = Bench::with("moderation-wordlist").told("test it.wasm --json");
    let report: Json = serde_json::from_str(&told).unwrap();
    assert_eq!((report["plugin"].as_str(), report["failed"].as_u64()), (Some("lyceum/moderation-wordlist"), Some(0)));
    let told = Bench::with("graphql-reading-time").told("test it.wasm");
    has(&told, "ok graphql: Lesson.readingMinutes: 250 parents have 250 answers");
    let told = Bench::with("payment-sandbox").told("test it.wasm");
    has(&told, "ok payment: an unsigned request is not taken for one of the provider");
}

#[test]
fn a_plugin_that_lets_everybody_in_is_told_so() {
    let told = Bench::with("hostile/auth").refused("test it.wasm");
    begins(&told, "FAILED auth: an answer with `error` is refused: `42` came in: answer an error");
    begins(
        &told,
        "FAILED auth: the address carries state and PKCE challenge, over https: https://id.example/authorize",
    );
    begins(&told, "lyceum: hostile/auth 1.0.0: ");
    let told = Bench::with("hostile/notify").refused("test it.wasm");
    begins(&told, "FAILED notify: a message by an unknown channel is not called sent");
}

#[test]
fn a_fixture_is_answered_as_it_says() {
    let bench = Bench::with("hostile/moderation");
    bench.write("tests/fixtures/a-good.json", &json!({ "call": review("fine") }));
    assert!(bench.refused("test it.wasm").contains("it has no `answer`: write one, or let --record do it"));
    bench.told("test it.wasm --record");
    let written: Json =
        serde_json::from_str(&fs::read_to_string(bench.path("tests/fixtures/a-good.json")).unwrap()).unwrap();
    assert_eq!(written["answer"][0]["decision"], "allow");
    has(&bench.told("test it.wasm"), "ok fixture: a-good.json (moderation/review)");

    bench.write("tests/fixtures/b-trap.json", &json!({ "call": review("trap"), "fails": "trap" }));
    has(&bench.told("test it.wasm"), "ok fixture: b-trap.json (moderation/review)");
    bench.write("tests/fixtures/c-bad.json", &json!({ "call": review("nonsense"), "answer": [] }));
    let told = bench.refused("test it.wasm");
    begins(
        &told,
        "FAILED fixture: c-bad.json (moderation/review): plugin hostile/moderation@1.0.0: moderation/review failed",
    );
    assert!(told.contains("a decision is \"perhaps\""), "{told}");
}

#[test]
fn http_in_a_fixture_is_answered_from_it_alone() {
    let bench = Bench::with("hostile/notify");
    let url = "http://127.0.0.1:9/a";
    let answered = json!([{ "id": "1", "status": "Sent", "provider_ref": "202", "note": null }]);
    bench.write(
        "tests/fixtures/a.json",
        &json!({
            "call": fetch(url), "http": [{ "url": url, "status": 202 }], "answer": answered,
        }),
    );
    let other = json!([{ "url": "http://127.0.0.1:9/b" }]);
    bench.write("tests/fixtures/b.json", &json!({ "call": fetch(url), "http": other, "answer": answered }));
    let told = bench.refused("test it.wasm");
    has(&told, "ok fixture: a.json (notify/deliver)");
    begins(&told, "FAILED fixture: b.json (notify/deliver): ");
    assert!(told.contains("no fixture for GET http://127.0.0.1:9/a"), "{told}");
}

fn fetch(url: &str) -> Json {
    json!({ "function": "deliver", "batch": [{
        "id": "1", "channel": "mail", "address": url, "name": null, "locale": "en",
        "template": "test", "subject": "s", "text": "fetch", "values": {},
    }] })
}

#[test]
fn bench_has_figures_beside_the_limits() {
    let bench = Bench::with("ranking-default");
    let told: Json = serde_json::from_str(&bench.told("bench it.wasm --json --calls 20")).unwrap();
    let names: Vec<&str> =
        told["functions"].as_array().unwrap().iter().filter_map(|of| of["function"].as_str()).collect();
    assert_eq!(names, ["rank 1 items", "rank 500 items"]);
    let large = &told["functions"][1];
    assert!(large["p50Us"].as_f64().unwrap() > 0.0 && large["p99Us"].as_f64() >= large["p50Us"].as_f64(), "{large}");
    assert_eq!(large["wallMs"]["limit"], 20.0);
    assert!(large["memoryBytes"]["used"].as_f64().unwrap() > 65_535.0, "{large}");
    let size = fs::metadata(bench.path("it.wasm")).unwrap().len();
    assert_eq!(told["componentBytes"]["used"].as_f64(), Some(size as f64));
    let over = bench.refused("bench it.wasm --calls 20 --fail-over 0");
    assert!(over.contains("lyceum/ranking-default") && over.contains("component size"), "{over}");
}

#[test]
fn inspect_is_to_be_read() {
    let bench = Bench::with("ranking-default");
    let told = bench.told("inspect it.wasm");
    begins(&told, "plugin       lyceum/ranking-default ");
    has(&told, "asks for     nothing");
    has(&told, "signed by    nobody");
    let is: Json = serde_json::from_str(&bench.told("inspect --json it.wasm")).unwrap();
    assert_eq!(is["id"], "lyceum/ranking-default");
}

#[test]
fn an_upgrade_is_checked_with_recorded_calls() {
    let bench = Bench::with("moderation-wordlist");
    bench.told("install it.wasm --grant-all --enable");
    has(&bench.told("upgrade --check"), "lyceum/moderation-wordlist: no calls are recorded yet");

    let texts = ["Great lesson, thank you!", "Best casino bonus"];
    // The answers of this version, as a server would have kept them.
    let mut lines: Vec<Json> = texts.map(|text| json!({ "call": review(text), "answer": null })).into();
    for (place, line) in lines.iter_mut().enumerate() {
        bench.write("tests/fixtures/it.json", &json!({ "call": line["call"] }));
        bench.told("test it.wasm --record");
        let written = fs::read_to_string(bench.path("tests/fixtures/it.json")).unwrap();
        line["answer"] = serde_json::from_str::<Json>(&written).unwrap()["answer"].clone();
        assert_eq!(line["answer"][0]["decision"] == "allow", place == 0, "{line}");
    }
    keep(&bench, &lines);
    let whole = "lyceum/moderation-wordlist 1.0.0: 2 calls, 2 same, 0 different, 0 failed, 0 gone";
    has(&bench.told("upgrade --check"), whole);
    has(&bench.told("upgrade moderation-wordlist --check --with it.wasm"), whole);

    lines[1]["answer"] = lines[0]["answer"].clone();
    keep(&bench, &lines);
    let told = bench.refused("upgrade --check");
    has(&told, "lyceum/moderation-wordlist 1.0.0: 2 calls, 1 same, 1 different, 0 failed, 0 gone");
    has(&told, "  moderation/review");
    assert!(told.contains("1 of 2 recorded calls are not answered as before"), "{told}");
    bench.told("upgrade --check --allow-different");

    let other = bench.refused("upgrade ranking-default --check --with it.wasm");
    assert!(other.contains("the package is lyceum/moderation-wordlist 1.0.0, not lyceum/ranking-default"), "{other}");
    // With a section more it is a package that nobody signed.
    let mut changed = fs::read(bench.path("it.wasm")).unwrap();
    changed.extend([0, 2, 1, b'x']);
    fs::write(bench.path("changed.wasm"), changed).unwrap();
    let strict = Command::new(env!("CARGO_BIN_EXE_lyceum"))
        .current_dir(bench.path("."))
        .args("--data-dir data plugin upgrade moderation-wordlist --check --with changed.wasm".split(' '))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&strict.stderr);
    assert!(!strict.status.success() && told.contains("is not signed"), "{told}");

    bench.told("uninstall moderation-wordlist");
    assert!(!bench.path("data/recordings/lyceum.moderation-wordlist.jsonl").exists());
}

#[test]
fn the_outcome_of_a_check_is_read_by_programs_too() {
    let bench = Bench::with("moderation-wordlist");
    bench.told("install it.wasm --grant-all --enable");
    let check = |told: &str| serde_json::from_str::<Json>(&told[..=told.rfind("\n}").unwrap() + 1]).unwrap();
    let name = "lyceum/moderation-wordlist";
    let none = json!({
        "plugin": name, "version": null, "calls": 0, "same": 0, "different": 0, "failed": 0, "gone": 0, "differences": [],
    });
    let told = bench.told("upgrade --check --json");
    assert_eq!(check(&told), json!({ "passed": true, "plugins": [none] }));

    let verdict = json!([{ "id": "1", "decision": "hold", "labels": [], "confidence": null, "note": null }]);
    keep(&bench, &[json!({ "call": review("Great lesson, thank you!"), "answer": verdict })]);
    let told = check(&bench.refused("upgrade --check --json"));
    let one = &told["plugins"][0];
    assert_eq!((&told["passed"], &one["version"]), (&json!(false), &json!("1.0.0")));
    assert_eq!((&one["calls"], &one["different"]), (&json!(1), &json!(1)));
    let difference = &one["differences"][0];
    assert_eq!((&difference["call"], &difference["outcome"]), (&json!("moderation/review"), &json!("different")));
    assert_eq!((&difference["was"], &difference["is"][0]["decision"]), (&verdict, &json!("allow")));
    let told = check(&bench.told("upgrade --check --json --allow-different"));
    assert_eq!(told["passed"], json!(true));
}

/// Puts one text into a component in the place of another of the same length.
fn patch(bench: &Bench, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut wasm = fs::read(bench.path("it.wasm")).unwrap();
    let places: Vec<usize> =
        (0..wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} is not in the component");
    places.into_iter().for_each(|at| wasm[at..at + to.len()].copy_from_slice(to.as_bytes()));
    fs::write(bench.path("it.wasm"), wasm).unwrap();
}

#[test]
fn additions_that_do_not_fit_the_api_are_refused_everywhere() {
    let bench = Bench::with("hostile/graphql");
    patch(&bench, "extend type Lesson {", "extend type Lessen {");
    let why = "hostile/graphql 1.0.0 (lyceum:graphql/field-resolver@1.0.0) does not fit the API: \
               it extends `Lessen`, which is no type of the model: the types are User, ";
    let told = bench.refused("inspect it.wasm");
    begins(&told, "plugin       hostile/graphql 1.0.0");
    begins(&told, &format!("lyceum: {why}"));
    assert!(told.contains("Mend `[graphql] sdl` in its plugin.toml."), "{told}");
    begins(&bench.refused("test it.wasm"), &format!("FAILED graphql: what it adds fits the API: {why}"));
    let told = bench.refused("install it.wasm --grant-all --host http://127.0.0.1:9");
    begins(&told, &format!("lyceum: This is not a plugin that this server can run: {why}"));
    assert_eq!(bench.told("list"), "");

    patch(&bench, "extend type Lessen {", "extend type Lesson {");
    has(&bench.told("inspect it.wasm"), "adds to API  extend type Lesson {");
    bench.told("install it.wasm --grant-all --host http://127.0.0.1:9 --enable");
}

#[test]
fn use_is_told_beside_the_limits() {
    let bench = Bench::with("moderation-wordlist");
    // It asks for no permission, and yet it decides about people.
    let refused = bench.refused("install it.wasm");
    let why = "lyceum: lyceum/moderation-wordlist 1.0.0 needs consent: it judges what people write, and can hold or refuse it.";
    has(&refused, why);
    bench.told("install it.wasm --grant-all");
    let told = bench.told("usage");
    has(&told, "lyceum/moderation-wordlist 1.0.0 installed");
    has(&told, "  no figures");
    begins(&told, "No server has written figures to data yet.");

    let failure = json!({
        "plugin": "lyceum/moderation-wordlist", "version": "1.0.0", "world": "moderation", "function": "review",
        "kind": "trap", "detail": "unreachable",
    });
    let world = json!({
        "world": "moderation", "calls": 12, "failures": 1, "denied": 0, "timeouts": 0, "wallMsP50": 0.5, "wallMsP99": 2.0,
        "wallMsLimit": 200, "cpuMsMax": 3, "cpuMsLimit": 100, "memoryBytesMax": 1_048_576, "memoryBytesLimit": 67_108_864,
        "hostCallsMax": 0, "hostCallsLimit": 50,
    });
    let usage = json!({
        "calls": 12, "failures": 1, "lastFailure": failure, "breakerOpen": false, "byWorld": [world],
        "recentFailures": [["2026-11-21T09:00:00Z", failure]],
    });
    let written = json!({
        "pid": 7, "since": "2026-11-21T08:00:00Z", "writtenAt": "2026-11-21T09:00:00Z",
        "plugins": { "lyceum/moderation-wordlist": usage },
    });
    bench.write("data/plugin-usage.json", &written);
    let told = bench.told("usage moderation-wordlist");
    has(&told, "  calls 12, failures 1");
    has(
        &told,
        "  moderation     12       1       0          0         0.5 2.0 200      3 100     1024 65536           0 50",
    );
    assert!(told.contains("moderation/review failed (Trap): unreachable"), "{told}");
    begins(&told, "Figures of the server on data (process 7) since 2026-11-21T08:00:00.000Z");

    let told: Json = serde_json::from_str(&bench.told("usage --json")).unwrap();
    assert_eq!(told["server"]["pid"], 7);
    let usage = &told["plugins"][0]["usage"];
    assert_eq!((&usage["calls"], &usage["worlds"][0]["wallMsP99"]), (&json!(12), &json!("2.000")));
    assert_eq!(usage["failuresLast"][0]["detail"], "unreachable");
    let told = bench.refused("usage nothing");
    begins(&told, "lyceum: lyceum/nothing is not installed: see `lyceum plugin list`");
}

fn keep(bench: &Bench, lines: &[Json]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::create_dir_all(bench.path("data/recordings")).unwrap();
    fs::write(bench.path("data/recordings/lyceum.moderation-wordlist.jsonl"), text).unwrap();
}
