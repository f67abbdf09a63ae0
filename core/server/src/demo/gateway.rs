//! The sandbox gateway beside the server: it plays the payment provider.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use lyceum_kernel::Clock;
use lyceum_sandbox_gateway::{GatewayConfig, GatewayHandle, LATE_HOLD, RETRY_DELAYS, gateway};
use tokio::net::TcpListener;

use crate::{StartError, commands::user::generated, serve::listen};

/// The provider's key in `checkout`.
pub(crate) const PROVIDER: &str = "sandbox";
/// Our account at the gateway.
pub(crate) const ACCOUNT: &str = "acct_demo";

/// A gateway that is about to be served.
pub(crate) struct Gateway {
    /// `http://127.0.0.1:8092`
    pub origin: String,
    pub api_key: String,
    pub webhook_secret: String,
    pub router: Router,
    pub listener: TcpListener,
    /// Held so that its switches stay reachable.
    _handle: GatewayHandle,
}

impl Gateway {
    /// Takes a port of this machine; nobody else reaches it.
    pub async fn listen(port: u16, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let (listener, address): (_, SocketAddr) = listen("127.0.0.1", port)
            .await
            .map_err(|error| StartError::Gateway(format!("{error} Use --gateway-port.")))?;
        let (origin, api_key, webhook_secret) = (format!("http://{address}"), generated(), generated());
        let (router, handle) = gateway(GatewayConfig {
            account: ACCOUNT.to_owned(),
            api_key: api_key.clone(),
            webhook_secret: webhook_secret.clone(),
            public_url: origin.clone(),
            clock,
            retry_delays: RETRY_DELAYS.to_vec(),
            late_hold: LATE_HOLD,
        });
        Ok(Self { origin, api_key, webhook_secret, router, listener, _handle: handle })
    }
}
