//! Serves HTTP over TLS on this machine, to the API server.

use std::fmt::Display;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::kubelet::Kubelet;
use crate::certificates::KeyPair;
use crate::error::Error;

/// Before accepting is tried again that failed for want of descriptors.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves until the node ends; gives the port. Everybody on this machine may ask.
pub(crate) async fn start(kubelet: &Kubelet, router: Router, certificate: &KeyPair) -> Result<u16, Error> {
    let other = |error: &dyn Display| Error::Other(format!("serving the node's API: {error}"));
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&certificate.certificate).map_err(|error| other(&error))?.collect();
    let chain = chain.map_err(|error| other(&error))?;
    let key = PrivateKeyDer::from_pem_file(&certificate.key).map_err(|error| other(&error))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(|error| other(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| other(&error))?;
    let port = listener.local_addr().map_err(|error| other(&error))?.port();
    kubelet.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(answer(stream, acceptor.clone(), router.clone()))),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    });
    Ok(port)
}

async fn answer(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = TowerToHyperService::new(router);
    let served = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the API server to the node ended");
    }
}
