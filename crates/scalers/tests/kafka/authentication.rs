//! Every way to prove who one is, right and wrong, against the real broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidegate_engine::{ReadError, ReadErrorKind, Reading};
use tidegate_scalers::{Authorities, Clients, EgressPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::broker::{Broker, PASSWORD, USER, shared};
use crate::certificates::{Certificates, KEY_PASSWORD};
use crate::offsets::{AMPLE, trigger};

type Pairs<'a> = &'a [(&'a str, &'a str)];

async fn read(servers: &str, metadata: Pairs<'_>, auth: Pairs<'_>) -> Result<Reading, ReadError> {
    let metadata = [&[("topic", "guarded"), ("consumerGroup", "guarded")], metadata].concat();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    trigger(servers, &metadata, auth, &Clients::new()).read(now, AMPLE).await
}

async fn guarded() -> (&'static Broker, tokio::sync::RwLockReadGuard<'static, ()>) {
    let (broker, turn) = shared().await;
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut raw = broker.raw();
        raw.create_topic("guarded", 1);
        broker.produce("guarded", 1, 10);
        raw.commit("guarded", "guarded", &[3]);
    });
    (broker, turn)
}

#[tokio::test]
async fn passwords() {
    let (broker, _turn) = guarded().await;
    let right = [("username", USER), ("password", PASSWORD), ("ca", &broker.certificates.ca)];
    let wrong = [("username", USER), ("password", "wrong-canary"), ("ca", &broker.certificates.ca)];
    for sasl in ["plaintext", "scram_sha256", "scram_sha512"] {
        for (servers, tls) in [(&broker.sasl, "disable"), (&broker.sasl_tls, "enable")] {
            let metadata = [("sasl", sasl), ("tls", tls)];
            let reading = read(servers, &metadata, &right).await;
            assert_eq!(reading.unwrap_or_else(|error| panic!("{sasl}, tls {tls}: {error}")).value, 7.0);
            let error = read(servers, &metadata, &wrong).await.unwrap_err();
            assert_eq!(error.kind, ReadErrorKind::Unauthorized, "{error}");
            assert!(error.message.contains("SASL") && error.message.contains(servers.as_str()), "{error}");
            assert!(!format!("{error:?}").contains("wrong-canary"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_wrong_listener_is_explained() {
    let (broker, _turn) = guarded().await;
    let login = [("username", USER), ("password", PASSWORD), ("ca", &broker.certificates.ca)];
    for (servers, metadata, expected) in [
        (&broker.sasl, &[][..], "may want SASL"),
        (&broker.plain, &[("sasl", "plaintext")], "does not want SASL"),
        (&broker.plain, &[("tls", "enable")], "may not speak TLS"),
        (&broker.sasl_tls, &[("sasl", "plaintext")], "speaks TLS"),
        (&broker.mutual, &[("tls", "enable")], "client certificate"),
    ] {
        let error = read(servers, metadata, &login).await.unwrap_err();
        assert!(error.message.contains(expected), "{metadata:?}: {error}");
        assert!(error.message.contains(servers.as_str()), "{metadata:?}: {error}");
    }
}

#[tokio::test]
async fn certificates_are_verified_unless_asked_otherwise() {
    let (broker, _turn) = guarded().await;
    let login = [("username", USER), ("password", PASSWORD)];
    let metadata = [("sasl", "plaintext"), ("tls", "enable")];
    let error = read(&broker.sasl_tls, &metadata, &login).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unauthorized);
    assert!(error.message.contains("TLS handshake") && error.message.contains("parameter ca"), "{error}");
    let unsafe_ssl = [&metadata[..], &[("unsafeSsl", "true")]].concat();
    assert_eq!(read(&broker.sasl_tls, &unsafe_ssl, &login).await.unwrap().value, 7.0);
    // The certificate is made out to localhost and to nothing else.
    let other_name = broker.sasl_tls.replace("localhost", "127.0.0.1");
    let with_ca = [&login[..], &[("ca", broker.certificates.ca.as_str())]].concat();
    let error = read(&other_name, &metadata, &with_ca).await.unwrap_err();
    assert!(error.message.contains("host name"), "{error}");
}

/// AUTH-21: brokers and token endpoints
#[tokio::test]
async fn an_authority_in_a_folder_is_trusted() {
    let (broker, _turn) = guarded().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &broker.certificates.ca).unwrap();
    let (authorities, faults) = Authorities::read(&[folder.path().to_path_buf()]);
    assert_eq!(faults, Vec::<String>::new());
    let clients = Clients::new().with_egress(EgressPolicy::default().trusting(authorities));
    let (endpoint, granted) = token_endpoint(&broker.certificates, true).await;
    let login = [("username", USER), ("password", "secret"), ("oauthTokenEndpointUri", endpoint.as_str())];
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    for (servers, tls) in [(&broker.sasl_tls, "enable"), (&broker.sasl, "disable")] {
        let metadata = [("topic", "guarded"), ("consumerGroup", "guarded"), ("sasl", "oauthbearer"), ("tls", tls)];
        let reading = trigger(servers, &metadata, &login, &clients).read(now, AMPLE).await;
        assert_eq!(reading.unwrap_or_else(|error| panic!("tls {tls}: {error}")).value, 7.0);
    }
    assert_eq!(granted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn client_certificates_with_keys_in_every_form() {
    let (broker, _turn) = guarded().await;
    let certificates = &broker.certificates;
    for (form, key) in &certificates.client_keys {
        let auth = [
            ("ca", certificates.ca.as_str()),
            ("cert", &certificates.client),
            ("key", key),
            ("keyPassword", KEY_PASSWORD),
        ];
        let reading = read(&broker.mutual, &[("tls", "enable")], &auth).await;
        assert_eq!(reading.unwrap_or_else(|error| panic!("{form}: {error}")).value, 7.0);
    }
}

#[test]
fn a_wrong_key_password_is_found_before_connecting() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(folder.path());
    let find = |name: &str| {
        let text = match name {
            "bootstrapServers" => "localhost:1",
            "tls" => "enable",
            "cert" => &certificates.client,
            "key" => &certificates.client_keys[2].1,
            "keyPassword" => "wrong",
            _ => return None,
        };
        Some(tidegate_scalers::Secret::new(text))
    };
    let problems = tidegate_scalers::kafka::ConnectionSettings::from_parameters(&find).unwrap_err();
    assert_eq!(problems[0].parameter, "keyPassword", "{problems:?}");
}

/// An unsigned token as Kafka's own test validator takes it.
fn token(lifetime: i64) -> String {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let claims = format!(r#"{{"sub":"{USER}","iat":{now},"exp":{}}}"#, now + lifetime);
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(claims))
}

/// A token endpoint over TLS that takes its client's id and secret as the header or the body has them. Gives its
/// address and how often it granted.
async fn token_endpoint(certificates: &Certificates, in_header: bool) -> (String, Arc<AtomicUsize>) {
    let chain = vec![CertificateDer::from_pem_slice(certificates.server.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificates.server_key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = tokio::net::TcpListener::bind("localhost:0").await.unwrap();
    let address = format!("https://localhost:{}/token", listener.local_addr().unwrap().port());
    let granted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&granted);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            let mut request = Vec::new();
            // A request is complete with its body, which these all have, in its last parameter.
            while !String::from_utf8_lossy(&request).contains("grant_type=client_credentials") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
            let known = if in_header {
                request.contains("authorization: basic ywxpy2u6c2vjcmv0")
            } else {
                request.contains("client_secret=secret")
            };
            let (status, body) = if known {
                counter.fetch_add(1, Ordering::SeqCst);
                ("200 OK", format!(r#"{{"access_token":"{}","token_type":"Bearer","expires_in":600}}"#, token(600)))
            } else {
                ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned())
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, granted)
}

#[tokio::test]
async fn bearer_tokens() {
    let (broker, _turn) = guarded().await;
    let ca = broker.certificates.ca.as_str();
    let metadata = [("sasl", "oauthbearer"), ("tls", "enable")];
    for in_header in [true, false] {
        let (endpoint, granted) = token_endpoint(&broker.certificates, in_header).await;
        let auth = [
            ("ca", ca),
            ("username", USER),
            ("password", "secret"),
            ("oauthTokenEndpointUri", endpoint.as_str()),
            ("scopes", "a,b"),
        ];
        assert_eq!(read(&broker.sasl_tls, &metadata, &auth).await.unwrap().value, 7.0);
        assert_eq!(granted.load(Ordering::SeqCst), 1, "one token for all connections");
        let wrong =
            [("ca", ca), ("username", USER), ("password", "canary-wrong"), ("oauthTokenEndpointUri", &endpoint)];
        let error = read(&broker.sasl_tls, &metadata, &wrong).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Unauthorized, "{error}");
        assert!(error.message.contains("invalid_client") && error.message.contains(&endpoint), "{error}");
        assert!(!error.message.contains("canary"), "{error}");
    }
    // A token from elsewhere: good, and past its time.
    let plain = [("sasl", "oauthbearer")];
    assert_eq!(read(&broker.sasl, &plain, &[("token", &token(600))]).await.unwrap().value, 7.0);
    let error = read(&broker.sasl, &plain, &[("token", &token(-600))]).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unauthorized, "{error}");
    assert!(error.message.contains("OAUTHBEARER"), "{error}");
}

#[tokio::test]
async fn changed_credentials_are_used_at_the_next_read() {
    let (broker, _turn) = guarded().await;
    let clients = Clients::new();
    let metadata = [("topic", "guarded"), ("consumerGroup", "guarded"), ("sasl", "scram_sha256")];
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    for password in ["wrong", PASSWORD, "wrong again"] {
        let scaler = trigger(&broker.sasl, &metadata, &[("username", USER), ("password", password)], &clients);
        assert_eq!(scaler.read(now, AMPLE).await.is_ok(), password == PASSWORD);
    }
}
