//! `/metrics`: figures in the text format of Prometheus.
//!
//! **Invariant:** off by default; to other machines only with the token. What a
//! proxy on this machine passes on counts as another machine.

use std::{fmt::Write as _, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::{Extension, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use lyceum_domain::Domains;
use lyceum_plugin_host::PluginHost;
use lyceum_store::work::{self, Lag};
use sha2::{Digest as _, Sha256};

use super::client::ClientAddress;
use crate::config::Metrics;

/// What is told, and to whom.
#[derive(Clone)]
pub(crate) struct Figures {
    host: Arc<PluginHost>,
    domains: Domains,
    access: Metrics,
    started: Instant,
}

impl Figures {
    pub fn new(host: Arc<PluginHost>, domains: Domains, access: Metrics) -> Self {
        Self { host, domains, access, started: Instant::now() }
    }

    /// The route, when it is switched on.
    pub fn router(self) -> Router {
        match self.access.enabled {
            true => Router::new().route("/metrics", get(tell)).with_state(self),
            false => Router::new(),
        }
    }

    async fn text(&self) -> String {
        let mut text = self.host.metrics_text();
        let mut figure = |name: &str, kind: &str, help: &str, value: f64| {
            // Writing to a string does not fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        };
        figure(
            "lyceum_uptime_seconds",
            "gauge",
            "Since the start of the process.",
            self.started.elapsed().as_secs_f64(),
        );
        if let Some(bytes) = resident_bytes() {
            figure("lyceum_resident_bytes", "gauge", "Memory of the process.", bytes);
        }
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let left_out = self.domains.shadows.left_out() as f64;
        figure(
            "lyceum_shadow_left_out_total",
            "counter",
            "Calls that were not compared, because too many were.",
            left_out,
        );
        match work::lags(&self.domains.database).await {
            Ok(lags) => text.push_str(&lag_figures(&lags)),
            Err(failure) => tracing::warn!(cause = ?failure, "the lag of consumers could not be read"),
        }
        text
    }
}

/// The figures of the consumers of events.
fn lag_figures(lags: &[Lag]) -> String {
    let mut text = String::new();
    let mut figures = |name: &str, help: &str, value: fn(&Lag) -> i64| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for lag in lags {
            let _ = writeln!(text, "{name}{{consumer=\"{}\"}} {}", label(&lag.consumer), value(lag));
        }
    };
    figures("lyceum_consumer_events_behind", "Events that a consumer has still to look at.", |lag| lag.events);
    figures(
        "lyceum_consumer_seconds_behind",
        "The age of the oldest event that a consumer has still to look at.",
        |lag| i64::try_from(lag.seconds).unwrap_or(i64::MAX),
    );
    figures("lyceum_consumer_dead_letters", "Events that a consumer has given up.", |lag| lag.dead_letters);
    text
}

/// As the format wants the value of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

async fn tell(
    State(figures): State<Figures>,
    Extension(client): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Response {
    let allowed = match &figures.access.token {
        Some(token) => bearer(&headers).is_some_and(|given| same(given, token.expose())),
        None => client.is_local,
    };
    if !allowed {
        return (StatusCode::FORBIDDEN, "Metrics are told to this machine, or with the token.\n").into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures.text().await).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Digests are compared, so that the time tells nothing of the token.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given) == Sha256::digest(token)
}

/// From `/proc`, where there is one.
#[allow(clippy::cast_precision_loss, reason = "a size to be looked at")]
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_three_figures_of_one_consumer() {
        let lag = |consumer: &str, events| Lag { consumer: consumer.to_owned(), events, seconds: 5, dead_letters: 1 };
        let text = lag_figures(&[lag("search", 3), lag("a\"b\\c", 0)]);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"lyceum_consumer_events_behind{consumer="search"} 3"#,
                r#"lyceum_consumer_events_behind{consumer="a\"b\\c"} 0"#,
                r#"lyceum_consumer_seconds_behind{consumer="search"} 5"#,
                r#"lyceum_consumer_seconds_behind{consumer="a\"b\\c"} 5"#,
                r#"lyceum_consumer_dead_letters{consumer="search"} 1"#,
                r#"lyceum_consumer_dead_letters{consumer="a\"b\\c"} 1"#,
            ]
        );
    }
}
