//! How the servers speak TLS.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::json;
use tidegate_cluster::Cluster;
use tidegate_operator::{Board, CertificateOptions, Certificates, NoDemand, Options, Readiness, serve_metrics_api};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::certificates::expiring;
use crate::served::{Served, options, wait_for};
use crate::stage::Stage;

/// A greeting of TLS 1.1 at most, as clients sent it that knew no newer one.
fn old_greeting(version: u8) -> Vec<u8> {
    let mut hello = vec![3, version];
    hello.extend([7; 32]);
    // No session; the suites TLS_RSA_WITH_AES_128_CBC_SHA and TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA; no compression.
    hello.extend([0, 0, 4, 0x00, 0x2f, 0xc0, 0x13, 1, 0]);
    // Its only extension: signatures by RSA with SHA-256.
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 1]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, version, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

/// API-13: TLS 1.2 at least
#[tokio::test]
async fn older_versions_are_refused() {
    let cluster = Cluster::shared().await;
    let served = Served::start(cluster).await;
    for version in [1, 2] {
        let mut stream = TcpStream::connect(("127.0.0.1", served.service.port)).await.unwrap();
        stream.write_all(&old_greeting(version)).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        // A fatal alert: protocol_version.
        assert_eq!((answer.first(), answer.last_chunk::<2>()), (Some(&21), Some(&[2, 70])), "{answer:?}");
    }
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let authorities = served.certificates.authorities().borrow().to_string();
        greet(served.service.port, &authorities, &[version]).await.unwrap();
    }
}

/// A source that speaks TLS and gives the number 5, with the authority that vouches for it.
async fn source() -> (u16, Vec<u8>) {
    let files = expiring().data.unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&files["tls.crt"].0).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&files["tls.key"].0).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"value\":5}";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, files["ca.crt"].0.clone())
}

/// AUTH-21: a source whose authority is in a folder is read without a word of it in the manifest; a file beside it that
/// is no certificate does no harm
#[tokio::test]
async fn authorities_for_all_triggers_are_found_in_folders() {
    let (port, authority) = source().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.crt"), authority).unwrap();
    std::fs::write(folder.path().join("README"), "Put authorities here.").unwrap();
    let mut stage = Stage::without_operator("authority").await;
    let options = Options { authority_folders: vec![folder.path().to_path_buf()], ..stage.options() };
    stage.start_with(stage.cluster.client(), options).await;
    stage.deployment("web", 0).await;
    let url = format!("https://localhost:{port}/");
    let metadata = json!({"url": url, "valueLocation": "value", "targetValue": "10"});
    stage.scaled_object("web", json!({"triggers": [{"type": "metrics-api", "metadata": metadata}]})).await;
    stage.until_replicas("web", 1).await;
}

/// Shakes hands with whoever is trusted by these authorities.
async fn greet(
    port: u16,
    authorities: &str,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // As the API server's client does.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// docs/decisions/0012: HTTP/1.1, over connections that stay
#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let cluster = Cluster::shared().await;
    let served = Served::start(cluster).await;
    let authorities = served.certificates.authorities().borrow().to_string();
    let mut stream = greet(served.service.port, &authorities, rustls::ALL_VERSIONS).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    for _ in 0..3 {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nok") {
            let mut some = [0; 1024];
            let count = stream.read(&mut some).await.unwrap();
            assert!(count > 0, "closed after {answer:?}");
            answer.push_str(std::str::from_utf8(&some[..count]).unwrap());
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

/// LE-06: a certificate that is replaced is shown from the next connection on, by the same process
#[tokio::test]
async fn a_replaced_certificate_is_shown_without_a_restart() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("rotated").await;
    let folder = tempfile::tempdir().unwrap();
    let write = || {
        let data = expiring().data.unwrap();
        for (name, bytes) in &data {
            std::fs::write(folder.path().join(name), &bytes.0).unwrap();
        }
        String::from_utf8(data["ca.crt"].0.clone()).unwrap()
    };
    let first = write();
    let files = CertificateOptions::Files { folder: folder.path().to_owned() };
    let options = Options { certificates: files, ..options(&namespace) };
    let (client, readiness, stop) = (cluster.client(), Readiness::new(), CancellationToken::new());
    let _end = stop.clone().drop_guard();
    let certificates = Certificates::start(&client, &options, &readiness, &stop).await.unwrap();
    let api = options.external_metrics.clone().unwrap();
    let board = Board::new();
    let served = serve_metrics_api(&client, &api, &certificates, &board, Arc::new(NoDemand), &readiness, &stop);
    let port = served.await.unwrap().serving.address.port();
    greet(port, &first, rustls::ALL_VERSIONS).await.unwrap();
    let second = write();
    wait_for("the new one is shown", async || greet(port, &second, rustls::ALL_VERSIONS).await).await;
    assert!(greet(port, &first, rustls::ALL_VERSIONS).await.is_err());
}
