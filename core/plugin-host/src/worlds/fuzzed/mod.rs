//! Answers of every world, made of a fuzzer's bytes, through the world's own
//! check. What is taken must keep the world's rules; what is not, is no panic.

mod payment;
mod said;

use std::collections::{BTreeMap, BTreeSet};

use lyceum_domain::notification::Delivery;

use self::said::Said;
use super::{auth, field, hooks, job, moderation, notify, ranking};
use crate::bindings::{
    auth::exports::lyceum::auth::auth_provider, before::exports::lyceum::content::before_hooks,
    job::exports::lyceum::job::job as job_guest, moderation::exports::lyceum::moderation::moderator,
    notify::exports::lyceum::notify::notifier, ranking::exports::lyceum::ranking::ranker,
};

/// Bytes that an answer may have here: small, so that the limit is reached.
const MOST: usize = 4 << 10;
const WORLDS: &[fn(&mut Said<'_>)] =
    &[moderation, ranking, before_hook, deliveries, identity, way, job_step, fields, payment::payment];

/// One answer of the world that the first byte says.
pub(crate) fn answer(bytes: &[u8]) {
    let said = &mut Said::of(bytes);
    said.one(WORLDS)(said);
}

fn moderation(said: &mut Said<'_>) {
    let items = usize::from(said.any::<u8>() % 4);
    let verdict = |said: &mut Said<'_>| moderator::Verdict {
        decision: said.text(&["allow", "hold", "reject"]),
        labels: said.list(|said| said.text(&["spam"])),
        confidence: said.one(&[0.0, 0.5, 1.0, -0.0, 1.1, f32::NAN, f32::INFINITY]),
        note: said.maybe(|said| said.text(&[])),
        ext: said.ext(),
    };
    let answer = said.result(|said| said.list(verdict));
    let answer = answer.map_err(|e| moderator::Error { code: e.code, message: e.message, retryable: e.retryable });
    let Ok(taken) = moderation::verdicts(answer, items, MOST) else { return };
    assert_eq!(taken.len(), items);
    assert!(taken.iter().all(|verdict| (0.0..=1.0).contains(&verdict.confidence)), "{taken:?}");
}

fn ranking(said: &mut Said<'_>) {
    let items = u32::from(said.any::<u8>() % 16);
    let answer = said.result(|said| said.list(Said::any::<f32>));
    let answer = answer.map_err(|e| ranker::Error { code: e.code, message: e.message, retryable: e.retryable });
    if let Ok(scores) = ranking::scores(answer, items) {
        assert_eq!(scores.len(), items as usize);
        assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
    }
    let _ = ranking::known(said.list(|said| said.text(&["comments", "age-hours"])));
}

fn before_hook(said: &mut Said<'_>) {
    let tags = &["en", "zh-CN"];
    let field = |said: &mut Said<'_>| before_hooks::FieldValue {
        field: said.text(&["title", "summary", "slug"]),
        locale: said.maybe(|said| said.text(tags)),
        value: said.text(&["\"a\"", "null", "[1]"]),
    };
    let answer = match said.any::<bool>() {
        true => Ok(said.list(field)),
        false => Err(before_hooks::Rejection {
            field: said.maybe(|said| said.text(&["title"])),
            messages: said.list(|said| (said.text(tags), said.text(&[]))),
        }),
    };
    match hooks::checked(answer, MOST) {
        Ok(Ok(values)) => {
            let places: BTreeSet<_> = values.iter().map(|value| (&value.field, &value.locale)).collect();
            assert_eq!(places.len(), values.len(), "a field twice");
            assert!(!values.iter().any(|value| value.value.to_string().contains("\\u0000")), "a NUL");
        }
        Ok(Err(rejection)) => assert!(rejection.messages.values().all(|text| !text.is_empty()), "a silent refusal"),
        Err(_) => {}
    }
}

fn deliveries(said: &mut Said<'_>) {
    let text = String::new;
    let batch = ["1", "2", "3"].map(|id| Delivery {
        id: id.into(),
        channel: "mail".into(),
        address: text(),
        name: None,
        locale: text(),
        template: text(),
        subject: text(),
        text: text(),
        values: BTreeMap::new(),
    });
    let result = |said: &mut Said<'_>| notifier::DeliveryResult {
        id: said.text(&["1", "2", "3"]),
        status: said.text(&["sent", "failed", "retry"]),
        provider_ref: said.maybe(|said| said.text(&["ref-1"])),
        note: said.maybe(|said| said.text(&[])),
        retry_after_s: said.any(),
    };
    if let Ok(taken) = notify::results(said.list(result), &batch, MOST) {
        let ids: BTreeSet<&str> = taken.iter().map(|result| result.id.as_str()).collect();
        assert_eq!(ids.len(), taken.len(), "two results of one delivery");
        assert!(ids.iter().all(|id| batch.iter().any(|delivery| delivery.id == *id)), "{ids:?}");
    }
    let _ = notify::channels(said.list(|said| said.text(&["mail", "sms", "push"])));
}

fn identity(said: &mut Said<'_>) {
    let given = auth_provider::Identity {
        subject: said.text(&["42"]),
        email: said.maybe(|said| said.text(&["li@a.example"])),
        email_verified: said.any(),
        name: said.maybe(|said| said.text(&["Li"])),
        picture: said.maybe(|said| said.text(&["https://id.example/li.png"])),
        keep: said.text(&["token"]),
        ext: said.ext(),
    };
    let Ok(taken) = auth::identity(given, MOST) else { return };
    assert!(!taken.subject.trim().is_empty() && !taken.subject.contains(char::is_control), "{:?}", taken.subject);
    assert!(taken.email.is_some() || !taken.email_verified, "no address, and verified");
    assert!(taken.email.as_deref().is_none_or(|address| address.contains('@')), "{:?}", taken.email);
}

fn way(said: &mut Said<'_>) {
    let url = said.text(&["https://id.example/authorize"]);
    if let Ok(way) = auth::way(auth_provider::Way { url, keep: said.text(&["k"]) }) {
        let local = ["http://127.0.0.1", "http://localhost"].iter().any(|start| way.url.to_lowercase().contains(start));
        assert!(
            way.url.trim().to_lowercase().starts_with("https:") || local || way.url.contains("http"),
            "{}",
            way.url
        );
        assert!(!way.url.contains(['\r', '\n']), "{:?}", way.url);
    }
    let labels = said.list(|said| (said.text(&["en", "zh"]), said.text(&["Sign in"])));
    if let Ok(about) = auth::about(auth_provider::About { labels, refreshes: said.any() }) {
        assert!(!about.labels.is_empty(), "no label");
    }
}

fn job_step(said: &mut Said<'_>) {
    let given = job_guest::Outcome {
        state: said.text(&["done", "continue"]),
        resume: said.maybe(|said| said.text(&["page 2"])),
        wait_s: said.any(),
        progress: said.maybe(|said| said.one(&[0.0, 0.5, 1.0, -0.1, f32::NAN, f32::INFINITY])),
        report: said.maybe(|said| said.text(&["{\"sent\":3}"])),
    };
    let Ok(taken) = job::outcome(given, MOST) else { return };
    assert!(taken.progress.is_none_or(|part| (0.0..=1.0).contains(&part)), "{taken:?}");
    assert!(taken.wait.as_secs() <= 24 * 60 * 60, "{taken:?}");
}

fn fields(said: &mut Said<'_>) {
    let parents = usize::from(said.any::<u8>() % 4);
    let given = said.list(|said| said.result(|said| said.text(&["1", "\"a\"", "null", "[[[]]]"])));
    if let Ok(taken) = field::answers(given, parents, MOST) {
        assert_eq!(taken.len(), parents);
    }
}
