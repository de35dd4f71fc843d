//! TLS for connections to brokers and to token endpoints: whom to trust, and the client's own certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::authorities::Authorities;
use crate::kafka::settings::{ClientCertificate, TlsSettings};
use crate::secret::Secret;

/// Finds what is wrong with certificates and keys before anything connects: the parameter and the fault.
pub(crate) fn check(tls: &TlsSettings) -> Result<(), (&'static str, String)> {
    config(tls, &Authorities::default()).map(drop)
}

/// The client's side of TLS, with the authorities that all triggers trust.
///
/// # Errors
/// The parameter that is at fault, and how.
pub(crate) fn config(tls: &TlsSettings, authorities: &Authorities) -> Result<ClientConfig, (&'static str, String)> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ("tls", error.to_string()))?;
    let builder = if tls.skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(roots(tls.ca.as_deref(), authorities)?)
    };
    match &tls.client {
        None => Ok(builder.with_no_client_auth()),
        Some(client) => {
            let chain = certificates(&client.chain).map_err(|error| ("cert", error))?;
            let key = private_key(client)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| ("key", format!("the key does not fit the certificate or cannot be used: {error}")))
        }
    }
}

/// The system's authorities (the built-in list of Mozilla's where the system has none), those that all triggers trust, and
/// those given.
fn roots(ca: Option<&str>, authorities: &Authorities) -> Result<RootCertStore, (&'static str, String)> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    authorities.add_to(&mut roots);
    if let Some(ca) = ca {
        for certificate in certificates(ca).map_err(|error| ("ca", error))? {
            roots.add(certificate).map_err(|error| ("ca", format!("no usable certificate: {error}")))?;
        }
    }
    Ok(roots)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err("no certificate found; expected PEM text with -----BEGIN CERTIFICATE-----".to_owned())
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("not PEM: {error:?}; expected text with -----BEGIN CERTIFICATE-----")),
    }
}

/// A key in PKCS#1, SEC1, PKCS#8 or encrypted PKCS#8. Messages never hold any part of it.
fn private_key(client: &ClientCertificate) -> Result<PrivateKeyDer<'static>, (&'static str, String)> {
    let pem = client.key.expose().trim();
    if pem.contains("Proc-Type: 4,ENCRYPTED") {
        let message = "the key is encrypted in OpenSSL's old form; convert it with `openssl pkcs8 -topk8`";
        return Err(("key", message.to_owned()));
    }
    if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        let password = client
            .key_password
            .as_ref()
            .ok_or_else(|| ("keyPassword", "missing, and the key is encrypted".to_owned()))?;
        return decrypt(pem, password);
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        let message = "no private key found; expected PEM text with -----BEGIN PRIVATE KEY-----, \
                       -----BEGIN RSA PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----";
        ("key", message.to_owned())
    })
}

fn decrypt(pem: &str, password: &Secret) -> Result<PrivateKeyDer<'static>, (&'static str, String)> {
    let (label, document) = pkcs8::SecretDocument::from_pem(pem)
        .map_err(|error| ("key", format!("the encrypted key is no PEM: {error}")))?;
    if label != "ENCRYPTED PRIVATE KEY" {
        return Err(("key", format!("found a PEM block {label:?} first, expected ENCRYPTED PRIVATE KEY")));
    }
    let info = pkcs8::EncryptedPrivateKeyInfo::try_from(document.as_bytes())
        .map_err(|error| ("key", format!("the encrypted key is no PKCS#8 (PBES2): {error}")))?;
    let plain = info.decrypt(password.expose().as_bytes()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { oid }) => {
            ("key", format!("the key is encrypted by an algorithm that is not supported ({oid}); use AES-256"))
        }
        _ => ("keyPassword", "does not decrypt the key".to_owned()),
    })?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec())))
}

/// Accepts any server's certificate: only where `unsafeSsl` asks for it. Signatures are still checked, so the server
/// does own the key of the certificate it shows.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
