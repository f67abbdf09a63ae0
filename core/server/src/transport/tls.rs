//! TLS: the certificate, and following its files.
//!
//! **Invariant:** a renewed certificate is used for new connections without
//! closing the others; one that cannot be used leaves the old one in place.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use crate::{StartError, config::TlsFiles};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What both files were like when they were read.
type Version = [Option<(SystemTime, u64)>; 2];

/// The certificate in use.
pub(super) struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

struct Current(ArcSwap<CertifiedKey>);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`StartError::Tls`] names the file and what is wrong with it.
    pub fn open(files: &TlsFiles) -> Result<Arc<Self>, StartError> {
        let provider = Arc::new(ring::default_provider());
        let current = Arc::new(Current(ArcSwap::from_pointee(read(files, &provider)?)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| StartError::Other(format!("TLS cannot be used: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Self { files: files.clone(), current, config: Arc::new(config) }))
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        self.config.clone().into()
    }

    /// Reads the files again whenever they change, as long as this is in use.
    pub fn follow(self: &Arc<Self>) {
        let (weak, mut known) = (Arc::downgrade(self), self.version());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(INTERVAL).await;
                let Some(tls) = Weak::upgrade(&weak) else { return };
                let version = tls.version();
                if version != known {
                    known = version;
                    tls.reload();
                }
            }
        });
    }

    fn version(&self) -> Version {
        [&self.files.certificate, &self.files.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn reload(&self) {
        match read(&self.files, self.config.crypto_provider()) {
            Ok(key) => {
                self.current.0.store(Arc::new(key));
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was read again");
            }
            // The other file may be about to change too.
            Err(error) => tracing::warn!(%error, "the changed certificate is not used; the one before it stays"),
        }
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, StartError> {
    let wrong = |path: &std::path::Path, cause: &dyn fmt::Display| StartError::Tls {
        path: path.to_owned(),
        cause: cause.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&files.certificate, &error))?;
    if chain.is_empty() {
        return Err(wrong(&files.certificate, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, &error))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| wrong(&files.key, &format!("it does not belong to the certificate ({error})")))
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}
