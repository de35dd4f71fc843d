//! The HTTP server: routes, and how it starts and ends. `docs/console-api.md` describes what it answers.

mod api;
mod assets;
mod guard;
mod reply;
mod stream;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::store::Store;

pub use assets::page_is_built;

/// How long open requests may take after the end was asked for. Streams end at once.
const GRACE: Duration = Duration::from_secs(2);

/// Serves the page, the API and `/metrics` on `listener` until `shutdown` is ready.
///
/// Requests whose `Host` is neither a loopback name nor one of
/// [`StoreOptions::allowed_hosts`](crate::StoreOptions::allowed_hosts) are refused, so that no web page can reach the
/// console through a name of its own (DNS rebinding). An address in place of a name is accepted where the listener
/// itself is not on loopback.
///
/// # Errors
/// If the listener cannot be read from.
pub async fn serve(
    listener: TcpListener,
    store: Arc<Store>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (ending, ended) = oneshot::channel();
    let hosts = guard::Hosts::new(listener.local_addr()?.ip(), store.options());
    let app = router(store.clone(), hosts);
    let graceful = async move {
        shutdown.await;
        store.hub().close();
        let _ = ending.send(());
    };
    let grace = async move {
        if ended.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = axum::serve(listener, app).with_graceful_shutdown(graceful).into_future() => served,
        () = grace => Ok(()),
    }
}

fn router(store: Arc<Store>, hosts: guard::Hosts) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/plain", get(assets::plain))
        .route("/plain.css", get(assets::plain_style))
        .route("/assets/{name}", get(assets::file))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(api::metrics))
        .route("/api/v1/targets", get(api::targets))
        .route("/api/v1/targets/{namespace}/{name}", get(api::target))
        .route("/api/v1/targets/{namespace}/{name}/series", get(api::series))
        .route("/api/v1/targets/{namespace}/{name}/records", get(api::records))
        .route("/api/v1/targets/{namespace}/{name}/records/{sequence}", get(api::record))
        .route("/api/v1/stream", get(stream::stream))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::new(hosts), guard::guard))
        .with_state(store)
}
