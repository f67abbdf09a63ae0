//! Connections: from a listener to requests for the router.
//!
//! HTTP/1.1 in the clear; with a certificate HTTP/2 or HTTP/1.1, as the client
//! chooses in the handshake.
//!
//! **Invariant:** no client keeps a connection by doing nothing: each phase has
//! a limit in [`Timeouts`](crate::config::Timeouts), and there is a maximum of
//! connections in all and by network.

mod activity;
mod answer;
mod connection;
mod connections;
mod descriptors;
mod network;
mod refusal;
mod stream;
mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub(crate) use self::{
    activity::{Activity, Work},
    answer::ResponseGuard,
    network::Network,
};
use self::{connections::Connections, refusal::Refusals, tls::Tls};
use crate::{
    StartError,
    config::{Config, Server, Timeouts},
    serve::Stop,
};

/// A pause after a failure to accept that is not the client's.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections of [`Transport::local`].
const LOCAL_CONNECTIONS: usize = 100;

/// Everything that connections share.
pub(crate) struct Transport {
    timeouts: Timeouts,
    connections: Arc<Connections>,
    trusted_proxies: Vec<IpNet>,
    tls: Option<Arc<Tls>>,
    refusals: Refusals,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Running requests may finish.
    Finishing,
    /// What is not finished is cut off.
    Cut,
}

impl Transport {
    /// # Errors
    /// The certificate cannot be used.
    pub fn new(server: &Server) -> Result<Arc<Self>, StartError> {
        let capacity = server.capacity;
        let most = descriptors::allowed_connections(capacity.connections);
        Ok(Arc::new(Self {
            timeouts: server.timeouts,
            connections: Connections::new(most, capacity.per_network),
            trusted_proxies: server.trusted_proxies.clone(),
            tls: server.tls.as_ref().map(Tls::open).transpose()?,
            refusals: Refusals::default(),
        }))
    }

    /// In the clear, for a few clients of this machine.
    pub fn local() -> Arc<Self> {
        let mut server = Config::default().server;
        server.capacity.connections = LOCAL_CONNECTIONS;
        Self::new(&server).expect("the default configuration has no certificate")
    }

    /// Serves a router until `stop`; running requests have `patience` to finish.
    pub async fn serve(self: &Arc<Self>, router: Router, listener: TcpListener, stop: &Stop, patience: Duration) {
        if let Some(tls) = &self.tls {
            tls.follow();
        }
        let phase = watch::channel(Phase::Serving).0;
        tokio::select! {
            () = self.accept_all(&router, &listener, &phase) => {}
            () = stop.wait() => {}
        }
        drop(listener);
        phase.send_replace(Phase::Finishing);
        if tokio::time::timeout(patience, self.connections.closed()).await.is_err() {
            tracing::warn!("some requests did not finish in time and were cut off");
            phase.send_replace(Phase::Cut);
        }
    }

    async fn accept_all(self: &Arc<Self>, router: &Router, listener: &TcpListener, phase: &watch::Sender<Phase>) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.accept(socket, peer, router, phase),
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    self.connections.make_room();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn accept(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, router: &Router, phase: &watch::Sender<Phase>) {
        let trusted = self.trusted_proxies.iter().any(|network| network.contains(&peer.ip().to_canonical()));
        let network = (!trusted).then(|| Network::of(peer.ip()));
        match self.connections.admit(network) {
            Some(slot) => {
                let phase = phase.subscribe();
                tokio::spawn(connection::run(self.clone(), socket, peer, router.clone(), slot, phase));
            }
            None => self.refusals.refuse(socket, self.tls.is_some()),
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
