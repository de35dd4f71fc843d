//! The other end of a connection: which certificate it showed, and what that is worth.
//!
//! TLS only proves that the other end holds the certificate's key. Whom it may speak for is judged at each request,
//! against the authorities of that moment, since a connection lives longer than they may.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio::time::Instant;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authorities::{Authorities, Judge};
use super::caller::Caller;
use crate::certificates::provider;
use crate::serve::tls::Chain;

/// A judgement is made again after this long: certificates expire.
const LIFETIME: Duration = Duration::from_secs(60);

/// Takes any client certificate whose key the client holds, and asks for one of nobody in particular.
#[derive(Debug)]
pub(super) struct Collector {
    algorithms: WebPkiSupportedAlgorithms,
}

impl Collector {
    pub(super) fn new() -> Self {
        Collector { algorithms: provider().signature_verification_algorithms }
    }
}

impl ClientCertVerifier for Collector {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hints: a client then shows what it has, whichever of our authorities signed it.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What a connection's certificate is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// None was shown.
    Nobody,
    /// The front proxy's, so that its headers count.
    FrontProxy,
    /// A user's, by the cluster's authority.
    User(Arc<Caller>),
    /// Signed by nobody who counts, or expired.
    Untrusted,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Peer {
    chain: Chain,
    judged: Mutex<Option<(u64, Instant, Standing)>>,
}

impl Peer {
    pub(super) fn new(chain: Chain) -> Self {
        Peer { chain, judged: Mutex::new(None) }
    }

    /// What its certificate is worth now.
    pub(super) fn standing(&self, authorities: &Authorities) -> Standing {
        if self.chain.is_empty() {
            return Standing::Nobody;
        }
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, at, standing)) = judged.as_ref()
            && *generation == authorities.generation
            && at.elapsed() < LIFETIME
        {
            return standing.clone();
        }
        let standing = judge(&self.chain, authorities, UnixTime::now());
        *judged = Some((authorities.generation, Instant::now(), standing.clone()));
        standing
    }
}

fn judge(chain: &Chain, authorities: &Authorities, now: UnixTime) -> Standing {
    let Some((first, rest)) = chain.split_first() else { return Standing::Nobody };
    let good =
        |judge: &Option<Judge>| judge.as_ref().is_some_and(|judge| judge.verify_client_cert(first, rest, now).is_ok());
    let Ok((_, certificate)) = X509Certificate::from_der(first) else { return Standing::Untrusted };
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    let allowed = &authorities.front_proxy.allowed_names;
    if good(&authorities.front_proxy.judge) && (allowed.is_empty() || allowed.iter().any(|allowed| allowed == name)) {
        return Standing::FrontProxy;
    }
    if !good(&authorities.clients) || name.is_empty() {
        return Standing::Untrusted;
    }
    let organizations = certificate.subject().iter_organization();
    let groups = organizations.filter_map(|group| group.as_str().ok()).map(str::to_owned).collect();
    Standing::User(Caller { name: name.to_owned(), groups, ..Caller::default() }.authenticated())
}
