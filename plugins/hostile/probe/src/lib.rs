//! Calls the one host function that its payload names, and reports how that
//! ended: `{"ok": …}` or `{"error": "code"}`. It imports every interface there
//! is, so the host's tests can prove of each function that it is refused
//! without a grant and not with one.
//!
//! The payload is `{"call": "kv.get", "args": {…}}`; what `args` leaves out is
//! empty.

use lyceum_sdk::{
    host::{
        Error, Host,
        bindings::lyceum::host::{
            clock, config, content_read, content_write, crypto, events, http, kv, log, metrics, random, secret_ref,
            smtp,
        },
    },
    job::{Input, Job, Outcome},
};
use serde_json::{Value, json};

/// Calls on demand.
pub struct Probe;

impl Job for Probe {
    fn run(_: &impl Host, input: &Input, _: Option<&str>) -> Result<Outcome, Error> {
        let payload: Value =
            serde_json::from_str(&input.payload).map_err(|_| Error::invalid("the payload is no JSON"))?;
        let args = Args(&payload["args"]);
        let call = payload["call"].as_str().unwrap_or_default();
        let answer = baseline(call, &args).or_else(|| keys_and_requests(call, &args)).or_else(|| entries(call, &args));
        let answer = answer.unwrap_or_else(|| json!({ "unknown": call }));
        Ok(Outcome::done().reporting(answer.to_string()))
    }
}

struct Args<'a>(&'a Value);

impl Args<'_> {
    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap_or_default().to_owned()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.text(name).into_bytes()
    }

    fn number(&self, name: &str) -> u32 {
        self.0[name].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    fn optional(&self, name: &str) -> Option<String> {
        self.0[name].as_str().map(str::to_owned)
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let items = self.0[name].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn told<T: Into<Value>>(answer: Result<T, Error>) -> Value {
    match answer {
        Ok(value) => json!({ "ok": value.into() }),
        Err(error) => json!({ "error": error.code, "message": error.message, "retryable": error.retryable }),
    }
}

fn done(answer: Result<(), Error>) -> Value {
    told(answer.map(|()| Value::Null))
}

fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn baseline(call: &str, args: &Args<'_>) -> Option<Value> {
    let ext = || vec![("kind".to_owned(), "probe".to_owned())];
    Some(match call {
        "log.write" => {
            for _ in 0..args.number("times").max(1) {
                log::write(log::Level::Info, &args.text("message"), &ext());
            }
            json!({ "ok": null })
        }
        "config.get" => json!({ "ok": config::get() }),
        "clock.now-ms" => json!({ "ok": clock::now_ms() }),
        "random.bytes" => json!({ "ok": random::bytes(args.number("len")).len() }),
        "metrics.count" => {
            metrics::count(&args.text("name"), u64::from(args.number("add")), &ext());
            json!({ "ok": null })
        }
        "metrics.observe" => {
            metrics::observe(&args.text("name"), f64::from(args.number("value")), &ext());
            json!({ "ok": null })
        }
        _ => return None,
    })
}

fn keys_and_requests(call: &str, args: &Args<'_>) -> Option<Value> {
    let (key, alg, message) = (args.text("key"), args.text("alg"), args.bytes("message"));
    Some(match call {
        "secret-ref.has" => told(secret_ref::has(&args.text("name"))),
        "kv.get" => told(kv::get(&key).map(|value| value.map_or(Value::Null, |bytes| plain(&bytes).into()))),
        "kv.set" => done(kv::set(&key, &args.bytes("value"))),
        "kv.delete" => done(kv::delete(&key)),
        "kv.keys" => told(kv::keys(&args.text("prefix"), args.optional("after").as_deref(), args.number("limit"))),
        "http.send" => requested(http::send(&request(args))),
        "smtp.send" => told(smtp::send(&envelope(args))),
        "crypto.sign" => signed(crypto::sign(&key, &alg, &message).map(|bytes| bytes.len())),
        "crypto.verify" => signed(crypto::verify(&key, &alg, &message, &args.bytes("sig")).map(|()| 0)),
        "crypto.open" => signed(crypto::open(&key, &alg, &[], &[], &message).map(|bytes| bytes.len())),
        "crypto.seal" => signed(crypto::seal(&key, &alg, &message).map(|bytes| bytes.len())),
        "crypto.trust" => signed(crypto::trust(&key, &message).map(|serial| serial.len())),
        "crypto.hash" => signed(crypto::hash(&alg, &message).map(|bytes| bytes.len())),
        "crypto.public-key" => signed(crypto::public_key(&key).map(|bytes| bytes.len())),
        _ => return None,
    })
}

fn signed(answer: Result<usize, crypto::Failure>) -> Value {
    match answer {
        Ok(length) => json!({ "ok": length }),
        Err(crypto::Failure::Other(code)) => json!({ "error": code }),
        Err(other) => json!({ "error": format!("{other:?}") }),
    }
}

fn request(args: &Args<'_>) -> http::Request {
    let secret = args.optional("secret");
    let header =
        secret.map(|name| ("authorization".to_owned(), http::HeaderValue::Secret(("Bearer ".to_owned(), name))));
    let (url, body) = (args.text("url"), args.bytes("body"));
    http::Request { method: "POST".into(), url, headers: header.into_iter().collect(), body }
}

fn requested(answer: Result<http::Response, http::Failure>) -> Value {
    match answer {
        Ok(response) => json!({
            "ok": { "status": response.status, "headers": response.headers, "body": plain(&response.body) },
        }),
        Err(http::Failure::Denied) => json!({ "error": "denied" }),
        Err(http::Failure::NotSent(why)) => json!({ "error": "not-sent", "message": why }),
        Err(http::Failure::MaybeSent(why)) => json!({ "error": "maybe-sent", "message": why }),
        Err(http::Failure::Other(why)) => json!({ "error": "other", "message": why }),
    }
}

fn envelope(args: &Args<'_>) -> smtp::Envelope {
    let login = args.optional("secret").map(|secret| smtp::Login { user: args.text("user"), secret });
    smtp::Envelope {
        server: args.text("server"),
        login,
        sender: args.text("sender"),
        recipients: args.texts("recipients"),
        message: args.bytes("message"),
    }
}

fn entries(call: &str, args: &Args<'_>) -> Option<Value> {
    let (type_name, id, input) = (args.text("type"), args.text("id"), args.text("input"));
    Some(match call {
        "content-read.get" => told(
            content_read::get(&type_name, &id, args.optional("locale").as_deref())
                .map(|entry| entry.map_or(Value::Null, |entry| entry.fields.into())),
        ),
        "content-read.list" => told(
            content_read::list(&query(args))
                .map(|page| page.entries.into_iter().map(|entry| entry.id).collect::<Vec<_>>()),
        ),
        "content-write.create" => told(content_write::create(&type_name, &input)),
        "content-write.update" => done(content_write::update(&type_name, &id, &input)),
        "content-write.publish" => done(content_write::publish(&type_name, &id)),
        "content-write.unpublish" => done(content_write::unpublish(&type_name, &id)),
        "content-write.delete" => done(content_write::delete(&type_name, &id)),
        "events.emit" => {
            done(events::emit(&args.text("name"), args.optional("subject").as_deref(), &args.text("data")))
        }
        "events.read" => told(
            events::read(0, args.number("limit"))
                .map(|found| found.into_iter().map(|event| event.name).collect::<Vec<_>>()),
        ),
        _ => return None,
    })
}

fn query(args: &Args<'_>) -> content_read::Query {
    content_read::Query {
        type_name: args.text("type"),
        filter: args.optional("filter"),
        locale: None,
        after: args.optional("after"),
        limit: args.number("limit"),
    }
}

lyceum_sdk::export_job!(Probe, manifest: "../plugin.toml");
