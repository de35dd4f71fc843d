//! Listening with TLS for HTTP/1.1.
//!
//! Not for HTTP/2, though the API server would rather have it: docs/decisions/0012-http1-for-the-api-server.md.
//!
//! The certificate is looked up at each handshake, so it may change while connections are open. A connection that does
//! not get through its handshake, or sends no request, is cut off: after a while, and at once when its place is wanted.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::places::{Place, Places};

/// The protocols that a handshake offers.
pub(crate) const PROTOCOLS: [&[u8]; 1] = [b"http/1.1"];
/// Connections open at once; one more takes the place of the longest silent one. The API server opens one for each request
/// that finds none idle, and keeps 25.
const MOST_CONNECTIONS: usize = 1024;
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the next request may take to come and to name what it wants. The API server puts an idle connection away
/// after 90 s. It must be the first to: a request on its way to a connection that is closed here would fail.
const IDLE: Duration = Duration::from_secs(120);
/// Header lines of a request. The API server sends one for each group of the user who asks, and directories have users
/// with hundreds.
const MOST_HEADERS: usize = 1024;
/// How long open requests may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after the system refused a connection, as when no file handles are left.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
pub(crate) type Chain = Arc<[CertificateDer<'static>]>;

/// Answers the requests of connections.
pub(crate) trait Handler: Send + Sync + 'static {
    /// What is kept for a connection.
    type Connection: Send + Sync + 'static;

    /// A connection whose other end showed these certificates, not yet judged.
    fn connected(&self, chain: Chain) -> Self::Connection;

    /// Answers one request.
    fn answer(
        &self,
        connection: &Self::Connection,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves until `stop`, then lets open requests end.
pub(crate) async fn serve<H: Handler>(
    what: &'static str,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    serve_among(Places::new(MOST_CONNECTIONS), what, listener, config, handler, stop).await;
}

async fn serve_among<H: Handler>(
    places: Places,
    what: &'static str,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    handler: Arc<H>,
    stop: CancellationToken,
) {
    let (acceptor, tasks) = (TlsAcceptor::from(config), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let place = tokio::select! {
                    place = places.take() => Arc::new(place),
                    () = stop.cancelled() => break,
                };
                let (acceptor, handler, stop) = (acceptor.clone(), Arc::clone(&handler), stop.clone());
                tasks.spawn(async move {
                    let ended = tokio::select! {
                        ended = connection(stream, acceptor, handler, Arc::clone(&place), stop) => ended,
                        () = place.lost() => Err("it made room for another one".into()),
                    };
                    if let Err(error) = ended {
                        tracing::debug!(what, %error, "a connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(what, %error, "accepting a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    if timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!(what, open = tasks.len(), "requests are cut off");
    }
}

async fn connection<H: Handler>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    handler: Arc<H>,
    place: Arc<Place>,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream = timeout(PATIENCE, acceptor.accept(stream))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"))??;
    let chain: Chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec().into();
    let state = Arc::new(handler.connected(chain));
    let service = service_fn(move |request| {
        let (handler, state, answering) = (Arc::clone(&handler), Arc::clone(&state), place.answering());
        async move {
            let response = handler.answer(&state, request).await;
            drop(answering);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE).max_headers(MOST_HEADERS);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        ended = served.as_mut() => return Ok(ended?),
        () = stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    timeout(GRACE, served).await.unwrap_or(Ok(())).map_err(Into::into)
}

#[cfg(test)]
mod tests;
