//! Why the server or a command did not start, and what to do.

use std::{io, net::SocketAddr, path::PathBuf};

use lyceum_kernel::Failure;
use lyceum_store::ConnectError;

use crate::config::ConfigError;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "the data directory {path} cannot be written ({cause}).\nGive it to this user, or choose another with --data-dir."
    )]
    DataDir { path: PathBuf, cause: io::Error },
    #[error(
        "{address} is in use by another program.\nStop that program, or choose another port with --port (0 takes a free one)."
    )]
    PortTaken { address: String },
    #[error("{address} cannot be listened on ({cause}).\nChoose another address with --host and --port.")]
    Listen { address: String, cause: io::Error },
    #[error(
        "{0}.\nCheck that it runs and that --database-url (LYCEUM_DATABASE_URL) names it with the right user and password."
    )]
    DatabaseUnreachable(#[source] ConnectError),
    #[error("{0}.\nRun that version, or restore a backup from before it.")]
    Newer(#[source] ConnectError),
    #[error("{0}")]
    Database(#[source] ConnectError),
    #[error("{0}")]
    ContentTypes(String),
    #[error("the content types in the files differ from the database:\n{plan}\n{advice}")]
    SchemaPending { plan: String, advice: &'static str },
    #[error("the TLS file {path} cannot be used: {cause}.\nCheck server.tls_certificate and server.tls_key.")]
    Tls { path: PathBuf, cause: String },
    #[error("the key for access tokens, {path}, cannot be used: {cause}")]
    TokenKey { path: PathBuf, cause: String },
    #[error("the key for the secrets of plugins, {path}, cannot be used: {cause}")]
    SecretKey { path: PathBuf, cause: String },
    #[error(
        "the search index cannot be opened: {0}\nAnother Lyceum may use the same data directory. If none does, delete the directory; it is filled again from the database."
    )]
    Search(String),
    #[error("plugins cannot run: {0}")]
    Plugins(String),
    #[error("the sandbox gateway has no address: {0}")]
    Gateway(String),
    #[error("{0}")]
    Other(String),
    #[error("{}", told(.0))]
    Failed(#[from] Failure),
    #[error("{what}: {cause}")]
    Io { what: String, cause: io::Error },
}

/// For the operator the cause too, not only the text for clients.
fn told(failure: &Failure) -> String {
    format!("{failure:?}")
}

impl StartError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { what: what.into(), cause }
    }

    pub(crate) fn listen(host: &str, port: u16, cause: io::Error) -> Self {
        let address =
            host.parse().map_or_else(|_| format!("{host}:{port}"), |ip| SocketAddr::new(ip, port).to_string());
        match cause.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { address },
            _ => Self::Listen { address, cause },
        }
    }
}

impl From<ConnectError> for StartError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable(_) => Self::DatabaseUnreachable(error),
            ConnectError::Newer(_) => Self::Newer(error),
            ConnectError::Scheme | ConnectError::Collation | ConnectError::Encoding(_) | ConnectError::Migration(_) => {
                Self::Database(error)
            }
        }
    }
}
