//! What the process serves beside its work: health, metrics, profiles, the console, and how it listens with TLS.

mod health;
mod page;
mod places;
mod process;
mod profile;
mod readiness;
pub(crate) mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tidegate_console::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use page::{MetricsPage, Series};
pub(crate) use page::{count, family, sample};
pub use readiness::{Condition, Heartbeat, Readiness, Report};

/// How long open requests may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(2);

/// A server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its address could not be had.
    #[error("listening on {address} for {what}: {source}; give another address or free this one")]
    Listen {
        /// What was to be served.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// A server at work.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens, with the port that was given.
    pub address: SocketAddr,
    /// Ends when the server has.
    pub task: JoinHandle<()>,
}

/// Listens for `what`.
pub(crate) async fn listen(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { what, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves `/healthz` and `/readyz`.
///
/// # Errors
/// When the address cannot be had.
pub async fn health(
    address: SocketAddr,
    readiness: Readiness,
    stop: &CancellationToken,
) -> Result<Serving, ServeError> {
    plain("health", address, health::router(readiness), stop).await
}

/// Serves `/metrics`.
///
/// # Errors
/// When the address cannot be had.
pub async fn metrics(address: SocketAddr, page: MetricsPage, stop: &CancellationToken) -> Result<Serving, ServeError> {
    plain("metrics", address, page::router(page), stop).await
}

/// Serves `/debug/pprof/profile` and `/debug/pprof/heap`. Meant for an address that only administrators reach.
///
/// # Errors
/// When the address cannot be had.
pub async fn profiling(address: SocketAddr, stop: &CancellationToken) -> Result<Serving, ServeError> {
    plain("profiles", address, profile::router(), stop).await
}

/// Serves the console on the records in `store`.
///
/// # Errors
/// When the address cannot be had.
pub async fn console(address: SocketAddr, store: Arc<Store>, stop: &CancellationToken) -> Result<Serving, ServeError> {
    let (listener, address) = listen("console", address).await?;
    let stop = stop.clone();
    let task = tokio::spawn(async move {
        if let Err(error) = tidegate_console::serve(listener, store, stop.cancelled_owned()).await {
            tracing::error!(%error, "serving the console");
        }
    });
    Ok(Serving { address, task })
}

/// Serves without TLS.
async fn plain(
    what: &'static str,
    address: SocketAddr,
    router: Router,
    stop: &CancellationToken,
) -> Result<Serving, ServeError> {
    let (listener, address) = listen(what, address).await?;
    let stop = stop.clone();
    let task = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            ended = served.into_future() => if let Err(error) = ended {
                tracing::error!(%error, what, "serving");
            },
            () = late => {}
        }
    });
    Ok(Serving { address, task })
}
