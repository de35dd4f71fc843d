//! Opens connections for gRPC: the name, the egress policy, TCP, TLS.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tidegate_engine::{ReadError, ReadErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::Uri;

use super::GrpcAddress;
use crate::egress::{self, Egress};
use crate::kafka::TlsSettings;

/// A silent connection is looked after this long, and given up after as long without an answer of the other machine.
const SILENCE: Duration = Duration::from_secs(30);

/// Opens connections to one server.
#[derive(Clone)]
pub(super) struct Connector {
    address: GrpcAddress,
    tls: Option<Arc<ClientConfig>>,
    egress: Egress,
    limit: Duration,
}

/// Plain or encrypted.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connector {
    /// # Errors
    /// When the certificates cannot be used.
    pub(super) fn new(
        address: &GrpcAddress,
        tls: Option<&TlsSettings>,
        egress: &Egress,
        limit: Duration,
    ) -> Result<Self, ReadError> {
        let config = tls.map(|tls| crate::kafka::tls::config(tls, egress.authorities()));
        let config = config.transpose().map_err(|(parameter, message)| {
            ReadError::new(ReadErrorKind::Configuration, format!("setting up TLS ({parameter}): {message}"))
        })?;
        let config = config.map(|mut config| {
            config.alpn_protocols = vec![b"h2".to_vec()];
            Arc::new(config)
        });
        Ok(Connector { address: address.clone(), tls: config, egress: egress.clone(), limit })
    }

    async fn open(self) -> Result<TokioIo<Box<dyn Stream>>, DialError> {
        let limit = self.limit;
        let late = || DialError(ReadErrorKind::Timeout, format!("no connection within {} s", limit.as_secs()));
        tokio::time::timeout(limit, self.dial()).await.map_err(|_| late())?.map(TokioIo::new)
    }

    async fn dial(self) -> Result<Box<dyn Stream>, DialError> {
        let GrpcAddress { host, port } = &self.address;
        let found = self.egress.addresses(host, *port).await.map_err(|error| match error {
            egress::DialError::Unknown(error) => DialError(
                ReadErrorKind::Unreachable,
                format!("the name could not be resolved: {error}; check scalerAddress"),
            ),
            egress::DialError::Barred(barred) => DialError(ReadErrorKind::Configuration, barred.to_string()),
        })?;
        let mut last = "the name has no address".to_owned();
        for address in found {
            match TcpStream::connect(address).await {
                Ok(tcp) => return self.encrypted(tcp).await,
                Err(error) => last = format!("{address}: {error}"),
            }
        }
        Err(DialError(ReadErrorKind::Unreachable, format!("connecting failed: {last}")))
    }

    async fn encrypted(self, tcp: TcpStream) -> Result<Box<dyn Stream>, DialError> {
        let _ = tcp.set_nodelay(true);
        // A peer that vanished without a word would else be waited for until a call is made.
        let socket = SockRef::from(&tcp);
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE / 3));
        let Some(config) = self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.address.host).map_err(|_| {
            let message = "the host is no name that a certificate can have".to_owned();
            DialError(ReadErrorKind::Configuration, message)
        })?;
        let stream = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| handshake(&error))?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            let message = "the server speaks TLS but not HTTP/2 on this port; check scalerAddress".to_owned();
            return Err(DialError(ReadErrorKind::Refused, message));
        }
        Ok(Box::new(stream))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}

/// Why no connection could be opened.
#[derive(Clone, Debug)]
pub(super) struct DialError(pub(super) ReadErrorKind, pub(super) String);

impl std::fmt::Display for DialError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.1)
    }
}

impl Error for DialError {}

/// Says what a failed handshake means for whoever wrote the parameters.
fn handshake(error: &io::Error) -> DialError {
    use rustls::CertificateError as Certificate;
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (kind, advice) = match tls {
        Some(rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature)) => {
            (ReadErrorKind::Unauthorized, "; give the certificate of the authority that signed the server's as caCert")
        }
        Some(rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        )) => (ReadErrorKind::Unauthorized, "; use a name in scalerAddress that the server's certificate is for"),
        Some(rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. })) => {
            (ReadErrorKind::Unauthorized, "; renew the server's certificate")
        }
        Some(rustls::Error::InvalidCertificate(_)) => (ReadErrorKind::Unauthorized, ""),
        Some(rustls::Error::AlertReceived(_)) => {
            (ReadErrorKind::Unauthorized, "; the server may want a client certificate (tlsClientCert, tlsClientKey)")
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            (ReadErrorKind::Configuration, "; the server does not seem to speak TLS on this port")
        }
        _ => (ReadErrorKind::Unreachable, ""),
    };
    DialError(kind, format!("the TLS handshake failed: {error}{advice}"))
}
