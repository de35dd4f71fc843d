//! TLS with an authority of its own, with client certificates, and what is said when one of them is wrong.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tidegate_engine::{ReadErrorKind, Reading};
use tidegate_scalers::{Clients, TriggerInput, catalog};

use super::server::{Running, State};
use super::{AMPLE, now};
use crate::egress::trusting;
use crate::fixtures::input;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate and its key, PEM.
    fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server by this name; with `clients`, only for those who show a certificate of this authority.
    fn server(&self, name: &str, clients: bool) -> ServerConfig {
        let (certificate, key) = self.issue(name, ExtendedKeyUsagePurpose::ServerAuth);
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

async fn read(
    server: &Running,
    metadata: &[(&str, &str)],
    auth: &[(&str, &str)],
) -> Result<Reading, (ReadErrorKind, String)> {
    read_by(&Clients::new(), server, metadata, auth).await
}

async fn read_by(
    clients: &Clients,
    server: &Running,
    metadata: &[(&str, &str)],
    auth: &[(&str, &str)],
) -> Result<Reading, (ReadErrorKind, String)> {
    let address = format!("localhost:{}", server.address.port());
    let input: TriggerInput = input("external", &[&[("scalerAddress", &*address)], metadata].concat(), auth);
    let scaler = catalog::check(&input).unwrap().connect(clients);
    scaler.read(now(), AMPLE).await.map_err(|error| (error.kind, error.message.to_string()))
}

#[tokio::test]
async fn the_authority_that_is_given_is_trusted() {
    let authority = Authority::new("ours");
    let server = Running::with_tls(State::new(), authority.server("localhost", false)).await;
    assert_eq!(read(&server, &[], &[("caCert", &authority.pem())]).await.unwrap().value, 20.0);
    assert_eq!(read(&server, &[("enableTLS", "true"), ("unsafeSsl", "true")], &[]).await.unwrap().value, 20.0);
    let (kind, said) = read(&server, &[("enableTLS", "true")], &[]).await.unwrap_err();
    assert!(kind == ReadErrorKind::Unauthorized && said.contains("as caCert"), "{said}");
    let (kind, said) = read(&server, &[], &[("caCert", &Authority::new("theirs").pem())]).await.unwrap_err();
    assert!(kind == ReadErrorKind::Unauthorized && said.contains("as caCert"), "{said}");
    let (_, said) = read(&server, &[], &[]).await.unwrap_err();
    assert!(said.contains("connection broke"), "{said}");
}

/// AUTH-21
#[tokio::test]
async fn an_authority_in_a_folder_is_trusted_besides_the_one_given() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let clients = trusting(&ours.pem());
    let server = Running::with_tls(State::new(), ours.server("localhost", false)).await;
    let plain = [("enableTLS", "true")];
    assert_eq!(read_by(&clients, &server, &plain, &[]).await.unwrap().value, 20.0);
    assert_eq!(read_by(&clients, &server, &[], &[("caCert", &theirs.pem())]).await.unwrap().value, 20.0);
    let other = Running::with_tls(State::new(), theirs.server("localhost", false)).await;
    assert!(read_by(&clients, &other, &plain, &[]).await.is_err());
    assert_eq!(read_by(&clients, &other, &[], &[("caCert", &theirs.pem())]).await.unwrap().value, 20.0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("ours");
    let server = Running::with_tls(State::new(), authority.server("elsewhere.example", false)).await;
    let (kind, said) = read(&server, &[], &[("caCert", &authority.pem())]).await.unwrap_err();
    assert!(kind == ReadErrorKind::Unauthorized && said.contains("use a name in scalerAddress"), "{said}");
}

#[tokio::test]
async fn the_client_s_certificate_is_shown() {
    let (authority, others) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Running::with_tls(State::new(), authority.server("localhost", true)).await;
    let (certificate, key) = authority.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    let ca = authority.pem();
    let auth = [("caCert", &*ca), ("tlsClientCert", &certificate), ("tlsClientKey", &key)];
    assert_eq!(read(&server, &[], &auth).await.unwrap().value, 20.0);
    assert!(read(&server, &[], &auth[..1]).await.is_err(), "without a certificate");
    let (certificate, key) = others.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    let auth = [("caCert", &*ca), ("tlsClientCert", &certificate), ("tlsClientKey", &key)];
    let (_, said) = read(&server, &[], &auth).await.unwrap_err();
    assert!(said.contains("client certificate"), "{said}");
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_such() {
    let server = Running::start(State::new()).await;
    let (kind, said) = read(&server, &[("enableTLS", "true")], &[]).await.unwrap_err();
    assert!(kind == ReadErrorKind::Configuration && said.contains("does not seem to speak TLS"), "{said}");
}

#[test]
fn half_a_client_certificate_and_no_pem_are_refused() {
    let (certificate, _) = Authority::new("ours").issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    for (auth, parameter) in [
        (&[("tlsClientCert", &*certificate)][..], "tlsClientKey"),
        (&[("tlsClientKey", "key")], "tlsClientCert"),
        (&[("tlsClientCert", &*certificate), ("tlsClientKey", "key")], "tlsClientKey"),
        (&[("caCert", "no pem")], "caCert"),
    ] {
        let problems = catalog::check(&input("external", &[("scalerAddress", "a:1")], auth)).unwrap_err();
        assert_eq!(problems[0].parameter, parameter, "{problems:?}");
    }
}
