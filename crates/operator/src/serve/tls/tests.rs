//! More connections than there are places, over real sockets.

use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::certificates::provider;

const PLACES: usize = 4;

struct Greeter;

impl Handler for Greeter {
    type Connection = ();

    fn connected(&self, _chain: Chain) {}

    async fn answer(&self, (): &(), _request: Request<Incoming>) -> Response<Body> {
        Response::new(Body::from("hello"))
    }
}

/// A server with few places, and how to reach it.
async fn server() -> (std::net::SocketAddr, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve_among(Places::new(PLACES), "test", listener, Arc::new(config), Arc::new(Greeter), stop));
    (address, TlsConnector::from(Arc::new(client)))
}

async fn connect(address: std::net::SocketAddr, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

async fn is_answered(stream: &mut TlsStream<TcpStream>) -> bool {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        if stream.read_buf(&mut answer).await.unwrap() == 0 {
            return false;
        }
    }
    true
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.expect("it comes in time")
}

#[tokio::test]
async fn many_who_say_nothing_keep_nobody_out() {
    let (address, connector) = server().await;
    let mut kept = within(connect(address, &connector)).await;
    assert!(within(is_answered(&mut kept)).await);
    let mut silent = Vec::new();
    for _ in 0..PLACES {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // One of them waits in the middle of a request's head, over TLS.
    let mut slow = within(connect(address, &connector)).await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    for _ in 0..2 * PLACES {
        assert!(within(is_answered(&mut within(connect(address, &connector)).await)).await);
    }
    // The first of the silent ones had to go; the one that had been answered did not.
    assert_eq!(within(silent[0].read(&mut [0])).await.unwrap(), 0);
    assert!(within(is_answered(&mut kept)).await);
}
