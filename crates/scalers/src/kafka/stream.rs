//! The bytes between us and a broker: name, TCP connection, TLS.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tidegate_engine::ReadErrorKind;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::egress::{DialError, Egress};
use crate::kafka::address::BrokerAddress;
use crate::kafka::fault::{Fault, Step};

/// Plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a connection, encrypted if `tls` is given.
pub(crate) async fn open(
    address: &BrokerAddress,
    tls: Option<&Arc<ClientConfig>>,
    egress: &Egress,
) -> Result<Box<dyn Stream>, Fault> {
    let tcp = dial(address, egress).await?;
    // Small requests that wait for each other: do not wait for more to send.
    let _ = tcp.set_nodelay(true);
    match tls {
        None => Ok(Box::new(tcp)),
        Some(config) => encrypt(address, tcp, Arc::clone(config)).await,
    }
}

async fn dial(address: &BrokerAddress, egress: &Egress) -> Result<TcpStream, Fault> {
    let name = address.to_string();
    // Also what a broker says that its fellows are reached at has to pass.
    let found = egress.addresses(address.host(), address.port()).await.map_err(|error| match error {
        DialError::Unknown(error) => Fault::new(ReadErrorKind::Unreachable, &name, Step::Resolve, error.to_string())
            .hint("check the host's name in bootstrapServers, or what the broker advertises (advertised.listeners)")
            .passing(),
        DialError::Barred(barred) => Fault::new(ReadErrorKind::Configuration, &name, Step::Connect, barred.to_string()),
    })?;
    let mut last = None;
    for socket in found {
        match TcpStream::connect(socket).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = Some(format!("{socket}: {error}")),
        }
    }
    let cause = last.unwrap_or_else(|| "the name has no address".to_owned());
    Err(Fault::new(ReadErrorKind::Unreachable, &name, Step::Connect, cause)
        .hint("check the address and that the broker is up")
        .passing())
}

async fn encrypt(address: &BrokerAddress, tcp: TcpStream, config: Arc<ClientConfig>) -> Result<Box<dyn Stream>, Fault> {
    let name = address.to_string();
    let server = ServerName::try_from(address.host().to_owned()).map_err(|_| {
        Fault::new(
            ReadErrorKind::Configuration,
            &name,
            Step::TlsHandshake,
            "the host is no name a certificate can have",
        )
    })?;
    match TlsConnector::from(config).connect(server, tcp).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(tls_fault(&name, &error)),
    }
}

/// Says what a failed handshake means for whoever wrote the parameters.
pub(crate) fn tls_fault(address: &str, error: &std::io::Error) -> Fault {
    use rustls::{CertificateError as Certificate, Error};
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let (kind, hint) = match tls {
        Some(Error::InvalidCertificate(Certificate::UnknownIssuer)) => {
            (ReadErrorKind::Unauthorized, Some("give the certificate of the broker's authority in parameter ca"))
        }
        Some(Error::InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. })) => {
            (ReadErrorKind::Unauthorized, Some("use a host name that the broker's certificate is made out to"))
        }
        Some(Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. })) => {
            (ReadErrorKind::Unauthorized, Some("renew the broker's certificate"))
        }
        Some(Error::InvalidCertificate(_)) => (ReadErrorKind::Unauthorized, None),
        Some(Error::AlertReceived(_)) => (
            ReadErrorKind::Unauthorized,
            Some("the broker refused us: it may want a client certificate (cert, key), or another one"),
        ),
        Some(Error::InvalidMessage(_)) => (
            ReadErrorKind::Configuration,
            Some("this listener does not seem to speak TLS: set tls to disable, or check the port"),
        ),
        _ => (
            ReadErrorKind::Unreachable,
            Some("the broker hung up: this listener may not speak TLS, or want a client certificate"),
        ),
    };
    let mut fault = Fault::new(kind, address, Step::TlsHandshake, error.to_string());
    fault.hint = hint;
    fault.passing = kind == ReadErrorKind::Unreachable;
    fault
}
