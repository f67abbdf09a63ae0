//! Hooks that misbehave in the way that an entry's title says, for the host's
//! tests. Any other title is repeated in the summary.

use hostile_misdeeds::{GIANT, misbehave};
use lyceum_sdk::{
    content::{Actor, AfterHooks, BeforeHooks, Entry, Fact, FieldValue, Rejection},
    host::{Error, Host},
    lifecycle::{FieldError, Lifecycle},
};

/// Misbehaves on demand.
pub struct Hostile;

/// The title without its quotes.
fn title(entry: &Entry) -> &str {
    entry.value("title").unwrap_or_default().trim_matches('"')
}

fn refusal(messages: &[(&str, &str)]) -> Rejection {
    let messages = messages.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect();
    Rejection { field: Some("title".to_owned()), messages }
}

fn changes(host: &impl Host, word: &str) -> Result<Vec<FieldValue>, Rejection> {
    misbehave(host, word);
    match word {
        "giant" => Ok(vec![FieldValue::new("summary", format!("\"{}\"", "x".repeat(GIANT)))]),
        "many" => Ok((0..1_000).map(|n| FieldValue::new(format!("field{n}"), "1")).collect()),
        "nonsense" => Ok(vec![FieldValue::new("summary", "no JSON")]),
        "nameless" => Ok(vec![FieldValue::new("", "1")]),
        "twice" => Ok(vec![FieldValue::new("summary", "1"), FieldValue::new("summary", "2")]),
        "tag" => Ok(vec![FieldValue { locale: Some("!".to_owned()), ..FieldValue::new("summary", "1") }]),
        "nul" => Ok(vec![FieldValue::new("summary", r#""\u0000""#)]),
        "refuse" => Err(refusal(&[("en", "Not\nthis title"), ("zh", "换个标题")])),
        "silent" => Err(refusal(&[])),
        _ => Ok(vec![FieldValue::new("summary", format!("\"{word}\""))]),
    }
}

impl BeforeHooks for Hostile {
    fn before_create(host: &impl Host, _actor: &Actor, proposed: &Entry) -> Result<Vec<FieldValue>, Rejection> {
        changes(host, title(proposed))
    }

    fn before_update(
        host: &impl Host,
        _actor: &Actor,
        current: &Entry,
        changed: &[FieldValue],
    ) -> Result<Vec<FieldValue>, Rejection> {
        let new = changed.iter().find(|value| value.field == "title").map(|value| value.value.trim_matches('"'));
        changes(host, new.unwrap_or_else(|| title(current)))
    }

    fn before_publish(host: &impl Host, _actor: &Actor, entry: &Entry) -> Result<(), Rejection> {
        changes(host, title(entry)).map(drop)
    }

    fn before_delete(host: &impl Host, _actor: &Actor, entry: &Entry) -> Result<(), Rejection> {
        changes(host, title(entry)).map(drop)
    }
}

fn told(host: &impl Host, fact: &Fact) -> Result<(), Error> {
    let word = fact.entry.as_ref().map(title).unwrap_or_default();
    misbehave(host, word);
    match word {
        "later" => Err(Error::unavailable("the test asked for a retry")),
        "never" => Err(Error::invalid("the test asked for an end")),
        "long" => Err(Error::invalid("x".repeat(GIANT))),
        _ => Ok(()),
    }
}

impl AfterHooks for Hostile {
    fn after_create(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        told(host, fact)
    }

    fn after_update(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        told(host, fact)
    }

    fn after_publish(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        told(host, fact)
    }

    fn after_delete(host: &impl Host, fact: &Fact) -> Result<(), Error> {
        told(host, fact)
    }
}

impl Lifecycle for Hostile {
    fn health(host: &impl Host) -> Result<(), Error> {
        match host.config().as_str() {
            r#"{"health":"ill"}"# => Err(Error::invalid("the test asked for an illness")),
            _ => Ok(()),
        }
    }

    fn configure(host: &impl Host, config: &str) -> Result<(), Vec<FieldError>> {
        misbehave(
            host,
            config.strip_prefix(r#"{"configure":""#).and_then(|c| c.strip_suffix("\"}")).unwrap_or_default(),
        );
        let problem = |path: &str, message: &str| FieldError { path: path.to_owned(), message: message.to_owned() };
        match config {
            r#"{"configure":"giant"}"# => Err(vec![problem("/configure", &"x".repeat(GIANT))]),
            r#"{"wrong":true}"# => Err(vec![problem("/wrong", "must not\nbe set"), problem("/right", "is missing")]),
            _ => Ok(()),
        }
    }

    fn migrate(host: &impl Host, from_version: &str) -> Result<(), Error> {
        match from_version {
            "0.1.0" => Err(Error::invalid("0.1.0 is too old")),
            _ => host.kv_set("migrated-from", from_version.as_bytes()),
        }
    }
}

lyceum_sdk::export_before_hooks!(Hostile, manifest: "../plugin.toml");
lyceum_sdk::export_after_hooks!(Hostile);
lyceum_sdk::export_lifecycle!(Hostile);
