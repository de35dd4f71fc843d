//! The process asks its own API through TLS, as the API server would, so that readiness follows the data path.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::certificates::{Certificates, provider};
use crate::serve::Condition;

/// How often it asks, and how long the answer may take. Two rounds stay below the ten seconds within which a broken path
/// should show.
const EVERY: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks until `stop`.
pub(super) fn start(address: SocketAddr, certificates: Certificates, condition: Condition, stop: &CancellationToken) {
    let (stop, address) = (stop.clone(), reachable(address));
    let work = async move {
        loop {
            match tokio::time::timeout(PATIENCE, ask(address, &certificates)).await {
                Ok(Ok(())) => condition.met(),
                Ok(Err(error)) => condition.failed(format!("asking {address}: {error}")),
                Err(_) => condition.failed(format!("asking {address}: no answer within {} s", PATIENCE.as_secs())),
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    });
}

/// Where this process reaches what listens on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => {}
        IpAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
    }
    address
}

async fn ask(address: SocketAddr, certificates: &Certificates) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let authorities = certificates.authorities().borrow().clone();
    let Some(name) = certificates.own_name().filter(|_| !authorities.is_empty()) else {
        // Given as files, the certificate's names and authorities are others' business.
        return Ok(());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = builder.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(server, stream).await?;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    if head.ends_with(b" 200") { Ok(()) } else { Err(io::Error::other("the answer is not 200")) }
}
