//! Serving certificates: made, shared and renewed by the operator, or given as files.
//!
//! Whoever serves with TLS asks [`Certificates`] for a configuration once; the certificate in it is looked up at each
//! handshake, so that neither a renewal nor a new authority needs a restart. [`publish`](publish::publish) puts the
//! authorities where the API server looks for them.

mod authority;
mod files;
mod managed;
mod material;
mod publish;
mod secret;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::options::{CertificateOptions, Options};
use crate::serve::Readiness;
use crate::serve::tls::PROTOCOLS;

pub use publish::publish;

use material::Material;

/// Certificates could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The Secret may not be read or written.
    #[error(
        "{what} Secret {namespace}/{name}: {source}; the operator's Role needs get, list, watch and update of it, and create of Secrets"
    )]
    Secret {
        /// What was being done.
        what: &'static str,
        /// The Secret's namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
    /// A folder holds none.
    #[error(
        "reading the certificate in {folder}: {reason}; it must hold tls.crt, tls.key and, for the API server to trust it, ca.crt"
    )]
    Files {
        /// The folder.
        folder: String,
        /// What is wrong.
        reason: String,
    },
    /// Making one failed.
    #[error("making a certificate: {0}")]
    Making(String),
    /// TLS could not be set up.
    #[error("setting up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The process was told to stop first.
    #[error("told to stop before there was a certificate")]
    Stopped,
}

/// The certificate in use, as it changes. Cheap to clone; clones share.
#[derive(Clone, Debug)]
pub struct Certificates {
    current: Arc<Current>,
}

/// What handshakes look at.
#[derive(Debug)]
struct Current {
    key: ArcSwapOption<CertifiedKey>,
    authorities: watch::Sender<Arc<str>>,
    names: Vec<String>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.key.load_full()
    }
}

impl Certificates {
    /// Gets the first certificate and keeps it current until `stop`. Where it cannot be had from now on, the last one
    /// stays in use and the condition `certificates` of `readiness` fails once it has expired.
    ///
    /// # Errors
    /// When access is denied, or what is given cannot be used. An API server that is not there is waited for.
    pub async fn start(
        client: &kube::Client,
        options: &Options,
        readiness: &Readiness,
        stop: &CancellationToken,
    ) -> Result<Certificates, CertificateError> {
        let names = match &options.certificates {
            CertificateOptions::Managed { dns_names, .. } => dns_names.clone(),
            CertificateOptions::Files { .. } => Vec::new(),
        };
        let current =
            Arc::new(Current { key: ArcSwapOption::empty(), authorities: watch::channel("".into()).0, names });
        let certificates = Certificates { current };
        let condition = readiness.condition("certificates");
        match &options.certificates {
            CertificateOptions::Managed { secret, dns_names } => {
                let place = secret::Place::new(client.clone(), &options.own_namespace, secret);
                let keeper = secret::Keeper::new(place, dns_names.clone(), certificates.clone(), condition);
                keeper.start(stop).await?;
            }
            CertificateOptions::Files { folder } => {
                files::start(folder.clone(), certificates.clone(), condition, stop)?;
            }
        }
        Ok(certificates)
    }

    /// For a server that asks for no client certificate.
    ///
    /// # Errors
    /// When the cryptography refuses its own defaults.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(self.finish(builder.with_no_client_auth().with_cert_resolver(Arc::clone(&self.current) as _)))
    }

    /// For a server that hands client certificates to `verifier`.
    ///
    /// # Errors
    /// When the cryptography refuses its own defaults.
    pub fn server_config_with(
        &self,
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = builder.with_client_cert_verifier(verifier);
        Ok(self.finish(builder.with_cert_resolver(Arc::clone(&self.current) as _)))
    }

    fn finish(&self, mut config: ServerConfig) -> Arc<ServerConfig> {
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Arc::new(config)
    }

    /// The authorities that sign what is served here, now and next, as PEM; empty where they are not known.
    #[must_use]
    pub fn authorities(&self) -> watch::Receiver<Arc<str>> {
        self.current.authorities.subscribe()
    }

    /// A name that the certificate is valid for, for asking oneself.
    pub(crate) fn own_name(&self) -> Option<&str> {
        self.current.names.first().map(String::as_str)
    }

    fn replace(&self, material: &Material) {
        self.current.key.store(Some(Arc::clone(&material.key)));
        self.current.authorities.send_if_modified(|known| {
            let changed = **known != *material.authorities;
            *known = Arc::clone(&material.authorities);
            changed
        });
    }
}

/// The cryptography that is used throughout; no process-wide default is relied upon.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
