//! Listening, and stopping without cutting anybody off.

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, sync::watch};

use crate::{StartError, app::App};

/// Tells servers to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::channel(false).0)
    }
}

impl Stop {
    /// Stops at SIGTERM and SIGINT.
    #[must_use]
    pub fn at_signal() -> Self {
        let stop = Self::default();
        let told = stop.clone();
        tokio::spawn(async move {
            signal().await;
            tracing::info!("stopping: running requests may finish");
            told.now();
        });
        stop
    }

    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when it is time to stop.
    pub async fn wait(&self) {
        let mut told = self.0.subscribe();
        // The sender lives in `self`, so that there is no other end.
        drop(told.wait_for(|stop| *stop).await);
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Binds an address, so that a taken port is told before anything else starts.
pub(crate) async fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind((host, port)).await.map_err(|cause| StartError::listen(host, port, cause))?;
    let address = listener.local_addr().map_err(|cause| StartError::listen(host, port, cause))?;
    Ok((listener, address))
}

/// Serves an application with its background work until `stop`; running
/// requests have `patience` to finish.
pub async fn serve(app: &App, listener: TcpListener, stop: &Stop, patience: Duration) -> Result<(), StartError> {
    let background = app.spawn_background();
    app.transport().serve(app.router(), listener, stop, patience).await;
    background.stop().await;
    Ok(())
}
