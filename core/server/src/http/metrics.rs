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

    fn text(&self) -> String {
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
        text
    }
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
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures.text()).into_response()
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
