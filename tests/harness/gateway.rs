//! The payment provider: the sandbox gateway on a port of its own.

use std::{sync::Arc, time::Duration};

use lyceum_kernel::ManualClock;
use lyceum_sandbox_gateway::{GatewayConfig, GatewayHandle, LATE_HOLD, gateway};
use tokio::net::TcpListener;

pub const ACCOUNT: &str = "acct_test";
pub const API_KEY: &str = "sk_test_key_of_the_suite";
pub const WEBHOOK_SECRET: &str = "whsec_test_secret_of_the_suite";

/// A gateway that runs as long as the test.
pub struct Gateway {
    /// `http://127.0.0.1:port`
    pub origin: String,
    /// Its switches.
    pub switches: GatewayHandle,
    serving: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub(crate) async fn start(clock: Arc<ManualClock>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (router, switches) = gateway(GatewayConfig {
            account: ACCOUNT.to_owned(),
            api_key: API_KEY.to_owned(),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            public_url: origin.clone(),
            clock,
            retry_delays: vec![Duration::from_millis(100); 3],
            late_hold: LATE_HOLD,
        });
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, switches, serving }
    }

    /// A webhook as the gateway would sign it, and as a forger would with
    /// another secret.
    #[must_use]
    pub fn signature(&self, secret: Option<&str>, unix_seconds: i64, body: &str) -> String {
        lyceum_sandbox_gateway::sign(&[secret.unwrap_or(WEBHOOK_SECRET).to_owned()], unix_seconds, body)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
